use super::*;
use proptest::prelude::*;
use turn_types::stun::message::{LongTermKeyCredentials, Method};
use turn_types::stun::prelude::AttributeWrite;

const NOW: u64 = 1_700_000_000;
const REALM: &str = "pumasi.test";

fn at(seconds: u64) -> Now {
    (Duration::from_secs(seconds), NOW + seconds)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A client of one session, and what it has learned.
struct Client {
    session: Session,
    username: String,
    password: String,
    nonce: String,
}

impl Client {
    fn new(stream: bool, private_peers: bool) -> Self {
        let issuer = Issuer::new(&[7; 32]);
        let issued = issuer.issue("ann", NOW + 1_000);
        let client = address("192.0.2.1:4000");
        let config = SessionConfig { client, stream, realm: REALM.to_owned(), ipv6: false, private_peers };
        let session = Session::new(config, issuer);
        Client { session, username: issued.username, password: issued.password.to_string(), nonce: String::new() }
    }

    /// One with an allocation.
    fn allocated(stream: bool, private_peers: bool) -> Self {
        let mut client = Self::new(stream, private_peers);
        client.greet();
        let asked = client.ask(ALLOCATE, &[&RequestedTransport::new(RequestedTransport::UDP)], at(0));
        assert_eq!(asked, Some(Output::Allocate { username: client.username.clone(), even: false }));
        let answer = client.session.allocated(Ok(address("203.0.113.9:50000")), at(0).0).unwrap();
        let answer = Message::from_bytes(&answer).unwrap();
        assert!(answer.has_class(MessageClass::Success));
        let id = answer.transaction_id();
        assert_eq!(answer.attribute::<XorRelayedAddress>().unwrap().addr(id), address("203.0.113.9:50000"));
        assert_eq!(answer.attribute::<XorMappedAddress>().unwrap().addr(id), address("192.0.2.1:4000"));
        assert_eq!(answer.attribute::<Lifetime>().unwrap().seconds(), 600);
        assert!(answer.validate_integrity(&client.credentials().into()).is_ok());
        client
    }

    fn credentials(&self) -> LongTermKeyCredentials {
        LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), REALM.to_owned())
    }

    /// Asks without a password, and learns the nonce.
    fn greet(&mut self) {
        let request = Message::builder_request(ALLOCATE, MessageWriteVec::new()).finish();
        let Some(Output::Client(answer)) = self.session.handle_client(&request, at(0)) else { panic!() };
        let answer = Message::from_bytes(&answer).unwrap();
        assert_eq!(answer.attribute::<ErrorCode>().unwrap().code(), 401);
        assert_eq!(answer.attribute::<Realm>().unwrap().realm(), REALM);
        self.nonce = answer.attribute::<Nonce>().unwrap().nonce().to_owned();
    }

    fn request(&self, method: Method, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
        let mut request = Message::builder_request(method, MessageWriteVec::new());
        for attribute in attributes {
            request.add_attribute(*attribute).unwrap();
        }
        request.add_attribute(&Username::new(&self.username).unwrap()).unwrap();
        request.add_attribute(&Realm::new(REALM).unwrap()).unwrap();
        request.add_attribute(&Nonce::new(&self.nonce).unwrap()).unwrap();
        request.add_message_integrity(&self.credentials().into(), IntegrityAlgorithm::Sha1).unwrap();
        request.finish()
    }

    fn ask(&mut self, method: Method, attributes: &[&dyn AttributeWrite], now: Now) -> Option<Output> {
        let request = self.request(method, attributes);
        self.session.handle_client(&request, now)
    }

    /// The code of the answer; 0 for a success.
    fn code(&mut self, method: Method, attributes: &[&dyn AttributeWrite], now: Now) -> u16 {
        match self.ask(method, attributes, now) {
            Some(Output::Client(answer) | Output::Release(answer)) => code_of(&answer),
            other => panic!("{other:?}"),
        }
    }

    /// Lets a peer in.
    fn permit(&mut self, peer: &str, now: Now) -> u16 {
        let id = TransactionId::generate();
        let kind = MessageType::from_class_method(MessageClass::Request, CREATE_PERMISSION);
        let mut request = Message::builder(kind, id, MessageWriteVec::new());
        request.add_attribute(&XorPeerAddress::new(address(peer), id)).unwrap();
        self.finish(request, now)
    }

    fn bind(&mut self, number: u16, peer: &str, now: Now) -> u16 {
        let id = TransactionId::generate();
        let kind = MessageType::from_class_method(MessageClass::Request, CHANNEL_BIND);
        let mut request = Message::builder(kind, id, MessageWriteVec::new());
        request.add_attribute(&ChannelNumber::new(number)).unwrap();
        request.add_attribute(&XorPeerAddress::new(address(peer), id)).unwrap();
        self.finish(request, now)
    }

    fn finish(&mut self, mut request: MessageWriteVec, now: Now) -> u16 {
        request.add_attribute(&Username::new(&self.username).unwrap()).unwrap();
        request.add_attribute(&Realm::new(REALM).unwrap()).unwrap();
        request.add_attribute(&Nonce::new(&self.nonce).unwrap()).unwrap();
        request.add_message_integrity(&self.credentials().into(), IntegrityAlgorithm::Sha1).unwrap();
        match self.session.handle_client(&request.finish(), now) {
            Some(Output::Client(answer)) => {
                let read = Message::from_bytes(&answer).unwrap();
                assert!(read.validate_integrity(&self.credentials().into()).is_ok(), "signed, whatever it says");
                code_of(&answer)
            }
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self, peer: &str, data: &[u8], now: Now) -> Option<Output> {
        let id = TransactionId::generate();
        let kind = MessageType::from_class_method(MessageClass::Indication, SEND);
        let mut message = Message::builder(kind, id, MessageWriteVec::new());
        message.add_attribute(&XorPeerAddress::new(address(peer), id)).unwrap();
        message.add_attribute(&Data::new(data)).unwrap();
        self.session.handle_client(&message.finish(), now)
    }
}

