//! The server's side of one client's 5-tuple (RFC 8656), sans-I/O.
//!
//! Contract: [`Session::handle_client`] takes one whole message and gives at most one [`Output`]. After
//! [`Output::Allocate`] the driver calls [`Session::allocated`] once and sends what that gives. [`Session::poll`] drops
//! what has expired; the driver calls it at [`Session::poll_timeout`].

use crate::credentials::Issuer;
use crate::message::{Frame, frame};
use crate::reach;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use stun_proto::auth::{Feature, LongTermServerAuth, LongTermServerAuthErrorReason};
use turn_types::attribute::{
    ChannelNumber, Data, DontFragment, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport, XorPeerAddress,
    XorRelayedAddress,
};
use turn_types::channel::ChannelData;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND};
use turn_types::stun::attribute::{
    AttributeType, ErrorCode, Fingerprint, MessageIntegrity, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm,
    Software, Username, XorMappedAddress,
};
use turn_types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermCredentials, Message, MessageClass, MessageType, MessageWriteVec,
    TransactionId,
};
use turn_types::stun::prelude::{
    Attribute as _, AttributeFromRaw as _, AttributeStaticType as _, MessageWrite as _, MessageWriteExt as _,
};
use turn_types::{AddressFamily, Instant};

/// The most peers that one allocation may talk to.
pub const MAX_PERMISSIONS: usize = 64;
/// The most channels of one allocation.
pub const MAX_CHANNELS: usize = 64;

/// How long an allocation lives that did not say (RFC 8656 §3.2); none lives shorter.
const LIFETIME: Duration = Duration::from_secs(600);
/// The longest an allocation lives without a refresh.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);
/// RFC 8656 §9.
const PERMISSION: Duration = Duration::from_secs(300);
/// RFC 8656 §12.
const CHANNEL: Duration = Duration::from_secs(600);

/// What a session begins with.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The client, as it is seen from here.
    pub client: SocketAddr,
    /// Whether the client comes by a stream: channel data is padded there.
    pub stream: bool,
    /// The realm of the credentials.
    pub realm: String,
    /// Whether the relayed addresses are IPv6.
    pub ipv6: bool,
    /// Whether peers in private networks and on this machine are reached.
    pub private_peers: bool,
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this to the client.
    Client(Vec<u8>),
    /// Send this from the relayed address to a peer.
    Peer(SocketAddr, Vec<u8>),
    /// Open a relayed address, if the limits of this user allow it, and call [`Session::allocated`].
    Allocate {
        /// Whose it will be.
        username: String,
        /// Whether the port must be even.
        even: bool,
    },
    /// Send this to the client, close the relayed address, and end the session.
    Release(Vec<u8>),
}

/// Why no relayed address was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// This user or its source has as many as it may have.
    Quota,
    /// There is no room for anybody.
    Capacity,
}

#[derive(Debug)]
struct Permission {
    peer: IpAddr,
    until: Duration,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    peer: SocketAddr,
    until: Duration,
}

#[derive(Debug)]
struct Allocation {
    until: Duration,
    /// The request that made it, and the answer: a client over UDP asks again when the answer was lost.
    made: (TransactionId, Vec<u8>),
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct User {
    name: String,
    /// Seconds since 1970.
    until: u64,
}

/// What any request may carry: of its sender, and of how it is signed.
const ALWAYS: &[AttributeType] = &[
    Username::TYPE,
    Realm::TYPE,
    Nonce::TYPE,
    MessageIntegrity::TYPE,
    PasswordAlgorithm::TYPE,
    PasswordAlgorithms::TYPE,
    Fingerprint::TYPE,
    Software::TYPE,
];

/// What an allocation may ask for. Not to fragment is what the system does of itself, where it does (Linux).
const ALLOCATING: &[AttributeType] =
    &[RequestedTransport::TYPE, Lifetime::TYPE, RequestedAddressFamily::TYPE, EvenPort::TYPE, DontFragment::TYPE];

/// What a request comes to: the attributes of a success, or an error code.
type Answer = Result<MessageWriteVec, u16>;

/// One client, one allocation.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    issuer: Issuer,
    auth: LongTermServerAuth,
    user: Option<User>,
    /// An allocation is being made for this request, with this lifetime.
    pending: Option<(TransactionId, Duration)>,
    allocation: Option<Allocation>,
}

