//! A download and its providers in virtual time: each provider behaves in its own way.

use proptest::prelude::*;
use pumasi_content::{
    Answer, AskId, Bitmap, CHUNK, Content, Download, Event, Fault, Have, Output, Pace, Proven, ProviderId, TreeBuilder,
};
use pumasi_units::{Millis, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::OnceLock;

/// A content of 97 chunks, and what each chunk proves. Real hashes, made once.
pub(crate) fn content() -> &'static (Content, Vec<Proven>) {
    static CONTENT: OnceLock<(Content, Vec<Proven>)> = OnceLock::new();
    CONTENT.get_or_init(|| {
        let chunk = |index: u32| vec![index as u8; if index == 96 { 5 } else { CHUNK as usize }];
        let mut builder = TreeBuilder::default();
        (0..97).for_each(|index| builder.push(&chunk(index)).unwrap());
        let tree = builder.finish();
        let content = tree.content();
        let prove = |index| content.prove(index, &tree.path(index), &chunk(index)).unwrap();
        (content, (0..97).map(prove).collect())
    })
}

/// How a provider behaves.
#[derive(Debug, Clone)]
pub(crate) enum Nature {
    /// Answers after so long, one question after another.
    Honest { each: Millis },
    /// Never answers.
    Dead,
    /// Sends good chunks, then bad ones.
    Liar { good: u32 },
    /// Has only every n-th chunk, from an offset on.
    Partial { every: u32, from: u32 },
    /// Has more of it as time goes by: one more chunk each so many milliseconds.
    Growing { each: Millis },
    /// Says that it has everything, and gives nothing.
    Boaster,
    /// Says that it has everything, and has the second half only from then on.
    Hasty { from: Millis },
    /// Does not know the content.
    Stranger,
    /// A bitmap of another length.
    Misfit,
    /// Has too much to do until then.
    Busy { until: Millis },
    /// Is there until then.
    Vanishing { until: Millis },
}

impl Nature {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            3 => (1_u64..400).prop_map(|each| Self::Honest { each }),
            1 => Just(Self::Dead),
            1 => (0_u32..40).prop_map(|good| Self::Liar { good }),
            1 => (1_u32..5, 0_u32..5).prop_map(|(every, from)| Self::Partial { every, from }),
            1 => (10_u64..500).prop_map(|each| Self::Growing { each }),
            1 => Just(Self::Boaster),
            1 => (0_u64..20_000).prop_map(|from| Self::Hasty { from }),
            1 => Just(Self::Stranger),
            1 => Just(Self::Misfit),
            1 => (0_u64..30_000).prop_map(|until| Self::Busy { until }),
            1 => (0_u64..5_000).prop_map(|until| Self::Vanishing { until }),
        ]
    }

    /// Whether it gives every chunk in the end, and never fails so often that it is given up.
    pub(crate) fn is_reliable(&self) -> bool {
        matches!(self, Self::Honest { .. })
    }

    pub(crate) fn lies(&self) -> bool {
        matches!(self, Self::Liar { .. } | Self::Misfit)
    }

    /// The answer, and how long it takes; `None` for silence.
    fn answer(&self, chunk: Option<u32>, now: Millis, served: u32) -> Option<(Millis, Answer)> {
        let (content, proven) = content();
        let give = |index: u32| Answer::Chunk(proven[index as usize]);
        let some = |has: &dyn Fn(u32) -> bool| {
            let chunks = content.chunks();
            Answer::Have(Have::Some(Bitmap::of(chunks, (0..chunks).filter(|n| has(*n)))))
        };
        let from_set = |has: &dyn Fn(u32) -> bool| match chunk {
            None => some(has),
            Some(index) if has(index) => give(index),
            Some(_) => Answer::NotHere,
        };
        let whole = || chunk.map_or(Answer::Have(Have::Whole), give);
        let answer = match self {
            Self::Honest { .. } => whole(),
            Self::Dead => return None,
            Self::Liar { good } if chunk.is_some() && served >= *good => Answer::Lie,
            Self::Liar { .. } => whole(),
            Self::Partial { every, from } => from_set(&|n| n % every == from % every),
            Self::Growing { each } => from_set(&|n| u64::from(n) <= now / each),
            Self::Boaster => chunk.map_or(Answer::Have(Have::Whole), |_| Answer::NotHere),
            Self::Hasty { from } if now < *from && chunk > Some(48) => Answer::NotHere,
            Self::Hasty { .. } => whole(),
            Self::Stranger => Answer::NotHere,
            Self::Misfit => Answer::Have(Have::Some(Bitmap::all(96))),
            Self::Busy { until } if now < *until => Answer::Busy,
            Self::Busy { .. } => whole(),
            Self::Vanishing { until } if now < *until => whole(),
            Self::Vanishing { .. } => Answer::Failed,
        };
        let each = if let Self::Honest { each } = self { *each } else { 20 };
        Some((each, answer))
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) complete: bool,
    /// At the end nobody was left to ask.
    pub(crate) starved: bool,
    pub(crate) took: Millis,
    /// Chunks that each provider was asked for.
    pub(crate) asked: BTreeMap<u32, u32>,
    /// Chunks that came, in order, duplicates included.
    pub(crate) came: Vec<u32>,
    pub(crate) dropped: BTreeMap<u32, Fault>,
}

