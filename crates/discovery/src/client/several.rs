use super::{ClientError, Directory, Forged, Found};
use crate::entry::VerifiedEntry;
use futures::future::join_all;
use pumasi_fetch::Client;
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// Several directories, asked at once: what one hides, another shows.
#[derive(Debug, Clone)]
pub struct Directories(Vec<Directory>);

/// What several directories found together.
#[derive(Debug, Clone, Default)]
pub struct Merged {
    /// One entry for each DID, that with the highest sequence; the best of each directory first.
    pub entries: Vec<VerifiedEntry>,
    /// Forged entries, and the address of the directory that gave them.
    pub forged: Vec<(String, Forged)>,
    /// The directories that answered.
    pub asked: Vec<String>,
    /// Those that did not, and why.
    pub failed: Vec<(String, ClientError)>,
    /// For the next page of all of them.
    pub cursor: Option<String>,
}

impl Directories {
    /// The directories at these addresses.
    #[must_use]
    pub fn new(http: &Client, urls: &[String]) -> Self {
        Self(urls.iter().map(|url| Directory::new(http.clone(), url)).collect())
    }

    /// Each of them.
    #[must_use]
    pub fn each(&self) -> &[Directory] {
        &self.0
    }

    /// Searches all of them; with the cursor of the page before, those that had more.
    ///
    /// It never fails: [`Merged::failed`] says who did.
    pub async fn search(&self, query: &str, cursor: Option<&str>, now: Timestamp) -> Merged {
        let cursors: Option<BTreeMap<String, String>> =
            cursor.map(|cursor| serde_json::from_str(cursor).unwrap_or_default());
        let answers = self.0.iter().filter_map(|directory| {
            let from = match &cursors {
                Some(cursors) => Some(cursors.get(directory.url())?.as_str()),
                None => None,
            };
            Some(async move { (directory.url().to_owned(), directory.search(query, from, now).await) })
        });
        merge(join_all(answers).await)
    }
}

fn merge(answers: Vec<(String, Result<Found, ClientError>)>) -> Merged {
    let mut merged = Merged::default();
    let mut pages = Vec::new();
    let mut cursors = BTreeMap::new();
    for (url, answer) in answers {
        match answer {
            Ok(found) => {
                merged.forged.extend(found.forged.into_iter().map(|forged| (url.clone(), forged)));
                pages.push(found.entries.into_iter());
                cursors.extend(found.cursor.map(|cursor| (url.clone(), cursor)));
                merged.asked.push(url);
            }
            Err(error) => merged.failed.push((url, error)),
        }
    }
    let mut places: HashMap<Did, usize> = HashMap::new();
    loop {
        let round: Vec<VerifiedEntry> = pages.iter_mut().filter_map(Iterator::next).collect();
        if round.is_empty() {
            break;
        }
        for entry in round {
            match places.get(&entry.did()) {
                None => {
                    places.insert(entry.did(), merged.entries.len());
                    merged.entries.push(entry);
                }
                Some(&at) if merged.entries[at].sequence() < entry.sequence() => merged.entries[at] = entry,
                Some(_) => {}
            }
        }
    }
    if !cursors.is_empty() {
        merged.cursor = Some(serde_json::to_string(&cursors).expect("texts have JSON"));
    }
    merged
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::listing::tests::restaurant;
    use crate::{Action, Entry, Operation};
    use futures::executor::block_on;
    use pumasi_crypto::{NativeProvider, Provider as _, pkcs8};

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn entry(number: u8, sequence: u64) -> VerifiedEntry {
        let key = block_on(NativeProvider.import_ed25519(&pkcs8::from_ed25519_seed(&[number; 32]))).unwrap();
        let did = Did::from_ed25519(NativeProvider.ed25519_public(&key));
        let action = Action::Register(restaurant());
        let operation = Operation { did, sequence, created: NOW, expires: NOW + 3_600_000, action };
        let signed = block_on(operation.sign(&NativeProvider, &key, 0)).unwrap();
        Entry::new(&signed, None).unwrap().verify(NOW).unwrap()
    }

    #[test]
    fn the_highest_sequence_wins_and_the_best_of_each_comes_first() {
        let found = |entries: &[(u8, u64)], cursor: Option<&str>| Found {
            entries: entries.iter().map(|(number, sequence)| entry(*number, *sequence)).collect(),
            cursor: cursor.map(str::to_owned),
            ..Found::default()
        };
        let refused = ClientError::Malformed { status: 500, what: "problem" };
        let merged = merge(vec![
            ("a".into(), Ok(found(&[(1, 5), (2, 1)], Some("0.7")))),
            ("b".into(), Err(refused.clone())),
            ("c".into(), Ok(found(&[(3, 1), (1, 6)], None))),
        ]);
        let expected: Vec<_> = [(1, 6), (3, 1), (2, 1)].map(|(n, s)| (entry(n, s).did(), s)).to_vec();
        assert_eq!(merged.entries.iter().map(|e| (e.did(), e.sequence())).collect::<Vec<_>>(), expected);
        assert_eq!((merged.asked, merged.failed), (vec!["a".into(), "c".into()], vec![("b".into(), refused)]));
        assert_eq!(merged.cursor.as_deref(), Some(r#"{"a":"0.7"}"#));
    }
}
