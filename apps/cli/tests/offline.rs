//! What one identity can do without a network, asserted on the real binary: output, exit codes, files.

mod common;

use common::pumasi;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PASSWORD: &str = "비밀번호 하나";
const NEW_PASSWORD: &str = "correct horse 말 배터리";

/// An identity in a temporary folder.
struct Home {
    folder: TempDir,
}

impl Home {
    /// A folder without an identity.
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A folder with one, called 민수.
    fn new() -> Self {
        let home = Self::empty();
        home.ok(&["init", "--name", "민수"]);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("temporary folders are UTF-8").to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = pumasi();
        command.args(args).env("PUMASI_HOME", self.path("me")).env("PUMASI_PASSWORD", PASSWORD).env("TZ", "UTC");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary under test starts")
    }

    /// What a command that must succeed prints.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", all(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The last line of a command with `--json` that must succeed.
    fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{args:?}: {text}"))
    }

    /// What a command says that must end with this code.
    fn fails(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", all(&output));
        String::from_utf8(output.stderr).expect("UTF-8")
    }
}

fn all(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("the file is there").permissions().mode() & 0o777
}

#[test]
fn a_new_identity_is_shown_and_nobody_is_known_yet() {
    let home = Home::empty();
    let nothing = home.fails(&["status"], 10);
    assert!(nothing.contains("There is no identity in") && nothing.contains("pumasi init"), "{nothing}");

    let made = home.json(&["init", "--name", "민수"]);
    let did = made["did"].as_str().expect("a DID");
    assert!(did.starts_with("did:key:z6Mk"), "{made}");
    assert!(home.fails(&["init"], 1).contains("Nothing was changed"), "a second identity has no place there");

    let shown = home.ok(&["id", "show"]);
    assert!(shown.contains(did) && shown.contains("민수"), "{shown}");
    let profile = home.json(&["id", "export"]);
    assert_eq!(profile["id"], *did);

    let keys = home.json(&["key", "list"]);
    let keys: Vec<_> = keys.as_array().expect("keys").iter().map(|key| (&key["purpose"], &key["algorithm"])).collect();
    let expected = [("identity", "Ed25519"), ("agreement", "X25519"), ("signing", "RSA 2048"), ("unwrap", "RSA 2048")];
    assert!(keys.iter().zip(expected).all(|(key, (purpose, algorithm))| *key.0 == purpose && *key.1 == algorithm));
    assert_eq!(keys.len(), 4, "{keys:?}");

    assert_eq!(home.json(&["contact", "list"]), Value::Array(vec![]));
    assert!(home.ok(&["contact", "list"]).contains("You know nobody yet"));
    assert!(home.fails(&["contact", "show", "영희"], 10).contains("Nobody here is called “영희”"));
    assert!(home.fails(&["ledger", "show", "--with", "영희"], 10).contains("영희"));
}

#[test]
fn rotated_keys_are_listed_beside_the_old_one_that_still_opens() {
    let home = Home::new();
    let before = home.json(&["id", "show"]);
    assert_eq!(home.json(&["key", "rotate"])["sequence"], 2);
    let keys = home.json(&["key", "list"]);
    let unwrap: Vec<_> = keys.as_array().expect("keys").iter().filter(|key| key["purpose"] == "unwrap").collect();
    assert_eq!((unwrap.len(), &unwrap[0]["current"], &unwrap[1]["current"]), (2, &true.into(), &false.into()));
    assert_eq!(home.json(&["id", "show"])["did"], before["did"], "the DID stays");
}

#[test]
fn a_wrong_password_is_exit_code_6_and_changes_nothing() {
    let home = Home::new();
    for args in [&["status"][..], &["request", "12,000 KRW"], &["ledger", "audit"], &["ledger", "export"]] {
        let output = home.command(args).env("PUMASI_PASSWORD", "not it").output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(6), "{args:?}: {}", all(&output));
        assert!(all(&output).contains("That password does not open this identity"), "{}", all(&output));
    }
    let none = home.command(&["status"]).env_remove("PUMASI_PASSWORD").output().expect("the binary starts");
    assert!(all(&none).contains("--password-fd"), "without a terminal it says how: {}", all(&none));
}

