//! Sets: what many put under one key is found by all, by whatever node it is asked for, and again after a restart.

use crate::common::{MINUTE, TEN_SECONDS, listening, now, peer, start, until};
use pumasi_content::provider::ProviderEntry;
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_overlay::{Overlay, OverlayConfig, OverlayError, Refusal, SetKey};

const ID: [u8; 32] = [7; 32];
const KEY: SetKey = SetKey::provider(ID);

fn entry(owner: u8) -> Vec<u8> {
    let signer = EphemeralSigner::from_seed(&[owner; 32]);
    let made = now();
    let sign = |bytes: &[u8]| signer.sign(bytes);
    ProviderEntry::sign(&ID, &signer.public(), Vec::new(), made, made + 10 * MINUTE, 0, sign).unwrap()
}

async fn count(node: &Overlay) -> usize {
    node.list(KEY).await.unwrap().entries.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_put_under_one_key_is_found_by_all() {
    let first = start(peer(1, &[])).await;
    let way = [listening(&first, "tcp").await];
    let mut nodes = vec![first];
    for seed in 2..=5 {
        nodes.push(start(peer(seed, &way)).await);
    }
    nodes.push(start(OverlayConfig::client([6; 32], way.to_vec())).await);
    for (node, owner) in nodes.iter().zip(11..) {
        assert!(node.add(KEY, entry(owner)).await.unwrap().stored > 0);
    }
    for node in &nodes {
        assert_eq!(count(node).await, nodes.len(), "a client finds them too");
    }
    let mut forged = entry(20);
    let at = forged.len() - 5;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let told = nodes[1].add(KEY, forged).await;
    assert!(matches!(told, Err(OverlayError::Refused(Refusal::Invalid(_)))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_survive_the_restart_of_their_holder() {
    let folder = tempfile::tempdir().unwrap();
    let config = OverlayConfig { store: Some(folder.path().join("records.sqlite")), ..peer(1, &[]) };
    let holder = start(config.clone()).await;
    let client = start(OverlayConfig::client([2; 32], vec![listening(&holder, "tcp").await])).await;
    for owner in [11, 12] {
        client.add(KEY, entry(owner)).await.unwrap();
    }
    until(&holder, "holding both", |status| status.entries == 2).await;
    client.shutdown().await.unwrap();
    holder.shutdown().await.unwrap();

    let holder = Overlay::start(config).await.unwrap();
    assert_eq!(holder.status().await.unwrap().entries, 2);
    let client = Overlay::start(OverlayConfig::client([3; 32], vec![listening(&holder, "tcp").await])).await.unwrap();
    client.join(TEN_SECONDS).await.unwrap();
    assert_eq!(count(&client).await, 2);
}
