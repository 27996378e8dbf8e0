//! What a stranger sends to a TURN server, and what a node offers as one.

use pumasi_http::{MAX_TURN_OFFER, MAX_TURN_URIS, TurnOffer};
use pumasi_turn::{Frame, Issuer, Output, Session, SessionConfig, frame, is_binding_request, is_request};
use std::time::Duration;

/// `o`: an offer. Anything else: a stream of messages from somebody who has no password, as a datagram and as a stream.
pub fn turn(data: &[u8]) {
    match data.split_first() {
        Some((b'o', offer)) => read_offer(offer),
        Some((_, stream)) => serve(stream),
        None => {}
    }
}

fn read_offer(data: &[u8]) {
    let Ok(read) = TurnOffer::parse(data) else { return };
    assert!(data.len() <= MAX_TURN_OFFER && read.uris.len() <= MAX_TURN_URIS);
    let written = serde_json::to_vec(&read).expect("texts become JSON");
    // Escapes may be longer than what they stand for.
    if written.len() <= MAX_TURN_OFFER {
        assert_eq!(TurnOffer::parse(&written).as_ref(), Ok(&read));
    }
}

fn serve(mut stream: &[u8]) {
    let whole = stream;
    let mut session = session(true);
    while let Frame::Whole { length, padded } = frame(stream) {
        assert!(length <= padded && padded <= stream.len());
        say(&mut session, &stream[..length]);
        stream = &stream[padded..];
    }
    assert!(!is_binding_request(whole) || is_request(whole));
    say(&mut self::session(false), whole);
    assert!(!session.is_allocated());
}

fn session(stream: bool) -> Session {
    let client = ([192, 0, 2, 1], 4000).into();
    let realm = "pumasi".to_owned();
    let config = SessionConfig { client, stream, realm, ipv6: false, private_peers: true };
    Session::new(config, Issuer::new(&[1; 32]))
}

/// Whoever has no password is answered, and nothing is done for them.
fn say(session: &mut Session, message: &[u8]) {
    let output = session.handle_client(message, (Duration::from_secs(1), 1_700_000_000));
    assert!(matches!(output, None | Some(Output::Client(_))), "{output:?}");
    let peer = ([192, 0, 2, 2], 5000).into();
    assert_eq!(session.handle_peer(peer, message, Duration::from_secs(1)), None);
}
