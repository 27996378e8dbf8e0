//! TLS clients that are not rustls: curl, OpenSSL, and Python's `ssl`.

use crate::common::{MOMENT, program, with_files};
use std::path::Path;
use tokio::process::Command;

async fn run(program: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(MOMENT, command.output()).await.unwrap().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_openssl_and_python_verify_the_certificate_and_are_served() {
    const TEST: &str = "curl_openssl_and_python_verify_the_certificate_and_are_served";
    let folder = tempfile::tempdir().unwrap();
    let running = with_files(folder.path()).await;
    let port = running.address().port();
    let authority = folder.path().join("authority.pem");
    let authority = authority.to_str().unwrap();

    if let Some(curl) = program("curl", TEST) {
        let url = format!("https://localhost:{port}/");
        let trusted = run(&curl, &["-sS", "--cacert", authority, &url]).await;
        assert_eq!(trusted, "127.0.0.1 127.0.0.1");
        let not = run(&curl, &["-sS", &url]).await;
        assert!(not.contains("certificate"), "{not}");
    }
    if let Some(openssl) = program("openssl", TEST) {
        let connect = format!("127.0.0.1:{port}");
        for version in ["-tls1_2", "-tls1_3"] {
            let said = run(
                &openssl,
                &[
                    "s_client",
                    "-connect",
                    &connect,
                    "-CAfile",
                    authority,
                    version,
                    "-verify_return_error",
                    "-verify_ip",
                    "127.0.0.1",
                ],
            )
            .await;
            assert!(said.contains("Verify return code: 0 (ok)"), "{version}: {said}");
        }
        let old = run(&openssl, &["s_client", "-connect", &connect, "-tls1_1"]).await;
        assert!(!old.contains("Cipher is TLS") && old.contains("no peer certificate available"), "{old}");
        // The authority may speak for this machine only.
        let said = run(&openssl, &["x509", "-in", authority, "-noout", "-text"]).await;
        assert!(said.contains("X509v3 Name Constraints: critical"), "{said}");
    }
    if let Some(python) = program("python3", TEST) {
        let script = format!(
            "import ssl, urllib.request\n\
             context = ssl.create_default_context(cafile={authority:?})\n\
             context.verify_flags |= getattr(ssl, 'VERIFY_X509_STRICT', 0)\n\
             print(urllib.request.urlopen('https://127.0.0.1:{port}/', context=context).read().decode())\n"
        );
        let said = run(&python, &["-c", &script]).await;
        assert_eq!(said.trim(), "127.0.0.1 127.0.0.1");
    }
    running.stop(MOMENT).await;
}
