use super::common::{HOUR, NOW, Shop, restaurant};
use pumasi_discovery::{Action, Entry, Forgery};

#[test]
fn an_entry_is_believed_as_it_was_signed() {
    let shop = Shop::new(1);
    let verified = shop.entry().verify(NOW).unwrap();
    assert_eq!((verified.did(), verified.listing(), verified.sequence()), (shop.did, &restaurant(), 1));
    assert_eq!(verified.expires(), NOW + HOUR);
    let json = serde_json::to_value(shop.entry()).unwrap();
    assert_eq!(json["did"], shop.did.to_string());
    assert_eq!(json["service_endpoint"], "https://shop.example:8443");
    assert_eq!(json["bootstrap_nodes"][0], "/ip4/203.0.113.7/tcp/8468");
}

#[test]
fn a_forged_field_is_named() {
    let shop = Shop::new(1);
    let forged = |change: &dyn Fn(&mut Entry)| {
        let mut entry = shop.entry();
        change(&mut entry);
        entry.verify(NOW).unwrap_err()
    };
    let evil = || Some("https://evil.example".to_owned());
    assert_eq!(forged(&|entry| entry.listing.service_endpoint = evil()), Forgery::Field("service_endpoint"));
    assert_eq!(forged(&|entry| entry.listing.service_endpoint = None), Forgery::Field("service_endpoint"));
    assert_eq!(forged(&|entry| entry.listing.name = None), Forgery::Field("name"));
    assert_eq!(forged(&|entry| entry.listing.description.push('.')), Forgery::Field("description"));
    assert_eq!(forged(&|entry| entry.listing.categories.clear()), Forgery::Field("categories"));
    assert_eq!(forged(&|entry| entry.listing.bootstrap_nodes.clear()), Forgery::Field("bootstrap_nodes"));
    assert_eq!(forged(&|entry| entry.sequence = 2), Forgery::Field("sequence"));
    assert_eq!(forged(&|entry| entry.expires = NOW + 2 * HOUR), Forgery::Field("expires"));
    assert_eq!(forged(&|entry| entry.did = Shop::new(2).did), Forgery::OtherDid(shop.did));
    assert!(matches!(forged(&|entry| entry.proof.push('A')), Forgery::Proof(_)));
    let deletion = shop.act(1, Action::Delete).as_str().to_owned();
    assert_eq!(forged(&|entry| entry.proof.clone_from(&deletion)), Forgery::OtherAction);
    assert_eq!(shop.entry().verify(NOW + HOUR), Err(Forgery::Expired(NOW + HOUR)));
}

#[test]
fn a_heartbeat_revives_no_older_listing() {
    let shop = Shop::new(1);
    let old = shop.act(1, Action::Register(restaurant()));
    let new = shop.act(2, Action::Update(restaurant()));
    let mut beat = shop.operation(3, Action::Heartbeat { listing: new.id() });
    beat.expires = NOW + 5 * HOUR;
    let beat = shop.sign(beat);
    let entry = Entry::new(&new, Some(&beat)).unwrap();
    let verified = entry.clone().verify(NOW + 4 * HOUR).unwrap();
    assert_eq!((verified.sequence(), verified.expires()), (3, NOW + 5 * HOUR));
    let forged = Entry { proof: old.as_str().to_owned(), ..entry };
    assert_eq!(forged.verify(NOW), Err(Forgery::OtherListing));
    let other = Shop::new(2).act(9, Action::Heartbeat { listing: new.id() });
    assert_eq!(Entry::new(&new, Some(&other)).unwrap().verify(NOW), Err(Forgery::OtherDid(Shop::new(2).did)));
}
