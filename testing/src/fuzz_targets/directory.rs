//! What strangers send to a directory, and what directories of strangers answer.

use super::{NOW, sign};
use pumasi_discovery::text::{Indexed, Plan, category_key, terms};
use pumasi_discovery::wire::Registration;
use pumasi_discovery::{Action, Entry, OPERATION_TYP, SignedOperation, decide, decide_mirrored};

/// An operation, as it is or signed by the target; the body of a registration; an entry; a query.
pub fn listing(data: &[u8]) {
    operation(&sign(OPERATION_TYP, data));
    let Ok(text) = std::str::from_utf8(data) else { return };
    operation(text);
    if let Ok(body) = pumasi_crypto::json::from_slice::<Registration>("body", data, 32 * 1024) {
        operation(&body.proof);
    }
    if let Ok(entry) = serde_json::from_str::<Entry>(text)
        && let Ok(verified) = entry.clone().verify(NOW)
    {
        assert_eq!(verified.entry(), &entry);
        assert_eq!(entry.listing.differs(verified.listing()), None);
    }
    query(text);
}

fn operation(compact: &str) {
    let Ok(signed) = SignedOperation::verify(compact) else { return };
    assert_eq!(SignedOperation::verify(signed.as_str()).as_ref(), Ok(&signed));
    let _ = (signed.check_time(NOW), signed.check_stamp(8));
    let (direct, mirrored) = (decide(None, &signed, NOW), decide_mirrored(None, &signed, NOW));
    assert!(direct.is_err() || direct == mirrored);
    match (&signed.operation().action, Entry::new(&signed, None)) {
        (Action::Register(listing) | Action::Update(listing), Some(entry)) => {
            assert_eq!(listing.check(), Ok(()));
            let stands = signed.operation().expires > NOW;
            assert_eq!(entry.verify(NOW).is_ok(), stands);
            let _ = Indexed::of(listing);
        }
        (_, entry) => assert_eq!(entry, None),
    }
}

fn query(text: &str) {
    let key = category_key(text);
    assert_eq!(category_key(&key), key);
    let Ok(plan) = Plan::new(text) else { return };
    let terms = terms(text);
    assert!(terms.iter().all(|term| term.bytes().all(|byte| byte.is_ascii_alphanumeric())), "{text:?}");
    let indexed = Indexed { description: terms, ..Indexed::default() };
    assert_eq!(plan.rank(&indexed), (!plan.words.is_empty()).then_some(2), "{text:?} does not find itself");
}
