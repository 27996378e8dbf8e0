//! A peer that speaks the protocol and keeps none of its rules: libp2p's own store, which checks nothing.

use libp2p::futures::StreamExt as _;
use libp2p::kad::store::MemoryStore;
use libp2p::kad::{self, PutRecordError, QueryId, QueryResult, Quorum, Record};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, noise, tcp, yamux};
use pumasi_overlay::{Address, KAD_PROTOCOL, RecordKey};
use std::time::Duration;
use tokio::time::timeout;

#[derive(NetworkBehaviour)]
struct Behaviour {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}

pub(crate) struct Rogue {
    swarm: Swarm<Behaviour>,
    target: PeerId,
}

impl Rogue {
    /// Connects to the node at this address, and listens so that it is found by others.
    pub(crate) async fn connect(target: &Address) -> Self {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|key| {
                let id = key.public().to_peer_id();
                let mut config = kad::Config::new(StreamProtocol::new(KAD_PROTOCOL));
                config.set_query_timeout(Duration::from_secs(10));
                let mut kad = kad::Behaviour::with_config(id, MemoryStore::new(id), config);
                kad.set_mode(Some(kad::Mode::Server));
                let identify = identify::Behaviour::new(identify::Config::new("/rogue/1".into(), key.public()));
                Behaviour { kad, identify }
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        let address: Multiaddr = target.to_string().parse().unwrap();
        let target: PeerId = target.node().unwrap().to_string().parse().unwrap();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        swarm.behaviour_mut().kad.add_address(&target, address);
        let mut rogue = Self { swarm, target };
        // What identify says only once: where it listens has to be known before the dial.
        while !matches!(rogue.swarm.select_next_some().await, SwarmEvent::NewListenAddr { .. }) {}
        rogue.swarm.dial(target).unwrap();
        timeout(Duration::from_secs(10), async {
            loop {
                if let SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Sent { .. })) =
                    rogue.swarm.select_next_some().await
                {
                    return;
                }
            }
        })
        .await
        .unwrap();
        rogue
    }

    /// Keeps a record without looking at it, to hand it out to whoever asks.
    pub(crate) fn hold(&mut self, key: RecordKey, value: Vec<u8>) {
        use libp2p::kad::store::RecordStore as _;
        self.swarm.behaviour_mut().kad.store_mut().put(Record::new(key.to_bytes(), value)).unwrap();
    }

    /// What it holds under a key.
    pub(crate) fn held(&mut self, key: RecordKey) -> Option<Vec<u8>> {
        use libp2p::kad::store::RecordStore as _;
        let store = self.swarm.behaviour_mut().kad.store_mut();
        store.get(&key.to_bytes().into()).map(|record| record.value.clone())
    }

    /// Answers others for a while.
    pub(crate) async fn serve(&mut self, span: Duration) {
        let _ = timeout(span, async {
            loop {
                self.swarm.select_next_some().await;
            }
        })
        .await;
    }

    /// Puts bytes at the node, under any key and in anyone's name, and returns what libp2p tells the sender.
    pub(crate) async fn put(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        publisher: Option<PeerId>,
    ) -> Result<(), PutRecordError> {
        let record = Record { key: key.into(), value, publisher, expires: None };
        let kad = &mut self.swarm.behaviour_mut().kad;
        let asked = kad.put_record_to(record, std::iter::once(self.target), Quorum::One);
        self.told(asked).await
    }

    /// Puts bytes at all nodes nearest to the key.
    pub(crate) async fn put_at_the_nearest(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), PutRecordError> {
        // Its own store would refuse an older one; what it says there is its own business.
        self.swarm.behaviour_mut().kad.remove_record(&key.clone().into());
        let kad = &mut self.swarm.behaviour_mut().kad;
        let asked = kad.put_record(Record::new(key, value), Quorum::One).expect("its own store takes anything");
        self.told(asked).await
    }

    async fn told(&mut self, asked: QueryId) -> Result<(), PutRecordError> {
        timeout(Duration::from_secs(30), async {
            loop {
                if let SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                    id,
                    result: QueryResult::PutRecord(result),
                    ..
                })) = self.swarm.select_next_some().await
                    && id == asked
                {
                    return result.map(|_| ());
                }
            }
        })
        .await
        .unwrap()
    }
}
