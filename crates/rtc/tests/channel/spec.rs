//! The examples of `docs/spec/channel.md` are true.

use std::collections::VecDeque;

use pumasi_rtc::framing::{Assembler, Chunks, FramingError};

use super::common::{pattern, workspace};

/// The lines of every fenced block of a kind.
fn blocks(kind: &str) -> Vec<String> {
    let page = std::fs::read_to_string(workspace().join("docs/spec/channel.md")).unwrap();
    let mut lines = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(fence) => inside = fence == kind,
            None if inside && !line.is_empty() => lines.push(line.to_owned()),
            None => {}
        }
    }
    assert!(!lines.is_empty(), "{kind}");
    lines
}

fn bytes(hex_text: &str) -> Vec<u8> {
    hex::decode(hex_text.replace(' ', "")).unwrap()
}

fn cut(message: Vec<u8>) -> VecDeque<Vec<u8>> {
    let mut chunks = Chunks::new(message).unwrap();
    let mut chunk = Vec::new();
    std::iter::from_fn(|| chunks.next_into(&mut chunk).then(|| chunk.clone())).collect()
}

#[test]
fn short_messages_are_cut_as_the_page_says() {
    let mut assembler = Assembler::default();
    let (mut message, mut chunks) = (Vec::new(), VecDeque::new());
    for line in blocks("chunks") {
        let (what, hex) = line.split_once(' ').unwrap();
        if what == "message" {
            assert!(chunks.is_empty());
            message = bytes(hex);
            chunks = cut(message.clone());
        } else {
            assert_eq!(chunks.pop_front(), Some(bytes(hex)), "{line}");
            assert_eq!(assembler.push(&bytes(hex)), Ok(Some(message.clone())), "{line}");
        }
    }
    assert!(chunks.is_empty());
}

#[test]
fn long_messages_are_cut_as_the_page_says() {
    let mut chunks = VecDeque::new();
    for line in blocks("long") {
        let mut fields = line.split_ascii_whitespace();
        let (what, length) = (fields.next().unwrap(), fields.next().unwrap().parse().unwrap());
        if what == "message" {
            assert!(chunks.is_empty());
            chunks = cut(pattern(length));
        } else {
            let chunk = chunks.pop_front().unwrap();
            assert_eq!(chunk.len(), length, "{line}");
            let beginning = bytes(&fields.collect::<String>());
            assert_eq!(chunk[..beginning.len()], beginning, "{line}");
        }
    }
    assert!(chunks.is_empty());
}

#[test]
fn what_the_page_says_is_refused_is_refused() {
    for line in blocks("refused") {
        let (hex, _why) = line.split_once("  ").unwrap();
        let mut assembler = Assembler::default();
        let results: Vec<Result<_, FramingError>> = hex.split('|').map(|chunk| assembler.push(&bytes(chunk))).collect();
        let (last, before) = results.split_last().unwrap();
        assert!(last.is_err(), "{line}");
        assert!(before.iter().all(Result::is_ok), "{line}");
    }
}
