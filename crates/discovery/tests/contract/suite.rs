use crate::shops::{HOUR, NOW, Shop, listing, restaurant};
use pumasi_discovery::store::{KEEP_ENDED, KEEP_REPLACED, Page, Position, Store};
use pumasi_discovery::text::{Indexed, Plan};
use pumasi_discovery::{Action, Effect, Entry, Listing, Refusal, SignedOperation, VerifiedEntry};
use pumasi_identity::Did;
use pumasi_units::Timestamp;

/// Runs the whole suite, each part on an empty store of its own.
pub(crate) async fn check<S: Store>(mut empty: impl AsyncFnMut() -> S) {
    what_is_listed_is_found(empty().await).await;
    replays_and_stale_writes_change_nothing(empty().await).await;
    an_update_is_found_by_its_new_words_only(empty().await).await;
    a_heartbeat_extends(empty().await).await;
    what_was_deleted_is_gone_and_begins_anew(empty().await).await;
    what_ended_is_not_shown_and_swept_away(empty().await).await;
    korean_is_found(empty().await).await;
    the_best_come_first_and_pages_go_on(empty().await).await;
    categories_are_counted(empty().await).await;
    the_log_rebuilds_the_directory(empty().await, empty().await).await;
    replaced_operations_leave_the_log(empty().await).await;
    many_writes_at_once_are_all_kept(empty().await).await;
    it_finds_what_the_rule_says(empty().await).await;
}

async fn apply(store: &impl Store, operation: &SignedOperation) -> Result<Effect, Refusal> {
    store.apply(operation.clone(), NOW).await.expect("the store works")
}

fn verified(page: &Page, now: Timestamp) -> Vec<VerifiedEntry> {
    let entry = |json: &String| serde_json::from_str::<Entry>(json).expect("an entry").verify(now).expect("is genuine");
    page.entries.iter().map(entry).collect()
}

async fn find(store: &impl Store, query: &str, now: Timestamp) -> Vec<Did> {
    let page = store.search(Plan::new(query).unwrap(), Position::default(), 100, now).await.unwrap();
    verified(&page, now).iter().map(VerifiedEntry::did).collect()
}

async fn what_is_listed_is_found(store: impl Store) {
    assert_eq!(store.counts(NOW).await.unwrap(), Default::default());
    assert_eq!(find(&store, "식당", NOW).await, []);
    let shop = Shop::new(1);
    assert_eq!(store.entry(shop.did, NOW).await, Ok(None));
    assert_eq!(apply(&store, &shop.register(1, restaurant())).await, Ok(Effect::List));
    for query in ["식당", "한밭", "역삼동", "강남구 식당", "김치찌개 한식 한밭식당"] {
        assert_eq!(find(&store, query, NOW).await, [shop.did], "{query}");
    }
    for query in ["카페", "강북구 식당", "!?", ""] {
        assert_eq!(find(&store, query, NOW).await, [], "{query}");
    }
    let json = store.entry(shop.did, NOW).await.unwrap().expect("is listed");
    let entry = serde_json::from_str::<Entry>(&json).unwrap().verify(NOW).unwrap();
    assert_eq!((entry.listing(), entry.sequence(), entry.expires()), (&restaurant(), 1, NOW + HOUR));
    let counts = store.counts(NOW).await.unwrap();
    assert_eq!((counts.entries, counts.operations), (1, 1));
}

async fn replays_and_stale_writes_change_nothing(store: impl Store) {
    let shop = Shop::new(1);
    let first = shop.register(5, restaurant());
    assert_eq!(apply(&store, &first).await, Ok(Effect::List));
    assert_eq!(apply(&store, &first).await, Err(Refusal::Replayed));
    let stale = Err(Refusal::Stale { found: 4, known: 5 });
    assert_eq!(apply(&store, &shop.act(4, Action::Delete)).await, stale);
    let other = Shop::new(2);
    assert_eq!(apply(&store, &other.act(9, Action::Delete)).await, Err(Refusal::NotListed));
    assert_eq!(apply(&store, &other.act(9, Action::Update(restaurant()))).await, Err(Refusal::NotListed));
    assert_eq!(find(&store, "식당", NOW).await, [shop.did]);
    assert_eq!(store.counts(NOW).await.unwrap().operations, 1);
}

async fn an_update_is_found_by_its_new_words_only(store: impl Store) {
    let shop = Shop::new(1);
    apply(&store, &shop.register(1, restaurant())).await.unwrap();
    let cafe = listing(&["카페"], "", "서초동 커피");
    assert_eq!(apply(&store, &shop.act(2, Action::Update(cafe.clone()))).await, Ok(Effect::List));
    assert_eq!(find(&store, "식당", NOW).await, []);
    assert_eq!(find(&store, "카페", NOW).await, [shop.did]);
    let counted = store.categories(10, NOW).await.unwrap();
    assert_eq!(counted.iter().map(|c| (c.category.as_str(), c.count)).collect::<Vec<_>>(), [("카페", 1)]);
}

