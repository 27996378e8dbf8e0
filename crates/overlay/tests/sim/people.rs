//! Those whose profiles are looked up.

use pumasi_crypto::{NativeProvider, RsaBits};
use pumasi_identity::{PlainKeys, ProfileDraft, SignedProfile};
use pumasi_overlay::RecordKey;
use pumasi_units::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

const HOUR: u64 = 60 * 60 * 1_000;

/// Someone with an old and a new profile.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) key: RecordKey,
    pub(crate) old: Vec<u8>,
    pub(crate) new: Vec<u8>,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp(since.as_millis() as u64)
}

async fn person() -> Person {
    let provider = NativeProvider;
    let keys = PlainKeys::generate(&provider, RsaBits::B2048).await.expect("the platform makes keys");
    let keys = keys.import(&provider).await.expect("its own keys");
    let created = now();
    let mut profiles = Vec::new();
    for sequence in 1..=2 {
        let draft = ProfileDraft { sequence, created, expires: created + 24 * HOUR, name: None, services: Vec::new() };
        let signed = SignedProfile::sign(&provider, &keys, draft).await.expect("a good draft");
        profiles.push(signed.json().as_bytes().to_vec());
    }
    let [old, new] = profiles.try_into().expect("two of them");
    Person { key: RecordKey::profile(keys.did()), old, new }
}

pub(crate) async fn people(count: usize) -> Vec<Person> {
    let making: Vec<_> = (0..count).map(|_| tokio::spawn(person())).collect();
    let mut people = Vec::new();
    for made in making {
        people.push(made.await.expect("no panic"));
    }
    people
}