#[test]
#[cfg(unix)]
fn a_held_folder_is_exit_code_7_and_names_the_holder_who_keeps_out_no_reader() {
    let home = Home::new();
    assert_eq!(home.json(&["status"])["holder"], Value::Null);
    // An import waits for its file for as long as nobody writes into the pipe, and holds the folder meanwhile.
    let pipe = home.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let mut holder = home.command(&["ledger", "import"]).arg(&pipe).stderr(Stdio::null()).spawn().expect("it starts");
    let end = Instant::now() + common::PATIENCE;
    let status = loop {
        let status = home.json(&["status"]);
        if !status["holder"].is_null() {
            break status;
        }
        assert!(Instant::now() < end, "the import never took the folder");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&status["holder"]["doing"], &status["holder"]["pid"]), (&"ledger import".into(), &holder.id().into()));

    let refused = home.fails(&["request", "12,000 KRW"], 7);
    let expected = format!("`pumasi ledger import` is using this folder (process {}).", holder.id());
    assert!(refused.starts_with(&expected), "{refused}");
    assert!(home.ok(&["status"]).contains(&expected));
    assert_eq!(home.json(&["ledger", "audit"])["findings"], Value::Array(vec![]), "reading goes on beside it");

    holder.kill().expect("it runs");
    holder.wait().expect("it ends");
    assert_eq!(home.json(&["status"])["holder"], Value::Null, "the lock ends with its process, the file stays");
    home.ok(&["request", "12,000 KRW"]);
}

#[test]
fn the_ledger_is_shown_entry_by_entry_and_audited() {
    let home = Home::new();
    let shown = home.json(&["ledger", "show"]);
    assert_eq!(shown["entries"][0]["body"]["kind"], "opened");
    assert_eq!(shown["balances"], Value::Array(vec![]));
    let text = home.ok(&["ledger", "show"]);
    assert!(text.lines().nth(1).is_some_and(|line| line.contains(" UTC") && line.ends_with("opened")), "{text}");

    let entry = home.json(&["ledger", "entry", "1"]);
    assert_eq!(entry["hash"], shown["head"]["hash"]);
    assert!(home.ok(&["ledger", "entry", "1"]).contains(entry["hash"].as_str().expect("a hash")));
    assert!(home.fails(&["ledger", "entry", "2"], 10).contains("There is no entry 2. The last one is 1."));
    assert!(home.fails(&["receipt", "show", "0123456789"], 10).contains("No payment begins with “0123456789”"));

    let audit = home.json(&["ledger", "audit"]);
    assert_eq!((&audit["event"], &audit["entries"], &audit["more"]), (&"audit".into(), &1.into(), &0.into()));
    assert_eq!(home.ok(&["ledger", "audit"]), "All is well. Entries checked: 1. Signatures checked: 0.\n");
}

#[test]
fn every_format_is_exported_to_a_private_file_and_to_standard_output() {
    let home = Home::new();
    let did = home.json(&["id", "show"])["did"].as_str().expect("a DID").to_owned();
    let json = home.json(&["ledger", "export", "--format", "json"]);
    assert_eq!((&json["owner"], &json["entries"][0]["body"]["kind"]), (&did.clone().into(), &"opened".into()));
    let printed = home.ok(&["ledger", "export", "--format", "json", "--json"]);
    assert_eq!(printed.lines().count(), 1, "one document, one line");

    assert!(home.ok(&["ledger", "export", "-f", "csv"]).starts_with("entry,time,direction,peer,name,amount,"));
    assert!(home.ok(&["ledger", "export", "-f", "beancount"]).starts_with("option \"title\" \"Pumasi did:key:"));
    let csv = home.json(&["ledger", "export", "-f", "csv"]);
    assert!(csv["text"].as_str().is_some_and(|text| text.starts_with("entry,")), "{csv}");
    let sealed = home.json(&["ledger", "export"]);
    assert_eq!(sealed["kdf"]["name"], "PBKDF2-HMAC-SHA256");
    assert!(!sealed.to_string().contains(&did), "nobody reads whose it is");

    for format in ["fernet", "json", "csv", "beancount"] {
        let file = home.text(&format!("out.{format}"));
        let said = home.ok(&["ledger", "export", "--format", format, "--output", &file]);
        assert_eq!(said, format!("Written to {file}.\n"));
        #[cfg(unix)]
        assert_eq!(mode(Path::new(&file)), 0o600, "{format}");
    }
    let mut here = home.command(&["ledger", "export", "-f", "json", "-o", "here.json"]);
    let here = here.current_dir(home.folder.path()).output().expect("it starts");
    assert!(here.status.success(), "a path without a folder: {}", all(&here));
    let there = std::fs::read(home.path("here.json")).expect("the file is there");
    assert_eq!(there, std::fs::read(home.path("out.json")).expect("the file is there"));
}

