//! Two people who pay each other with documents that are really signed (EdDSA, by their DIDs), and the checker for them.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part")]

use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::password::Password;
use pumasi_crypto::{NativeProvider, b64};
use pumasi_identity::Did;
use pumasi_ledger::{Body, DocumentChecker, Head, Ledger, Outcome, Part, SignedDocument, Statement, Store, TransferId};
use pumasi_units::{Money, Timestamp, Unit};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

pub const START: Timestamp = Timestamp(1_795_247_280_000);
pub const PASSWORD: &str = "비밀번호 품앗이";

pub fn password() -> Password {
    Password::new(PASSWORD)
}

pub fn won(minor: u64) -> Money {
    Money::new(minor, Unit::krw()).unwrap()
}

/// Someone with a DID.
pub struct Person {
    signer: EphemeralSigner,
    pub did: Did,
}

impl Person {
    pub fn new(seed: u8) -> Self {
        let signer = EphemeralSigner::from_seed(&[seed; 32]);
        Self { did: Did::from_ed25519(signer.public()), signer }
    }

    /// A compact JWS (RFC 7515) of the payload.
    pub fn sign(&self, payload: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.did.key_id() });
        let signed = format!("{}.{}", b64::encode(header.to_string()), b64::encode(payload.to_string()));
        let signature = self.signer.sign(signed.as_bytes());
        format!("{signed}.{}", b64::encode(signature))
    }

    pub fn transfer(&self, to: &Self, money: &Money, memo: &str, prev: Head) -> String {
        self.sign(&json!({ "type": "transfer", "from": self.did, "to": to.did, "money": money, "memo": memo,
            "prev": prev, "issued": NONCE.fetch_add(1, Ordering::Relaxed) }))
    }

    pub fn result(&self, to: &Self, transfer: &TransferId, outcome: &Outcome, heads: [Head; 2], owed: i128) -> String {
        let [head, payer_head] = heads;
        self.sign(&json!({ "type": "result", "from": self.did, "to": to.did, "transfer": transfer,
            "outcome": outcome, "head": head, "payer_head": payer_head, "limit": won(50_000),
            "balance": { "unit": "KRW", "amount": owed.to_string() } }))
    }

    pub fn bye(&self, to: &Self, transfer: &TransferId, result: &str, head: Head, owed: i128) -> String {
        self.sign(&json!({ "type": "bye", "from": self.did, "to": to.did, "transfer": transfer,
            "result": jws_id(result), "head": head, "balance": { "unit": "KRW", "amount": owed.to_string() } }))
    }
}

static NONCE: AtomicU64 = AtomicU64::new(1);

pub fn jws_id(jws: &str) -> Digest {
    sha256(&[jws.rsplit_once('.').unwrap().0.as_bytes()])
}

/// A person and the ledger that they keep.
pub struct Side<S> {
    pub person: Person,
    pub ledger: Ledger<S, NativeProvider>,
}

impl<S: Store> Side<S> {
    pub async fn create(seed: u8, store: S) -> Self {
        let person = Person::new(seed);
        let ledger = Ledger::create(store, NativeProvider, person.did, &password(), START).await.unwrap();
        Self { person, ledger }
    }

    pub async fn append(&self, body: Body) -> Head {
        let mut tx = self.ledger.begin().await.unwrap();
        let at = START + tx.head().sequence * 1_000;
        tx.append(body, at).unwrap();
        self.ledger.commit(tx).await.unwrap()
    }

    pub async fn limit(&self, peer: &Person, minor: u64) {
        self.append(Body::Limit { peer: peer.did, limit: won(minor) }).await;
    }
}

/// Signs a transfer and appends it: what the payer does first.
pub async fn send<S: Store>(payer: &Side<S>, payee: &Person, minor: u64, memo: &str) -> (TransferId, String, Head) {
    let prev = payer.ledger.head();
    let document = payer.person.transfer(payee, &won(minor), memo, prev);
    let id = jws_id(&document);
    let expires = START + 60_000;
    let body = Body::Outgoing {
        id,
        peer: payee.did,
        money: won(minor),
        memo: memo.into(),
        expires,
        document: document.clone(),
    };
    payer.append(body).await;
    (id, document, prev)
}

