use crate::{Nonce, RejectReason, Sdp, Signal, SignedSignal};
use pumasi_crypto::hash::Digest;
use pumasi_units::Timestamp;

/// What the driver has to do next, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Sign this with the DID's key ([`Signal::sign`]) and give it to [`PairSession::handle_signed`](crate::PairSession::handle_signed).
    Sign(Signal),
    /// Seal this ([`PairMailbox::seal`](crate::PairMailbox::seal)) and put it into the DHT, or send it by any other road.
    /// If that fails, nothing is lost: it comes again while it matters.
    Publish(SignedSignal),
    /// Read the slots of [`PairMailbox::to_read`](crate::PairMailbox::to_read) and give what opens to
    /// [`PairSession::handle_signal`](crate::PairSession::handle_signal). Nothing found is no news.
    Fetch,
    /// Tell whoever asked.
    Event(Event),
}

/// What happened in the signalling of a pair. None of these survives a restart: the connection would not either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// They offer a connection. Make an answer and call [`PairSession::answer`](crate::PairSession::answer), or [`PairSession::reject`](crate::PairSession::reject).
    Offered {
        /// The id of the offer, to answer it by.
        offer: Digest,
        /// Their session.
        session: Nonce,
        /// How to reach them.
        sdp: Sdp,
        /// Until when an answer makes sense.
        expires: Timestamp,
    },
    /// The offer of theirs that we were answering is void: rejected by its maker, replaced, or out of time before
    /// [`PairSession::connected`](crate::PairSession::connected). Drop the connection being made for it.
    OfferGone {
        /// Its id.
        offer: Digest,
    },
    /// Our offer has an answer. Connect with it; when the channel is open, call [`PairSession::connected`](crate::PairSession::connected).
    Answered {
        /// Our session.
        session: Nonce,
        /// How to reach them.
        sdp: Sdp,
    },
    /// Our offer was rejected.
    Rejected {
        /// Our session.
        session: Nonce,
        /// Why.
        reason: RejectReason,
    },
    /// Both offered at once, and theirs stands because their DID is the lower one. An `Offered` follows.
    Yielded {
        /// Our session.
        session: Nonce,
    },
    /// Nobody answered in time.
    TimedOut {
        /// Our session.
        session: Nonce,
    },
}

/// Why [`PairSession`](crate::PairSession) does not do what its caller asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// An offer of ours stands already.
    #[error("an offer to them stands already")]
    Dialing,
    /// An offer of theirs is being answered: wait for its channel.
    #[error("an offer of theirs is being answered")]
    Answering,
    /// The offer to answer is not, or not any more, the one that stands, or it has its answer.
    #[error("that offer does not stand any more")]
    OfferGone,
}
