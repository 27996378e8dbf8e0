//! What every [`Store`] must do: call [`check`] from its tests with a way to make an empty one.

use crate::store::{
    Batch, Expected, KeySlot, MAX_BATCH_ENTRIES, MAX_PAGE, MAX_TAGS, MAX_TOKEN_BYTES, NewEntry, Space, Store,
    StoreError, StoredEntry, Tag,
};

/// Runs the whole suite, each part on an empty store of its own.
///
/// # Panics
/// When the store breaks the contract, with the rule that it breaks.
pub async fn check<S: Store>(mut empty: impl AsyncFnMut() -> S) {
    starts_empty_and_is_founded_once(empty().await).await;
    a_batch_is_kept_whole(empty().await).await;
    a_batch_for_another_state_is_refused_whole(empty().await).await;
    what_may_exist_once_exists_once(empty().await).await;
    batches_take_effect_in_the_order_of_the_calls(empty().await).await;
    reads_are_paged_in_order(empty().await).await;
    spaces_are_apart(empty().await).await;
    the_last_slot_stays(empty().await).await;
    bounds_hold(empty().await).await;
}

fn tag(number: u64) -> Tag {
    let mut tag = [0; 16];
    tag[8..].copy_from_slice(&number.to_be_bytes());
    Tag(tag)
}

fn entry(sequence: u64, tags: &[u64], once: Option<u64>) -> NewEntry {
    let token = format!("entry {sequence}").into_bytes();
    NewEntry { sequence, token, tags: tags.iter().copied().map(tag).collect(), once: once.map(tag) }
}

fn slot(id: u8) -> KeySlot {
    KeySlot { id, salt: [id; 16], rounds: 600_000 + u32::from(id), token: vec![id; 4] }
}

/// A batch that founds the ledger with one entry.
fn founding() -> Batch {
    Batch {
        expected: None,
        generation: 1,
        head: b"head 1".to_vec(),
        entries: vec![entry(1, &[], None)],
        cells: Vec::new(),
        slots: vec![slot(0)],
        delete_slots: Vec::new(),
    }
}

/// A batch with these entries after entry `at`.
fn after(at: u64, entries: Vec<NewEntry>) -> Batch {
    let expected = Some(Expected { sequence: at, generation: 1 });
    let head = format!("head {}", at + entries.len() as u64).into_bytes();
    Batch { expected, entries, head, slots: Vec::new(), ..founding() }
}

async fn founded<S: Store>(store: S) -> S {
    store.commit(founding()).await.expect("founds the ledger");
    store
}

async fn sequence(store: &impl Store) -> u64 {
    store.header().await.expect("reads the header").map_or(0, |header| header.sequence)
}

async fn starts_empty_and_is_founded_once(store: impl Store) {
    assert_eq!(store.header().await, Ok(None), "a new store has no header");
    assert_eq!(store.entries(1, 10).await, Ok(vec![]));
    let refused = store.commit(after(0, vec![entry(1, &[], None)])).await;
    assert_eq!(refused, Err(StoreError::Conflict { found: 0, generation: 0 }), "nothing continues an empty store");
    let unlocked = store.commit(Batch { slots: vec![], ..founding() }).await;
    assert!(matches!(unlocked, Err(StoreError::Malformed(_))), "a ledger has a key slot: {unlocked:?}");
    let store = founded(store).await;
    let again = store.commit(founding()).await;
    assert_eq!(again, Err(StoreError::Conflict { found: 1, generation: 1 }), "a store is founded once");
}