#[test]
fn an_export_is_imported_with_the_password_that_locked_it() {
    let home = Home::new();
    let file = home.text("export.fernet");
    let exported = home.command(&["ledger", "export", "-o", &file]).env("PUMASI_EXPORT_PASSWORD", "열쇠").output();
    assert!(exported.expect("it starts").status.success());

    let refused = home.fails(&["ledger", "import", &file], 6);
    assert!(refused.contains("That password does not open the file"), "{refused}");
    let imported = home.command(&["ledger", "import", &file, "--json"]).env("PUMASI_EXPORT_PASSWORD", "열쇠").output();
    let imported = imported.expect("it starts");
    assert_eq!(imported.status.code(), Some(0), "{}", all(&imported));
    let imported: Value = serde_json::from_slice(&imported.stdout).expect("JSON");
    assert_eq!(imported["entries"], 2, "what was there, and that it was imported");
    assert_eq!(home.json(&["ledger", "audit"])["findings"], Value::Array(vec![]));

    home.ok(&["ledger", "export", "-o", &file]);
    assert!(home.fails(&["ledger", "import", &file], 1).contains("only an empty one can take an import"));
    std::fs::write(&file, "{}").expect("the file can be written");
    home.fails(&["ledger", "import", &file], 1);
    assert!(home.fails(&["ledger", "import", "/nowhere/at/all"], 1).contains("/nowhere/at/all"));
}

#[test]
fn a_ledger_that_was_put_back_from_an_old_copy_is_named_by_the_audit_and_takes_nothing() {
    let home = Home::new();
    let (backup, elsewhere) = (home.text("backup"), home.text("elsewhere"));
    let old = std::fs::read(home.path("me").join("ledger.db")).expect("a closed ledger is one file");
    home.ok(&["ledger", "backup", &backup]);
    home.ok(&["--home", &elsewhere, "ledger", "restore", &backup]);
    std::fs::write(home.path("elsewhere").join("ledger.db"), old).expect("the ledger can be replaced");

    let audit = home.run(&["--home", &elsewhere, "ledger", "audit", "--json"]);
    assert_eq!(audit.status.code(), Some(8), "{}", all(&audit));
    let audit: Value = serde_json::from_slice(&audit.stdout).expect("JSON");
    let said =
        "This ledger is an old copy: it ends at entry 1, and the marker beside it says that entry 2 was written.";
    assert_eq!(audit["findings"], serde_json::json!([said]));
    assert!(home.fails(&["--home", &elsewhere, "request", "12,000 KRW"], 8).contains(said));
}

