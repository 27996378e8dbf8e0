//! The examples in `docs/spec/signalling.md` are true: computed here a second time, from the text of the page and the
//! plain primitives.

use crate::person::{NOW, Person, nonce, sdp};
use futures::executor::block_on;
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_crypto::hash::{Digest, hkdf_sha256, sha256};
use pumasi_crypto::{Provider, b64, jcs, sealed};
use pumasi_identity::pairing::Step;
use pumasi_signaling::{
    AuthConfig, AuthOutput, ChannelAuth, ChannelRole, Content, ProfileVersion, Signal, Slot, epoch,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../../docs/spec/signalling.md");

/// The fenced block with this info string.
fn block(info: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n```{info}\n")).unwrap_or_else(|| panic!("a block {info:?}"));
    rest.split_once("```").expect("the fence is closed").0.trim_end()
}

fn canonical(value: &Value) -> String {
    String::from_utf8(jcs::to_vec(value).unwrap()).unwrap()
}

/// §1: signer, seal key, record key.
fn slot(secret: &[u8; 32], label: &[u8]) -> (EphemeralSigner, [u8; 32], [u8; 32]) {
    let mut keys = [0; 64];
    hkdf_sha256(b"pumasi/slot/1", secret, label, &mut keys);
    let signer = EphemeralSigner::from_seed(keys[..32].try_into().unwrap());
    let place = sha256(&[&signer.public()]).0;
    (signer, keys[32..].try_into().unwrap(), place)
}

struct Example {
    a: Person,
    b: Person,
    pair: [u8; 32],
}

impl Example {
    fn new() -> Self {
        let (a, b) = (Person::new(1), Person::new(2));
        let pair = *block_on(a.provider.x25519_agree(&a.agreement, &b.x25519())).unwrap();
        Self { a, b, pair }
    }

    fn label(&self, from: &Person, to: &Person) -> Vec<u8> {
        let epoch = NOW.0 / 3_600_000;
        [b"pair".as_slice(), from.did.public(), to.did.public(), &epoch.to_be_bytes()].concat()
    }

    fn offer(&self) -> Signal {
        Signal {
            from: self.a.did,
            to: self.b.did,
            session: nonce(1),
            nonce: nonce(2),
            issued: NOW,
            expires: NOW + 60_000,
            content: Content::Offer { sdp: sdp("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n") },
        }
    }

    fn record(&self) -> Vec<u8> {
        let signed = self.a.sign(self.offer());
        let random: [u8; 64] = std::array::from_fn(|at| if at < 32 { 3 } else { 4 });
        self.a.mailbox_with(&self.b).seal(&signed, NOW, random).unwrap().1
    }

    fn config(&self, role: ChannelRole) -> AuthConfig {
        let (me, them, local, remote) = match role {
            ChannelRole::Offerer => (&self.a, &self.b, 0xaa, 0xbb),
            ChannelRole::Answerer => (&self.b, &self.a, 0xbb, 0xaa),
        };
        AuthConfig {
            role,
            me: me.did,
            them: them.did,
            local_fingerprint: [local; 32],
            remote_fingerprint: [remote; 32],
            nonce: nonce(local.into()),
            profile: ProfileVersion { sequence: 1, digest: sha256(&[me.did.public()]) },
            capabilities: BTreeSet::from(["bitcoin".to_owned()]),
        }
    }

    /// A's hello, what A signs on B's, and A's proof.
    fn channel(&self) -> [String; 3] {
        let mut a = ChannelAuth::new(self.config(ChannelRole::Offerer), NOW).unwrap();
        let mut b = ChannelAuth::new(self.config(ChannelRole::Answerer), NOW).unwrap();
        let Some(AuthOutput::Send(hello)) = a.poll_output() else { panic!("a hello first") };
        let Some(AuthOutput::Send(theirs)) = b.poll_output() else { panic!("a hello first") };
        a.handle_message(&theirs).unwrap();
        let Some(AuthOutput::Sign(transcript)) = a.poll_output() else { panic!("something to sign") };
        a.handle_signature(&self.a.sign_bytes(&transcript)).unwrap();
        let Some(AuthOutput::Send(proof)) = a.poll_output() else { panic!("a proof") };
        [hello, transcript, proof].map(|bytes| String::from_utf8(bytes).unwrap())
    }
}

#[test]
fn the_record_on_the_page_is_ours_and_opens_by_the_text_of_the_page() {
    let example = Example::new();
    assert_eq!(block("json record"), String::from_utf8(example.record()).unwrap());
    let record: Value = serde_json::from_str(block("json record")).unwrap();
    let (signer, seal_key, place) = slot(&example.pair, &example.label(&example.a, &example.b));
    assert_eq!(record["key"], b64::encode(signer.public()));
    let mut unsigned = record.clone();
    unsigned.as_object_mut().unwrap().remove("signature");
    assert_eq!(record["signature"], b64::encode(signer.sign(canonical(&unsigned).as_bytes())));

    let body = b64::decode("body", record["body"].as_str().unwrap()).unwrap();
    let (salt, ciphertext) = body.split_at(32);
    let mut keys = [0; 44];
    hkdf_sha256(b"pumasi/slot/1/seal", &seal_key, salt, &mut keys);
    let (sequence, expires) = (record["sequence"].as_u64().unwrap(), record["expires"].as_u64().unwrap());
    let bound = [place.as_slice(), &sequence.to_be_bytes(), &expires.to_be_bytes()].concat();
    let (key, iv) = (keys[..32].try_into().unwrap(), keys[32..].try_into().unwrap());
    let (b, provider) = (&example.b, &example.b.provider);
    let boxed = block_on(provider.aes256gcm_open(key, iv, &bound, ciphertext)).unwrap();
    let info = [b"pumasi/1/signal\0".as_slice(), &place].concat();
    let text = block_on(sealed::open(provider, &b.agreement, &info, &boxed)).unwrap();
    let text = std::str::from_utf8(&text).unwrap();
    let payload = b64::decode("payload", text.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(block("json offer").as_bytes(), payload);
}

#[test]
fn what_is_derived_is_on_the_page() {
    let example = Example::new();
    let (a, b) = (&example.a, &example.b);
    let places = [(a, b), (b, a)].map(|(from, to)| b64::encode(slot(&example.pair, &example.label(from, to)).2));
    let code = slot(&[7; 32], b"code\x02\x00").2;
    assert_eq!(Slot::from_code(&[7; 32], Step::Key, 0).record_key(), code);
    let lines = [
        format!("A's DID                  {}", a.did),
        format!("B's DID                  {}", b.did),
        format!("pair's secret            {}", b64::encode(example.pair)),
        format!("epoch                    {}", epoch(NOW)),
        format!("record key, A to B       {}", places[0]),
        format!("record key, B to A       {}", places[1]),
        format!("record key, step 2       {}", b64::encode(code)),
        format!("id of the offer          {}", a.sign(example.offer()).id()),
        format!("SHA-256 of A's hello     {}", sha256(&[block("json hello").as_bytes()])),
    ];
    assert_eq!(block("text derived"), lines.join("\n"));
}

#[test]
fn the_words_on_the_channel_are_on_the_page() {
    let example = Example::new();
    let [hello, transcript, proof] = example.channel();
    assert_eq!(block("json hello"), hello);
    assert_eq!(block("json transcript"), transcript);
    assert_eq!(block("json proof"), proof);

    let read: Value = serde_json::from_str(block("json transcript")).unwrap();
    let end = |person: &Person, print: u8, hello: &Value| json!({"did": person.did.to_string(), "fingerprint": Digest([print; 32]).to_string(), "hello": hello});
    let own = sha256(&[hello.as_bytes()]).to_string();
    let by_text = json!({
        "type": "pumasi/1/channel-proof",
        "role": "offerer",
        "offerer": end(&example.a, 0xaa, &json!(own)),
        "answerer": end(&example.b, 0xbb, &read["answerer"]["hello"]),
    });
    assert_eq!(canonical(&by_text), transcript);
    let proof: Value = serde_json::from_str(block("json proof")).unwrap();
    assert_eq!(proof["signature"], b64::encode(example.a.sign_bytes(transcript.as_bytes())));
}

#[test]
fn the_figures_on_the_page_are_those_of_the_code() {
    use pumasi_signaling as s;
    for (figure, value) in [
        ("at most **4,096 bytes**", s::MAX_RECORD as u64),
        ("at most **3,072 bytes**", s::MAX_SDP as u64),
        ("at most 2,048 bytes", s::MAX_AUTH_MESSAGE as u64),
        ("divided by 3,600,000", s::EPOCH),
        ("at most 2,814 bytes", s::MAX_CONTENT as u64 - 18),
    ] {
        assert!(PAGE.contains(figure), "{figure}");
        let digits: String = figure.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits, value.to_string());
    }
    assert_eq!((s::MAX_LIFETIME, s::CLOCK_SKEW, s::MAX_SIGNAL_LIFE, s::AUTH_WAIT), (900_000, 120_000, 300_000, 10_000));
    assert_eq!((s::MAX_CAPABILITIES, s::MAX_CAPABILITY, s::MAX_PARTS), (16, 32, 5));
}