/// The time: since the session began, and in seconds since 1970.
type Now = (Duration, u64);

impl Session {
    /// A client that has not said anything yet.
    #[must_use]
    pub fn new(config: SessionConfig, issuer: Issuer) -> Self {
        let mut auth = LongTermServerAuth::new(config.realm.clone());
        // A hash of the user name could not be told for whom it is: nothing is kept of the credentials that were issued.
        auth.set_anonymous_username(Feature::Disabled);
        auth.set_supported_integrity(IntegrityAlgorithm::Sha1);
        Session { config, issuer, auth, user: None, pending: None, allocation: None }
    }

    /// Whether a relayed address is held.
    #[must_use]
    pub fn is_allocated(&self) -> bool {
        self.allocation.is_some()
    }

    /// When [`poll`](Self::poll) is to be called; none while nothing is held.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.allocation.as_ref().map(|allocation| allocation.until)
    }

    /// Drops what has expired; `true` when the allocation has, and with it the session.
    pub fn poll(&mut self, now: Duration) -> bool {
        if let Some(allocation) = &mut self.allocation {
            allocation.expire(now);
        }
        self.allocation.take_if(|allocation| allocation.until <= now).is_some()
    }

    /// One whole message of the client.
    pub fn handle_client(&mut self, bytes: &[u8], now: Now) -> Option<Output> {
        if bytes.first().is_some_and(|first| *first >= 0x40) {
            return self.channel_data(bytes, now.0);
        }
        // The parser takes a message whose header says less than there is, and the length is not signed.
        if frame(bytes) != (Frame::Whole { length: bytes.len(), padded: bytes.len() }) {
            return None;
        }
        let message = Message::from_bytes(bytes).ok()?;
        match (message.class(), message.method()) {
            (MessageClass::Request, BINDING) => Some(Output::Client(binding(&message, self.config.client))),
            (MessageClass::Request, _) => self.request(&message, now),
            (MessageClass::Indication, SEND) => self.send(&message, now.0),
            _ => None,
        }
    }

    /// A datagram of a peer came to the relayed address: what the client is to get.
    #[must_use]
    pub fn handle_peer(&self, peer: SocketAddr, data: &[u8], now: Duration) -> Option<Vec<u8>> {
        let allocation = self.allocation.as_ref()?;
        if !allocation.permits(peer.ip(), now) {
            return None;
        }
        if let Some(channel) = allocation.channels.iter().find(|channel| channel.peer == peer && channel.until > now) {
            let mut bytes = vec![0; 4 + data.len()];
            ChannelData::new(channel.number, data).write_into_unchecked(&mut bytes);
            if self.config.stream {
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            return Some(bytes);
        }
        let id = TransactionId::generate();
        let kind = MessageType::from_class_method(MessageClass::Indication, DATA);
        let mut message = Message::builder(kind, id, MessageWriteVec::with_capacity(data.len() + 64));
        message.add_attribute(&XorPeerAddress::new(peer, id)).ok()?;
        message.add_attribute(&Data::new(data)).ok()?;
        Some(message.finish())
    }

    /// The relayed address that the client asked for, or why it gets none: the answer for the client.
    pub fn allocated(&mut self, relayed: Result<SocketAddr, Denied>, now: Duration) -> Option<Vec<u8>> {
        let (id, lifetime) = self.pending.take()?;
        let kind = |class| MessageType::from_class_method(class, ALLOCATE);
        let message = match relayed {
            Ok(relayed) => {
                let mut message = Message::builder(kind(MessageClass::Success), id, MessageWriteVec::new());
                message.add_attribute(&XorRelayedAddress::new(relayed, id)).ok()?;
                message.add_attribute(&XorMappedAddress::new(self.config.client, id)).ok()?;
                message.add_attribute(&Lifetime::new(lifetime.as_secs() as u32)).ok()?;
                message
            }
            Err(denied) => {
                let code = match denied {
                    Denied::Quota => ErrorCode::ALLOCATION_QUOTA_REACHED,
                    Denied::Capacity => ErrorCode::INSUFFICIENT_CAPACITY,
                };
                let mut message = Message::builder(kind(MessageClass::Error), id, MessageWriteVec::new());
                message.add_attribute(&ErrorCode::builder(code).build().ok()?).ok()?;
                message
            }
        };
        let answer = self.auth.sign_outgoing_message(message, self.config.client).ok()?.finish();
        if relayed.is_ok() {
            let made = (id, answer.clone());
            let until = now + lifetime;
            self.allocation = Some(Allocation { until, made, permissions: Vec::new(), channels: Vec::new() });
        }
        Some(answer)
    }

    /// Takes a user whose name is good, as long as none has an allocation here.
    fn meet(&mut self, message: &Message<'_>, now: u64) {
        if self.user.as_ref().is_some_and(|user| user.until <= now)
            && let Some(over) = self.user.take()
        {
            self.auth.remove_user(&over.name);
        }
        let Ok(username) = message.attribute::<Username>() else { return };
        let name = username.username();
        if self.allocation.is_some() || self.user.as_ref().is_some_and(|user| user.name == name) {
            return;
        }
        let Some((password, until)) = self.issuer.accept(name, now) else { return };
        if let Some(before) = self.user.take() {
            self.auth.remove_user(&before.name);
        }
        self.auth.add_user(LongTermCredentials::new(name.to_owned(), password.to_string()));
        self.user = Some(User { name: name.to_owned(), until });
    }

    fn request(&mut self, message: &Message<'_>, now: Now) -> Option<Output> {
        let client = self.config.client;
        self.meet(message, now.1);
        if let Err(error) = self.auth.validate_incoming_message(message, client, instant(now.0)) {
            let code = match error.reason() {
                LongTermServerAuthErrorReason::BadRequest => ErrorCode::BAD_REQUEST,
                LongTermServerAuthErrorReason::StaleNonce => ErrorCode::STALE_NONCE,
                _ => ErrorCode::UNAUTHORIZED,
            };
            let refused = refusal(message, code)?;
            // These are not signed: the client that made them may not be the one who is known here.
            self.auth.remove_client(client);
            let refused = match code {
                ErrorCode::BAD_REQUEST => refused,
                _ => self.auth.sign_outgoing_message(refused, client).ok()?,
            };
            return Some(Output::Client(refused.finish()));
        }
        let supported: &[AttributeType] = match message.method() {
            ALLOCATE => ALLOCATING,
            REFRESH => &[Lifetime::TYPE, RequestedAddressFamily::TYPE],
            CREATE_PERMISSION => &[XorPeerAddress::TYPE],
            CHANNEL_BIND => &[XorPeerAddress::TYPE, ChannelNumber::TYPE],
            _ => &[],
        };
        let known = [supported, ALWAYS].concat();
        if let Some(unknown) = Message::check_attribute_types(message, &known, &[], MessageWriteVec::new()) {
            return self.signed(unknown).map(Output::Client);
        }
        let answer = match message.method() {
            ALLOCATE => match self.allocate(message, now) {
                Ok(output) => return output,
                Err(code) => Err(code),
            },
            REFRESH => match self.refresh(message, now) {
                Ok((answer, true)) => {
                    self.allocation = None;
                    return self.signed(answer).map(Output::Release);
                }
                Ok((answer, false)) => Ok(answer),
                Err(code) => Err(code),
            },
            CREATE_PERMISSION => self.create_permission(message, now.0),
            CHANNEL_BIND => self.bind_channel(message, now.0),
            _ => Err(ErrorCode::BAD_REQUEST),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(code) => refusal(message, code)?,
        };
        self.signed(answer).map(Output::Client)
    }

    fn signed(&mut self, message: MessageWriteVec) -> Option<Vec<u8>> {
        Some(self.auth.sign_outgoing_message(message, self.config.client).ok()?.finish())
    }

    /// How long an allocation may live that asks for so much: never longer than the credentials.
    fn lifetime(&self, asked: Option<Lifetime>, now: u64) -> Duration {
        let asked = asked.map_or(LIFETIME, |lifetime| Duration::from_secs(lifetime.seconds().into()));
        let left = self.user.as_ref().map_or(0, |user| user.until.saturating_sub(now));
        asked.clamp(LIFETIME, MAX_LIFETIME).min(Duration::from_secs(left))
    }

    fn allocate(&mut self, message: &Message<'_>, now: Now) -> Result<Option<Output>, u16> {
        if let Some(allocation) = &self.allocation {
            let (id, answer) = &allocation.made;
            return match *id == message.transaction_id() {
                true => Ok(Some(Output::Client(answer.clone()))),
                false => Err(ErrorCode::ALLOCATION_MISMATCH),
            };
        }
        if self.pending.is_some() {
            return Ok(None); // it is being made
        }
        let transport = message.attribute::<RequestedTransport>().map_err(|_| ErrorCode::BAD_REQUEST)?;
        if transport.protocol() != RequestedTransport::UDP {
            return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL);
        }
        let family = message.attribute::<RequestedAddressFamily>().map_or(AddressFamily::IPV4, |it| it.family());
        if (family == AddressFamily::IPV6) != self.config.ipv6 {
            return Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
        }
        let even = message.attribute::<EvenPort>().ok();
        if even.as_ref().is_some_and(EvenPort::requested) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY); // the next port is kept for nobody
        }
        let lifetime = self.lifetime(message.attribute().ok(), now.1);
        self.pending = Some((message.transaction_id(), lifetime));
        let username = self.user.as_ref().map(|user| user.name.clone()).ok_or(ErrorCode::UNAUTHORIZED)?;
        Ok(Some(Output::Allocate { username, even: even.is_some() }))
    }

    /// The answer, and whether the client gives its allocation back.
    fn refresh(&mut self, message: &Message<'_>, now: Now) -> Result<(MessageWriteVec, bool), u16> {
        let asked = message.attribute::<Lifetime>().ok();
        let over = asked.as_ref().is_some_and(|lifetime| lifetime.seconds() == 0);
        let lifetime = if over { Duration::ZERO } else { self.lifetime(asked, now.1) };
        let allocation = self.held(now.0)?;
        allocation.until = now.0 + lifetime;
        let mut answer = Message::builder_success(message, MessageWriteVec::new());
        let lifetime = Lifetime::new(lifetime.as_secs() as u32);
        answer.add_attribute(&lifetime).map_err(|_| ErrorCode::SERVER_ERROR)?;
        Ok((answer, over))
    }

    fn create_permission(&mut self, message: &Message<'_>, now: Duration) -> Answer {
        let (ipv6, private) = (self.config.ipv6, self.config.private_peers);
        let mut peers = Vec::new();
        for (_, attribute) in message.iter_attributes().filter(|(_, it)| it.get_type() == XorPeerAddress::TYPE) {
            let peer = XorPeerAddress::from_raw(attribute).map_err(|_| ErrorCode::BAD_REQUEST)?;
            peers.push(check_peer(peer.addr(message.transaction_id()), ipv6, private)?);
        }
        let allocation = self.held(now)?;
        if peers.is_empty() {
            return Err(ErrorCode::BAD_REQUEST);
        }
        allocation.expire(now);
        for peer in peers {
            allocation.permit(peer.ip(), now)?;
        }
        Ok(Message::builder_success(message, MessageWriteVec::new()))
    }

    fn bind_channel(&mut self, message: &Message<'_>, now: Duration) -> Answer {
        let (ipv6, private) = (self.config.ipv6, self.config.private_peers);
        let peer = message.attribute::<XorPeerAddress>().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let number = message.attribute::<ChannelNumber>().map_err(|_| ErrorCode::BAD_REQUEST)?.channel();
        let peer = check_peer(peer.addr(message.transaction_id()), ipv6, private)?;
        let allocation = self.held(now)?;
        // RFC 8656 takes up to 0x4FFF; clients of RFC 5766 take more.
        if !(0x4000..=0x7FFF).contains(&number) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        allocation.expire(now);
        let until = now + CHANNEL;
        let full = allocation.channels.len() >= MAX_CHANNELS;
        match allocation.channels.iter_mut().find(|channel| channel.number == number || channel.peer == peer) {
            Some(channel) if channel.number == number && channel.peer == peer => channel.until = until,
            Some(_) => return Err(ErrorCode::BAD_REQUEST),
            None if full => return Err(ErrorCode::INSUFFICIENT_CAPACITY),
            None => allocation.channels.push(Channel { number, peer, until }),
        }
        allocation.permit(peer.ip(), now)?;
        Ok(Message::builder_success(message, MessageWriteVec::new()))
    }

    /// The allocation that a request is about. It is its user's: while it lives, no other name is known here.
    fn held(&mut self, now: Duration) -> Result<&mut Allocation, u16> {
        self.allocation.as_mut().filter(|allocation| allocation.until > now).ok_or(ErrorCode::ALLOCATION_MISMATCH)
    }

    fn send(&mut self, message: &Message<'_>, now: Duration) -> Option<Output> {
        let peer = message.attribute::<XorPeerAddress>().ok()?.addr(message.transaction_id());
        let data = message.attribute::<Data<'_>>().ok()?;
        let allocation = self.allocation.as_ref()?;
        allocation.permits(peer.ip(), now).then(|| Output::Peer(peer, data.data().to_vec()))
    }

    fn channel_data(&mut self, bytes: &[u8], now: Duration) -> Option<Output> {
        let data = ChannelData::parse(bytes).ok()?;
        let allocation = self.allocation.as_ref()?;
        let channel = allocation.channels.iter().find(|it| it.number == data.id() && it.until > now)?;
        allocation.permits(channel.peer.ip(), now).then(|| Output::Peer(channel.peer, data.data().to_vec()))
    }
}

