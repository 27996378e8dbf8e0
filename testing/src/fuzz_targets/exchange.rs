//! What peers say to find and know each other, and the chunks that carry everything after.

use super::{NOW, reader, sign, signer};
use pumasi_crypto::{hash, jcs};
use pumasi_identity::SignedProfile;
use pumasi_identity::pairing::{Pairing, Step};
use pumasi_rtc::framing::{Assembler, Chunks, MAX_MESSAGE};
use pumasi_signaling::{
    AuthConfig, ChannelAuth, ChannelRole, MAX_CONTENT, MailboxRecord, Nonce, PairSession, Parcel, ProfileVersion,
    SIGNAL_TYP, SignedSignal, Slot,
};

/// The first byte says what it is: a mailbox record, the content of a pairing's record, a signed signal, or what comes on
/// a channel that has just opened.
pub fn signal(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        b'r' => record(data),
        b'p' => parcel(data),
        b's' => signed(data),
        _ => channel(data),
    }
}

fn record(data: &[u8]) {
    let slot = Slot::derive(&[7; 32], b"fuzz");
    if MailboxRecord::validate(&slot.record_key(), data, NOW).is_ok() {
        assert!(MailboxRecord::open(&slot, data, NOW).is_ok(), "only the owner of the slot can sign for it");
    }
}

fn parcel(content: &[u8]) {
    let secret = [7; 32];
    let slot = Slot::from_code(&secret, Step::Key, 0);
    let content = &content[..content.len().min(MAX_CONTENT)];
    let record = MailboxRecord::seal(&slot, NOW, NOW + 60_000, &[1; 32], content).expect("short enough");
    assert!(MailboxRecord::validate(&slot.record_key(), &record, NOW).is_ok());
    let mut parcel = Parcel::new(&secret, Step::Key);
    if let Ok(Some(message)) = parcel.handle_record(0, &record, NOW) {
        assert!(message.len() <= pumasi_identity::pairing::MAX_MESSAGE);
    }
}

fn signed(payload: &[u8]) {
    let Ok(signed) = SignedSignal::verify(&sign(SIGNAL_TYP, payload), &signer(), &reader(), NOW) else { return };
    let canonical = jcs::to_vec(signed.signal()).expect("a signal has canonical JSON");
    let again = SignedSignal::verify(&sign(SIGNAL_TYP, &canonical), &signer(), &reader(), NOW);
    // Written again it may be too long: another program may compress a description better than ours.
    assert!(again.is_ok_and(|again| again.signal() == signed.signal()) || canonical.len() > payload.len());
    let mut session = PairSession::new(reader(), signer());
    let _ = session.handle_signal(&signed, NOW);
    while session.poll_output().is_some() {}
    assert!(session.poll_timeout().is_none_or(|next| next > NOW));
}

/// Messages with a zero byte between.
fn channel(data: &[u8]) {
    let config = AuthConfig {
        role: ChannelRole::Answerer,
        me: reader(),
        them: signer(),
        local_fingerprint: [1; 32],
        remote_fingerprint: [2; 32],
        nonce: Nonce([3; 16]),
        profile: ProfileVersion { sequence: 1, digest: hash::sha256(&[b"profile"]) },
        capabilities: ["a".to_owned()].into(),
    };
    let mut auth = ChannelAuth::new(config, NOW).expect("our own capabilities are fine");
    let failed = data.split(|byte| *byte == 0).take(4).any(|message| auth.handle_message(message).is_err());
    if failed {
        assert!(auth.poll_output().is_none() && auth.poll_timeout().is_none());
    }
}

/// Messages of a pairing with a zero byte between; the first byte says which side we are.
pub fn pairing(data: &[u8]) {
    const US: &str = include_str!("../../../crates/identity/tests/vectors/alice/profile.json");
    let Some((role, messages)) = data.split_first() else { return };
    let us = SignedProfile::verify(US.trim_end().as_bytes(), NOW).expect("the vector is valid");
    let mut pairing = match role {
        b'i' => Pairing::inviter(us, [3; 16], NOW),
        _ => Pairing::acceptor(us, NOW),
    };
    for message in messages.split(|byte| *byte == 0).take(8) {
        let _ = pairing.handle_message(message, NOW);
        let _ = pairing.confirm();
        while pairing.poll_output().is_some() {}
    }
    assert_eq!(pairing.has_ended(), pairing.expects().is_empty());
}

/// Chunks, each with its length in front (two bytes); and the whole as one message, cut and joined again.
pub fn framing(data: &[u8]) {
    let (mut assembler, mut rest) = (Assembler::default(), data);
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let (chunk, after) = after.split_at(usize::from(u16::from_be_bytes(*len)).min(after.len()));
        rest = after;
        match assembler.push(chunk) {
            Ok(Some(message)) => assert!(!message.is_empty() && message.len() <= MAX_MESSAGE),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    let Ok(mut chunks) = Chunks::new(data.to_vec()) else { return };
    let (mut assembler, mut chunk, mut joined) = (Assembler::default(), Vec::new(), None);
    while chunks.next_into(&mut chunk) {
        assert_eq!(joined, None, "nothing comes after the end");
        joined = assembler.push(&chunk).expect("our own chunks fit");
    }
    assert_eq!(joined.as_deref(), Some(data));
}
