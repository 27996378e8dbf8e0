//! What strangers put into the DHT: shops under categories, what is said of somebody, proofs of lies.

use super::{NOW, sign, signer};
use pumasi_crypto::{NativeProvider, Provider as _, b64, pkcs8, stamp};
use pumasi_discovery::dht::{self, LISTED_TYP, Merge, Query, SignedListing};
use pumasi_trust::lie::MAX_PROOF;
use pumasi_trust::vouch::{self, About, VOUCH_TYP};
use pumasi_trust::{Evidence, Lie, evaluate};
use serde_json::Value;
use std::task::{Context, Poll, Waker};

/// An entry of a shop, as it is or signed and stamped by the target; and a query.
pub fn shop(data: &[u8]) {
    let ours = stamped(LISTED_TYP, data);
    for bytes in [data, ours.as_bytes()] {
        let category = peek(bytes, "category").unwrap_or_default();
        for shard in 0..dht::SHARDS {
            let id = dht::place(&category, shard);
            let read = SignedListing::verify(&id, bytes, NOW);
            let Ok(facts) = dht::validate(&id, bytes, NOW) else {
                assert!(read.is_err());
                continue;
            };
            if let Ok(entry) = read {
                assert_eq!((entry.as_str().as_bytes(), entry.name()), (bytes, facts.name));
                assert_eq!(SignedListing::verify(&id, entry.as_str().as_bytes(), NOW), Ok(entry.clone()));
                let query = Query::new(&entry.shop().category, None).expect("a category is a query");
                assert!(query.places().any(|(_, place)| place == id));
                let mut merge = Merge::new(&query, &entry.shop().category);
                merge.dht(&entry);
                assert_eq!(merge.finish().shops.len(), 1);
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(query) = Query::new(text, Some(text))
    {
        assert!((1..=dht::MAX_ASKED).contains(&query.categories.len()));
        assert!(query.categories.iter().all(|category| dht::canonical(category) == *category), "{query:?}");
    }
}

/// A vouch, as it is or signed and stamped by the target.
pub fn vouch(data: &[u8]) {
    let ours = stamped(VOUCH_TYP, data);
    for bytes in [data, ours.as_bytes()] {
        let Some(about) = peek(bytes, "about").and_then(|about| about.parse().ok()) else { continue };
        let id = vouch::place(&about);
        let read = vouch::read(&id, bytes);
        assert_eq!(vouch::validate(&id, bytes, NOW).is_ok(), read.is_ok());
        if let Ok(About::Vouch(signed)) = read {
            assert_eq!(signed.as_str().as_bytes(), bytes);
            assert_ne!(signed.vouch().from, about);
            let evidence = Evidence { vouches: vec![*signed.clone(), *signed], ..Evidence::default() };
            assert!(!evaluate(&signer(), &about, &evidence, NOW).is_empty());
        }
    }
}

/// A kept proof, as it is or deflated by the target; what is read is written as it was.
pub fn lie(data: &[u8]) {
    let packed = [&[pumasi_trust::lie::KEPT], miniz_oxide::deflate::compress_to_vec(data, 1).as_slice()].concat();
    for bytes in [data, packed.as_slice()] {
        let Ok((lie, until)) = Lie::decode(bytes) else { continue };
        assert!(data.len() <= MAX_PROOF.max(vouch::MAX_ENTRY));
        if let Ok(kept) = lie.encode(until) {
            assert_eq!(Lie::decode(&kept), Ok((lie.clone(), until)));
            let id = vouch::place(&lie.by);
            assert_eq!(vouch::validate(&id, &kept, NOW).is_ok(), vouch::validate(&id, bytes, NOW).is_ok());
        }
    }
}

/// A member of the payload of a JWS, whoever signed it.
fn peek(jws: &[u8], member: &str) -> Option<String> {
    let payload = std::str::from_utf8(jws).ok()?.split('.').nth(1)?;
    let payload: Value = serde_json::from_slice(&b64::decode("payload", payload).ok()?).ok()?;
    payload.get(member)?.as_str().map(str::to_owned)
}

/// A JWS by a known key around these bytes, with a stamp that holds where they are an object whose last member it can be.
fn stamped(typ: &str, payload: &[u8]) -> String {
    let made = || {
        let said: Value = serde_json::from_slice(payload).ok()?;
        said.as_object().filter(|members| members.contains_key("stamp") && members.len() > 4)?;
        // The key of `signer`.
        let key = at_once(NativeProvider.import_ed25519(&pkcs8::from_ed25519_seed(&[1; 32]))).ok()?;
        let jws = at_once(stamp::sign(&NativeProvider, &key, &signer().key_id(), typ, &said, dht::MIN_WORK));
        Some(jws.ok()??.as_str().to_owned())
    };
    made().unwrap_or_else(|| sign(typ, payload))
}

/// Natively the provider waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("it is ready at the first look"),
    }
}
