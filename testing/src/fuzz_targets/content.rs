//! Links to content, what is asked and answered, and entries of providers.

use super::{NOW, signing_key};
use pumasi_content::provider::{ProviderEntry, validate};
use pumasi_content::{Bitmap, Content, ContentId, FileName, Link, MAX_CHUNKS, Request, Response, TreeBuilder};
use pumasi_crypto::{b64, jcs};

/// A link; a question; an answer, also as one to a question for a chunk. The first byte says which.
pub fn content(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        b'l' => link(rest),
        b'q' => {
            let Ok(request) = Request::parse(rest) else { return };
            assert_eq!(request.to_bytes(), rest);
        }
        b'p' => proof(rest),
        _ => {
            let Ok(response) = Response::parse(rest) else { return };
            assert_eq!(response.to_bytes(), rest);
            for chunks in [0, 1, 63, 64, 65, MAX_CHUNKS] {
                let Some(bitmap) = response.bitmap(chunks) else { continue };
                assert!(bitmap.count() <= chunks && bitmap.iter().all(|index| index < chunks));
                assert_eq!(Bitmap::from_bytes(&bitmap.to_bytes(), chunks), Some(bitmap));
            }
        }
    }
}

fn link(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(link) = Link::parse(text) {
        assert_eq!(*link.to_text(), text.trim());
        assert_eq!(FileName::clean(link.name().as_str()), *link.name());
        assert!(link.file_size() <= link.content().size());
    }
    let clean = FileName::clean(text);
    assert_eq!(FileName::new(clean.as_str()), Ok(clean.clone()));
    let path = std::path::Path::new("folder").join(clean.as_str());
    assert_eq!(path.components().count(), 2, "{clean}");
    // In the memo of a payment.
    assert!(Link::find(text).count() <= text.len());
}

/// Only the three chunks of a content prove themselves in it, each with its own proof.
fn proof(data: &[u8]) {
    let Some((index, rest)) = data.split_first() else { return };
    let Ok(Response::Chunk { path, bytes }) = Response::parse(rest) else { return };
    let chunks = [vec![1; 262_144], vec![2; 262_144], b"end".to_vec()];
    let mut builder = TreeBuilder::default();
    chunks.iter().for_each(|chunk| builder.push(chunk).expect("a small content"));
    let tree = builder.finish();
    let index = u32::from(*index);
    if tree.content().prove(index, &path, bytes).is_ok() {
        assert_eq!((chunks[index as usize].as_slice(), tree.path(index)), (bytes, path));
    }
    // Of another content it is none.
    let other = Content::new(ContentId([0; 32]), tree.content().size()).expect("a small content");
    assert!(other.prove(index, &[], bytes).is_err());
}

/// An entry of a provider, as it stands and with its signature made good.
pub fn provider(data: &[u8]) {
    let _ = validate(&[9; 32], data, NOW);
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let Some(members) = value.as_object_mut() else { return };
    members.remove("signature");
    let Ok(unsigned) = jcs::to_vec(&value) else { return };
    let signature = signing_key().sign(&[b"pumasi/content/1/provider".as_slice(), &[9; 32], &unsigned].concat());
    value["signature"] = b64::encode(signature).into();
    let Ok(signed) = jcs::to_vec(&value) else { return };
    if let Ok(facts) = validate(&[9; 32], &signed, NOW) {
        let entry = ProviderEntry::parse(&[9; 32], &signed, NOW).expect("what was found good is read");
        assert_eq!((facts.name, entry.node()), (signing_key().public(), signing_key().public()));
        assert!(facts.expires > NOW && entry.addresses().len() <= 8);
    }
}
