use super::common::{HOUR, NOW, Person};
use futures::executor::block_on;
use pumasi_crypto::hash::sha256;
use pumasi_crypto::{NativeProvider, RsaBits, jose};
use pumasi_identity::{Did, PlainKeys, PrivateKeys, ProfileDraft, SignedProfile};
use pumasi_ledger::{Head, Outcome};
use pumasi_transfer::message::{Balance, Kind, Nonce, Transfer, TransferResult};
use pumasi_trust::lie::{MAX_PROOF, Proof};
use pumasi_trust::vouch::{MAX_ENTRY, MAX_LIFE, place, validate};
use pumasi_trust::{Claim, Lie, LieError, LieKind, ProvenLie, Vouch};
use pumasi_units::{Money, Unit};

struct Payer {
    keys: PrivateKeys<NativeProvider>,
    profile: SignedProfile,
}

impl Payer {
    fn new() -> Self {
        block_on(async {
            let keys = PlainKeys::generate(&NativeProvider, RsaBits::B2048).await.unwrap();
            let keys = keys.import(&NativeProvider).await.unwrap();
            let profile = profile(&keys, "한밭식당").await;
            Self { keys, profile }
        })
    }

    fn did(&self) -> Did {
        *self.keys.did()
    }

    /// A transfer of so many won after the same entry.
    fn transfer(&self, won: u64, prev: Head) -> String {
        let transfer = Transfer {
            kind: Kind::Transfer,
            from: self.did(),
            to: Person::new(9).did,
            issued: NOW,
            expires: NOW + HOUR,
            nonce: Nonce([1; 16]),
            money: Money::new(won, Unit::krw()).unwrap(),
            memo: String::new(),
            request: None,
            prev,
            profile: self.profile.digest(),
        };
        let (key, kid) = (self.keys.rsa_signing_key(), self.profile.rsa_signing_kid());
        let typ = Kind::Transfer.typ();
        block_on(jose::sign_ps256(&NativeProvider, key, &kid, typ, &transfer)).unwrap().as_str().to_owned()
    }

    fn result(&self, head: Head) -> String {
        let unit = Unit::krw();
        let result = TransferResult {
            kind: Kind::Result,
            from: self.did(),
            to: Person::new(9).did,
            issued: NOW,
            expires: NOW + HOUR,
            nonce: Nonce([2; 16]),
            transfer: sha256(&[b"a transfer"]),
            outcome: Outcome::Accepted,
            head,
            payer_head: Head::default(),
            balance: Balance { amount: 0, unit },
            limit: None,
        };
        let (key, kid, typ) = (self.keys.did_key(), self.did().key_id(), Kind::Result.typ());
        block_on(jose::sign_eddsa(&NativeProvider, key, &kid, typ, &result)).unwrap().as_str().to_owned()
    }

    fn fork(&self, first: String, second: String) -> Lie {
        Lie { by: self.did(), proof: Proof::Fork { first, second, profiles: vec![self.profile.clone()] } }
    }
}

async fn profile(keys: &PrivateKeys<NativeProvider>, name: &str) -> SignedProfile {
    let (created, expires, name) = (NOW, NOW + HOUR, Some(name.to_owned()));
    let draft = ProfileDraft { sequence: 7, created, expires, name, services: Vec::new() };
    SignedProfile::sign(&NativeProvider, keys, draft).await.unwrap()
}

fn verify(lie: Lie) -> Result<ProvenLie, LieError> {
    block_on(lie.verify(&NativeProvider))
}

fn head(sequence: u64, seed: &[u8]) -> Head {
    Head { sequence, hash: sha256(&[seed]) }
}

/// Kept in the DHT under the liar, read by a node, and by whoever asks.
fn is_kept(lie: &Lie) {
    let until = NOW + MAX_LIFE;
    let bytes = lie.encode(until).unwrap();
    assert!(bytes.len() <= MAX_ENTRY, "{}", bytes.len());
    let facts = validate(&place(&lie.by), &bytes, NOW).unwrap();
    assert_eq!((facts.rank, facts.expires, facts.sequence), (u64::MAX, until, until.0));
    assert_eq!(Lie::decode(&bytes), Ok((lie.clone(), until)));
    assert!(validate(&place(&Person::new(8).did), &bytes, NOW).is_err(), "under somebody else");
}

