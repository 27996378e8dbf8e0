//! A real browser: Chromium, headless, as offerer and as answerer, over a page that speaks our framing.

use std::process::Stdio;
use std::time::{Duration, Instant};

use pumasi_rtc::{DataLink, Link, Observer, answer, offer};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::common::{loopback, workspace};

const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with our page, and the little server that the page talks to.
struct Browser {
    _process: Child,
    _profile: tempfile::TempDir,
    to_page: mpsc::Sender<String>,
    sdps: mpsc::Receiver<String>,
    results: mpsc::Receiver<Value>,
}

impl Browser {
    /// Starts it; `None`, and a word on the terminal, when there is no Chromium.
    async fn start(test: &str, role: &str) -> Option<Browser> {
        let chromium = std::env::var_os("PUMASI_CHROMIUM").unwrap_or_else(|| "chromium".into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let profile = tempfile::tempdir().unwrap();
        let spawned = Command::new(chromium)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            // Chromium leaves loopback out, as ours does unless told.
            .arg("--allow-loopback-in-peer-connection")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("http://{}/?{role}", listener.local_addr().unwrap()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(process) = spawned else {
            println!("SKIPPED {test}: no chromium (PUMASI_CHROMIUM)");
            return None;
        };
        let (to_page, mut page) = mpsc::channel::<String>(1);
        let (sdp, sdps) = mpsc::channel(1);
        let (result, results) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some((request, body)) = read(&mut stream).await else { continue };
                let reply = match request.as_str() {
                    "GET /sdp" => json!({ "sdp": page.recv().await }).to_string(),
                    "POST /sdp" => {
                        let body: Value = serde_json::from_str(&body).unwrap();
                        sdp.send(body["sdp"].as_str().unwrap().to_owned()).await.unwrap();
                        String::new()
                    }
                    "POST /result" => {
                        let _ = result.send(serde_json::from_str(&body).unwrap()).await;
                        String::new()
                    }
                    _ if request.starts_with("GET /?") => {
                        std::fs::read_to_string(workspace().join("testing/foreign/rtc/page.html")).unwrap()
                    }
                    _ => String::new(),
                };
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length:";
                let _ = stream.write_all(format!("{head} {}\r\n\r\n{reply}", reply.len()).as_bytes()).await;
            }
        });
        Some(Browser { _process: process, _profile: profile, to_page, sdps, results })
    }

    async fn sdp(&mut self) -> String {
        timeout(PATIENCE, self.sdps.recv()).await.expect("the page gives its SDP").unwrap()
    }

    async fn result(&mut self) -> Value {
        timeout(PATIENCE, self.results.recv()).await.expect("the page gets on").unwrap()
    }

    async fn connect(&mut self, it_offers: bool) -> Link {
        let config = loopback();
        let (connecting, began) = if it_offers {
            let (connecting, sdp) = answer(&config, &self.sdp().await, Observer::silent()).await.unwrap();
            self.to_page.send(sdp).await.unwrap();
            (connecting, Instant::now())
        } else {
            let offering = offer(&config, Observer::silent()).await.unwrap();
            self.to_page.send(offering.sdp().to_owned()).await.unwrap();
            let sdp = self.sdp().await;
            let began = Instant::now();
            (offering.accept(&sdp).unwrap(), began)
        };
        let link = connecting.open().await.unwrap();
        println!("chromium: open after {:?}, {}", began.elapsed(), link.report());
        link
    }
}

/// Reads one request: its first two words, and its body.
async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).await.ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.ok()?;
    let mut words = first.split(' ');
    Some((format!("{} {}", words.next()?, words.next()?), String::from_utf8(body).ok()?))
}

#[tokio::test]
async fn chromium_connects_both_ways_in_our_framing_and_sees_the_close() {
    for role in ["offer", "answer"] {
        let test = "chromium_connects_both_ways_in_our_framing_and_sees_the_close";
        let Some(mut browser) = Browser::start(test, role).await else { return };
        let mut link = browser.connect(role == "offer").await;
        let mut count = 0;
        while count < 6 {
            let message = timeout(PATIENCE, link.recv()).await.unwrap().expect("the page sends six messages");
            link.send(message).await.unwrap();
            count += 1;
        }
        let lengths = [1, 1000, 16 * 1024 - 5, 16 * 1024 - 4, 100_000, 256 * 1024];
        assert_eq!(browser.result().await, json!({ "echoed": lengths }), "chromium as {role}");
        link.close().await;
        let closed = timeout(Duration::from_secs(5), browser.result()).await.expect("the close is seen at once");
        assert_eq!(closed, json!({ "closed": true }), "chromium as {role}");
    }
}
