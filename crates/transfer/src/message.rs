//! The messages that two people who pay each other sign (spec: `docs/spec/transfer.md` §3).
//!
//! Each is the payload of a compact JWS. The type, sender, recipient, expiry and nonce stand inside the signature, so a
//! message that is taken out of its place does not fit anywhere else.

use crate::limits::{CLOCK_SKEW, MAX_LIFETIME, MAX_MEMO_CHARS};
use crate::refusal::code_is_well_formed;
use pumasi_crypto::b64;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_identity::Did;
use pumasi_ledger::{Head, Outcome, TransferId};
use pumasi_units::{Millis, Money, Timestamp, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// Which message a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Please pay me.
    Request,
    /// I pay you.
    Transfer,
    /// Your transfer reached me; the decision follows.
    Received,
    /// I took it, or not, and why.
    Result,
    /// Your result reached me.
    Bye,
    /// What became of my transfer, which has expired since?
    Query,
}

impl Kind {
    /// The name in the payload's `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Transfer => "transfer",
            Self::Received => "received",
            Self::Result => "result",
            Self::Bye => "bye",
            Self::Query => "query",
        }
    }

    /// The `typ` of the JWS header (RFC 7515 §4.1.9).
    #[must_use]
    pub fn typ(self) -> &'static str {
        match self {
            Self::Request => "pumasi-request",
            Self::Transfer => "pumasi-transfer",
            Self::Received => "pumasi-received",
            Self::Result => "pumasi-result",
            Self::Bye => "pumasi-bye",
            Self::Query => "pumasi-query",
        }
    }

    /// The message with this `typ`.
    #[must_use]
    pub fn from_typ(typ: &str) -> Option<Self> {
        [Self::Request, Self::Transfer, Self::Received, Self::Result, Self::Bye, Self::Query]
            .into_iter()
            .find(|kind| kind.typ() == typ)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 16 random bytes that make two otherwise equal messages different. JSON: base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

impl Nonce {
    /// The nonce of a statement about a transfer. The transfer's id is unlike every other already, so it needs no
    /// randomness, and the machines stay without any.
    pub(crate) fn of(kind: Kind, transfer: &TransferId, issued: Timestamp) -> Self {
        let digest = sha256(&[kind.typ().as_bytes(), &transfer.0, &issued.0.to_be_bytes()]);
        Self(digest.0[..16].try_into().expect("16 of a digest's 32 bytes"))
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&b64::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = b64::decode("nonce", text).map_err(D::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("nonce: not 16 bytes"))
    }
}

/// What the payer owes the payee in one unit, in smallest parts; negative when the payee owes.
///
/// JSON: `{"amount":"-12000","unit":"KRW"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Smallest parts.
    pub amount: i128,
    /// Which unit.
    pub unit: Unit,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BalanceWire {
    amount: String,
    unit: Unit,
}

impl Serialize for Balance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BalanceWire { amount: self.amount.to_string(), unit: self.unit.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Balance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let BalanceWire { amount, unit } = BalanceWire::deserialize(deserializer)?;
        let minor: i128 = amount.parse().map_err(|_| D::Error::custom("balance: not a whole number"))?;
        if minor.to_string() != amount {
            return Err(D::Error::custom("balance: not in its shortest form"));
        }
        Ok(Self { amount: minor, unit })
    }
}

/// Declares a payload: the fields that every message has, then its own.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident is $kind:ident, checked by $check:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Which message this is.
            #[serde(rename = "type")]
            pub kind: Kind,
            /// Who signed it.
            pub from: Did,
            /// Whom it is for.
            pub to: Did,
            /// When it was signed, by the signer's clock.
            pub issued: Timestamp,
            /// A transfer: after this it may no longer be accepted. A statement about one: until when the signer
            /// undertakes to repeat it.
            pub expires: Timestamp,
            /// Makes it unlike every other.
            pub nonce: Nonce,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Payload for $name {
            const KIND: Kind = Kind::$kind;

            fn header(&self) -> Header {
                Header {
                    kind: self.kind,
                    from: self.from,
                    to: Some(self.to),
                    issued: self.issued,
                    expires: self.expires,
                }
            }

            fn check_content(&self) -> Result<(), Invalid> {
                $check(self)
            }
        }
    };
}

