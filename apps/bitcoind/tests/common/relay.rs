//! A peer that lies about filters: it hands everything on between a light node and an honest one, and changes the filter
//! of one block on the way, with all filter headers that follow from it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bitcoin::bip158::{FilterHash, FilterHeader};
use bitcoin::consensus::encode::{deserialize_partial, serialize};
use bitcoin::hashes::Hash as _;
use bitcoin::{BlockHash, VarInt};
use pumasi_p2p::PeerId;
use pumasi_p2p::wire::{Message, Received, Transport};

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];
/// The filter of a block with nothing in it.
const EMPTY: [u8; 1] = [0];

/// What it needs to lie in a way that holds together.
#[derive(Clone)]
struct Lie {
    block: BlockHash,
    height: u32,
    /// The filters' hashes of the honest chain, from the genesis block on.
    honest: Vec<FilterHash>,
    /// The first height of the last question about filter headers, by its last block.
    asked: Arc<Mutex<BTreeMap<BlockHash, u32>>>,
}

impl Lie {
    fn hash(&self, height: u32) -> FilterHash {
        if height == self.height { FilterHash::hash(&EMPTY) } else { self.honest[height as usize] }
    }

    fn header(&self, height: u32) -> FilterHeader {
        (0..=height).fold(FilterHeader::all_zeros(), |last, at| self.hash(at).filter_header(&last))
    }

    /// What the light node asks.
    fn note(&self, message: &Message) {
        if message.kind.as_str() == "getcfheaders" {
            let start = u32::from_le_bytes(message.payload[1..5].try_into().expect("four bytes"));
            let stop = BlockHash::from_slice(&message.payload[5..37]).expect("a hash");
            self.asked.lock().expect("nobody panics here").insert(stop, start);
        }
    }

    /// What the honest node answers.
    fn change(&self, mut message: Message) -> Message {
        let block = |payload: &[u8]| BlockHash::from_slice(&payload[1..33]).expect("a hash");
        match message.kind.as_str() {
            "cfilter" if block(&message.payload) == self.block => {
                message.payload.truncate(33);
                message.payload.extend(serialize(&VarInt(EMPTY.len() as u64)));
                message.payload.extend(EMPTY);
            }
            "cfheaders" => {
                let stop = block(&message.payload);
                let start = *self.asked.lock().expect("nobody panics here").get(&stop).expect("it was asked");
                let (count, size) = deserialize_partial::<VarInt>(&message.payload[65..]).expect("a length");
                if let Some(before) = start.checked_sub(1) {
                    message.payload[33..65].copy_from_slice(&self.header(before).to_byte_array());
                }
                for index in 0..count.0 as u32 {
                    let at = 65 + size + index as usize * 32;
                    message.payload[at..at + 32].copy_from_slice(&self.hash(start + index).to_byte_array());
                }
            }
            _ => {}
        }
        message
    }
}

/// Starts the liar; returns its port. `filters` are those of the honest chain from the genesis block on.
pub fn start(honest_port: u16, block: BlockHash, height: u32, filters: &[Vec<u8>]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let honest = filters.iter().map(|filter| FilterHash::hash(filter)).collect();
    let lie = Lie { block, height, honest, asked: Arc::default() };
    std::thread::spawn(move || {
        while let Ok((light, _)) = listener.accept() {
            let Ok(honest) = TcpStream::connect(("127.0.0.1", honest_port)) else { return };
            for (from, to, outwards) in [(&light, &honest, true), (&honest, &light, false)] {
                let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                let lie = lie.clone();
                std::thread::spawn(move || pass(from, to, outwards, &lie));
            }
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, outwards: bool, lie: &Lie) {
    let (mut reader, mut writer) = (Transport::v1(PeerId(0), MAGIC, false), Transport::v1(PeerId(0), MAGIC, true));
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if reader.receive(&buffer[..count]).is_err() {
            break;
        }
        while let Some(received) = reader.poll_received() {
            let Received::Message { message, .. } = received else { continue };
            writer.send(if outwards {
                lie.note(&message);
                message
            } else {
                lie.change(message)
            });
        }
        while let Some(unsent) = writer.poll_unsent() {
            if to.write_all(&unsent.bytes).is_err() {
                return;
            }
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