/// For so long a download is played at most.
const END: Millis = 300_000;

/// Plays a download until it is complete, nothing can happen any more, or five minutes have passed. Checks at every step what must always hold.
pub(crate) fn play(natures: &[Nature], got: Bitmap, pace: &Pace) -> Report {
    let (content, _) = content();
    let start = Timestamp(1_000_000);
    let mut now = start;
    let mut download = Download::new(content, got, pace.clone());
    let mut report = Report::default();
    // Answers under way: when, in the order of asking, and what.
    let mut under_way: BinaryHeap<Reverse<(Timestamp, u64)>> = BinaryHeap::new();
    let mut answers: BTreeMap<u64, (AskId, ProviderId, Answer)> = BTreeMap::new();
    let mut open: BTreeMap<AskId, ProviderId> = BTreeMap::new();
    let mut free_at: BTreeMap<ProviderId, Timestamp> = BTreeMap::new();
    let mut served: BTreeMap<ProviderId, u32> = BTreeMap::new();
    let mut cancelled = BTreeSet::new();
    let (mut serial, mut last_timer) = (0, None);
    for provider in (0..).map(ProviderId).take(natures.len()) {
        assert!(download.add(provider, now));
    }
    loop {
        while let Some(output) = download.poll_output() {
            match output {
                Output::Ask { ask, provider, chunk } => {
                    assert!(!report.dropped.contains_key(&provider.0), "{provider:?} was dropped and is asked");
                    assert!(chunk.is_none_or(|index| !download.got().has(index)), "what is there is asked for");
                    assert!(open.insert(ask, provider).is_none());
                    *report.asked.entry(provider.0).or_default() += u32::from(chunk.is_some());
                    let times = served.entry(provider).or_default();
                    let nature = &natures[provider.0 as usize];
                    let from = (*free_at.get(&provider).unwrap_or(&now)).max(now);
                    if let Some((each, answer)) = nature.answer(chunk, from.since(start), *times) {
                        *times += u32::from(chunk.is_some());
                        free_at.insert(provider, from + each);
                        serial += 1;
                        answers.insert(serial, (ask, provider, answer));
                        under_way.push(Reverse((from + each, serial)));
                    }
                    assert!(open.values().filter(|other| **other == provider).count() <= pace.most_window);
                    assert!(open.len() <= pace.in_flight, "{} questions under way", open.len());
                }
                Output::Cancel(ask) => {
                    assert!(open.remove(&ask).is_some(), "{ask:?} is cancelled twice, or was answered");
                    cancelled.insert(ask);
                }
                Output::Event(Event::Dropped { provider, fault }) => {
                    assert!(report.dropped.insert(provider.0, fault).is_none());
                }
                Output::Event(Event::Complete) => {
                    assert!(!report.complete && download.got().is_full());
                    report.complete = true;
                }
                other => panic!("{other:?}"),
            }
        }
        report.took = now.since(start);
        report.starved = download.is_starved();
        let timer = download.poll_timeout();
        if report.complete || report.took > END || (report.starved && timer.is_none()) {
            assert!(!report.complete || open.is_empty(), "nothing is under way when everything is there");
            return report;
        }
        let answer = under_way.peek().map(|Reverse((at, _))| *at);
        match (answer, timer) {
            (Some(at), timer) if timer.is_none_or(|timer| at <= timer) => {
                let Reverse((at, serial)) = under_way.pop().unwrap();
                now = now.max(at);
                let (ask, _, answer) = answers.remove(&serial).unwrap();
                // An answer that was cancelled may come all the same.
                if cancelled.contains(&ask) {
                    continue;
                }
                open.remove(&ask);
                if let Answer::Chunk(proven) = &answer {
                    report.came.push(proven.index());
                }
                download.handle_answer(ask, answer, now);
            }
            (_, Some(timer)) => {
                assert!(timer >= now && last_timer != Some(timer), "a timer that is over is over: {download:?}");
                (now, last_timer) = (timer, Some(timer));
                download.handle_timeout(now);
            }
            (None, None) => panic!("nothing will ever happen, and it is neither complete nor starved: {download:?}"),
            (Some(_), None) => unreachable!("the first arm takes it"),
        }
    }
}