payload! {
    /// I pay you. Signed with the RSA signing key of the payer's profile (PS256), then sealed for the payee.
    Transfer is Transfer, checked by check_transfer {
        /// How much.
        money: Money,
        /// What for, in at most [`MAX_MEMO_CHARS`] characters; may be empty.
        memo: String,
        /// The request that it pays, by id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Digest>,
        /// The payer's last entry before the one that this transfer makes. Two transfers after the same entry are a
        /// fork of the payer's chain, and both signatures prove it.
        prev: Head,
        /// Digest of the payer's profile, whose key signed this.
        profile: Digest,
    }
}

payload! {
    /// Your transfer reached me and is kept; I shall decide before it expires.
    Received is Received, checked by nothing_more {
        /// Which transfer.
        transfer: TransferId,
    }
}

payload! {
    /// How the payee settled the transfer: the payer's receipt.
    TransferResult is Result, checked by check_result {
        /// Which transfer.
        transfer: TransferId,
        /// Accepted, or refused and why.
        outcome: Outcome,
        /// The payee's last entry: the one of this transfer where it was accepted.
        head: Head,
        /// The payer's `prev`, quoted.
        payer_head: Head,
        /// What the payer owes the payee after it, by the payee's ledger.
        balance: Balance,
        /// How much the payee lets the payer owe; absent where no line was ever opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<Money>,
    }
}

payload! {
    /// The payer's countersignature under an acceptance: both have now signed the balance.
    Bye is Bye, checked by nothing_more {
        /// Which transfer.
        transfer: TransferId,
        /// Id of the result (SHA-256 of its JWS signing input).
        result: Digest,
        /// The payer's entry that holds the result.
        head: Head,
        /// What the payer owes the payee after it, by the payer's ledger.
        balance: Balance,
    }
}

payload! {
    /// What became of my transfer? Asked once it has expired, when the transfer itself may no longer be taken.
    Query is Query, checked by nothing_more {
        /// Which transfer.
        transfer: TransferId,
        /// When that transfer expired.
        expired: Timestamp,
        /// The payer's head that the transfer quotes.
        prev: Head,
        /// The unit of the transfer.
        unit: Unit,
    }
}

/// Please pay me. Signed with the DID's key, so a link is enough to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Which message this is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Who asks, and signed it.
    pub from: Did,
    /// Who shall pay; absent when anyone may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Did>,
    /// When it was signed, by the signer's clock.
    pub issued: Timestamp,
    /// After this a payment for it is refused.
    pub expires: Timestamp,
    /// Makes it unlike every other.
    pub nonce: Nonce,
    /// How much.
    pub money: Money,
    /// What for, in at most [`MAX_MEMO_CHARS`] characters; may be empty.
    pub memo: String,
}

/// The fields that every message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which message the payload says it is.
    pub kind: Kind,
    /// Who signed it.
    pub from: Did,
    /// Whom it is for.
    pub to: Option<Did>,
    /// When it was signed.
    pub issued: Timestamp,
    /// See the message.
    pub expires: Timestamp,
}

/// A signed payload of this protocol.
pub trait Payload {
    /// Which message it is.
    const KIND: Kind;

    /// The fields that every message has.
    fn header(&self) -> Header;

    /// Checks what the type alone does not.
    ///
    /// # Errors
    /// The field that is out of bounds.
    fn check_content(&self) -> Result<(), Invalid>;
}