/// Accepts a transfer: the payee's entry and signed result.
pub async fn accept<S: Store>(
    payee: &Side<S>,
    payer: &Person,
    sent: &(TransferId, String, Head),
    minor: u64,
    memo: &str,
) -> String {
    let (id, document, prev) = sent;
    let body = Body::Incoming {
        id: *id,
        peer: payer.did,
        money: won(minor),
        memo: memo.into(),
        document: document.clone(),
        profile: Digest::default(),
    };
    let head = payee.append(body).await;
    let owed = payee.ledger.balance(&payer.did, &Unit::krw());
    payee.person.result(payer, id, &Outcome::Accepted, [head, *prev], owed)
}

/// Keeps the receipt and countersigns it.
pub async fn settle<S: Store>(payer: &Side<S>, payee: &Person, id: &TransferId, result: &str) -> String {
    let body = Body::Outcome { id: *id, peer: payee.did, outcome: Outcome::Accepted, document: result.into() };
    let head = payer.append(body).await;
    let owed = -payer.ledger.balance(&payee.did, &Unit::krw());
    payer.person.bye(payee, id, result, head, owed)
}

/// A payment from beginning to end: four entries, two on each side.
pub async fn pay<S: Store>(payer: &Side<S>, payee: &Side<S>, minor: u64, memo: &str) -> TransferId {
    let sent = send(payer, &payee.person, minor, memo).await;
    let result = accept(payee, &payer.person, &sent, minor, memo).await;
    let bye = settle(payer, &payee.person, &sent.0, &result).await;
    payee.append(Body::Countersigned { id: sent.0, peer: payer.person.did, result, document: bye }).await;
    sent.0
}

/// Checks the documents made here.
pub struct Checker;

#[derive(Deserialize)]
struct Payload {
    from: Did,
    to: Did,
    transfer: Option<TransferId>,
    money: Option<Money>,
    memo: Option<String>,
    outcome: Option<Outcome>,
    result: Option<Digest>,
    prev: Option<Head>,
    head: Option<Head>,
    payer_head: Option<Head>,
    balance: Option<Balance>,
}

#[derive(Deserialize)]
struct Balance {
    unit: Unit,
    amount: String,
}

impl DocumentChecker for Checker {
    async fn check(&self, document: &SignedDocument<'_>) -> Result<Statement, String> {
        let (signed, signature) = document.text.rsplit_once('.').ok_or("not a JWS")?;
        let payload =
            b64::decode("payload", signed.split_once('.').ok_or("not a JWS")?.1).map_err(|e| e.to_string())?;
        let payload: Payload = serde_json::from_slice(&payload).map_err(|e| e.to_string())?;
        let signature = b64::decode("signature", signature).map_err(|e| e.to_string())?;
        let signature = signature.try_into().map_err(|_| "not 64 bytes")?;
        payload.from.verify(signed.as_bytes(), &signature).map_err(|e| e.to_string())?;
        // A head in a result or an acknowledgement is the signer's own; `payer_head` quotes the other's.
        let own = payload.prev.or(payload.head).map(|head| (payload.from, head));
        let quoted = payload.payer_head.map(|head| (payload.to, head));
        let transfer = if document.part == Part::Transfer { Some(jws_id(document.text)) } else { payload.transfer };
        Ok(Statement {
            signer: payload.from,
            transfer: transfer.ok_or("names no transfer")?,
            money: payload.money,
            memo: payload.memo,
            outcome: payload.outcome,
            result: payload.result,
            heads: own.into_iter().chain(quoted).collect(),
            balance: payload.balance.map(|balance| (balance.unit, balance.amount.parse().unwrap())),
        })
    }
}
