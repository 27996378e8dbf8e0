//! Where people are: saying it, to everyone or to contacts only, and looking where somebody is.
//!
//! The statement and its rules are in `pumasi_signaling::presence`.

use super::people::People;
use super::records::Records;
use crate::clock;
use crate::home::Visibility;
use crate::platform::PlatformProvider;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use pumasi_crypto::Provider as _;
use pumasi_http::SERVICE_SIGNALING;
use pumasi_identity::{Did, PrivateKeys, SignedProfile};
use pumasi_overlay::{Address, Lookup, Overlay, Peer, RecordKey, Status};
use pumasi_signaling::MAX_LIFETIME;
use pumasi_signaling::presence::{
    Addresses, Audience, Keeper, MAX_ADDRESSES, MAX_LIFE, NodeName, PairPresence, Presence, PresenceError,
    SignedPresence,
};
use pumasi_units::{Millis, Timestamp};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How often the node's addresses are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Contacts who are told where the node is: the verified ones, and of the others the newest.
const MOST_CONTACTS: usize = 256;
/// Words that are on their way at a time.
const AT_ONCE: usize = 4;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// Where somebody's presence was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the slot that only the two know.
    Pair,
    /// Where everyone finds it.
    Public,
}

/// A presence, and what it took to find it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) presence: SignedPresence,
    pub(crate) source: Source,
    pub(crate) lookup: Lookup,
}

/// Looks where somebody is, in no more places than needed: people say it to contacts only, shops to everyone.
pub(crate) async fn find(
    records: &Records,
    keys: &PrivateKeys<PlatformProvider>,
    them: &SignedProfile,
) -> Option<Found> {
    if them.services().iter().any(|service| service.kind == SERVICE_SIGNALING) {
        return match find_public(records, them.did()).await {
            Some(found) => Some(found),
            None => find_in_pair(records, keys, them).await,
        };
    }
    match find_in_pair(records, keys, them).await {
        Some(found) => Some(found),
        None => find_public(records, them.did()).await,
    }
}

pub(crate) async fn find_public(records: &Records, did: &Did) -> Option<Found> {
    let found = records.look_up(RecordKey::presence(did)).await;
    let lookup = found.inspect_err(|error| tracing::debug!(%error, "no presence looked up")).ok()?;
    let text = std::str::from_utf8(lookup.value.as_deref()?).ok()?;
    let presence = SignedPresence::verify(text, clock::now()).and_then(|it| it.expect(did, Audience::Everyone)).ok()?;
    Some(Found { presence, source: Source::Public, lookup })
}

async fn find_in_pair(records: &Records, keys: &PrivateKeys<PlatformProvider>, them: &SignedProfile) -> Option<Found> {
    let (me, agreement) = (*keys.did(), keys.agreement_key());
    let pair = PairPresence::new(&PlatformProvider, agreement, me, *them.did(), *them.x25519()).await.ok()?;
    let mut newest: Option<Found> = None;
    for slot in pair.to_read(clock::now()) {
        let Ok(lookup) = records.look_up(RecordKey::mailbox(slot.record_key())).await else { continue };
        let Some(record) = &lookup.value else { continue };
        match pair.open(&PlatformProvider, agreement, &slot, record, clock::now()).await {
            Ok(presence) => {
                let sequence = |presence: &SignedPresence| presence.presence().sequence;
                if newest.as_ref().is_none_or(|found| sequence(&found.presence) < sequence(&presence)) {
                    newest = Some(Found { presence, source: Source::Pair, lookup });
                }
            }
            Err(error) => tracing::debug!(%error, "a presence was passed over"),
        }
    }
    newest
}

/// The node of a presence, and where to dial it; `None` when this program speaks no transport of its addresses.
pub(crate) fn peer_of(presence: &SignedPresence) -> Option<Peer> {
    let Presence { node, addresses, .. } = presence.presence();
    let whole = |address: &String| format!("{address}/p2p/{node}").parse::<Address>().ok();
    let addresses: Vec<Address> = addresses.as_slice().iter().filter_map(whole).collect();
    Some(Peer { node: addresses.first()?.node()?, addresses })
}

/// Where others can dial this node, without its name at the end.
fn addresses_of(status: &Status, loopback: bool) -> Vec<String> {
    to_tell(&status.node.to_string(), status.reach.addresses.iter().map(ToString::to_string), loopback)
}

