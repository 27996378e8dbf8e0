//! Payments: messages and links.

use super::{sign, signer};
use pumasi_crypto::{jcs, json};
use pumasi_transfer::message::{Bye, Kind, Payload, Query, Received, Request, Transfer, TransferResult};
use pumasi_transfer::{Receipt, Verified, profile_of, verify_statement};
use serde::{Serialize, de::DeserializeOwned};

/// The payload of a message: the first byte says of which.
pub fn message(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    match kind {
        b't' => read::<Transfer>(payload),
        b'd' => read::<Received>(payload),
        b'r' => read::<TransferResult>(payload),
        b'b' => read::<Bye>(payload),
        b'q' => read::<Query>(payload),
        b'p' => drop(profile_of(&sign(Kind::Transfer.typ(), payload))),
        _ => drop(Receipt::from_json(payload)),
    }
}

fn read<T: Payload + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(payload: &[u8]) {
    let _ = verify_statement::<T>(&sign(T::KIND.typ(), payload), &signer());
    let Ok(message) = json::from_slice::<T>("message", payload, payload.len()) else { return };
    let _ = message.check_content();
    let Ok(canonical) = jcs::to_vec(&message) else { return };
    let again: T = json::from_slice("message", &canonical, canonical.len()).expect("our own JSON");
    assert_eq!(again, message);
}

/// A request as a link: as it comes, and as a payload that was signed.
pub fn request_link(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text);
    }
    if let Ok(request) = Verified::<Request>::request(&sign(Kind::Request.typ(), data)) {
        assert_eq!(request.payload().from, signer());
        check(&request.to_link());
    }
}

fn check(link: &str) {
    if let Ok(request) = Verified::<Request>::from_link(link) {
        let again = Verified::<Request>::from_link(&request.to_link()).expect("our own link");
        assert_eq!(again, request);
    }
}