#[test]
fn two_histories_of_one_ledger_prove_a_fork_to_anyone() {
    let payer = Payer::new();
    let prev = head(5, b"five");
    let two_after_one = payer.fork(payer.transfer(1_000, prev), payer.transfer(2_000, prev));
    assert_eq!(verify(two_after_one.clone()).unwrap().kind(), LieKind::Fork);
    is_kept(&two_after_one);
    let two_heads = payer.fork(payer.result(head(6, b"one")), payer.transfer(1_000, head(6, b"other")));
    assert!(verify(two_heads.clone()).is_ok());
    is_kept(&two_heads);
}

#[test]
fn what_can_both_hold_proves_nothing_nor_does_what_somebody_else_signed() {
    let payer = Payer::new();
    let prev = head(5, b"five");
    let transfer = payer.transfer(1_000, prev);
    for other in [transfer.clone(), payer.transfer(2_000, head(6, b"six")), payer.result(prev)] {
        assert_eq!(verify(payer.fork(transfer.clone(), other)), Err(LieError::NoContradiction));
    }
    let framed = Lie { by: Person::new(8).did, ..payer.fork(transfer.clone(), payer.transfer(2_000, prev)) };
    assert_eq!(verify(framed.clone()), Err(LieError::Signature));
    let bytes = framed.encode(NOW + HOUR).unwrap();
    assert!(validate(&place(&framed.by), &bytes, NOW).is_err());
    let without = Proof::Fork { first: transfer.clone(), second: payer.transfer(2_000, prev), profiles: Vec::new() };
    assert_eq!(verify(Lie { by: payer.did(), proof: without }), Err(LieError::Signature));
    let mut broken = transfer.clone().into_bytes();
    *broken.last_mut().unwrap() = if broken.ends_with(b"A") { b'Q' } else { b'A' };
    let broken = payer.fork(transfer, String::from_utf8(broken).unwrap());
    assert_eq!(verify(broken), Err(LieError::Signature));
}

#[test]
fn two_profiles_with_one_sequence_are_a_lie_and_one_is_not() {
    let payer = Payer::new();
    let other = block_on(profile(&payer.keys, "한밭식당 2호점"));
    let lie = Lie::of_profiles(payer.profile.clone(), other).unwrap();
    assert_eq!((lie.by(), lie.kind()), (payer.did(), LieKind::Profiles));
    is_kept(lie.lie());
    assert_eq!(Lie::of_profiles(payer.profile.clone(), payer.profile.clone()), None);
    assert_eq!(Lie::of_profiles(payer.profile, Payer::new().profile), None, "two people");
}

#[test]
fn two_statements_for_one_slot_are_a_lie() {
    let (one, two) = (Person::new(1), Person::new(2));
    let first = one.vouch(&two.did, &[Claim::Person]);
    let second = one.vouch(&two.did, &[]);
    let lie = Lie::of_statements(one.did, first.as_str(), second.as_str()).unwrap();
    is_kept(lie.lie());
    let later = one.sign(Vouch { sequence: 2, ..one.says(&two.did, &[]) });
    let elsewhere = one.vouch(&Person::new(3).did, &[]);
    for honest in [&first, &later, &elsewhere] {
        assert_eq!(Lie::of_statements(one.did, first.as_str(), honest.as_str()), None);
    }
    assert_eq!(Lie::of_statements(two.did, first.as_str(), second.as_str()), None, "somebody else's");
}

#[test]
fn what_blows_up_is_refused_before_it_is_unpacked() {
    let bomb = [&[1], miniz_oxide::deflate::compress_to_vec(&vec![b' '; 8 * 1024 * 1024], 9).as_slice()].concat();
    assert!(bomb.len() > MAX_ENTRY || Lie::decode(&bomb).is_err());
    let small = [&[1], miniz_oxide::deflate::compress_to_vec(&vec![b' '; MAX_PROOF + 1], 9).as_slice()].concat();
    assert!(small.len() < MAX_ENTRY);
    assert!(matches!(Lie::decode(&small), Err(LieError::Malformed(_))));
    assert_eq!(Lie::decode(&[2, 0]), Err(LieError::Malformed("its first byte")));
}
