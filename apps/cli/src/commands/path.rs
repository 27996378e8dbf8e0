//! Which path a connection took, and why the better ones were not to be had, in sentences.

use crate::context::Context;
use pumasi_agent::{Path, Report, ServerTrouble, Way};
use pumasi_words::{PathReport, ServerWord, WayWord};

/// Of a link that is open. Nothing is said of one that could not be better.
pub(super) fn of_link(context: &Context, path: &Path, report: &Report) -> Option<String> {
    let mut said = Vec::new();
    if let Some(relay) = &path.via {
        said.push(context.say(&PathReport::Via { relay, transport: &path.transport }));
    }
    let better: Vec<Way> = [Way::Direct, Way::Punched].into_iter().filter(|way| *way < path.way).collect();
    said.extend(unanswered(context, report, &better));
    if path.way != Way::Direct {
        said.extend(servers(context, report));
    }
    (!said.is_empty()).then(|| said.join(" "))
}

/// Of an attempt that came to nothing.
pub(super) fn of_failure(context: &Context, report: &Report) -> Option<String> {
    let mut said = unanswered(context, report, &[Way::Direct, Way::Punched, Way::Relayed]);
    said.extend(servers(context, report));
    (!said.is_empty()).then(|| said.join(" "))
}

fn unanswered(context: &Context, report: &Report, ways: &[Way]) -> Vec<String> {
    let mut said = Vec::new();
    for way in ways {
        let mut ends: Vec<&str> = Vec::new();
        for tried in report.tried.iter().filter(|tried| tried.way == *way && !tried.answered) {
            if !ends.contains(&tried.to.as_str()) {
                ends.push(&tried.to);
            }
        }
        if let Some((to, more)) = ends.split_first() {
            said.push(context.say(&PathReport::NoAnswer { way: word_of(*way), to, more: more.len() }));
        }
    }
    said
}

fn servers(context: &Context, report: &Report) -> Vec<String> {
    let server = |dead: &pumasi_agent::DeadServer| {
        let why = match dead.why {
            ServerTrouble::NotTrusted => ServerWord::NotTrusted,
            ServerTrouble::Credentials => ServerWord::Credentials,
            ServerTrouble::Refused => ServerWord::Refused,
            ServerTrouble::Silent => ServerWord::Silent,
            _ => ServerWord::Unreachable,
        };
        context.say(&PathReport::Server { server: &dead.server, transport: &dead.transport, why })
    };
    report.servers.iter().map(server).collect()
}

fn word_of(way: Way) -> WayWord {
    match way {
        Way::Direct => WayWord::Direct,
        Way::Punched => WayWord::Punched,
        Way::Relayed => WayWord::Relayed,
    }
}
