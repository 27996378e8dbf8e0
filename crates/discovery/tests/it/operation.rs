use super::common::{HOUR, NOW, Shop, restaurant};
use futures::executor::block_on;
use pumasi_crypto::b64;
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_discovery::{Action, Effect, Known, OperationError, Refusal, SignedOperation, decide, decide_mirrored};
use pumasi_discovery::{Operation, zero_bits};
use serde_json::{Value, json};

fn payload(operation: &SignedOperation) -> Value {
    let payload = operation.as_str().split('.').nth(1).unwrap();
    serde_json::from_slice(&b64::decode("payload", payload).unwrap()).unwrap()
}

/// Signed by the key with this seed, whoever `kid` names.
fn forge(seed: u8, kid: &str, typ: &str, payload: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": kid, "typ": typ }).to_string();
    let input = format!("{}.{}", b64::encode(header), b64::encode(payload.to_string()));
    format!("{input}.{}", b64::encode(EphemeralSigner::from_seed(&[seed; 32]).sign(input.as_bytes())))
}

#[test]
fn what_was_signed_is_what_is_read() {
    let shop = Shop::new(1);
    let beat = Action::Heartbeat { listing: shop.act(1, Action::Register(restaurant())).id() };
    for action in [Action::Register(restaurant()), Action::Update(restaurant()), beat, Action::Delete] {
        let operation = shop.operation(7, action);
        let signed = shop.sign(operation.clone());
        let read = SignedOperation::verify(signed.as_str()).unwrap();
        assert_eq!(read.operation(), &operation);
        assert_eq!(read, signed);
    }
}

#[test]
fn nobody_lists_a_did_that_is_not_theirs() {
    let (shop, other) = (Shop::new(1), Shop::new(2));
    let genuine = payload(&shop.act(1, Action::Register(restaurant())));
    let typ = "pumasi/1/listing";
    assert!(SignedOperation::verify(&forge(1, &shop.did.key_id(), typ, &genuine)).is_ok());
    for (seed, kid) in [(2, shop.did.key_id()), (2, other.did.key_id()), (1, other.did.key_id())] {
        let verified = SignedOperation::verify(&forge(seed, &kid, typ, &genuine));
        assert_eq!(verified, Err(OperationError::Signature), "{seed} {kid}");
    }
    let as_a_signal = SignedOperation::verify(&forge(1, &shop.did.key_id(), "pumasi/1/signal", &genuine));
    assert!(matches!(as_a_signal, Err(OperationError::Malformed(_))), "{as_a_signal:?}");
    let wrong_key = shop.operation(1, Action::Delete).sign(&other.provider, &other.key, 0);
    assert_eq!(block_on(wrong_key), Err(OperationError::Signature));
}

#[test]
fn a_field_out_of_bounds_is_refused_by_name() {
    let shop = Shop::new(1);
    let genuine = payload(&shop.act(1, Action::Register(restaurant())));
    let verify = |change: &dyn Fn(&mut Value)| {
        let mut payload = genuine.clone();
        change(&mut payload);
        SignedOperation::verify(&forge(1, &shop.did.key_id(), "pumasi/1/listing", &payload))
    };
    for (field, value) in [
        ("description", json!("가".repeat(501))),
        ("categories", json!([])),
        ("bootstrap_nodes", json!(["http://node.example"])),
        ("service_endpoint", json!("http://shop.example")),
        ("nonce", json!("AAAA")),
        ("stamp", json!("0".repeat(17))),
        ("sequence", json!(0)),
        ("sequence", json!(1_u64 << 53)),
        ("action", json!("replace")),
    ] {
        let refused = verify(&|payload| payload[field] = value.clone());
        assert!(matches!(&refused, Err(OperationError::Field(error)) if error.field == field), "{field}: {refused:?}");
    }
    for (field, value) in
        [("expires", json!(NOW.0 + 1)), ("expires", json!(NOW.0 + 31 * 24 * HOUR)), ("expires", json!(0))]
    {
        let refused = verify(&|payload| payload[field] = value.clone());
        assert!(matches!(refused, Err(OperationError::Lifetime { .. })), "{field}: {refused:?}");
    }
    for (field, value) in
        [("extra", json!(1)), ("listing", json!("0".repeat(64))), ("did", json!("did:key:z")), ("created", json!(-1))]
    {
        let refused = verify(&|payload| payload[field] = value.clone());
        assert!(matches!(refused, Err(OperationError::Malformed(_))), "{field}: {refused:?}");
    }
}

