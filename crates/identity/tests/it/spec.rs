//! The examples in `docs/spec/identity.md` and `docs/spec/pairing.md` are true.
//!
//! What they describe is computed here a second time, from the text of the spec and the plain primitives, so that the
//! pages are enough for another implementation.

use crate::common::{alice, alice_json, bob};
use crate::pairing::{acceptor, exchange, inviter};
use pumasi_crypto::hash::{hkdf_sha256, hmac_sha256, sha256};
use pumasi_crypto::x25519::EphemeralSecret;
use pumasi_crypto::{b64, jcs};
use pumasi_identity::pairing::{EMOJI, PairingCode, Step};
use pumasi_identity::{SignedProfile, safety_number};
use serde_json::{Value, json};

const IDENTITY: &str = include_str!("../../../../docs/spec/identity.md");
const PAIRING: &str = include_str!("../../../../docs/spec/pairing.md");

/// The fenced block with this info string.
fn block<'a>(page: &'a str, info: &str) -> &'a str {
    let fence = format!("\n```{info}\n");
    let (_, rest) = page.split_once(&fence).unwrap_or_else(|| panic!("a block {info:?}"));
    rest.split_once("```").expect("the fence is closed").0
}

#[test]
fn the_profile_on_the_page_is_the_vector() {
    let page: Value = serde_json::from_str(block(IDENTITY, "json profile")).unwrap();
    assert_eq!(String::from_utf8(jcs::to_vec(&page).unwrap()).unwrap(), alice_json());
}

#[test]
fn what_is_derived_from_the_profile_is_on_the_page() {
    let (alice, bob) = (alice(), bob());
    let lines = [
        format!("DHT key          {}", alice.did().dht_key()),
        format!("profile digest   {}", alice.digest()),
        format!("kid, signing     {}", alice.rsa_signing_kid()),
        format!("kid, unwrapping  {}", alice.rsa_unwrap_kid()),
        format!("other DID        {}", bob.did()),
        format!("safety number    {}", safety_number(alice.did(), bob.did())),
    ];
    assert_eq!(block(IDENTITY, "text derived").trim_end(), lines.join("\n"));
}

/// The exchange as `docs/spec/pairing.md` §3–§5 tells it.
struct BySpec {
    session: [u8; 16],
    commitment: String,
    /// Inviter and acceptor: DID, public key, profile digest.
    parties: [[String; 3]; 2],
    shared: [u8; 32],
}

impl BySpec {
    fn party(profile: &SignedProfile, key: &[u8; 32]) -> [String; 3] {
        [profile.did().to_string(), b64::encode(key), sha256(&[profile.json().as_bytes()]).to_string()]
    }

    fn commitment(session: &[u8; 16], key: &[u8; 32], profile: &SignedProfile) -> String {
        let digest = sha256(&[profile.json().as_bytes()]);
        sha256(&[b"pumasi pairing 1 commitment", session, key, &digest.0]).to_string()
    }

    fn transcript(&self) -> String {
        let [inviter, acceptor] = [self.parties[0].join("|"), self.parties[1].join("|")];
        format!("{}|{}|{inviter}|{acceptor}", b64::encode(self.session), self.commitment)
    }

    fn sas(&self) -> [u8; 6] {
        let mut bytes = [0; 6];
        let info = format!("pumasi pairing 1 sas|{}", self.transcript());
        hkdf_sha256(&[], &self.shared, info.as_bytes(), &mut bytes);
        bytes
    }

    fn emoji(&self) -> Vec<&'static str> {
        let bits: String = self.sas().iter().map(|byte| format!("{byte:08b}")).collect();
        let index = |at: usize| usize::from_str_radix(&bits[at * 6..at * 6 + 6], 2).unwrap();
        (0..7).map(|at| EMOJI[index(at)].english).collect()
    }

    fn numbers(&self) -> [u16; 3] {
        let bits: String = self.sas().iter().map(|byte| format!("{byte:08b}")).collect();
        [0, 1, 2].map(|at| u16::from_str_radix(&bits[at * 13..at * 13 + 13], 2).unwrap() + 1000)
    }

    fn mac(&self, sender: usize) -> String {
        let mut key = [0; 32];
        let info = format!("pumasi pairing 1 mac|{}|{}", ["inviter", "acceptor"][sender], self.transcript());
        hkdf_sha256(&[], &self.shared, info.as_bytes(), &mut key);
        let input = format!("{}|{}", self.parties[sender][2], self.parties[1 - sender][2]);
        b64::encode(hmac_sha256(&key, &[input.as_bytes()]).0)
    }
}