async fn a_heartbeat_extends(store: impl Store) {
    let shop = Shop::new(1);
    let listed = shop.register(1, restaurant());
    apply(&store, &listed).await.unwrap();
    for (sequence, hours) in [(2, 5), (3, 9)] {
        let beat = Action::Heartbeat { listing: listed.id() };
        let beat = shop.act_until(sequence, beat, NOW + hours * HOUR);
        assert_eq!(apply(&store, &beat).await, Ok(Effect::Extend));
    }
    let late = NOW + 8 * HOUR;
    assert_eq!(find(&store, "식당", late).await, [shop.did]);
    let json = store.entry(shop.did, late).await.unwrap().unwrap();
    let entry = serde_json::from_str::<Entry>(&json).unwrap().verify(late).unwrap();
    assert_eq!((entry.sequence(), entry.expires()), (3, NOW + 9 * HOUR));
    // Of the heartbeats, only the last counts.
    assert_eq!(store.counts(NOW).await.unwrap().operations, 2);
}

async fn what_was_deleted_is_gone_and_begins_anew(store: impl Store) {
    let (first, second) = (Shop::new(1), Shop::new(2));
    let listed = first.register(1, restaurant());
    apply(&store, &listed).await.unwrap();
    apply(&store, &second.register(1, restaurant())).await.unwrap();
    assert_eq!(apply(&store, &first.act(2, Action::Delete)).await, Ok(Effect::Remove));
    assert_eq!(find(&store, "식당", NOW).await, [second.did]);
    assert_eq!(store.entry(first.did, NOW).await, Ok(None));
    assert_eq!(store.counts(NOW).await.unwrap().entries, 1);
    // It is remembered: what was before does not come back.
    assert_eq!(apply(&store, &listed).await, Err(Refusal::Stale { found: 1, known: 2 }));
    assert_eq!(apply(&store, &first.act(3, Action::Delete)).await, Err(Refusal::NotListed));
    apply(&store, &first.register(3, restaurant())).await.unwrap();
    assert_eq!(find(&store, "식당", NOW).await, [second.did, first.did], "who comes back begins at the end");
    apply(&store, &second.act(2, Action::Update(restaurant()))).await.unwrap();
    assert_eq!(find(&store, "식당", NOW).await, [second.did, first.did], "who stands keeps their place");
}

async fn what_ended_is_not_shown_and_swept_away(store: impl Store) {
    let (short, long) = (Shop::new(1), Shop::new(2));
    apply(&store, &short.register(1, restaurant())).await.unwrap();
    let lasting = long.act_until(1, Action::Register(restaurant()), NOW + 48 * HOUR);
    apply(&store, &lasting).await.unwrap();
    let ended = NOW + HOUR;
    assert_eq!(find(&store, "식당", ended).await, [long.did]);
    assert_eq!(store.entry(short.did, ended).await, Ok(None));
    assert_eq!(store.counts(ended).await.unwrap().entries, 1);
    assert_eq!(store.categories(9, ended).await.unwrap()[0].count, 1);
    assert_eq!(store.sweep(ended + KEEP_ENDED).await, Ok(0), "it is remembered until no operation of then is of now");
    assert_eq!(store.sweep(ended + KEEP_ENDED + 1).await, Ok(1));
    assert_eq!(store.sweep(ended + KEEP_ENDED + 1).await, Ok(0));
    let counts = store.counts(ended).await.unwrap();
    assert_eq!((counts.entries, counts.operations), (1, 1));
    assert_eq!(find(&store, "식당", ended).await, [long.did]);
}

async fn korean_is_found(store: impl Store) {
    let shops = [
        listing(&["식당"], "한밭", "강남구 역삼동"),
        listing(&["카페"], "", "강남구에서 커피를 마시고 책을 읽어요"),
        listing(&["미용실"], "강남헤어", "예약은 식당에서 받지 않아요"),
        listing(&["Coffee Shop"], "Café Zoë", "Gangnam, open 24h"),
    ];
    for (number, listing) in (0..).zip(&shops) {
        apply(&store, &Shop::new(number).register(1, listing.clone())).await.unwrap();
    }
    let dids = |numbers: &[u16]| numbers.iter().map(|number| Shop::new(*number).did).collect::<Vec<_>>();
    for (query, numbers) in [
        ("식당", &[0, 2][..]),
        ("식당에서", &[0, 2]),
        ("강남구 식당", &[0]),
        ("강남구", &[0, 1]),
        ("강남", &[2, 0, 1]),
        ("강남에 있는", &[]),
        ("커피", &[1]),
        ("카페를", &[1]),
        ("책", &[1]),
        ("헤어", &[2]),
        ("남구", &[0, 1]),
        ("cafe", &[]),
        ("CAFÉ", &[3]),
        ("cof shop", &[3]),
        ("24", &[3]),
        ("강남헤어예약", &[]),
    ] {
        assert_eq!(find(&store, query, NOW).await, dids(numbers), "{query}");
    }
}

