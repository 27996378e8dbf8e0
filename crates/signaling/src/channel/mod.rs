//! The first words on an open data channel: both sides prove their DID, bound to both DTLS certificates.

mod message;

pub use message::{ChannelRole, MAX_AUTH_MESSAGE, MAX_CAPABILITIES, MAX_CAPABILITY, ProfileVersion, Versions};

use crate::Nonce;
use message::{End, Hello, Message, Proof, Transcript, check_capabilities};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use std::collections::{BTreeSet, VecDeque};

/// How long the proof may take: ten seconds.
pub const AUTH_WAIT: Millis = 10_000;

/// Why the other end is not who it should be. Close the channel; nothing of it may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Longer than [`MAX_AUTH_MESSAGE`].
    #[error("channel proof: {len} bytes, the limit is {MAX_AUTH_MESSAGE}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not a hello or a proof.
    #[error("channel proof: malformed")]
    Malformed,
    /// Too many capabilities, or one with a bad name.
    #[error("capabilities: at most {MAX_CAPABILITIES}, each 1 to {MAX_CAPABILITY} printable ASCII characters")]
    Capabilities,
    /// A well-formed message at the wrong moment.
    #[error("channel proof: got {got} while waiting for {expected}")]
    OutOfOrder {
        /// What came.
        got: &'static str,
        /// What should have come.
        expected: &'static str,
    },
    /// Another person than the one who was called, or who called.
    #[error("channel proof: {did} is at the other end, not {expected}")]
    WrongPeer {
        /// Who says to be there.
        did: Did,
        /// Who should be.
        expected: Did,
    },
    /// Our own words came back.
    #[error("channel proof: our own words came back")]
    Reflected,
    /// No protocol version in common.
    #[error("protocol: we speak {}–{}, they speak {}–{}", ours.min, ours.max, theirs.min, theirs.max)]
    Version {
        /// What we speak.
        ours: Versions,
        /// What they speak.
        theirs: Versions,
    },
    /// The signature is not theirs over this channel: someone may sit in between.
    #[error("channel proof: the signature does not fit this channel; someone may sit in between")]
    Signature,
    /// No proof within [`AUTH_WAIT`].
    #[error("channel proof: none came in time")]
    TimedOut,
    /// It failed before, or is done.
    #[error("channel proof: over")]
    Over,
}

/// What the driver has to do next, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthOutput {
    /// Send this as one message on the channel.
    Send(Vec<u8>),
    /// Sign these bytes with the DID's key and give the signature to [`ChannelAuth::handle_signature`].
    Sign(Vec<u8>),
    /// The other end is who it should be. From now on, messages belong to the protocol above.
    Authenticated(Authenticated),
}

/// Who is at the other end. Only [`ChannelAuth`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authenticated {
    /// Who it is.
    pub did: Did,
    /// Which profile it uses.
    pub profile: ProfileVersion,
    /// The highest protocol version that both speak.
    pub version: u32,
    /// What both can do beyond that version.
    pub capabilities: BTreeSet<String>,
}

/// What one side knows when the channel opens.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// Which side we are.
    pub role: ChannelRole,
    /// Our DID.
    pub me: Did,
    /// Whom we called, or who called.
    pub them: Did,
    /// SHA-256 of our DTLS certificate.
    pub local_fingerprint: [u8; 32],
    /// SHA-256 of the certificate that the other end used in the DTLS handshake.
    pub remote_fingerprint: [u8; 32],
    /// Fresh and random.
    pub nonce: Nonce,
    /// Which profile we use.
    pub profile: ProfileVersion,
    /// What we can do beyond the version.
    pub capabilities: BTreeSet<String>,
}

/// Proves both DIDs over an open channel.
///
/// Contract: after each call, drain [`poll_output`](Self::poll_output) to `None`. The first error ends it: close the
/// channel. Until [`AuthOutput::Authenticated`], every message of the channel goes to
/// [`handle_message`](Self::handle_message).
pub struct ChannelAuth {
    config: AuthConfig,
    hello: Vec<u8>,
    deadline: Timestamp,
    state: State,
    outputs: VecDeque<AuthOutput>,
}

enum State {
    AwaitHello,
    /// Their hello is here; two things are missing, in any order.
    Proving {
        theirs: Box<Peer>,
        proof_sent: bool,
        proof_checked: bool,
    },
    Over,
}

struct Peer {
    end: End,
    authenticated: Authenticated,
}

