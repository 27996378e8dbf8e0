//! Nodes that break the rules are named, limited, and shut out; those whom only the clock or the lack of room is against are
//! not. The bad ones speak libp2p and the protocol of sets, and keep none of the rules.

use crate::common::{TEN_SECONDS, listening, peer, start, until};
use libp2p::futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::futures::{AsyncRead, AsyncWrite, StreamExt as _};
use libp2p::kad::store::MemoryStore;
use libp2p::request_response::{self, Codec, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, kad, noise, tcp, yamux};
use pumasi_crypto::{NativeProvider, Provider as _, pkcs8};
use pumasi_discovery::Listing;
use pumasi_discovery::dht::{MIN_WORK, SignedListing, sign_all};
use pumasi_identity::Did;
use pumasi_overlay::{
    Address, IDENTIFY_PROTOCOL, KAD_PROTOCOL, NodeId, Overlay, OverlayConfig, OverlayError, Peer, SET_PROTOCOL,
    Service, SetAnswer, SetKey, SetRequest, Status,
};
use pumasi_units::Timestamp;
use std::io;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

const HOUR: u64 = 60 * 60 * 1_000;
const MINUTE: Duration = Duration::from_secs(60);

/// A restaurant whose key has this seed.
async fn restaurant(seed: u8, now: Timestamp, life: u64) -> SignedListing {
    let provider = NativeProvider;
    let key = provider.import_ed25519(&pkcs8::from_ed25519_seed(&[seed; 32])).await.unwrap();
    let did = Did::from_ed25519(provider.ed25519_public(&key));
    let listing = Listing {
        name: Some(format!("식당 {seed}")),
        description: "강남구 역삼동".into(),
        categories: vec!["식당".into()],
        ..Listing::default()
    };
    sign_all(&provider, &key, did, &listing, now, life, MIN_WORK).await.unwrap().remove(0)
}

fn key_of(entry: &SignedListing) -> SetKey {
    SetKey::listing(entry.shop().place())
}

fn bytes_of(entry: &SignedListing) -> Vec<u8> {
    entry.as_str().as_bytes().to_vec()
}

/// One byte of the signature is another: well formed, the stamp holds, and nobody signed it.
fn forged(entry: &SignedListing) -> Vec<u8> {
    let mut bytes = bytes_of(entry);
    let at = bytes.len() - 10;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    bytes
}

/// Length-prefixed bytes, as `docs/spec/overlay.md` §7 has them.
#[derive(Clone)]
struct Prefixed;

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        len |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut bytes = vec![0; len];
    io.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    let (mut len, mut prefix) = (bytes.len(), Vec::new());
    while len > 0x7f {
        prefix.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    prefix.push(len as u8);
    io.write_all(&prefix).await?;
    io.write_all(bytes).await
}