async fn a_batch_is_kept_whole(store: impl Store) {
    let store = founded(store).await;
    let cells = vec![(Space::Contact, tag(7), Some(b"a".to_vec())), (Space::Setting, tag(7), Some(b"b".to_vec()))];
    let entries = vec![entry(2, &[10, 11], Some(2)), entry(3, &[11], Some(3))];
    let batch = Batch { cells, slots: vec![slot(1)], generation: 2, ..after(1, entries) };
    store.commit(batch).await.expect("a batch that fits is taken");

    let header = store.header().await.expect("reads").expect("is there");
    assert_eq!((header.sequence, header.generation, header.head), (3, 2, b"head 3".to_vec()));
    assert_eq!(header.slots, [slot(0), slot(1)]);
    let tokens: Vec<_> =
        store.entries(1, 10).await.expect("reads").into_iter().map(|e| (e.sequence, e.token)).collect();
    assert_eq!(tokens, [(1, b"entry 1".to_vec()), (2, b"entry 2".to_vec()), (3, b"entry 3".to_vec())]);
    assert_eq!(store.cell(Space::Contact, tag(7)).await, Ok(Some(b"a".to_vec())));
    assert_eq!(store.cell(Space::Setting, tag(7)).await, Ok(Some(b"b".to_vec())));

    let expected = Some(Expected { sequence: 3, generation: 2 });
    let cells = vec![(Space::Contact, tag(7), None), (Space::Setting, tag(7), Some(b"c".to_vec()))];
    let batch = Batch { expected, cells, generation: 2, entries: vec![], delete_slots: vec![0], ..after(3, vec![]) };
    store.commit(batch).await.expect("a batch without entries is taken");
    assert_eq!(store.cell(Space::Contact, tag(7)).await, Ok(None), "a deleted cell is gone");
    assert_eq!(store.cell(Space::Setting, tag(7)).await, Ok(Some(b"c".to_vec())), "a cell is overwritten");
    assert_eq!(store.header().await.expect("reads").expect("is there").slots, [slot(1)], "a deleted slot is gone");
}

async fn a_batch_for_another_state_is_refused_whole(store: impl Store) {
    let store = founded(store).await;
    let before = store.header().await;
    let cells = vec![(Space::Contact, tag(1), Some(b"x".to_vec()))];
    for expected in [Expected { sequence: 0, generation: 1 }, Expected { sequence: 1, generation: 2 }] {
        let entries = vec![entry(expected.sequence + 1, &[1], Some(1))];
        let batch =
            Batch { expected: Some(expected), generation: 3, cells: cells.clone(), entries, ..after(0, vec![]) };
        assert_eq!(store.commit(batch).await, Err(StoreError::Conflict { found: 1, generation: 1 }), "{expected:?}");
    }
    let hole = Batch { entries: vec![entry(3, &[], None)], cells: cells.clone(), ..after(1, vec![]) };
    assert!(matches!(store.commit(hole).await, Err(StoreError::Malformed(_))), "numbers have no gaps");
    let backwards = Batch { generation: 0, cells, ..after(1, vec![]) };
    assert!(matches!(store.commit(backwards).await, Err(StoreError::Malformed(_))), "generations do not fall");

    assert_eq!(store.header().await, before, "a refused batch leaves the header");
    assert_eq!(store.cell(Space::Contact, tag(1)).await, Ok(None), "a refused batch leaves no cell");
    assert_eq!(store.entries(2, 10).await, Ok(vec![]), "a refused batch leaves no entry");
    assert_eq!(store.find(tag(1), 0, 10).await, Ok(vec![]), "a refused batch leaves no tag");
}

async fn what_may_exist_once_exists_once(store: impl Store) {
    let store = founded(store).await;
    store.commit(after(1, vec![entry(2, &[], Some(5))])).await.expect("the first is taken");
    let again = store.commit(after(2, vec![entry(3, &[], Some(6)), entry(4, &[], Some(5))])).await;
    assert_eq!(again, Err(StoreError::Duplicate { existing: 2 }));
    let twice = store.commit(after(2, vec![entry(3, &[], Some(6)), entry(4, &[], Some(6))])).await;
    assert!(matches!(twice, Err(StoreError::Malformed(_))), "twice in one batch: {twice:?}");
    assert_eq!(sequence(&store).await, 2);
    store.commit(after(2, vec![entry(3, &[], Some(6))])).await.expect("a refused batch claims nothing");
}

async fn batches_take_effect_in_the_order_of_the_calls(store: impl Store) {
    let store = founded(store).await;
    let handed: Vec<_> = (1..50).map(|at| store.commit(after(at, vec![entry(at + 1, &[], None)]))).collect();
    // The last future is awaited first: what counts is when the batch was handed over.
    for commit in handed.into_iter().rev() {
        commit.await.expect("each builds on the one before it");
    }
    assert_eq!(sequence(&store).await, 50);
    // One that is refused takes those with it that build on it, and no others.
    let refused = store.commit(after(77, vec![entry(78, &[], None)]));
    let builds_on_it = store.commit(after(78, vec![entry(79, &[], None)]));
    let independent = store.commit(after(50, vec![entry(51, &[], None)]));
    assert!(matches!(refused.await, Err(StoreError::Conflict { .. })));
    assert!(matches!(builds_on_it.await, Err(StoreError::Conflict { .. })));
    assert_eq!(independent.await, Ok(()));
    // Nobody waits for this one; it happens all the same.
    drop(store.commit(after(51, vec![entry(52, &[], None)])));
    store.commit(after(52, vec![entry(53, &[], None)])).await.expect("the batch before it was taken");
}