fn to_tell(node: &str, listen: impl Iterator<Item = String>, loopback: bool) -> Vec<String> {
    let end = format!("/p2p/{node}");
    let texts = listen.map(|text| text.strip_suffix(&end).map_or(text.clone(), str::to_owned));
    let inward = |text: &String| ["/ip4/127.", "/ip6/::1/"].iter().any(|start| text.starts_with(start));
    let (inner, outer): (Vec<_>, Vec<_>) = texts.partition(inward);
    // Who has no other address can be reached from this machine only, which is better than not at all.
    let inner = if loopback || outer.is_empty() { inner } else { Vec::new() };
    outer.into_iter().chain(inner).take(MAX_ADDRESSES).collect()
}

/// Who says where, and to whom.
pub(crate) struct Announcer {
    pub(crate) overlay: Overlay,
    pub(crate) records: Records,
    pub(crate) keys: PrivateKeys<PlatformProvider>,
    pub(crate) people: People,
    pub(crate) visibility: Visibility,
    /// Whether loopback addresses are told as well.
    pub(crate) loopback: bool,
    /// Hears when everybody who is to know has been told for the first time.
    pub(crate) announced: watch::Sender<bool>,
}

/// What is told to one audience.
struct Told {
    keeper: Keeper,
    /// A word has arrived.
    arrived: bool,
    pair: Option<PairPresence>,
    last: Timestamp,
}

/// What came of one word: to whom, whether it arrived, and what is needed for the next.
type Arrived = (Audience, bool, Option<PairPresence>, Timestamp);

impl Announcer {
    /// Says where this node is for as long as it runs, and that it has gone once it is told to stop.
    pub(crate) async fn run(self, mut stop: oneshot::Receiver<()>) {
        let Ok(node) = self.overlay.node_id().to_string().parse::<NodeName>() else { return };
        let mut told: HashMap<Audience, Told> = HashMap::new();
        let mut under_way = FuturesUnordered::new();
        loop {
            let status = self.overlay.status().await;
            let addresses = status.map(|status| addresses_of(&status, self.loopback)).ok();
            self.renew_audience(&mut told);
            let now = clock::now();
            for (audience, told) in &mut told {
                if let Some(addresses) = &addresses {
                    told.keeper.set_addresses(addresses.clone(), now);
                }
                if under_way.len() < AT_ONCE
                    && let Some(addresses) = told.keeper.take(now)
                {
                    under_way.push(self.say(node, *audience, addresses, told.pair.take(), told.last));
                }
            }
            if told.values().all(|told| told.arrived) {
                let _ = self.announced.send(true); // nobody may wait for it
            }
            tokio::select! {
                _ = &mut stop => break,
                Some(arrived) = under_way.next(), if !under_way.is_empty() => note(&mut told, arrived),
                () = pumasi_rt::sleep(LOOK) => {}
            }
        }
        // What is on its way names addresses, and the goodbye has to be newer.
        let goodbye = async {
            while let Some(arrived) = under_way.next().await {
                note(&mut told, arrived);
            }
            let now = clock::now();
            let stand =
                told.into_iter().filter(|(_, told)| told.keeper.stands_until().is_some_and(|until| until > now));
            let said = stand.map(|(audience, told)| self.say(node, audience, Vec::new(), told.pair, told.last));
            futures::stream::iter(said).buffer_unordered(2 * AT_ONCE).for_each(|_| async {}).await;
        };
        if pumasi_rt::timeout(GOODBYE, goodbye).await.is_err() {
            tracing::debug!("not everyone was told that this node has gone");
        }
    }

    /// Whom it is told to now.
    fn renew_audience(&self, told: &mut HashMap<Audience, Told>) {
        let (audience, life): (Vec<Audience>, Millis) = match self.visibility {
            Visibility::Off => (Vec::new(), 0),
            Visibility::Public => (vec![Audience::Everyone], MAX_LIFE),
            Visibility::Contacts => {
                let contacts = self.people.looked_for().into_iter().take(MOST_CONTACTS);
                (contacts.map(Audience::Contact).collect(), MAX_LIFETIME)
            }
        };
        told.retain(|known, _| audience.contains(known));
        for audience in audience {
            told.entry(audience).or_insert_with(|| {
                let mut spread = [0; 8];
                // Without randomness all renew at the same moment, which costs some privacy and nothing else.
                let _ = PlatformProvider.random(&mut spread);
                let keeper = Keeper::new(life, u64::from_be_bytes(spread));
                Told { keeper, arrived: false, pair: None, last: Timestamp(0) }
            });
        }
    }

