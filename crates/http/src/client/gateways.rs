use super::base;
use super::report::{Lie, MailboxReport, ProfileReport, PutReport, Verdict, Witness};
use crate::problem::Problem;
use crate::records::{Place, Put, Records, RecordsError};
use crate::turn::{MAX_TURN_OFFER, TurnOffer};
use crate::wire::NodeInfo;
use futures::future::join_all;
use pumasi_crypto::json;
use pumasi_fetch::{Client, FetchError, Method, Request, Response};
use pumasi_identity::{Did, ProfileError, SignedProfile};
use pumasi_signaling::{MailboxRecord, RecordError};
use pumasi_units::Timestamp;
use serde::Deserialize;
use std::sync::Arc;

/// The most gateways that are asked.
pub const MAX_GATEWAYS: usize = 8;
/// Longest answer that is not a record, in bytes.
const MAX_INFO: usize = 16 * 1_024;

/// Why gateways cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// An address is none.
    #[error("{0:?} is not the https address of a gateway")]
    Address(String),
    /// None was named.
    #[error("no gateway to ask")]
    None,
    /// Nothing came back.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What came back is not what a gateway says of itself.
    #[error("{0} does not answer as a gateway")]
    NoGateway(String),
}

/// Gateways to the overlay, asked all at once. None is believed: each record carries the signature of whom it is about.
#[derive(Clone)]
pub struct Gateways {
    client: Client,
    urls: Arc<[String]>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What one gateway gave for a place.
enum Given {
    Record(Vec<u8>),
    Nothing(Verdict),
}

#[derive(Deserialize)]
struct Stored {
    stored: usize,
}

impl Gateways {
    /// Gateways at these addresses, each once, the first [`MAX_GATEWAYS`] of them. `clock` says what time it is now.
    ///
    /// # Errors
    /// [`GatewayError::Address`], [`GatewayError::None`].
    pub fn new(
        client: Client,
        urls: &[String],
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, GatewayError> {
        let mut bases: Vec<String> = Vec::new();
        for url in urls {
            let base = base(url).ok_or_else(|| GatewayError::Address(url.chars().take(80).collect()))?;
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        bases.truncate(MAX_GATEWAYS);
        if bases.is_empty() {
            return Err(GatewayError::None);
        }
        Ok(Self { client, urls: bases.into(), clock: Arc::new(clock) })
    }

    /// Their addresses.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Asks every gateway for the profile of a DID, checks each answer, and keeps the newest.
    pub async fn profile(&self, did: &Did) -> ProfileReport {
        let given = self.ask(&Place::Profile(*did)).await;
        let now = (self.clock)();
        let checked: Vec<_> = given.into_iter().map(|given| check_profile(did, given, now)).collect();
        let newest = checked
            .iter()
            .filter_map(|checked| checked.as_ref().ok())
            .max_by_key(|profile| (profile.sequence(), profile.digest().0));
        let newest = newest.cloned();
        let verdict = |checked: Result<SignedProfile, Verdict>| match (checked, &newest) {
            (Ok(profile), Some(newest)) => against(profile.sequence(), profile == *newest, newest.sequence()),
            (Ok(_), None) => unreachable!("it would be the newest"),
            (Err(verdict), _) => verdict,
        };
        let witnesses = self.witnesses(checked.into_iter().map(verdict));
        ProfileReport { profile: newest, witnesses }
    }

    /// Whether any of them answers, whatever it says.
    pub async fn is_online(&self) -> bool {
        let ask = |url: &String| {
            let request = Request::get(format!("{url}/healthz")).limit(MAX_INFO);
            let client = self.client.clone();
            async move { client.send(request).await.is_ok() }
        };
        join_all(self.urls.iter().map(ask)).await.contains(&true)
    }

    /// Asks every gateway for STUN and TURN servers. A bad one is found out when it is of no use.
    pub async fn turn_offers(&self) -> Vec<TurnOffer> {
        let ask = |url: &String| {
            let request = Request::get(format!("{url}/v1/turn")).limit(MAX_TURN_OFFER);
            let client = self.client.clone();
            async move { client.send(request).await }
        };
        let answers = join_all(self.urls.iter().map(ask)).await;
        let good = answers.into_iter().flatten().filter(Response::is_success);
        good.filter_map(|answer| TurnOffer::parse(&answer.body).ok()).collect()
    }

    /// Asks every gateway for what lies in a mailbox slot. What is in it is sealed: who reads it is told apart by whether
    /// it opens, so every valid record is given.
    pub async fn mailbox(&self, slot: &[u8; 32]) -> MailboxReport {
        let given = self.ask(&Place::Mailbox(*slot)).await;
        let now = (self.clock)();
        let checked: Vec<_> = given.into_iter().map(|given| check_mailbox(slot, given, now)).collect();
        let mut records: Vec<(u64, Vec<u8>)> = Vec::new();
        for (sequence, record) in checked.iter().flatten() {
            if !records.iter().any(|(_, held)| held == record) {
                records.push((*sequence, record.clone()));
            }
        }
        records.sort_by_key(|(sequence, _)| std::cmp::Reverse(*sequence));
        let verdict = |checked: Result<(u64, Vec<u8>), Verdict>| match (checked, records.first()) {
            (Ok((sequence, record)), Some((newest, held))) => against(sequence, record == *held, *newest),
            (Ok(_), None) => unreachable!("it would be the newest"),
            (Err(verdict), _) => verdict,
        };
        let witnesses = self.witnesses(checked.into_iter().map(verdict));
        MailboxReport { witnesses, records: records.into_iter().map(|(_, record)| record).collect() }
    }

    /// Hands a record to every gateway.
    pub async fn store(&self, place: &Place, record: &[u8]) -> PutReport {
        let put = |url: &String| {
            let request = Request::json(Method::Put, address(url, place), record.to_vec()).limit(MAX_INFO);
            let client = self.client.clone();
            async move { client.send(request).await }
        };
        let verdict = |answer: Result<Response, FetchError>| match answer {
            Err(error) => Verdict::Failed(error),
            Ok(answer) if answer.is_success() => {
                let said = json::from_slice::<Stored>("put", &answer.body, MAX_INFO);
                Verdict::Stored { nodes: said.map_or(0, |said| said.stored) }
            }
            Ok(answer) => Verdict::Refused(Problem::read(answer.status, &answer.body)),
        };
        let answers = join_all(self.urls.iter().map(put)).await;
        PutReport { witnesses: self.witnesses(answers.into_iter().map(verdict)) }
    }

    /// What the gateway at an address says of itself. None of it is signed: it is good for finding more gateways, whose
    /// records are then checked.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn node(client: &Client, url: &str) -> Result<NodeInfo, GatewayError> {
        let base = base(url).ok_or_else(|| GatewayError::Address(url.chars().take(80).collect()))?;
        let answer = client.send(Request::get(format!("{base}/v1/node")).limit(MAX_INFO)).await?;
        let info = answer.is_success().then(|| json::from_slice("node", &answer.body, MAX_INFO).ok()).flatten();
        info.ok_or(GatewayError::NoGateway(base))
    }

    async fn ask(&self, place: &Place) -> Vec<Given> {
        let get = |url: &String| {
            let request = Request::get(address(url, place)).limit(place.limit());
            let client = self.client.clone();
            async move { client.send(request).await }
        };
        let given = |answer: Result<Response, FetchError>| match answer {
            Ok(answer) if answer.is_success() => Given::Record(answer.body),
            Ok(answer) if answer.status == 404 => Given::Nothing(Verdict::Absent),
            Ok(answer) => Given::Nothing(Verdict::Refused(Problem::read(answer.status, &answer.body))),
            Err(error) => Given::Nothing(Verdict::Failed(error)),
        };
        join_all(self.urls.iter().map(get)).await.into_iter().map(given).collect()
    }

    fn witnesses(&self, verdicts: impl Iterator<Item = Verdict>) -> Vec<Witness> {
        self.urls.iter().cloned().zip(verdicts).map(|(url, verdict)| Witness { url, verdict }).collect()
    }
}

impl Records for Gateways {
    async fn get(&self, place: &Place) -> Result<Option<Vec<u8>>, RecordsError> {
        let (record, witnesses) = match place {
            Place::Profile(did) => {
                let report = self.profile(did).await;
                (report.profile.map(|profile| profile.json().as_bytes().to_vec()), report.witnesses)
            }
            Place::Mailbox(slot) => {
                let report = self.mailbox(slot).await;
                (report.records.into_iter().next(), report.witnesses)
            }
        };
        // A gateway that was asked for a record and gave an old or a forged one did answer.
        let failed = |witness: &Witness| matches!(witness.verdict, Verdict::Failed(_) | Verdict::Refused(_));
        if record.is_none() && witnesses.iter().all(failed) {
            return Err(RecordsError::Unreachable("no gateway answered".to_owned()));
        }
        Ok(record)
    }

