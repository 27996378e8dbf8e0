//! What a stranger posts to an endpoint, and what an endpoint or a gateway answers.

use pumasi_http::{AnswerBody, CandidatesBody, MAX_BODY, OfferBody};
use pumasi_signaling::Candidates;

/// The first byte says which body it is.
pub fn https(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else { return };
    match kind {
        b'o' => offer(body),
        b'a' => {
            let Ok(read) = AnswerBody::parse(body) else { return };
            let written = serde_json::to_vec(&read).expect("texts become JSON");
            assert_eq!(AnswerBody::parse(&written).as_ref(), Ok(&read));
        }
        b'c' => {
            let Ok(read) = CandidatesBody::parse(body) else { return };
            let written = serde_json::to_vec(&read).expect("texts become JSON");
            assert_eq!(CandidatesBody::parse(&written).as_ref(), Ok(&read));
        }
        _ => {
            let Ok(read) = serde_json::from_slice::<Candidates>(body) else { return };
            assert_eq!(Candidates::new(read.as_slice().to_vec()).as_ref(), Ok(&read));
        }
    }
}

fn offer(body: &[u8]) {
    let Ok(read) = OfferBody::parse(body) else { return };
    assert!(body.len() <= MAX_BODY);
    if let Ok(Some(profile)) = read.profile_bytes() {
        // What has been made canonical is canonical.
        let again: serde_json::Value = serde_json::from_slice(&profile).expect("canonical JSON is JSON");
        let same = OfferBody { profile: Some(again), ..read.clone() };
        assert_eq!(same.profile_bytes().as_ref(), Ok(&Some(profile)));
    }
}
