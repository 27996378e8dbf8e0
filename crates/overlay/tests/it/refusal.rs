//! What a stranger cannot make a node keep, and how the stranger hears of it.

use crate::common::{MINUTE, Person, TEN_SECONDS, listening, mail, now, peer, start, until};
use crate::rogue::Rogue;
use libp2p::PeerId;
use libp2p::kad::PutRecordError;
use pumasi_crypto::hash::sha256;
use pumasi_overlay::{Limits, NodeId, OverlayConfig, OverlayError};
use std::time::Duration;

const THIRTY_SECONDS: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_record_is_refused_and_the_sender_hears_of_it() {
    let node = start(peer(1, &[])).await;
    let mut rogue = Rogue::connect(&listening(&node, "tcp").await).await;
    let (person, other) = (Person::new().await, Person::new().await);
    let (profile, newer) = (person.profile(1).await, person.profile(2).await);
    let key = || person.key().to_bytes();
    let forged = String::from_utf8(profile.clone()).unwrap().replace("\"sequence\":1", "\"sequence\":9").into_bytes();
    assert_ne!(forged, profile);
    let (slot, record) = mail(1, now(), MINUTE, "offer");
    let (_, too_old) = mail(1, now() - 20 * MINUTE, MINUTE, "offer");

    for (what, key, value) in [
        ("a changed profile", key(), forged),
        ("the profile of another", key(), other.profile(1).await),
        ("no profile", key(), b"{}".to_vec()),
        ("a record of another slot", mail(2, now(), MINUTE, "").0.to_bytes(), record.clone()),
        ("an expired record", slot.to_bytes(), too_old),
        ("an unknown namespace", b"/pumasi/topic/12345678901234567890123456789012".to_vec(), record.clone()),
        ("a key of 31 bytes", slot.to_bytes()[..47].to_vec(), record.clone()),
        ("12 kB", key(), vec![b'x'; 12_000]),
    ] {
        let told = rogue.put(key, value, None).await;
        assert!(
            matches!(&told, Err(PutRecordError::QuorumFailed { success, .. }) if success.is_empty()),
            "{what}: {told:?}"
        );
    }
    // The same road is open to a good record: it was the record that was refused, not the peer.
    rogue.put(key(), newer.clone(), None).await.unwrap();
    rogue.put(slot.to_bytes(), record, None).await.unwrap();

    let told = rogue.put(key(), profile, None).await;
    assert!(matches!(told, Err(PutRecordError::QuorumFailed { .. })), "a rollback: {told:?}");
    assert_eq!(node.get(person.key()).await.unwrap(), Some(newer));
    let status = node.status().await.unwrap();
    assert_eq!((status.profiles, status.mailboxes, status.refused), (1, 1, 9), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_sequence_with_other_bytes_is_refused() {
    let node = start(peer(1, &[])).await;
    let mut rogue = Rogue::connect(&listening(&node, "tcp").await).await;
    let made = now();
    let ((key, first), (_, second)) = (mail(1, made, MINUTE, "one"), mail(1, made, MINUTE, "second"));

    rogue.put(key.to_bytes(), first.clone(), None).await.unwrap();
    assert!(rogue.put(key.to_bytes(), second, None).await.is_err());
    rogue.put(key.to_bytes(), first.clone(), None).await.unwrap();

    assert_eq!(node.get(key).await.unwrap(), Some(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_by_one_peer_ends_at_its_share_whatever_publisher_it_names() {
    let limits = Limits { records_per_peer: 10, puts_per_peer: 60, ..Limits::default() };
    let node = start(OverlayConfig { limits, ..peer(1, &[]) }).await;
    let at = listening(&node, "tcp").await;
    let mut rogue = Rogue::connect(&at).await;
    let made = now();

    let mut taken = 0;
    for slot in 0..40 {
        let (key, record) = mail(slot, made, MINUTE, "spam");
        taken += usize::from(rogue.put(key.to_bytes(), record, Some(PeerId::random())).await.is_ok());
    }
    assert_eq!(taken, 10);
    // Renewing what it has is no new record, until it sends faster than anyone may.
    for later in 1..=30 {
        let (key, record) = mail(0, made + later, MINUTE, "spam");
        let told = rogue.put(key.to_bytes(), record, None).await;
        assert_eq!(told.is_ok(), later <= 20, "put {} in ten seconds", 40 + later);
    }

    let status = node.status().await.unwrap();
    assert_eq!((status.mailboxes, status.refused), (10, 40), "{status:?}");
    let honest = start(peer(2, &[at])).await;
    let (key, record) = mail(1_000, made, MINUTE, "offer");
    assert_eq!(honest.put(key, record).await.unwrap().stored, 1, "another peer has its own share");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_mailboxes_by_many_stops_at_the_bound_and_leaves_profiles_alone() {
    let limits = Limits { mailboxes: 20, ..Limits::default() };
    let node = start(OverlayConfig { limits, ..peer(1, &[]) }).await;
    let at = listening(&node, "tcp").await;
    let person = Person::new().await;
    start(peer(2, std::slice::from_ref(&at))).await.put(person.key(), person.profile(1).await).await.unwrap();

    for _ in 0..3 {
        let mut rogue = Rogue::connect(&at).await;
        for slot in 0..40 {
            let (key, record) = mail(rand::random::<u32>().wrapping_add(slot), now(), MINUTE, "spam");
            // Some are nearer to the node than what it holds, and come in for the farthest.
            let _ = rogue.put(key.to_bytes(), record, None).await;
        }
    }

    let status = node.status().await.unwrap();
    assert_eq!((status.mailboxes, status.profiles), (20, 1), "{status:?}");
    assert!(node.get(person.key()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lookup_takes_the_highest_valid_answer_and_repairs_the_holder_of_an_older_one() {
    let bootstrap = start(peer(1, &[])).await;
    let at = listening(&bootstrap, "tcp").await;
    let mut rogue = Rogue::connect(&at).await;
    let person = Person::new().await;
    let (old, new) = (person.profile(1).await, person.profile(2).await);
    rogue.hold(person.key(), old.clone());
    let mut liar = Rogue::connect(&at).await;
    liar.hold(person.key(), String::from_utf8(new.clone()).unwrap().replace("\"sequence\":2", "\"sequence\":3").into());
    // And joined, after which it puts what it has again by itself.
    tokio::select! {
        () = until(&bootstrap, "near both rogues", |status| status.routable == 2 && status.joined) => {}
        ((), ()) = async { tokio::join!(rogue.serve(THIRTY_SECONDS), liar.serve(THIRTY_SECONDS)) } => {}
    }
    let put = tokio::select! {
        put = bootstrap.put(person.key(), new.clone()) => put,
        ((), ()) = async { tokio::join!(rogue.serve(THIRTY_SECONDS), liar.serve(THIRTY_SECONDS)) } => panic!("no answer"),
    };
    assert_eq!(put.unwrap().stored, 2);
    // That put reached the rogues too; what they say is what they said before.
    rogue.hold(person.key(), old);
    liar.hold(person.key(), String::from_utf8(new.clone()).unwrap().replace("\"sequence\":2", "\"sequence\":3").into());

    // Kept to the end: a node that is dropped with its answer in hand repairs nobody.
    let late = start(OverlayConfig::client([3; 32], vec![at])).await;
    let found = tokio::select! {
        found = late.lookup(person.key()) => found,
        ((), ()) = async { tokio::join!(rogue.serve(THIRTY_SECONDS), liar.serve(THIRTY_SECONDS)) } => panic!("no answer"),
    };

    let found = found.unwrap();
    assert_eq!(found.value, Some(new.clone()), "{found:?}");
    assert_eq!((found.agreed, found.stale, found.invalid), (1, 1, 1), "{found:?}");
    for _ in 0..300 {
        if rogue.held(person.key()).as_ref() == Some(&new) {
            return;
        }
        rogue.serve(Duration::from_millis(100)).await;
    }
    panic!("the holder of the older copy was not repaired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_by_one_who_knows_only_the_old_record_is_stored_by_nobody() {
    let bootstrap = start(peer(1, &[])).await;
    let at = listening(&bootstrap, "tcp").await;
    let other = start(peer(2, std::slice::from_ref(&at))).await;
    let person = Person::new().await;
    let (old, new) = (person.profile(1).await, person.profile(2).await);
    other.put(person.key(), new.clone()).await.unwrap();

    let late = start(OverlayConfig::client([3; 32], vec![at])).await;
    until(&late, "near both", |status| status.routable == 2).await;
    let told = tokio::time::timeout(TEN_SECONDS, late.put(person.key(), old)).await.unwrap();

    assert!(matches!(told, Err(OverlayError::NotStored { asked: 2 })), "{told:?}");
    assert_eq!(late.get(person.key()).await.unwrap(), Some(new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lookup_gives_the_record_to_a_node_that_came_nearer_to_it_after_it_was_put() {
    let holder = start(peer(1, &[])).await;
    let at = listening(&holder, "tcp").await;
    let (key, record) = mail(1, now(), 10 * MINUTE, "offer");
    let asker = start(OverlayConfig::client([2; 32], vec![at.clone()])).await;
    assert_eq!(asker.put(key, record.clone()).await.unwrap().stored, 1);

    let distance = |node: NodeId| -> Vec<u8> {
        let (node, key) = (sha256(&[&node.to_bytes()]), sha256(&[&key.to_bytes()]));
        node.0.iter().zip(key.0).map(|(node, key)| node ^ key).collect()
    };
    let nearer = |seed: &u8| distance(NodeId::from_seed(&[*seed; 32])) < distance(holder.node_id());
    let near = (3..=255).find(nearer).expect("half of all are nearer, if the holder is in the middle");
    let far = (3..=255).find(|seed| !nearer(seed)).expect("and half are not");
    let (near, far) = (start(peer(near, std::slice::from_ref(&at))).await, start(peer(far, &[at])).await);
    until(&holder, "near both newcomers", |status| status.routable == 2).await;

    let found = asker.lookup(key).await.unwrap();
    assert_eq!((found.value, found.asked, found.agreed), (Some(record), 3, 1));
    until(&near, "holding it too", |status| status.mailboxes == 1).await;
    assert_eq!(far.status().await.unwrap().mailboxes, 0, "it is farther from it than who has it");
}
