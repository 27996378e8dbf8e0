//! Python makes an entry of the DHT by the specification alone.

use super::common::NOW;
use pumasi_discovery::dht::{self, Query, SignedListing};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn python_lists_a_shop_in_the_dht_by_the_specification() {
    let venv = workspace().join("target/foreign/venv/bin/python");
    let python = std::env::var_os("PUMASI_PYTHON").map_or(venv, PathBuf::from);
    let has = Command::new(&python).args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        println!("SKIPPED: no Python with cryptography (PUMASI_PYTHON)");
        return;
    }
    let script = workspace().join("testing/foreign/directory/listed.py");
    let run = Command::new(python).arg(script).arg(NOW.0.to_string()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let made: Value = serde_json::from_slice(&run.stdout).unwrap();
    let mut categories = Vec::new();
    for entry in made["entries"].as_array().unwrap() {
        let text = |member: &str| entry[member].as_str().unwrap();
        let id: [u8; 32] = hex::decode(text("place")).unwrap().try_into().unwrap();
        let read = SignedListing::verify(&id, text("entry").as_bytes(), NOW).unwrap();
        assert_eq!(read.shop().did.to_string(), made["did"].as_str().unwrap());
        assert_eq!(read.shop().category, text("category"));
        let facts = dht::validate(&id, text("entry").as_bytes(), NOW).unwrap();
        assert_eq!((hex::encode(facts.name), facts.rank), (text("name").to_owned(), entry["rank"].as_u64().unwrap()));
        categories.push(read.shop().category.clone());
    }
    assert_eq!(categories, ["restaurant", "cafe", "두부공방"]);
    assert_eq!(Query::new("식당에서", None).unwrap().categories, categories[..1]);
}