async fn reads_are_paged_in_order(store: impl Store) {
    let store = founded(store).await;
    let mut at = 1;
    while at < 2_500 {
        let end = (at + MAX_BATCH_ENTRIES as u64).min(2_500);
        let batch = after(at, (at + 1..=end).map(|n| entry(n, &[n % 2], None)).collect());
        store.commit(batch).await.expect("a full batch is taken");
        at = end;
    }
    let numbers = |rows: Vec<StoredEntry>| rows.iter().map(|row| row.sequence).collect::<Vec<_>>();
    assert_eq!(numbers(store.entries(10, 3).await.expect("reads")), [10, 11, 12]);
    assert_eq!(numbers(store.entries(2_499, 10).await.expect("reads")), [2_499, 2_500]);
    assert_eq!(store.entries(u64::MAX, 10).await, Ok(vec![]));
    let page = numbers(store.entries(0, u32::MAX).await.expect("reads"));
    assert_eq!((page.len(), page[0]), (MAX_PAGE as usize, 1), "a page has a limit");
    assert_eq!(numbers(store.find(tag(1), 100, 3).await.expect("reads")), [101, 103, 105]);
    assert_eq!(store.find(tag(2), 0, 3).await, Ok(vec![]));

    let cells = (0..1_500).map(|n| (Space::Contact, tag(n), Some(vec![1]))).collect();
    store.commit(Batch { cells, ..after(2_500, vec![]) }).await.expect("many cells are taken");
    let (mut seen, mut last) = (0, None);
    loop {
        let page = store.cells(Space::Contact, last, 400).await.expect("reads");
        assert!(page.iter().map(|cell| Some(cell.key)).is_sorted() && page.len() <= 400);
        let Some(end) = page.last() else { break };
        seen += page.len();
        last = Some(end.key);
    }
    assert_eq!(seen, 1_500, "pages overlap nowhere and leave nothing out");
}

async fn spaces_are_apart(store: impl Store) {
    let store = founded(store).await;
    let cells = Space::ALL.map(|space| (space, tag(1), Some(vec![space as u8]))).to_vec();
    store.commit(Batch { cells, ..after(1, vec![]) }).await.expect("taken");
    for space in Space::ALL {
        assert_eq!(store.cell(space, tag(1)).await, Ok(Some(vec![space as u8])));
        assert_eq!(store.cells(space, None, 10).await.expect("reads").len(), 1, "{space:?}");
        assert_eq!(store.cells(space, Some(tag(1)), 10).await, Ok(vec![]), "after the last there is none");
    }
}

async fn the_last_slot_stays(store: impl Store) {
    let store = founded(store).await;
    let none = store.commit(Batch { delete_slots: vec![0], ..after(1, vec![]) }).await;
    assert!(matches!(none, Err(StoreError::Malformed(_))), "{none:?}");
    let moved = Batch { slots: vec![slot(1)], delete_slots: vec![0], ..after(1, vec![]) };
    store.commit(moved).await.expect("a slot may take another's place");
    assert_eq!(store.header().await.expect("reads").expect("is there").slots, [slot(1)]);
}

async fn bounds_hold(store: impl Store) {
    let store = founded(store).await;
    let long = vec![0; MAX_TOKEN_BYTES + 1];
    let long_entry = NewEntry { token: long.clone(), ..entry(2, &[], None) };
    let many_tags: Vec<u64> = (0..=MAX_TAGS as u64).collect();
    let too_large = [
        after(1, vec![long_entry]),
        after(1, vec![entry(2, &many_tags, None)]),
        after(1, (2..=MAX_BATCH_ENTRIES as u64 + 2).map(|n| entry(n, &[], None)).collect()),
        Batch { cells: vec![(Space::Contact, tag(1), Some(long.clone()))], ..after(1, vec![]) },
        Batch { head: long.clone(), ..after(1, vec![]) },
        Batch { slots: vec![KeySlot { token: long, ..slot(0) }], ..after(1, vec![]) },
    ];
    for batch in too_large {
        let refused = store.commit(batch).await;
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    }
    let exact = NewEntry { token: vec![7; MAX_TOKEN_BYTES], ..entry(2, &[], None) };
    store.commit(after(1, vec![exact])).await.expect("a token of exactly the limit is taken");
    assert_eq!(store.entries(2, 1).await.expect("reads")[0].token.len(), MAX_TOKEN_BYTES);
}