/// A field of a well-signed message that is not as the protocol has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// `type` is that of another message.
    #[error("type: {found} where {expected} was announced")]
    Kind {
        /// What the JWS header or the state asks for.
        expected: Kind,
        /// What the payload says.
        found: Kind,
    },
    /// Not for me.
    #[error("to: the message is for someone else")]
    Recipient,
    /// Signed for another DID than the one at the other end of the link.
    #[error("from: {found} is not the peer of this link")]
    Sender {
        /// Who signed it.
        found: Did,
    },
    /// The memo is too long.
    #[error("memo: {chars} characters, the limit is {MAX_MEMO_CHARS}")]
    MemoTooLong {
        /// Its length.
        chars: usize,
    },
    /// The memo holds a control character, which a terminal might obey.
    #[error("memo: holds a control character")]
    MemoControl,
    /// Expires before it was issued, or lives longer than allowed.
    #[error("expires: {lifetime} ms after it was issued, the limit is {MAX_LIFETIME} and the least is 1")]
    Lifetime {
        /// Its life in milliseconds, 0 when it ends before it begins.
        lifetime: Millis,
    },
    /// Signed in the future, further than clocks may differ.
    #[error("issued: {ahead} ms ahead of this clock, the limit is {CLOCK_SKEW}")]
    Clock {
        /// How far ahead.
        ahead: Millis,
    },
    /// A payment of nothing.
    #[error("money: zero; the least is one smallest part")]
    Zero,
    /// A refusal with a code that no version has.
    #[error("outcome: the code is not up to 32 lower-case letters and hyphens")]
    Code,
    /// Quotes something else than what it answers.
    #[error("{field}: does not belong to this transfer")]
    Mismatch {
        /// The field.
        field: &'static str,
    },
}

/// Checks a memo's length and characters.
///
/// # Errors
/// [`Invalid::MemoTooLong`], [`Invalid::MemoControl`].
pub fn check_memo(memo: &str) -> Result<(), Invalid> {
    let chars = memo.chars().count();
    if chars > MAX_MEMO_CHARS {
        return Err(Invalid::MemoTooLong { chars });
    }
    if memo.chars().any(char::is_control) { Err(Invalid::MemoControl) } else { Ok(()) }
}

/// Checks that something lives, and not too long.
///
/// # Errors
/// [`Invalid::Lifetime`].
pub fn check_lifetime(issued: Timestamp, expires: Timestamp) -> Result<(), Invalid> {
    let lifetime = expires.since(issued);
    if (1..=MAX_LIFETIME).contains(&lifetime) { Ok(()) } else { Err(Invalid::Lifetime { lifetime }) }
}

/// Checks that a message was not signed in the future.
///
/// # Errors
/// [`Invalid::Clock`].
pub fn check_clock(issued: Timestamp, now: Timestamp) -> Result<(), Invalid> {
    let ahead = issued.since(now);
    if ahead > CLOCK_SKEW { Err(Invalid::Clock { ahead }) } else { Ok(()) }
}

fn check_transfer(transfer: &Transfer) -> Result<(), Invalid> {
    check_memo(&transfer.memo)?;
    check_lifetime(transfer.issued, transfer.expires)
}

fn check_result(result: &TransferResult) -> Result<(), Invalid> {
    if result.limit.as_ref().is_some_and(|limit| *limit.unit() != result.balance.unit) {
        return Err(Invalid::Mismatch { field: "limit" });
    }
    match &result.outcome {
        Outcome::Refused { code, .. } if !code_is_well_formed(code) => Err(Invalid::Code),
        Outcome::Refused { .. } | Outcome::Accepted => Ok(()),
    }
}

fn nothing_more<T>(_: &T) -> Result<(), Invalid> {
    Ok(())
}

impl Payload for Request {
    const KIND: Kind = Kind::Request;

    fn header(&self) -> Header {
        Header { kind: self.kind, from: self.from, to: self.to, issued: self.issued, expires: self.expires }
    }

    fn check_content(&self) -> Result<(), Invalid> {
        check_memo(&self.memo)?;
        check_lifetime(self.issued, self.expires)?;
        if self.money.minor() == 0 { Err(Invalid::Zero) } else { Ok(()) }
    }
}
