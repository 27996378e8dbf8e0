//! Where people say that they are, and what is asked and answered over a stream.

use super::{NOW, reader, sign, signer};
use pumasi_crypto::jcs;
use pumasi_http::stream::{self, Request};
use pumasi_signaling::presence::{self, Audience, MAX_PRESENCE, PRESENCE_TYP, SignedPresence};
use pumasi_signaling::{Content, SIGNAL_TYP, SignedSignal};

/// The first byte says whether it is a whole record, or what is signed in one.
pub fn presence(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let key = presence::key(&signer()).0;
    if *kind == b'r' {
        if presence::validate(&key, data, NOW).is_ok() {
            assert!(data.len() <= MAX_PRESENCE);
        }
        return;
    }
    let text = sign(PRESENCE_TYP, data);
    let Ok(signed) = SignedPresence::verify(&text, NOW) else { return };
    let said = signed.presence();
    assert!(said.did == signer() && said.expires > NOW);
    let public = said.to == Audience::Everyone;
    assert_eq!(presence::validate(&key, text.as_bytes(), NOW).is_ok(), public, "only what is for everyone is kept");
    assert_eq!(
        signed.clone().expect(&signer(), Audience::Contact(reader())).is_ok(),
        said.to == Audience::Contact(reader())
    );
    let canonical = jcs::to_vec(said).expect("a presence has canonical JSON");
    let again = SignedPresence::verify(&sign(PRESENCE_TYP, &canonical), NOW).expect("what was read can be written");
    assert_eq!(again.presence(), said);
}

/// The first byte says which side it is: a request, or an answer to an offer.
pub fn stream_signal(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    if *kind == b'q' {
        let Ok(read) = Request::parse(data) else { return };
        let written = match &read {
            Request::Offer(body) => serde_json::to_vec(body),
            Request::Candidates(body) => serde_json::to_vec(body),
        };
        let written = written.expect("texts and JSON become JSON");
        // Written again it may be longer, by an escape.
        assert!(written.len() > data.len() || Request::parse(&written).as_ref() == Ok(&read));
        return;
    }
    let offer = offer();
    let answer = match kind {
        // What is signed in an answer, so that the fuzzer reaches what lies behind the signature.
        b'a' => serde_json::json!({ "did": signer(), "answer": sign(SIGNAL_TYP, data) }).to_string().into_bytes(),
        _ => data.to_vec(),
    };
    if let Ok(answer) = stream::read_answer(&offer, &answer, NOW) {
        let said = answer.signal();
        assert!(said.from == offer.signal().to && said.session == offer.signal().session);
        assert!(matches!(
            said.content,
            Content::Answer { offer: about, .. } | Content::Reject { offer: about, .. } if about == offer.id()
        ));
    }
}

/// An offer of the known key to itself, so that the fuzzer's key can answer it.
fn offer() -> SignedSignal {
    let nonce = "AAAAAAAAAAAAAAAAAAAAAA";
    let payload = serde_json::json!({
        "content": { "sdp": "K7M14OXKt9VVMFQwUvD0U_AMMFEwNDLXMwBCQ16uYltdXq4SWwMFoCoA", "type": "offer" },
        "expires": NOW + 60_000, "from": signer(), "issued": NOW, "nonce": nonce, "session": nonce, "to": signer(),
    });
    let text = sign(SIGNAL_TYP, payload.to_string().as_bytes());
    SignedSignal::verify(&text, &signer(), &signer(), NOW).expect("a signal")
}
