//! The directory by the command line: a shop lists itself, a customer finds it, a second directory follows the first.

mod common;

use common::{PATIENCE, directory, pumasi};
use serde_json::Value;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

struct Shop(TempDir);

impl Shop {
    fn run(&self, url: &str, args: &[&str]) -> Output {
        let mut command = pumasi();
        command.args(args).arg("--json").env("PUMASI_HOME", self.0.path()).env("PUMASI_PASSWORD", "비밀번호");
        command.env("PUMASI_DIRECTORY", url).stdin(Stdio::null()).output().expect("the binary under test starts")
    }

    fn last(&self, url: &str, args: &[&str]) -> (Option<i32>, Value) {
        let output = self.run(url, args);
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().last().unwrap_or("null");
        (output.status.code(), serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}")))
    }
}

#[test]
fn a_shop_lists_itself_and_is_found_in_two_directories() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shop = Shop(tempfile::tempdir().expect("a temporary folder"));
    assert!(shop.run("", &["init", "--name", "한밭식당"]).status.success());
    let (mut first, url) = directory(&folder.path().join("one"), &[]);
    let register =
        ["register", "--category", "식당", "--description", "강남구 역삼동", "--endpoint", "https://shop.example"];
    let (exit, registered) = shop.last(&url, &register);
    assert_eq!((exit, registered["event"].as_str()), (Some(0), Some("registered")));

    let (exit, found) = shop.last(&url, &["search", "강남구", "식당에서"]);
    assert_eq!((exit, found["event"].as_str(), found["name"].as_str()), (Some(0), Some("found"), Some("한밭식당")));
    assert_eq!((&found["did"], &found["service_endpoint"]), (&registered["did"], &"https://shop.example".into()));
    assert_eq!(shop.last(&url, &["search", "카페"]).0, Some(10));

    let (_second, other) = directory(&folder.path().join("two"), &["--mirror", &url]);
    let end = Instant::now() + PATIENCE;
    while shop.last(&other, &["search", "식당"]).0 != Some(0) {
        assert!(Instant::now() < end, "the mirror has nothing within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    // Both are asked; both know the same entry, which is shown once.
    let both = shop.run(&format!("{url},{other}"), &["search", "식당"]);
    assert_eq!(String::from_utf8_lossy(&both.stdout).lines().count(), 1);

    assert_eq!(shop.last(&url, &["unregister"]).1["event"], "unregistered");
    assert_eq!(shop.last(&url, &["unregister"]).1["event"], "not-listed");
    assert_eq!(shop.last(&url, &["search", "식당"]).0, Some(10));
    first.kill();
    assert_eq!(shop.last(&url, &["search", "식당"]).0, Some(5), "nobody answers");
}

#[test]
fn what_would_be_unsafe_is_refused() {
    let shop = Shop(tempfile::tempdir().expect("a temporary folder"));
    let refused = |args: &[&str]| {
        let (exit, told) = shop.last("", args);
        assert_eq!(told["event"], "error", "{args:?}");
        exit
    };
    assert_eq!(refused(&["discovery", "--listen", "0.0.0.0:0"]), Some(1));
    assert_eq!(refused(&["discovery", "--postgres", "postgres://pumasi:secret@db.example/x"]), Some(2));
    assert!(shop.run("", &["init"]).status.success());
    let plain = ["register", "--category", "식당", "--description", "x", "--endpoint", "http://shop.example"];
    assert_eq!(refused(&plain), Some(1));
}