#[test]
fn a_backup_makes_the_identity_again_in_another_folder_and_not_over_one() {
    let home = Home::new();
    let file = home.text("backup");
    assert!(home.ok(&["ledger", "backup", &file]).contains("An encrypted backup is in"));
    #[cfg(unix)]
    assert_eq!(mode(Path::new(&file)), 0o600);

    assert!(home.fails(&["ledger", "restore", &file], 1).contains("Nothing was changed"));
    let elsewhere = home.text("elsewhere");
    let restored = home.json(&["--home", &elsewhere, "ledger", "restore", &file]);
    assert_eq!((&restored["did"], &restored["entries"]), (&home.json(&["id", "show"])["did"], &2.into()));
    assert_eq!(home.json(&["--home", &elsewhere, "ledger", "audit"])["findings"], Value::Array(vec![]));

    let wrong = home.command(&["--home", &home.text("third"), "ledger", "restore", &file]);
    let wrong = { wrong }.env("PUMASI_PASSWORD", "not it").output().expect("it starts");
    assert_eq!(wrong.status.code(), Some(6), "{}", all(&wrong));
    std::fs::write(&file, "rubbish\n").expect("the file can be written");
    assert!(
        home.fails(&["--home", &home.text("fourth"), "ledger", "restore", &file], 1).contains("not a Pumasi backup")
    );
}

#[test]
fn the_password_is_changed_and_the_old_one_opens_nothing() {
    let home = Home::new();
    let changed = home.command(&["ledger", "password"]).env("PUMASI_NEW_PASSWORD", NEW_PASSWORD).output();
    let changed = changed.expect("it starts");
    assert_eq!(changed.status.code(), Some(0), "{}", all(&changed));
    assert!(all(&changed).starts_with("The password is changed."));
    home.fails(&["status"], 6);
    let opened = home.command(&["ledger", "audit"]).env("PUMASI_PASSWORD", NEW_PASSWORD).output().expect("it starts");
    assert!(opened.status.success(), "{}", all(&opened));

    let mut empty = home.command(&["ledger", "password"]);
    let empty = empty.env("PUMASI_PASSWORD", NEW_PASSWORD).env("PUMASI_NEW_PASSWORD", "").output().expect("it starts");
    assert!(!empty.status.success() && all(&empty).contains("The password is empty."), "{}", all(&empty));
    let opened = home.command(&["status"]).env("PUMASI_PASSWORD", NEW_PASSWORD).output().expect("it starts");
    assert!(opened.status.success(), "nothing was changed: {}", all(&opened));
}

#[test]
fn rubbish_is_no_receipt_and_no_identity_is_needed_to_know_it() {
    let home = Home::empty();
    let file = home.text("receipt.json");
    for rubbish in ["", "rubbish", "{}", r#"{"format":"pumasi-receipt","version":1}"#] {
        std::fs::write(&file, rubbish).expect("the file can be written");
        assert!(home.fails(&["receipt", "verify", &file], 8).starts_with("This receipt proves nothing:"), "{rubbish}");
    }
    std::fs::write(&file, vec![b'x'; 10_000_000]).expect("the file can be written");
    assert!(home.fails(&["receipt", "verify", &file], 1).contains("larger than"));
    home.fails(&["receipt", "verify", &home.text("none")], 1);
    assert!(!home.path("me").exists(), "nothing was made");
}

#[test]
fn a_request_is_a_link_that_its_reader_can_check_and_a_code_to_scan() {
    let home = Home::new();
    let requested = home.json(&["request", "12,000 KRW", "--memo", "점심", "--expires", "3600"]);
    let link = requested["link"].as_str().expect("a link");
    let request = pumasi_transfer::Verified::from_link(link).expect("signed and whole");
    let payload = request.payload();
    assert_eq!((payload.money.to_string().as_str(), payload.memo.as_str()), ("12,000 KRW", "점심"));
    assert_eq!(
        (&requested["id"], &requested["expires"]),
        (&request.id().to_string().into(), &payload.expires.0.into())
    );
    assert_eq!(payload.expires.since(payload.issued), 3_600_000);

    let text = home.ok(&["request", "₩3,000"]);
    assert!(text.contains("pumasi:request:") && text.contains('█'), "{text}");
    assert!(!home.ok(&["request", "3000원", "--no-qr"]).contains('█'));

    let status = home.json(&["status"]);
    assert_eq!(status["requests"].as_array().map(Vec::len), Some(3), "{status}");
    assert_eq!(status["requests"][0]["memo"], "점심", "the first to expire is the first");
    assert!(home.ok(&["status"]).contains("Your request for 12,000 KRW (점심) is open until"));

    home.fails(&["request", "0 KRW"], 1);
    home.fails(&["request", "1 KRW", "--memo", &"가".repeat(257)], 1);
    home.fails(&["request", "12 apples"], 2);
    assert!(home.fails(&["request", "0.1 BTC"], 1).contains("Bitcoin cannot be paid yet"));
    assert_eq!(home.json(&["status"])["requests"].as_array().map(Vec::len), Some(3), "nothing was signed");
}

