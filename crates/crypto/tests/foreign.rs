//! Others open what we make, and we open what they make: Python `cryptography`, `jwcrypto` and `joserfc`, Node `jose`,
//! OpenSSL. A peer that is not installed is skipped, with a word on why.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

#[path = "suite/block_on.rs"]
mod block_on;
#[path = "suite/example.rs"]
mod example;
#[path = "suite/hex.rs"]
mod hex;

use block_on::block_on;
use example::example;
use hex::hex;
use pumasi_crypto::fernet::{self, FernetKey};
use pumasi_crypto::jose::{self, Jws};
use pumasi_crypto::password::{DerivedKeys, PBKDF2_ROUNDS, Password};
use pumasi_crypto::pem::{self, Pbes2};
use pumasi_crypto::{NativeProvider, Provider, RsaBits, RsaPublicKey, pkcs8, sealed};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROVIDER: NativeProvider = NativeProvider;
const LIMIT: Duration = Duration::from_secs(60);
const MAX: usize = 20_000;
const PASSWORD: &str = "비밀번호 열두 글자";

fn workspace() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).ancestors().nth(2).unwrap().to_owned()
}

fn setting(variable: &str, otherwise: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| workspace().join(otherwise), PathBuf::from)
}

/// A command for a script of ours in Python, if there is a Python with these modules.
fn python_peer(script: &str, modules: &str) -> Result<Command, String> {
    let mut command = python(modules)?;
    command.arg(workspace().join("testing/foreign/crypto").join(script));
    Ok(command)
}

/// Python, if there is one with these modules.
fn python(modules: &str) -> Result<Command, String> {
    let python = setting("PUMASI_PYTHON", "target/foreign/venv/bin/python");
    match Command::new(&python).args(["-c", &format!("import {modules}")]).output() {
        Ok(output) if output.status.success() => Ok(Command::new(python)),
        Ok(_) => Err(format!("{} has no {modules}", python.display())),
        Err(error) => Err(format!("{}: {error}", python.display())),
    }
}

/// A command for a script of ours in Node, if there is one with this module.
fn node(script: &str, module: &str) -> Result<Command, String> {
    let modules = setting("PUMASI_NODE_MODULES", "target/foreign/node/node_modules");
    if !modules.join(module).is_dir() {
        return Err(format!("no {module} in {}", modules.display()));
    }
    Command::new("node").arg("--version").output().map_err(|error| format!("node: {error}"))?;
    let mut command = Command::new("node");
    command.arg(workspace().join("testing/foreign/crypto").join(script)).env("PUMASI_NODE_MODULES", modules);
    Ok(command)
}

/// Gives the peer one request and reads its answer.
fn exchange(mut command: Command, request: &Value) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // A request is smaller than a pipe's buffer, and an answer comes at the end: neither side can block the other.
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&finish(child, &command)).unwrap()
}