    /// Signs a word and puts it where its audience looks.
    async fn say(
        &self,
        node: NodeName,
        audience: Audience,
        addresses: Vec<String>,
        pair: Option<PairPresence>,
        last: Timestamp,
    ) -> Arrived {
        let sequence = clock::now().max(last + 1);
        match self.put(node, audience, addresses, pair, sequence).await {
            Ok(pair) => (audience, true, pair, sequence),
            Err(reason) => {
                tracing::debug!(%audience, reason, "where this node is was not told; it will be told again");
                (audience, false, None, sequence)
            }
        }
    }

    async fn put(
        &self,
        node: NodeName,
        to: Audience,
        addresses: Vec<String>,
        pair: Option<PairPresence>,
        sequence: Timestamp,
    ) -> Result<Option<PairPresence>, String> {
        let did = *self.keys.did();
        let life = if to == Audience::Everyone { MAX_LIFE } else { MAX_LIFETIME };
        let presence = Presence { did, node, addresses: Addresses::default(), to, sequence, expires: sequence + life };
        let signed = self.sign(presence, addresses).await.map_err(|error| error.to_string())?;
        let Audience::Contact(them) = to else {
            let bytes = signed.as_str().as_bytes().to_vec();
            self.records.put(RecordKey::presence(&did), bytes).await.map_err(|error| error.to_string())?;
            return Ok(None);
        };
        let mut pair = match pair {
            Some(pair) => pair,
            None => self.pair_with(&them).await?,
        };
        let mut random = [0; 64];
        PlatformProvider.random(&mut random).map_err(|error| error.to_string())?;
        let (key, record) = pair.seal(&signed, clock::now(), random).map_err(|error| error.to_string())?;
        self.records.put(RecordKey::mailbox(key), record).await.map_err(|error| error.to_string())?;
        Ok(Some(pair))
    }

    /// Signs with as many of the addresses as fit, the best first.
    async fn sign(&self, presence: Presence, mut addresses: Vec<String>) -> Result<SignedPresence, PresenceError> {
        loop {
            let presence = Presence { addresses: Addresses::new(addresses.clone())?, ..presence.clone() };
            match presence.sign(&PlatformProvider, self.keys.did_key()).await {
                Err(PresenceError::TooLong { .. }) if addresses.pop().is_some() => {}
                signed => return signed,
            }
        }
    }

    async fn pair_with(&self, them: &Did) -> Result<PairPresence, String> {
        let profile = self.people.get(them).ok_or("not a contact any more")?;
        let (me, agreement) = (*self.keys.did(), self.keys.agreement_key());
        let pair = PairPresence::new(&PlatformProvider, agreement, me, *them, *profile.x25519()).await;
        pair.map_err(|error| error.to_string())
    }
}

fn note(told: &mut HashMap<Audience, Told>, (audience, arrived, pair, sequence): Arrived) {
    // Somebody may have been forgotten meanwhile.
    if let Some(told) = told.get_mut(&audience) {
        told.keeper.done(arrived, clock::now());
        told.arrived |= arrived;
        (told.pair, told.last) = (pair, sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_without_the_name_and_loopback_only_where_it_is_wanted_or_all_there_is() {
        let tell = |texts: &[&str], loopback| {
            to_tell("12D3Koo", texts.iter().map(|text| format!("{text}/p2p/12D3Koo")), loopback)
        };
        let both = ["/ip4/127.0.0.1/tcp/1", "/ip4/192.0.2.7/tcp/1", "/ip6/::1/tcp/2"];
        assert_eq!(tell(&both, false), ["/ip4/192.0.2.7/tcp/1"]);
        assert_eq!(tell(&both, true), ["/ip4/192.0.2.7/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/2"]);
        assert_eq!(tell(&both[..1], false), ["/ip4/127.0.0.1/tcp/1"]);
        let circuit = "/ip4/192.0.2.9/tcp/1/p2p/12D3KooRelay/p2p-circuit";
        assert_eq!(tell(&[circuit], false), [circuit]);
    }
}
