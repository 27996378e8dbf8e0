//! Clients that draw things out, and those that come in crowds.

use crate::common::{MOMENT, plain, raw, with_files};
use pumasi_tls::Limits;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(300);

/// Whether the server has closed this connection, within a moment.
async fn closed(stream: &mut TcpStream) -> bool {
    let end = async { while stream.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(MOMENT, end).await.is_ok()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let running = plain(Limits { head: SHORT, ..Limits::default() }).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx: ").await.unwrap();
    assert!(closed(&mut stream).await);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_with_408() {
    let running = plain(Limits { request: SHORT, ..Limits::default() }).await;
    let answer = raw(running.address(), b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert_eq!(running.counts().timed_out, 1);
}

#[tokio::test]
async fn who_says_nothing_and_who_reads_nothing_is_let_go() {
    let limits = Limits { idle: SHORT, head: MOMENT, ..Limits::default() };
    let running = plain(limits).await;
    let mut silent = TcpStream::connect(running.address()).await.unwrap();
    assert!(closed(&mut silent).await);

    let mut deaf = TcpStream::connect(running.address()).await.unwrap();
    deaf.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    // The large answer fills the buffers of both systems, and then nothing moves.
    tokio::time::sleep(SHORT * 4).await;
    let mut got = 0;
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = deaf.read(&mut buffer).await {
        got += read;
    }
    assert!(got < 8 << 20, "{got} bytes: the whole answer came");
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut_off() {
    // The listener of `with_files` gives ten seconds; the idle limit here is what a test can wait for.
    let folder = tempfile::tempdir().unwrap();
    let running = with_files(folder.path()).await;
    let answer = raw(running.address(), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!answer.contains("HTTP/1.1 200"), "plain HTTP on a TLS port is not answered: {answer}");
    assert_eq!(running.counts().handshakes_failed, 1);
}

#[tokio::test]
async fn one_source_has_its_share_of_connections_and_the_rest_are_closed() {
    let running = plain(Limits { connections_per_source: 4, ..Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(TcpStream::connect(running.address()).await.unwrap());
    }
    while running.counts().connections < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut more = TcpStream::connect(running.address()).await.unwrap();
    assert!(closed(&mut more).await);
    assert_eq!(running.counts().refused, 1);
    drop(held);
    let again = async {
        while !raw(running.address(), b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.contains(" 200 ")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MOMENT, again).await.unwrap();
}

#[tokio::test]
async fn large_heads_and_many_fields_are_refused() {
    let running = plain(Limits::default()).await;
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(64 * 1_024));
    assert!(raw(running.address(), long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: 1\r\n".repeat(100));
    assert!(raw(running.address(), many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    for malformed in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = raw(running.address(), malformed.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_those_who_draw_it_out() {
    let running = plain(Limits::default()).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    while running.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let start = Instant::now();
    running.stop(SHORT).await;
    assert!(start.elapsed() < MOMENT, "{:?}", start.elapsed());
    assert!(closed(&mut stream).await);
}