#[test]
fn it_is_handed_in_when_it_is_made() {
    let operation = Shop::new(1).act(1, Action::Register(restaurant()));
    for now in [NOW, NOW - 5 * 60_000, NOW + 10 * 60_000] {
        assert_eq!(operation.check_time(now), Ok(()), "{now}");
    }
    for now in [NOW - 5 * 60_000 - 1, NOW + 10 * 60_000 + 1] {
        assert_eq!(operation.check_time(now), Err(OperationError::NotNow { created: NOW, now }));
    }
}

#[test]
fn the_stamp_costs_work_and_too_much_work_is_refused() {
    let shop = Shop::new(1);
    for bits in [0, 1, 10] {
        let signed = block_on(shop.operation(1, Action::Delete).sign(&shop.provider, &shop.key, bits)).unwrap();
        assert!(zero_bits(&signed.id()) >= bits);
        let wanted = zero_bits(&signed.id()) + 1;
        assert_eq!(signed.check_stamp(wanted), Err(OperationError::Stamp { found: wanted - 1, wanted }));
    }
    let hard = shop.operation(1, Action::Delete).sign(&shop.provider, &shop.key, 25);
    assert_eq!(block_on(hard), Err(OperationError::TooHard { wanted: 25 }));
}

fn known(operation: &SignedOperation, listing: Option<&SignedOperation>) -> Known {
    Known {
        sequence: operation.operation().sequence,
        last: operation.id(),
        listing: listing.map(SignedOperation::id),
        expires: operation.operation().expires,
    }
}

#[test]
fn replays_and_stale_writes_change_nothing() {
    let shop = Shop::new(1);
    let first = shop.act(5, Action::Register(restaurant()));
    assert_eq!(decide(None, &first, NOW), Ok(Effect::List));
    let standing = known(&first, Some(&first));
    assert_eq!(decide(Some(&standing), &first, NOW), Err(Refusal::Replayed));
    for sequence in [4, 5] {
        let stale = shop.act(sequence, Action::Delete);
        assert_eq!(decide(Some(&standing), &stale, NOW), Err(Refusal::Stale { found: sequence, known: 5 }));
    }
    assert_eq!(decide(Some(&standing), &shop.act(6, Action::Delete), NOW), Ok(Effect::Remove));
    assert_eq!(decide(Some(&standing), &shop.act(6, Action::Update(restaurant())), NOW), Ok(Effect::List));

    let deleted = known(&shop.act(6, Action::Delete), None);
    assert_eq!(decide(Some(&deleted), &first, NOW), Err(Refusal::Stale { found: 5, known: 6 }));
    assert_eq!(decide(Some(&deleted), &shop.act(7, Action::Update(restaurant())), NOW), Err(Refusal::NotListed));
    assert_eq!(decide(Some(&deleted), &shop.act(7, Action::Register(restaurant())), NOW), Ok(Effect::List));
}

#[test]
fn a_heartbeat_keeps_only_the_listing_that_it_names_and_only_while_it_stands() {
    let shop = Shop::new(1);
    let old = shop.act(1, Action::Register(restaurant()));
    let new = shop.act(2, Action::Update(restaurant()));
    let standing = known(&new, Some(&new));
    let beat = |listing: &SignedOperation| shop.act(3, Action::Heartbeat { listing: listing.id() });
    assert_eq!(decide(Some(&standing), &beat(&new), NOW), Ok(Effect::Extend));
    assert_eq!(decide(Some(&standing), &beat(&old), NOW), Err(Refusal::OtherListing(new.id())));
    assert_eq!(decide(Some(&standing), &beat(&new), NOW + HOUR), Err(Refusal::NotListed));
}

#[test]
fn a_mirror_takes_what_its_log_begins_with() {
    let shop = Shop::new(1);
    let update = shop.act(2, Action::Update(restaurant()));
    assert_eq!(decide(None, &update, NOW), Err(Refusal::NotListed));
    assert_eq!(decide_mirrored(None, &update, NOW), Ok(Effect::List));
    assert_eq!(decide_mirrored(None, &shop.act(2, Action::Delete), NOW), Ok(Effect::Remove));
    assert_eq!(decide_mirrored(Some(&known(&update, Some(&update))), &update, NOW), Err(Refusal::Replayed));
}

#[test]
fn the_longest_listing_fits() {
    let shop = Shop::new(1);
    let listing = pumasi_discovery::Listing {
        name: Some("𐌰".repeat(64)),
        description: "𐌰".repeat(500),
        categories: (0..8).map(|n| format!("{n}{}", "𐌰".repeat(31))).collect(),
        bootstrap_nodes: vec![format!("/{}", "a".repeat(255)); 8],
        service_endpoint: Some(format!("https://{}", "a".repeat(248))),
    };
    let long: Operation = shop.operation(1, Action::Register(listing));
    assert!(shop.sign(long).as_str().len() <= pumasi_discovery::bounds::MAX_OPERATION);
}