impl ChannelAuth {
    /// Starts: the first output is our hello.
    ///
    /// # Errors
    /// [`AuthError::Capabilities`] when ours are too many or too long.
    pub fn new(config: AuthConfig, now: Timestamp) -> Result<Self, AuthError> {
        check_capabilities(&config.capabilities)?;
        let hello = Message::Hello(Hello {
            did: config.me,
            nonce: config.nonce,
            profile: config.profile,
            versions: Versions::OURS,
            capabilities: config.capabilities.clone(),
        });
        let hello = hello.to_vec();
        let outputs = VecDeque::from([AuthOutput::Send(hello.clone())]);
        Ok(Self { config, hello, deadline: now + AUTH_WAIT, state: State::AwaitHello, outputs })
    }

    /// Takes a message of the channel.
    ///
    /// # Errors
    /// The [`AuthError`] that says why this end cannot be trusted. It is over then.
    pub fn handle_message(&mut self, bytes: &[u8]) -> Result<(), AuthError> {
        let result = Message::parse(bytes).and_then(|message| match message {
            Message::Hello(hello) => self.handle_hello(hello, bytes),
            Message::Proof(proof) => self.handle_proof(&proof),
        });
        self.end_on_error(result)
    }

    /// Takes the signature over what [`AuthOutput::Sign`] gave.
    ///
    /// # Errors
    /// [`AuthError::Over`] when nothing waits for it.
    pub fn handle_signature(&mut self, signature: &[u8; 64]) -> Result<(), AuthError> {
        let State::Proving { proof_sent: sent @ false, .. } = &mut self.state else { return Err(AuthError::Over) };
        *sent = true;
        self.outputs.push_back(AuthOutput::Send(Message::Proof(Proof::new(signature)).to_vec()));
        self.finish();
        Ok(())
    }

    /// Time has passed.
    ///
    /// # Errors
    /// [`AuthError::TimedOut`]. It is over then.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Result<(), AuthError> {
        let late = self.poll_timeout().is_some_and(|deadline| deadline <= now);
        self.end_on_error(if late { Err(AuthError::TimedOut) } else { Ok(()) })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` when it is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        (!matches!(self.state, State::Over)).then_some(self.deadline)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<AuthOutput> {
        self.outputs.pop_front()
    }

    fn handle_hello(&mut self, hello: Hello, bytes: &[u8]) -> Result<(), AuthError> {
        match self.state {
            State::AwaitHello => {}
            State::Proving { .. } => return Err(AuthError::OutOfOrder { got: "hello", expected: "proof" }),
            State::Over => return Err(AuthError::Over),
        }
        let config = &self.config;
        if hello.did == config.me || hello.nonce == config.nonce {
            return Err(AuthError::Reflected);
        }
        if hello.did != config.them {
            return Err(AuthError::WrongPeer { did: hello.did, expected: config.them });
        }
        let version = Versions::OURS
            .common(hello.versions)
            .ok_or(AuthError::Version { ours: Versions::OURS, theirs: hello.versions })?;
        let capabilities = config.capabilities.intersection(&hello.capabilities).cloned().collect();
        let authenticated = Authenticated { did: hello.did, profile: hello.profile, version, capabilities };
        let end = End::new(config.them, &config.remote_fingerprint, bytes);
        self.outputs.push_back(AuthOutput::Sign(Transcript::bytes(config.role, self.own_end(), end)));
        let theirs = Box::new(Peer { end, authenticated });
        self.state = State::Proving { theirs, proof_sent: false, proof_checked: false };
        Ok(())
    }

    fn handle_proof(&mut self, proof: &Proof) -> Result<(), AuthError> {
        let own = self.own_end();
        match &mut self.state {
            State::AwaitHello => Err(AuthError::OutOfOrder { got: "proof", expected: "hello" }),
            State::Over => Err(AuthError::Over),
            State::Proving { proof_checked: true, .. } => {
                Err(AuthError::OutOfOrder { got: "a second proof", expected: "nothing" })
            }
            State::Proving { theirs, proof_checked, .. } => {
                let signed = Transcript::bytes(self.config.role.other(), theirs.end, own);
                self.config.them.verify(&signed, &proof.signature()?).map_err(|_| AuthError::Signature)?;
                *proof_checked = true;
                self.finish();
                Ok(())
            }
        }
    }

    fn own_end(&self) -> End {
        End::new(self.config.me, &self.config.local_fingerprint, &self.hello)
    }

    fn finish(&mut self) {
        if let State::Proving { theirs, proof_sent: true, proof_checked: true } = &self.state {
            self.outputs.push_back(AuthOutput::Authenticated(theirs.authenticated.clone()));
            self.state = State::Over;
        }
    }

    /// After an error nothing may come out any more, least of all a signature's worth.
    fn end_on_error(&mut self, result: Result<(), AuthError>) -> Result<(), AuthError> {
        if result.is_err() {
            self.state = State::Over;
            self.outputs.clear();
        }
        result
    }
}