    async fn put(&self, place: &Place, record: Vec<u8>) -> Result<Put, RecordsError> {
        let report = self.store(place, &record).await;
        let (asked, stored) = (report.witnesses.len(), report.stored());
        if stored > 0 {
            return Ok(Put { asked, stored });
        }
        let refused = report.witnesses.into_iter().find_map(|witness| match witness.verdict {
            Verdict::Refused(problem) => Some(problem),
            _ => None,
        });
        Err(match refused {
            Some(problem) if problem.status == 409 => RecordsError::Conflict(problem.to_string()),
            Some(problem) if matches!(problem.status, 429 | 503 | 507) => RecordsError::Full(problem.to_string()),
            Some(problem) if problem.status < 500 => RecordsError::Refused(problem.to_string()),
            Some(problem) => RecordsError::Unreachable(problem.to_string()),
            None => RecordsError::Unreachable("no gateway answered".to_owned()),
        })
    }

    async fn give(&self, _: [u8; 32], place: &Place, record: Vec<u8>) -> Result<Put, RecordsError> {
        self.put(place, record).await
    }
}

fn address(url: &str, place: &Place) -> String {
    format!("{url}/v1/records/{}", place.path())
}

/// What a valid record is, beside the newest one.
fn against(sequence: u64, same: bool, newest: u64) -> Verdict {
    match (same, sequence < newest) {
        (true, _) => Verdict::Agreed,
        (false, true) => Verdict::Lagged { sequence, newest },
        (false, false) => Verdict::Forked { sequence },
    }
}

fn check_profile(did: &Did, given: Given, now: Timestamp) -> Result<SignedProfile, Verdict> {
    let bytes = match given {
        Given::Record(bytes) => bytes,
        Given::Nothing(verdict) => return Err(verdict),
    };
    let lied = |lie| Err(Verdict::Lied(lie));
    match SignedProfile::verify(&bytes, now) {
        Ok(profile) if profile.did() == did => Ok(profile),
        Ok(profile) => lied(Lie::OtherDid(*profile.did())),
        Err(ProfileError::Expired { expires }) => Err(Verdict::Expired { expires }),
        Err(error @ ProfileError::FromTheFuture { .. }) => Err(Verdict::Untimely { reason: error.to_string() }),
        Err(error) => lied(Lie::Profile(error)),
    }
}

fn check_mailbox(slot: &[u8; 32], given: Given, now: Timestamp) -> Result<(u64, Vec<u8>), Verdict> {
    let bytes = match given {
        Given::Record(bytes) => bytes,
        Given::Nothing(verdict) => return Err(verdict),
    };
    match MailboxRecord::validate(slot, &bytes, now) {
        Ok(valid) => Ok((valid.sequence, bytes)),
        Err(RecordError::Expired { expires }) => Err(Verdict::Expired { expires }),
        Err(error @ RecordError::Lifetime { .. }) => Err(Verdict::Untimely { reason: error.to_string() }),
        Err(error) => Err(Verdict::Lied(Lie::Mailbox(error))),
    }
}