async fn the_best_come_first_and_pages_go_on(store: impl Store) {
    // In turn: found in the description, in the name, in the category.
    let listings = [
        listing(&["기타"], "", "식당 옆집"),
        listing(&["기타"], "식당가", "여러 집"),
        listing(&["식당"], "식당", "식당이에요"),
    ];
    let count = 30;
    for number in 0..count {
        let listing = listings[usize::from(number % 3)].clone();
        apply(&store, &Shop::new(number).register(1, listing)).await.unwrap();
    }
    let ranked = |rank: u16| (0..count).filter(move |number| number % 3 == rank);
    let expected: Vec<Did> = ranked(2).chain(ranked(1)).chain(ranked(0)).map(|number| Shop::new(number).did).collect();
    for limit in [1, 7, 10, 29, 30, 100] {
        let mut found = Vec::new();
        let mut from = Position::default();
        for _ in 0..100 {
            let page = store.search(Plan::new("식당").unwrap(), from, limit, NOW).await.unwrap();
            assert!(page.entries.len() <= limit as usize);
            found.extend(verified(&page, NOW).iter().map(VerifiedEntry::did));
            match page.next {
                Some(next) => from = Position::from_cursor(&next.to_cursor()).unwrap(),
                None => break,
            }
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
}

async fn categories_are_counted(store: impl Store) {
    for (number, categories) in (0..).zip([&["Cafe", "빵"][..], &["cafe"], &["식당", "빵"], &["빵"]]) {
        apply(&store, &Shop::new(number).register(1, listing(categories, "", "x"))).await.unwrap();
    }
    let counted = async |limit| {
        let counted = store.categories(limit, NOW).await.unwrap();
        counted.into_iter().map(|c| (c.category, c.count)).collect::<Vec<_>>()
    };
    let all = [("빵", 3), ("cafe", 2), ("식당", 1)].map(|(category, count)| (category.to_owned(), count));
    assert_eq!(counted(10).await, all);
    assert_eq!(counted(1).await, all[..1]);
}

/// Takes the whole log of one store over into another.
async fn copy(from: &impl Store, to: &impl Store, part: u32) {
    let mut after = to.mirrored("one".into()).await.unwrap();
    loop {
        let page = from.export(after, part).await.unwrap();
        assert!(page.operations.iter().all(|logged| logged.number > after && logged.number <= page.next));
        let operations = page.operations.iter().map(|logged| SignedOperation::verify(&logged.proof).unwrap()).collect();
        to.mirror("one".into(), operations, page.next, NOW).await.unwrap();
        after = page.next;
        if after == page.head {
            break;
        }
    }
    assert_eq!(to.mirrored("one".into()).await, Ok(after));
}

async fn the_log_rebuilds_the_directory(store: impl Store, mirror: impl Store) {
    assert_eq!(store.export(0, 10).await.unwrap().head, 0);
    let shops: Vec<Shop> = (0..8).map(Shop::new).collect();
    for shop in &shops {
        apply(&store, &shop.register(1, restaurant())).await.unwrap();
    }
    copy(&store, &mirror, 3).await;
    assert_eq!(find(&mirror, "식당", NOW).await, shops.iter().map(|shop| shop.did).collect::<Vec<_>>());

    apply(&store, &shops[0].act(2, Action::Delete)).await.unwrap();
    let cafe = shops[1].act(2, Action::Update(listing(&["카페"], "", "x")));
    apply(&store, &cafe).await.unwrap();
    let beat = Action::Heartbeat { listing: cafe.id() };
    apply(&store, &shops[1].act_until(3, beat, NOW + 9 * HOUR)).await.unwrap();
    copy(&store, &mirror, 2).await;
    for query in ["식당", "카페"] {
        assert_eq!(find(&mirror, query, NOW).await, find(&store, query, NOW).await, "{query}");
    }
    for shop in &shops {
        assert_eq!(mirror.entry(shop.did, NOW).await, store.entry(shop.did, NOW).await);
    }
    // The same part again changes nothing, and neither does an older one.
    let again = store.export(0, 1_000).await.unwrap();
    let operations: Vec<_> = again.operations.iter().map(|l| SignedOperation::verify(&l.proof).unwrap()).collect();
    let all = operations.len() as u64;
    let taken = mirror.mirror("one".into(), operations, again.next, NOW).await.unwrap();
    assert_eq!((taken.taken, taken.known), (0, all));
}

async fn replaced_operations_leave_the_log(store: impl Store) {
    let shop = Shop::new(1);
    let forever = NOW + 30 * 24 * HOUR;
    apply(&store, &shop.act_until(1, Action::Register(restaurant()), forever)).await.unwrap();
    apply(&store, &shop.act_until(2, Action::Update(restaurant()), forever)).await.unwrap();
    assert_eq!(store.counts(NOW).await.unwrap().operations, 2);
    let before = store.export(0, 10).await.unwrap();
    assert_eq!(store.sweep(NOW + KEEP_REPLACED).await, Ok(0));
    // The listing itself has not ended for the sweep's clock: only what it replaced goes.
    assert_eq!(store.sweep(NOW + KEEP_REPLACED + 1).await, Ok(1));
    let after = store.export(0, 10).await.unwrap();
    assert_eq!(after.operations, before.operations[1..]);
    assert_eq!((after.head, after.next), (before.head, before.next));
}

async fn many_writes_at_once_are_all_kept(store: impl Store) {
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..200 {
        let (store, operation) = (store.clone(), Shop::new(number).register(1, restaurant()));
        // Twice each: one of the two is a replay.
        for _ in 0..2 {
            let (store, operation) = (store.clone(), operation.clone());
            writes.spawn(async move { store.apply(operation, NOW).await.unwrap() });
        }
    }
    let outcomes = writes.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Ok(Effect::List)).count(), 200);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(Refusal::Replayed)).count(), 200);
    assert_eq!(store.counts(NOW).await.unwrap().entries, 200);
    assert_eq!(store.export(0, 1_000).await.unwrap().operations.len(), 200);
}