impl Allocation {
    fn permits(&self, peer: IpAddr, now: Duration) -> bool {
        self.until > now && self.permissions.iter().any(|it| it.peer == peer && it.until > now)
    }

    fn permit(&mut self, peer: IpAddr, now: Duration) -> Result<(), u16> {
        let until = now + PERMISSION;
        let full = self.permissions.len() >= MAX_PERMISSIONS;
        match self.permissions.iter_mut().find(|permission| permission.peer == peer) {
            Some(permission) => permission.until = until,
            None if full => return Err(ErrorCode::INSUFFICIENT_CAPACITY),
            None => self.permissions.push(Permission { peer, until }),
        }
        Ok(())
    }

    fn expire(&mut self, now: Duration) {
        self.permissions.retain(|permission| permission.until > now);
        self.channels.retain(|channel| channel.until > now);
    }
}

/// Whether a peer may be reached from here.
fn check_peer(peer: SocketAddr, ipv6: bool, private: bool) -> Result<SocketAddr, u16> {
    if peer.is_ipv6() != ipv6 {
        return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
    }
    if reach::is_allowed(peer.ip(), private) { Ok(peer) } else { Err(ErrorCode::FORBIDDEN) }
}

fn refusal(message: &Message<'_>, code: u16) -> Option<MessageWriteVec> {
    let mut refusal = Message::builder_error(message, MessageWriteVec::new());
    refusal.add_attribute(&ErrorCode::builder(code).build().ok()?).ok()?;
    Some(refusal)
}

/// The answer to a binding request (RFC 8489 §12): how the sender is seen from here.
pub(crate) fn binding(request: &Message<'_>, seen: SocketAddr) -> Vec<u8> {
    let mut answer = Message::builder_success(request, MessageWriteVec::new());
    let mapped = XorMappedAddress::new(seen, request.transaction_id());
    answer.add_attribute(&mapped).expect("a first attribute fits");
    answer.finish()
}

fn instant(now: Duration) -> Instant {
    Instant::from_nanos(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