fn code_of(answer: &[u8]) -> u16 {
    let answer = Message::from_bytes(answer).unwrap();
    match answer.class() {
        MessageClass::Success => 0,
        _ => answer.attribute::<ErrorCode>().unwrap().code(),
    }
}

fn udp() -> RequestedTransport {
    RequestedTransport::new(RequestedTransport::UDP)
}

#[test]
fn data_passes_both_ways_once_a_peer_is_let_in() {
    let mut client = Client::allocated(false, false);
    let (peer, other) = ("198.51.100.7:9", "198.51.100.8:9");
    assert_eq!(client.send(peer, b"too early", at(1)), None);
    assert_eq!(client.session.handle_peer(address(peer), b"too early", at(1).0), None);

    assert_eq!(client.permit(peer, at(1)), 0);
    assert_eq!(client.send(peer, b"hello", at(2)), Some(Output::Peer(address(peer), b"hello".to_vec())));
    assert_eq!(client.send(other, b"hello", at(2)), None);
    let data = client.session.handle_peer(address(peer), b"hello yourself", at(2).0).unwrap();
    let data = Message::from_bytes(&data).unwrap();
    assert_eq!(data.attribute::<XorPeerAddress>().unwrap().addr(data.transaction_id()), address(peer));
    assert_eq!(data.attribute::<Data<'_>>().unwrap().data(), b"hello yourself");
    assert_eq!(client.session.handle_peer(address(other), b"hello", at(2).0), None);

    assert_eq!(client.send(peer, b"late", at(302)), None, "a permission lasts five minutes");
}

#[test]
fn a_channel_is_shorter_and_padded_in_a_stream_only() {
    for stream in [false, true] {
        let mut client = Client::allocated(stream, false);
        let peer = "198.51.100.7:9";
        assert_eq!(client.bind(0x4001, peer, at(1)), 0);
        assert_eq!(client.bind(0x4001, peer, at(2)), 0, "again is a refresh");
        assert_eq!(client.bind(0x4001, "198.51.100.7:10", at(2)), 400, "the number is taken");
        assert_eq!(client.bind(0x4002, peer, at(2)), 400, "the peer has another number");
        assert_eq!(client.bind(0x3FFF, "198.51.100.9:1", at(2)), 400);
        let sent = client.session.handle_client(b"\x40\x01\x00\x02hi", at(3));
        assert_eq!(sent, Some(Output::Peer(address(peer), b"hi".to_vec())));
        assert_eq!(client.session.handle_client(b"\x40\x02\x00\x02hi", at(3)), None);
        let came = client.session.handle_peer(address(peer), b"hello", at(3).0).unwrap();
        let expected: &[u8] = if stream { b"\x40\x01\x00\x05hello\0\0\0" } else { b"\x40\x01\x00\x05hello" };
        assert_eq!(came, expected);
    }
}

#[test]
fn a_peer_in_a_private_network_is_refused_unless_that_is_asked_for() {
    for (private, code) in [(false, 403), (true, 0)] {
        let mut client = Client::allocated(false, private);
        for peer in ["10.0.0.1:9", "127.0.0.1:9", "192.168.0.1:0"] {
            assert_eq!(client.permit(peer, at(1)), code, "{peer}");
        }
        assert_eq!(client.bind(0x4000, "10.0.0.1:9", at(1)), code);
        assert_eq!(client.send("10.0.0.1:9", b"hello", at(1)).is_some(), private);
        assert_eq!(client.permit("[2001:db8::1]:9", at(1)), 443);
        assert_eq!(client.permit("224.0.0.1:9", at(1)), 403);
    }
}

#[test]
fn only_so_many_peers_are_let_in() {
    let mut client = Client::allocated(false, false);
    for number in 0..MAX_PERMISSIONS {
        assert_eq!(client.permit(&format!("198.51.100.{number}:9"), at(1)), 0);
    }
    assert_eq!(client.permit("198.51.100.200:9", at(1)), 508);
    assert_eq!(client.permit("198.51.100.1:9", at(1)), 0, "one that is in stays in");
    assert_eq!(client.permit("198.51.100.200:9", at(302)), 0, "what has expired makes room");
}

#[test]
fn a_wrong_password_a_foreign_name_and_one_that_is_over_get_nothing() {
    let mut client = Client::new(false, false);
    client.greet();
    let good = (client.username.clone(), client.password.clone());
    client.password = "wrong".to_owned();
    assert_eq!(client.code(ALLOCATE, &[&udp()], at(0)), 401);
    (client.username, client.password) = ("bob".to_owned(), String::new());
    assert_eq!(client.code(ALLOCATE, &[&udp()], at(0)), 401);
    (client.username, client.password) = good;
    assert_eq!(client.code(ALLOCATE, &[&udp()], at(1_000)), 401, "its time is over");
    assert!(matches!(client.ask(ALLOCATE, &[&udp()], at(999)), Some(Output::Allocate { .. })));
}

#[test]
fn an_allocation_ends_with_its_credentials_whatever_is_asked_for() {
    let mut client = Client::allocated(false, false);
    let Some(Output::Client(answer)) = client.ask(REFRESH, &[&Lifetime::new(3_600)], at(500)) else { panic!() };
    let seconds = Message::from_bytes(&answer).unwrap().attribute::<Lifetime>().unwrap().seconds();
    assert_eq!(seconds, 500);
    assert_eq!(client.session.poll_timeout(), Some(Duration::from_secs(1_000)));
    assert!(!client.session.poll(at(999).0));
    assert_eq!(client.code(REFRESH, &[], at(1_000)), 401);
    assert!(client.session.poll(at(1_000).0) && !client.session.is_allocated());
}

#[test]
fn what_is_given_back_is_gone() {
    let mut client = Client::allocated(false, false);
    let released = client.ask(REFRESH, &[&Lifetime::new(0)], at(1));
    assert!(matches!(released, Some(Output::Release(_))), "{released:?}");
    assert!(!client.session.is_allocated());
    assert_eq!(client.code(REFRESH, &[], at(1)), 437);
}

#[test]
fn a_repeated_request_gets_the_same_answer_and_another_one_a_mismatch() {
    let mut client = Client::new(false, false);
    client.greet();
    let request = client.request(ALLOCATE, &[&udp()]);
    assert!(matches!(client.session.handle_client(&request, at(0)), Some(Output::Allocate { .. })));
    assert_eq!(client.session.handle_client(&request, at(0)), None, "it is being made");
    let answer = client.session.allocated(Ok(address("203.0.113.9:50000")), at(0).0).unwrap();
    assert_eq!(client.session.handle_client(&request, at(1)), Some(Output::Client(answer)));
    assert_eq!(client.code(ALLOCATE, &[&udp()], at(1)), 437);
}

#[test]
fn limits_are_told_by_their_codes() {
    for (denied, code) in [(Denied::Quota, 486), (Denied::Capacity, 508)] {
        let mut client = Client::new(false, false);
        client.greet();
        client.ask(ALLOCATE, &[&udp()], at(0)).unwrap();
        let answer = client.session.allocated(Err(denied), at(0).0).unwrap();
        assert_eq!(code_of(&answer), code);
        assert!(!client.session.is_allocated());
    }
}

#[test]
fn what_is_not_built_is_refused_by_its_code() {
    let mut client = Client::new(false, false);
    client.greet();
    assert_eq!(client.code(ALLOCATE, &[], at(0)), 400);
    assert_eq!(client.code(ALLOCATE, &[&RequestedTransport::new(RequestedTransport::TCP)], at(0)), 442);
    let v6 = RequestedAddressFamily::new(AddressFamily::IPV6);
    assert_eq!(client.code(ALLOCATE, &[&udp(), &v6], at(0)), 440);
    assert_eq!(client.code(ALLOCATE, &[&udp(), &EvenPort::new(true)], at(0)), 508);
    let token = turn_types::attribute::ReservationToken::new(7);
    assert_eq!(client.code(ALLOCATE, &[&udp(), &token], at(0)), 420);
    let even = client.ask(ALLOCATE, &[&udp(), &EvenPort::new(false)], at(0));
    assert!(matches!(even, Some(Output::Allocate { even: true, .. })), "{even:?}");
}

#[test]
fn somebody_else_on_the_same_path_cannot_use_an_allocation() {
    let mut client = Client::allocated(false, false);
    let other = Issuer::new(&[7; 32]).issue("eve", NOW + 1_000);
    let mine = std::mem::replace(&mut client.username, other.username);
    client.password = other.password.to_string();
    assert_eq!(client.code(REFRESH, &[&Lifetime::new(0)], at(1)), 401);
    assert!(client.session.is_allocated() && mine.ends_with("ann"));
}

#[test]
fn a_binding_request_is_answered_without_a_password() {
    let mut client = Client::new(true, false);
    let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
    let Some(Output::Client(answer)) = client.session.handle_client(&request, at(0)) else { panic!() };
    let answer = Message::from_bytes(&answer).unwrap();
    let seen = answer.attribute::<XorMappedAddress>().unwrap().addr(answer.transaction_id());
    assert_eq!(seen, address("192.0.2.1:4000"));
}

proptest! {
    /// Whatever a stranger sends: no panic, nothing relayed, no allocation.
    #[test]
    fn nothing_is_done_for_who_has_no_password(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..20)) {
        let mut client = Client::new(false, true);
        for message in messages {
            let output = client.session.handle_client(&message, at(0));
            prop_assert!(matches!(output, None | Some(Output::Client(_))), "{output:?}");
        }
        prop_assert!(!client.session.is_allocated());
    }

    /// Cut or changed messages of one who has an allocation do no more than the whole ones.
    #[test]
    fn a_damaged_request_changes_nothing(at_byte in 0usize..120, flip in 1u8..) {
        let mut client = Client::allocated(false, false);
        let mut request = client.request(REFRESH, &[&Lifetime::new(0)]);
        let at_byte = at_byte % request.len();
        request[at_byte] ^= flip;
        let _ = client.session.handle_client(&request, at(1));
        prop_assert!(client.session.is_allocated());
    }
}

