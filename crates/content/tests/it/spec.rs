//! The examples in `docs/spec/content.md`, which a program in another language made, are what this crate does.

use pumasi_content::provider::{self, ProviderEntry};
use pumasi_content::{
    AskToken, CHUNK, ContentId, Link, MAX_CHUNKS, MAX_HINTS, MAX_LINK, MAX_NAME, MAX_REQUEST, MAX_RESPONSE, Request,
    SEGMENT, Sealer, Secret, Tree, TreeBuilder,
};
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_units::Timestamp;
use serde::Deserialize;
use serde_json::Value;

const SPEC: &str = include_str!("../../../../docs/spec/content.md");

/// The content of the fenced block with this name.
fn read<T: Deserialize<'static>>(name: &str) -> T {
    let start = SPEC.find(&format!("```json {name}\n")).unwrap_or_else(|| panic!("no block {name}"));
    let body = &SPEC[start..];
    let body = &body[body.find('\n').unwrap() + 1..];
    serde_json::from_str(&body[..body.find("```").unwrap()]).unwrap()
}

fn file(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n % 251) as u8).collect()
}

fn tree(file: &[u8], sealer: Option<&Sealer>) -> Tree {
    let mut builder = TreeBuilder::default();
    match sealer {
        None => file.chunks(CHUNK as usize).for_each(|chunk| builder.push(chunk).unwrap()),
        Some(sealer) => {
            let empty: [&[u8]; 1] = [&[]];
            let segments = file.chunks(SEGMENT as usize).chain(empty.into_iter().filter(|_| file.is_empty()));
            for (index, segment) in (0..).zip(segments) {
                let mut chunk = segment.to_vec();
                sealer.seal(index, &mut chunk);
                builder.push(&chunk).unwrap();
            }
        }
    }
    builder.finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    size: usize,
    root: String,
    address: String,
}

#[test]
fn addresses_are_as_specified() {
    for spec in read::<Vec<Plain>>("addresses") {
        let tree = tree(&file(spec.size), None);
        assert_eq!(tree.root().to_string(), spec.root);
        assert_eq!(tree.content().id().to_string(), spec.address);
        assert_eq!(spec.address.parse::<ContentId>().unwrap(), tree.content().id());
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    file_size: usize,
    size: u64,
    address: String,
}

#[test]
fn private_shares_are_as_specified() {
    let sealer = Sealer::new(&Secret::from_random([7; 32]));
    for spec in read::<Vec<Sealed>>("sealed") {
        let content = tree(&file(spec.file_size), Some(&sealer)).content();
        assert_eq!((content.size(), content.id().to_string()), (spec.size, spec.address));
        assert_eq!(pumasi_content::plain_size(spec.size), Some(spec.file_size as u64));
    }
}

#[test]
fn links_are_as_specified() {
    for text in read::<Vec<&str>>("links") {
        assert_eq!(*Link::parse(text).unwrap().to_text(), text);
    }
    for text in read::<Vec<&str>>("no links") {
        assert!(Link::parse(text).is_err(), "{text}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    address: String,
    providers: String,
    node: String,
    token: String,
    have: String,
    chunk_2: String,
    proof_of_2: Vec<String>,
}

#[test]
fn questions_and_proofs_are_as_specified() {
    let spec: Asking = read("asking");
    let tree = tree(&file(600_000), None);
    let id: ContentId = spec.address.parse().unwrap();
    assert_eq!(tree.content().id(), id);
    assert_eq!(hex::encode(id.providers_key()), spec.providers);
    let node = EphemeralSigner::from_seed(&[1; 32]).public();
    assert_eq!(hex::encode(node), spec.node);
    let token = AskToken::new(&id, &node);
    assert_eq!(hex::encode(token.0), spec.token);
    assert_eq!(hex::encode(Request::Have(token).to_bytes()), spec.have);
    assert_eq!(hex::encode(Request::Chunk(token, 2).to_bytes()), spec.chunk_2);
    let proof: Vec<String> = tree.path(2).iter().map(ToString::to_string).collect();
    assert_eq!(proof, spec.proof_of_2);
    let chunk = &file(600_000)[2 * CHUNK as usize..];
    assert!(tree.content().prove(2, &tree.path(2), chunk).is_ok());
}

#[test]
fn entries_are_as_specified() {
    let entry = pumasi_crypto::jcs::to_vec(&read::<Value>("entry")).unwrap();
    let id: ContentId = read::<Asking>("asking").address.parse().unwrap();
    let made = Timestamp(1_795_247_280_000);
    let read = ProviderEntry::parse(&id.providers_key(), &entry, made).unwrap();
    assert_eq!(read.addresses(), ["/ip4/192.0.2.7/tcp/8468"]);
    let key = EphemeralSigner::from_seed(&[1; 32]);
    assert_eq!(read.node(), key.public());
    let addresses = read.addresses().to_vec();
    let again = ProviderEntry::sign(
        &id.providers_key(),
        &key.public(),
        addresses,
        made,
        made + 3 * 60 * 60 * 1_000,
        0,
        |bytes| key.sign(bytes),
    );
    assert_eq!(again.unwrap(), entry);
}

#[test]
fn limits_are_as_specified() {
    let spec: Value = read("limits");
    let ours = serde_json::json!({
        "chunk": CHUNK, "chunks": MAX_CHUNKS, "segment": SEGMENT, "link": MAX_LINK, "hints": MAX_HINTS, "name": MAX_NAME,
        "request": MAX_REQUEST, "response": MAX_RESPONSE, "entry": provider::MAX_ENTRY,
        "entry_life_ms": provider::MAX_LIFE, "entry_work_bits": provider::MIN_WORK,
    });
    assert_eq!(spec, ours);
}