fn finish(mut child: Child, command: &Command) -> Vec<u8> {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{command:?} took longer than {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    output.stdout
}

/// A private key as unencrypted PEM, for peers that are only a test.
fn plain_pem(der: &[u8]) -> String {
    ::pkcs8::der::pem::encode_string("PRIVATE KEY", ::pkcs8::LineEnding::LF, der).unwrap()
}

fn public_pem(der: &[u8]) -> String {
    ::pkcs8::der::pem::encode_string("PUBLIC KEY", ::pkcs8::LineEnding::LF, der).unwrap()
}

/// Ours → theirs → ours: a transfer (PS256 in a JWE) and a result (EdDSA), with the keys handed over as PEM.
fn the_envelope_goes_both_ways(command: Command) {
    let signing_der = block_on(PROVIDER.rsa_generate(RsaBits::B2048)).unwrap();
    let unwrap_der = block_on(PROVIDER.rsa_generate(RsaBits::B3072)).unwrap();
    let did_der = pkcs8::from_ed25519_seed(&[7; 32]);
    let signing = block_on(PROVIDER.import_rsa_signing(&signing_der)).unwrap();
    let unwrap = block_on(PROVIDER.import_rsa_unwrap(&unwrap_der)).unwrap();
    let did = block_on(PROVIDER.import_ed25519(&did_der)).unwrap();
    let (signing_public, unwrap_public) = (PROVIDER.rsa_signing_public(&signing), PROVIDER.rsa_unwrap_public(&unwrap));
    let did_public = PROVIDER.ed25519_public(&did);

    let payload = json!({"memo": "모내기 하루 품앗이", "money": {"amount": "12000", "unit": "KRW"}, "expires": 1_793_260_800_000_u64});
    let transfer = block_on(jose::sign_ps256(&PROVIDER, &signing, "did:key:a#sign", "transfer", &payload)).unwrap();
    let jwe =
        block_on(jose::encrypt(&PROVIDER, &unwrap_public, "did:key:b#unwrap", transfer.as_str().as_bytes())).unwrap();
    let result = block_on(jose::sign_eddsa(&PROVIDER, &did, "did:key:b", "result", &payload)).unwrap();
    let mut tampered: Value = serde_json::from_str(&jwe).unwrap();
    tampered["tag"] = "AAAAAAAAAAAAAAAAAAAAAA".into();

    // RFC 8410 §4: twelve fixed bytes, then the key.
    let did_spki = [hex("302a300506032b6570032100"), did_public.to_vec()].concat();
    let answer = exchange(
        command,
        &json!({
            "payload": payload, "jwe": jwe, "jws": result.as_str(), "tampered": tampered.to_string(),
            "signing_private": plain_pem(&signing_der), "signing_public": signing_public.to_spki_pem(),
            "unwrap_private": plain_pem(&unwrap_der), "unwrap_public": unwrap_public.to_spki_pem(),
            "did_private": plain_pem(&did_der), "did_public": public_pem(&did_spki),
            "signing_kid": "did:key:p#sign", "unwrap_kid": "did:key:b#unwrap", "did_kid": "did:key:p",
        }),
    );

    assert_eq!(answer["transfer"], payload, "they read another transfer than we wrote");
    assert_eq!(answer["result"], payload, "they read another result than we wrote");
    assert_eq!(answer["refused"], true, "they opened a JWE with a changed tag");
    let theirs = answer["jwe"].as_str().unwrap();
    assert_eq!(jose::recipient_kid(theirs, MAX).unwrap(), "did:key:b#unwrap");
    let opened = block_on(jose::decrypt(&PROVIDER, &unwrap, theirs, MAX)).unwrap();
    let jws = Jws::parse(std::str::from_utf8(&opened).unwrap(), MAX).unwrap();
    assert_eq!((jws.kid(), jws.typ()), ("did:key:p#sign", "transfer"));
    let verified = block_on(jws.verify_ps256(&PROVIDER, &signing_public)).unwrap();
    assert_eq!(verified.payload::<Value>().unwrap(), payload);
    let jws = Jws::parse(answer["jws"].as_str().unwrap(), MAX).unwrap();
    let verified = jws.verify_eddsa(&did_public).unwrap();
    assert_eq!(verified.payload::<Value>().unwrap(), payload);
}

#[test]
fn jwcrypto_and_we_read_each_other() {
    match python_peer("jwcrypto_peer.py", "jwcrypto") {
        Ok(command) => the_envelope_goes_both_ways(command),
        Err(reason) => println!("SKIPPED jwcrypto_and_we_read_each_other: {reason}"),
    }
}

#[test]
fn joserfc_and_we_read_each_other() {
    match python_peer("joserfc_peer.py", "joserfc") {
        Ok(command) => the_envelope_goes_both_ways(command),
        Err(reason) => println!("SKIPPED joserfc_and_we_read_each_other: {reason}"),
    }
}

#[test]
fn node_jose_and_we_read_each_other() {
    match node("jose_peer.mjs", "jose") {
        Ok(command) => the_envelope_goes_both_ways(command),
        Err(reason) => println!("SKIPPED node_jose_and_we_read_each_other: {reason}"),
    }
}

#[test]
fn python_cryptography_opens_our_files_and_we_open_theirs() {
    let command = match python_peer("cryptography_peer.py", "cryptography.hazmat.primitives.hpke") {
        Ok(command) => command,
        Err(reason) => {
            println!("SKIPPED python_cryptography_opens_our_files_and_we_open_theirs: {reason}");
            return;
        }
    };
    let (salt, text) = ([0x5a; 16], "두레와 품앗이: 12,000원");
    let mut keys = DerivedKeys::new(Password::new(PASSWORD));
    let fernet_key = FernetKey::from_bytes(*block_on(keys.get(&PROVIDER, &salt, PBKDF2_ROUNDS)).unwrap());
    let rsa = block_on(PROVIDER.rsa_generate(RsaBits::B2048)).unwrap();
    let ders = [rsa.clone(), pkcs8::from_ed25519_seed(&[7; 32]), pkcs8::from_x25519_secret(&[8; 32])];
    let lock = |der: &[u8], keys: &mut DerivedKeys| {
        block_on(pem::encrypt(&PROVIDER, keys, der, &Pbes2::with_salt(&PROVIDER, salt).unwrap())).unwrap()
    };
    let pems: Vec<String> = ders.iter().map(|der| lock(der, &mut keys)).collect();
    let recipient = block_on(PROVIDER.import_x25519(&ders[2])).unwrap();
    let boxed = sealed::seal([9; 32], &PROVIDER.x25519_public(&recipient), b"offer", text.as_bytes()).unwrap();
    let to_hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();

    // The same password as macOS types it: every syllable as its jamo.
    let typed = "\u{1107}\u{1175}\u{1106}\u{1175}\u{11af}\u{1107}\u{1165}\u{11ab}\u{1112}\u{1169} \u{110b}\u{1167}\u{11af}\u{1103}\u{116e} \u{1100}\u{1173}\u{11af}\u{110c}\u{1161}";
    let answer = exchange(
        command,
        &json!({
            "password": typed, "salt": to_hex(&salt), "rounds": PBKDF2_ROUNDS, "text": text,
            "token": fernet::to_text(&fernet_key.seal(text.as_bytes(), 1_793_260_800, [3; 16])),
            "pems": pems, "info": "offer", "x25519_secret": to_hex(&[8; 32]), "sealed": to_hex(&boxed),
        }),
    );

    assert_eq!(answer["opened"], text);
    let token = fernet::from_text(answer["token"].as_str().unwrap()).unwrap();
    assert_eq!(**fernet_key.open(&token).unwrap(), *text.as_bytes());
    let public = RsaPublicKey::from_spki_pem(answer["publics"][0].as_str().unwrap()).unwrap();
    assert_eq!(public, pkcs8::rsa_public(&rsa).unwrap());
    assert_eq!(block_on(pem::decrypt(&PROVIDER, &mut keys, answer["pem"].as_str().unwrap())).unwrap(), rsa);
    assert_eq!(answer["unsealed"], text);
    let theirs = hex(answer["sealed"].as_str().unwrap());
    assert_eq!(**block_on(sealed::open(&PROVIDER, &recipient, b"offer", &theirs)).unwrap(), *text.as_bytes());
}

#[test]
fn the_python_of_the_specification_opens_its_token() {
    const KEYS: &str = include_str!("../../../docs/spec/keys.md");
    let mut command = match python("cryptography") {
        Ok(command) => command,
        Err(reason) => {
            println!("SKIPPED the_python_of_the_specification_opens_its_token: {reason}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token.txt"), example(KEYS, "fernet")).unwrap();
    command.current_dir(&folder).env("PYTHONUTF8", "1").args(["-c", example(KEYS, "open-token")]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let printed = String::from_utf8(finish(child, &command)).unwrap();
    assert_eq!(printed.trim_end(), example(KEYS, "fernet-plaintext"));
}

#[test]
fn openssl_opens_our_keys_and_we_open_its_keys() {
    let openssl = || {
        let mut command = Command::new("openssl");
        command.env("PUMASI_TEST_PASSWORD", PASSWORD).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    };
    let run = |mut command: Command, input: &str| {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        String::from_utf8(finish(child, &command)).unwrap()
    };
    if openssl().arg("version").output().is_err() {
        println!("SKIPPED openssl_opens_our_keys_and_we_open_its_keys: no openssl");
        return;
    }
    let mut keys = DerivedKeys::new(Password::new(PASSWORD));
    let der = block_on(PROVIDER.rsa_generate(RsaBits::B2048)).unwrap();
    let pbes2 = Pbes2::with_salt(&PROVIDER, [6; 16]).unwrap();
    let ours = block_on(pem::encrypt(&PROVIDER, &mut keys, &der, &pbes2)).unwrap();

    let mut open = openssl();
    open.args(["pkey", "-passin", "env:PUMASI_TEST_PASSWORD", "-pubout"]);
    assert_eq!(run(open, &ours), pkcs8::rsa_public(&der).unwrap().to_spki_pem());

    let mut lock = openssl();
    lock.args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-iter", "600000"]);
    lock.args(["-passout", "env:PUMASI_TEST_PASSWORD"]);
    let theirs = run(lock, &plain_pem(&der));
    assert_eq!(block_on(pem::decrypt(&PROVIDER, &mut keys, &theirs)).unwrap(), der);
}