/// What our own peers use.
#[test]
fn the_client_of_our_peers_gets_an_address_and_talks_over_it() {
    use turn_client_proto::api::{Transmit, TurnClientApi as _, TurnConfig, TurnEvent};
    use turn_client_proto::types::{TransportType, TurnCredentials};
    use turn_client_proto::udp::TurnClientUdp;

    let mut here = Client::new(false, false);
    let (ours, server, peer) = (address("192.0.2.1:4000"), address("203.0.113.9:3478"), address("198.51.100.7:9"));
    let config = TurnConfig::new(TurnCredentials::new(&here.username, &here.password));
    let mut client = TurnClientUdp::allocate(ours, server, config);
    let mut now = Instant::from_nanos(1_000_000_000);
    let (mut relayed, mut permitted) = (None, false);
    for _ in 0..20 {
        now += Duration::from_millis(50);
        let _ = client.poll(now);
        while let Some(event) = client.poll_event() {
            match event {
                TurnEvent::AllocationCreated(_, address) => {
                    relayed = Some(address);
                    client.create_permission(TransportType::Udp, peer.ip(), now).unwrap();
                }
                TurnEvent::PermissionCreated(..) => permitted = true,
                other => panic!("{other:?}"),
            }
        }
        while let Some(sent) = client.poll_transmit(now) {
            let answer = match here.session.handle_client(&sent.data, at(1)) {
                Some(Output::Client(answer)) => answer,
                Some(Output::Allocate { .. }) => {
                    here.session.allocated(Ok(address("203.0.113.9:50000")), at(1).0).unwrap()
                }
                other => panic!("{other:?}"),
            };
            client.recv(Transmit::new(answer, TransportType::Udp, server, ours), now);
        }
    }
    assert_eq!((relayed, permitted), (Some(address("203.0.113.9:50000")), true));
    let sent = client.send_to(TransportType::Udp, peer, b"hello", now).unwrap().unwrap().build();
    assert_eq!(here.session.handle_client(&sent.data, at(1)), Some(Output::Peer(peer, b"hello".to_vec())));
}