/// The same as the rule in `text.rs`, for listings and queries put together from the same few words.
async fn it_finds_what_the_rule_says(store: impl Store) {
    let words = [
        "식당",
        "식",
        "당구장",
        "강남",
        "강남구",
        "구청",
        "카페",
        "카페에서",
        "cafe",
        "CaféX",
        "24시",
        "남",
        "식당가",
        "寿司",
        "a1",
    ];
    let mut state = 42_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut listed: Vec<(Did, Listing)> = Vec::new();
    for number in 0..120 {
        let mut text = |most: usize| {
            let count = 1 + random(most);
            (0..count).map(|_| words[random(words.len())].to_owned() + ["", " ", ", "][random(3)]).collect::<String>()
        };
        let made = listing(&[&text(1)], &text(2), &text(5));
        let shop = Shop::new(number);
        apply(&store, &shop.register(1, made.clone())).await.unwrap();
        listed.push((shop.did, made));
    }
    for _ in 0..150 {
        let count = 1 + random(3);
        let query =
            (0..count).map(|_| words[random(words.len())].to_owned() + ["", " "][random(2)]).collect::<String>();
        let plan = Plan::new(&query).unwrap();
        let mut expected: Vec<(u8, Did)> =
            listed.iter().filter_map(|(did, listing)| Some((plan.rank(&Indexed::of(listing))?, *did))).collect();
        expected.sort_by_key(|(rank, _)| *rank);
        expected.truncate(100);
        let expected: Vec<Did> = expected.into_iter().map(|(_, did)| did).collect();
        assert_eq!(find(&store, &query, NOW).await, expected, "{query:?}");
    }
}

pub(crate) async fn two_servers_are_one_directory<S: Store>(one: S, other: S) {
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..100 {
        let store = if number % 2 == 0 { one.clone() } else { other.clone() };
        let operation = Shop::new(number).register(1, restaurant());
        writes.spawn(async move { store.apply(operation, NOW).await.unwrap() });
    }
    // Whoever follows the log meanwhile misses nothing.
    let mut seen = Vec::new();
    let mut after = 0;
    while seen.len() < 100 {
        let page = other.export(after, 7).await.unwrap();
        seen.extend(page.operations.iter().map(|logged| logged.number));
        after = page.next;
        tokio::task::yield_now().await;
    }
    assert!(writes.join_all().await.iter().all(Result::is_ok));
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(one.counts(NOW).await.unwrap().entries, 100);
    assert_eq!(find(&one, "식당", NOW).await, find(&other, "식당", NOW).await);
    let replay = Shop::new(0).act(1, Action::Delete);
    assert!(matches!(apply(&other, &replay).await, Err(Refusal::Stale { .. })));
}