#[test]
fn the_worked_example_of_pairing_is_on_the_page() {
    let [inviter, acceptor] = [[1; 32], [2; 32]].map(EphemeralSecret::from_random);
    let session = [3; 16];
    let spec = BySpec {
        session,
        commitment: BySpec::commitment(&session, &inviter.public(), &alice()),
        parties: [BySpec::party(&alice(), &inviter.public()), BySpec::party(&bob(), &acceptor.public())],
        shared: *inviter.agree(&acceptor.public()).unwrap(),
    };
    let code = PairingCode::from_random([1, 2, 3, 4, 5]);
    let lines = [
        format!("code                {}", *code.to_text()),
        format!("rendezvous secret   {}", b64::encode(*code.secret())),
        format!("session             {}", b64::encode(session)),
        format!("inviter's DID       {}", spec.parties[0][0]),
        format!("inviter's key       {}", spec.parties[0][1]),
        format!("inviter's profile   {}", spec.parties[0][2]),
        format!("acceptor's DID      {}", spec.parties[1][0]),
        format!("acceptor's key      {}", spec.parties[1][1]),
        format!("acceptor's profile  {}", spec.parties[1][2]),
        format!("commitment          {}", spec.commitment),
        format!("shared secret       {}", b64::encode(spec.shared)),
        format!("emoji               {}", spec.emoji().join(", ")),
        format!("numbers             {:?}", spec.numbers()),
        format!("inviter's mac       {}", spec.mac(0)),
        format!("acceptor's mac      {}", spec.mac(1)),
    ];
    assert_eq!(block(PAIRING, "text example").trim_end(), lines.join("\n"));
}

#[test]
fn a_second_implementation_written_from_the_page_pairs_with_ours() {
    let mut alice_side = inviter(alice());
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let commit = read(&alice_side.sent[&Step::Commit]);
    let ours = EphemeralSecret::from_random([2; 32]);
    let key = json!({
        "type": "pairing/1/key",
        "session": commit["session"],
        "key": b64::encode(ours.public()),
        "profile": bob().json(),
    });
    alice_side.hear(&serde_json::to_vec(&key).unwrap()).unwrap();

    let reveal = read(&alice_side.sent[&Step::Reveal]);
    let theirs: [u8; 32] = b64::decode("key", reveal["key"].as_str().unwrap()).unwrap().try_into().unwrap();
    let session: [u8; 16] = b64::decode("session", reveal["session"].as_str().unwrap()).unwrap().try_into().unwrap();
    let profile = SignedProfile::verify_signature(reveal["profile"].as_str().unwrap().as_bytes()).unwrap();
    let commitment = BySpec::commitment(&session, &theirs, &profile);
    assert_eq!(commit["commitment"], commitment.as_str());
    let spec = BySpec {
        session,
        commitment,
        parties: [BySpec::party(&profile, &theirs), BySpec::party(&bob(), &ours.public())],
        shared: *ours.agree(&theirs).unwrap(),
    };
    let shown = alice_side.shown[0];
    assert_eq!(shown.emoji.map(|emoji| emoji.english).to_vec(), spec.emoji());
    assert_eq!(shown.numbers, spec.numbers());

    alice_side.confirm().unwrap();
    assert_eq!(read(&alice_side.sent[&Step::InviterConfirm])["mac"], spec.mac(0).as_str());
    let confirm = json!({
        "type": "pairing/1/confirm", "session": commit["session"], "from": "acceptor", "mac": spec.mac(1),
    });
    alice_side.hear(&serde_json::to_vec(&confirm).unwrap()).unwrap();
    assert_eq!(alice_side.paired_with(), Some(&bob()));
}

#[test]
fn the_example_messages_are_what_ours_look_like() {
    let mut alice_side = inviter(alice());
    let example: Vec<Value> = serde_json::from_str(block(PAIRING, "json messages")).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut bob_side = acceptor(bob());
    exchange(&mut alice_side, &mut bob_side);
    alice_side.confirm().unwrap();
    alice_side.pairing.cancel();
    alice_side.drain();
    let sent = [&alice_side, &bob_side, &alice_side, &alice_side, &alice_side];
    let steps = [Step::Commit, Step::Key, Step::Reveal, Step::InviterConfirm, Step::InviterAbort];
    assert_eq!(example.len(), steps.len());
    for ((side, step), example) in sent.iter().zip(steps).zip(&example) {
        let message: Value = serde_json::from_slice(&side.sent[&step]).unwrap();
        assert_eq!(names(&message), names(example), "{step:?}");
        assert_eq!(message["type"], example["type"]);
    }
}