impl Codec for Prefixed {
    type Protocol = &'static str;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(&mut self, _: &&'static str, io: &mut T) -> io::Result<Vec<u8>> {
        read(io).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &&'static str,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &&'static str,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write(io, &bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &&'static str,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write(io, &bytes).await
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
    set: request_response::Behaviour<Prefixed>,
}

/// What a bad node is to ask of the network, and who waits for the answer.
type Order = (Vec<u8>, oneshot::Sender<Option<Vec<u8>>>);

/// A bad node, which runs until it is dropped.
struct Bad {
    node: NodeId,
    orders: mpsc::Sender<Order>,
}

impl Bad {
    /// Connects to the node there, is found by others, and answers every question for a set with these bytes.
    async fn start(target: &Address, answer: Vec<u8>) -> Self {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|key| {
                let id = key.public().to_peer_id();
                let config = kad::Config::new(StreamProtocol::new(KAD_PROTOCOL));
                let mut kad = kad::Behaviour::with_config(id, MemoryStore::new(id), config);
                kad.set_mode(Some(kad::Mode::Server));
                let identify = identify::Config::new(IDENTIFY_PROTOCOL.into(), key.public());
                let sets = [(SET_PROTOCOL, ProtocolSupport::Full)];
                let set = request_response::Behaviour::with_codec(Prefixed, sets, request_response::Config::default());
                Behaviour { kad, identify: identify::Behaviour::new(identify), set }
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(MINUTE))
            .build();
        let address: Multiaddr = target.to_string().parse().unwrap();
        let to: PeerId = target.node().unwrap().to_string().parse().unwrap();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        while !matches!(swarm.select_next_some().await, SwarmEvent::NewListenAddr { .. }) {}
        swarm.behaviour_mut().kad.add_address(&to, address);
        swarm.dial(to).unwrap();
        let own: Address = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", swarm.local_peer_id()).parse().unwrap();
        let node = own.node().unwrap();
        let (orders, taken) = mpsc::channel(8);
        tokio::spawn(Self::run(swarm, to, answer, taken));
        Self { node, orders }
    }

    async fn run(mut swarm: Swarm<Behaviour>, to: PeerId, answer: Vec<u8>, mut orders: mpsc::Receiver<Order>) {
        use request_response::{Event, Message};
        let mut waiting = std::collections::HashMap::new();
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some((request, reply)) = order else { return };
                    let id = swarm.behaviour_mut().set.send_request(&to, request);
                    waiting.insert(id, reply);
                }
                event = swarm.select_next_some() => match event {
                    SwarmEvent::Behaviour(BehaviourEvent::Set(Event::Message { message, .. })) => match message {
                        Message::Request { channel, .. } => {
                            let _ = swarm.behaviour_mut().set.send_response(channel, answer.clone());
                        }
                        Message::Response { request_id, response } => {
                            waiting.remove(&request_id).map(|reply: oneshot::Sender<_>| reply.send(Some(response)));
                        }
                    },
                    SwarmEvent::Behaviour(BehaviourEvent::Set(Event::OutboundFailure { request_id, .. })) => {
                        waiting.remove(&request_id).map(|reply| reply.send(None));
                    }
                    _ => {}
                },
            }
        }
    }

    /// Sends bytes to the node; its answer, if it gives one.
    async fn send(&self, request: Vec<u8>) -> Option<SetAnswer> {
        let (reply, answer) = oneshot::channel();
        self.orders.send((request, reply)).await.unwrap();
        let answer = tokio::time::timeout(MINUTE, answer).await.unwrap().unwrap();
        answer.and_then(|bytes| SetAnswer::from_bytes(&bytes))
    }
}