#[test]
fn each_shell_gets_its_completions() {
    let home = Home::empty();
    for (shell, sign) in [("bash", "complete -F _pumasi"), ("zsh", "#compdef pumasi"), ("fish", "complete -c pumasi")] {
        let script = home.ok(&["completions", shell]);
        assert!(script.contains(sign) && script.contains("receipt"), "{shell}");
    }
}

#[test]
fn every_line_with_json_is_json_and_no_secret_is_in_any_output() {
    let home = Home::new();
    let (out, backup, elsewhere) = (home.text("o.json"), home.text("b"), home.text("elsewhere"));
    let commands: &[&[&str]] = &[
        &["id", "show"],
        &["id", "export"],
        &["id", "export", "-o", &out],
        &["key", "list"],
        &["key", "rotate"],
        &["contact", "list"],
        &["contact", "show", "nobody"],
        &["request", "12,000 KRW"],
        &["ledger", "show"],
        &["ledger", "entry", "1"],
        &["ledger", "entry", "9"],
        &["ledger", "audit"],
        &["ledger", "export"],
        &["ledger", "export", "-f", "json"],
        &["ledger", "export", "-f", "csv"],
        &["ledger", "export", "-f", "beancount"],
        &["ledger", "export", "-o", &out],
        &["ledger", "backup", &backup],
        &["--home", &elsewhere, "ledger", "restore", &backup],
        &["ledger", "import", &out],
        &["ledger", "password"],
        &["receipt", "show", "01234567"],
        &["receipt", "verify", &out],
        &["status"],
    ];
    for command in commands {
        for json in [&["--json", "-vvv"][..], &["-vvv"]] {
            let mut run = home.command(&[*command, json].concat());
            let output = run.env("PUMASI_NEW_PASSWORD", PASSWORD).output().expect("it starts");
            let printed = String::from_utf8(output.stdout.clone()).expect("UTF-8");
            if json.len() == 2 {
                assert!(!printed.is_empty(), "{command:?} says nothing: {}", all(&output));
                for line in printed.lines() {
                    assert!(serde_json::from_str::<Value>(line).is_ok(), "{command:?}: {line}");
                }
            }
            for secret in [PASSWORD, "PRIVATE KEY"] {
                assert!(!all(&output).contains(secret), "{command:?}: {}", all(&output));
            }
        }
    }
}

#[test]
fn korean_is_spoken_where_it_is_wanted() {
    let home = Home::new();
    let korean = |args: &[&str]| {
        let output = home.command(args).env("PUMASI_LANG", "ko").output().expect("it starts");
        all(&output)
    };
    assert!(korean(&["status"]).starts_with("민수 님이에요: did:key:z6Mk"), "{}", korean(&["status"]));
    assert!(korean(&["ledger", "show"]).contains("원장을 엶"));
    assert!(korean(&["ledger", "audit"]).contains("이상 없어요. 기록 1건과 서명 0개를 확인했어요."));
    assert!(korean(&["key", "list"]).contains("이체 서명"));
    assert!(korean(&["request", "12,000원"]).starts_with("12,000원 요청이에요."));
    assert!(korean(&["contact", "show", "영희"]).contains("이름으로 아는 사람이 없어요"));
    let by_locale = home.command(&["status"]).env_remove("PUMASI_LANG").env("LC_ALL", "ko_KR.UTF-8").output();
    assert!(all(&by_locale.expect("it starts")).starts_with("민수 님이에요"));
}