async fn routable(overlay: &Overlay, peers: usize) {
    until(overlay, "near the others", |status| status.routable == peers && status.joined).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_serves_a_forged_listing_is_named_and_in_the_end_shut_out() {
    let now = crate::common::now();
    let (genuine, other) = (restaurant(1, now, HOUR).await, restaurant(1, now + 1, HOUR).await);
    let honest = start(peer(1, &[])).await;
    honest.add(key_of(&genuine), bytes_of(&genuine)).await.unwrap_err(); // nobody else is there yet, and it is kept here
    let at = listening(&honest, "tcp").await;
    let bad = Bad::start(&at, SetAnswer::Entries(vec![forged(&other), bytes_of(&genuine)]).to_bytes()).await;
    routable(&honest, 1).await;
    let reader = start(OverlayConfig::client([3; 32], vec![at.clone()])).await;
    routable(&reader, 2).await;

    let listed = reader.list(key_of(&genuine)).await.unwrap();
    assert_eq!(listed.entries, [bytes_of(&genuine)], "{listed:?}");
    assert_eq!((listed.asked, listed.answered, listed.invalid), (2, 2, 1));
    assert_eq!(listed.liars, [bad.node]);

    for _ in 0..30 {
        if reader.status().await.unwrap().banned == 1 {
            break;
        }
        reader.list(key_of(&genuine)).await.unwrap();
    }
    until(&reader, "rid of the liar", |status| status.banned == 1 && !status.connected.contains(&bad.node)).await;
    let listed = reader.list(key_of(&genuine)).await.unwrap();
    assert_eq!((listed.entries.len(), listed.liars.len()), (1, 0), "{listed:?}");
    let refused = reader.connect(&pumasi_overlay::Peer { node: bad.node, addresses: vec![] }).await;
    assert!(matches!(refused, Err(OverlayError::Unreachable { .. })), "{refused:?}");
    let status = reader.status().await.unwrap();
    // Six at least: where much time passes between them, points fade.
    assert!(status.banned == 1 && status.offences >= 6, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_refuses_forged_entries_and_shuts_out_who_keeps_giving_them() {
    let now = crate::common::now();
    let (genuine, other) = (restaurant(1, now, HOUR).await, restaurant(2, now, HOUR).await);
    let node = start(peer(1, &[])).await;
    let bad = Bad::start(&listening(&node, "tcp").await, Vec::new()).await;
    routable(&node, 1).await;
    let add = |entry: Vec<u8>, key: SetKey| bad.send(SetRequest::Add { key, entry }.to_bytes());

    // Nobody's fault: it has ended, it is older than what is held, it is there already.
    let ended = restaurant(1, now - 2 * HOUR, HOUR).await;
    assert_eq!(add(bytes_of(&ended), key_of(&ended)).await, Some(SetAnswer::Refused));
    let older = restaurant(1, now - 60_000, HOUR).await;
    for _ in 0..20 {
        assert_eq!(add(bytes_of(&genuine), key_of(&genuine)).await, Some(SetAnswer::Stored));
        assert_eq!(add(bytes_of(&older), key_of(&older)).await, Some(SetAnswer::Refused));
    }
    let status = node.status().await.unwrap();
    assert_eq!((status.offences, status.entries), (0, 1), "{status:?}");

    // Its own: a forgery, and an entry under a key that is not its place.
    let mut taken = 0;
    for number in 0..60 {
        if node.status().await.unwrap().banned == 1 {
            break;
        }
        let (entry, key) = if number % 2 == 0 {
            (forged(&other), key_of(&other))
        } else {
            (bytes_of(&other), SetKey::listing([number; 32]))
        };
        taken += usize::from(add(entry, key).await == Some(SetAnswer::Stored));
    }
    assert_eq!(taken, 0);
    let shut_out = |status: &Status| status.banned == 1 && !status.connected.contains(&bad.node);
    until(&node, "rid of the liar", shut_out).await;
    assert_eq!(add(bytes_of(&other), key_of(&other)).await, None, "it is not even heard");
    let status = node.status().await.unwrap();
    // Twelve at least: where much time passes between them, points fade.
    assert!(status.entries == 1 && status.offences >= 12, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_offence_and_an_expired_answer_is_none() {
    let now = crate::common::now();
    let honest = start(peer(1, &[])).await;
    let at = listening(&honest, "tcp").await;
    // Made so that it ends before it is read.
    let ended = restaurant(1, now - 2 * HOUR, HOUR).await;
    let late = Bad::start(&at, SetAnswer::Entries(vec![bytes_of(&ended)]).to_bytes()).await;
    let mute = Bad::start(&at, vec![99; 40]).await;
    routable(&honest, 2).await;
    let reader = start(OverlayConfig::client([3; 32], vec![at])).await;
    routable(&reader, 3).await;
    let listed = reader.list(key_of(&ended)).await.unwrap();
    assert_eq!((listed.entries.len(), listed.invalid, listed.liars.len()), (0, 1, 0), "{listed:?}");
    let status = reader.status().await.unwrap();
    assert_eq!(status.offences, 1, "{status:?}");
    drop((late, mute));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_proven_to_lie_is_shut_out_at_once() {
    let node = start(peer(1, &[])).await;
    let other = start(peer(2, &[listening(&node, "tcp").await])).await;
    until(&node, "connected", |status| status.connected.contains(&other.node_id())).await;
    node.shun(other.node_id()).await.unwrap();
    until(&node, "alone", |status| status.banned == 1 && status.connected.is_empty() && status.routable == 0).await;
    let peer = pumasi_overlay::Peer { node: other.node_id(), addresses: vec![listening(&other, "tcp").await] };
    let told = tokio::time::timeout(TEN_SECONDS, node.connect(&peer)).await.unwrap();
    assert!(matches!(told, Err(OverlayError::Unreachable { .. })), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_speak_a_protocol_is_told_from_one_that_does_not_answer() {
    let node = start(peer(1, &[])).await;
    let other = Bad::start(&listening(&node, "tcp").await, Vec::new()).await;
    routable(&node, 1).await;
    let at = Peer { node: other.node, addresses: Vec::new() };
    // A long request is under way before the other says that it does not know its name.
    for request in [vec![1], vec![7; Service::Message.max_request()]] {
        let told = node.ask(&at, Service::Message, request).await;
        assert!(matches!(told, Err(OverlayError::NotServed { .. })), "{told:?}");
    }
}
