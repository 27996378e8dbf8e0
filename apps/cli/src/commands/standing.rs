//! How a running node stands, told when it changes: sentences for people, objects for scripts.

use crate::context::Context;
use pumasi_overlay::{
    Connection, Link, LinkDown, NodeId, NodeInfo, Offers, Path, PortMapping, Reachability, Serving, Status,
};
use pumasi_words::{Darkness, Overlay as Words, Way};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a node is looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// Looks between two lines that say how it stands though nothing changed.
const EVERY: u32 = 60;

/// What was told last.
#[derive(Default)]
pub(crate) struct Standing {
    looks: u32,
    joined: bool,
    serving: Option<Serving>,
    link: Option<bool>,
    reserved: Vec<NodeId>,
    mapping: Option<PortMapping>,
    local: usize,
    paths: BTreeMap<NodeId, Path>,
    relaying: Option<bool>,
    infos: usize,
}

impl Standing {
    /// Tells what is new.
    pub(crate) fn look(&mut self, context: &mut Context, status: &Status) {
        let reach = &status.reach;
        self.network(context, status);
        if self.serving.as_ref() != Some(&reach.serving) {
            self.serving = Some(reach.serving.clone());
            say_serving(context, &reach.serving);
        }
        self.reserved(context, reach);
        if self.mapping.as_ref() != Some(&reach.mapping) {
            self.mapping = Some(reach.mapping.clone());
            self.mapping(context, &reach.mapping);
        }
        if reach.local.len() != self.local {
            self.local = reach.local.len();
            let nodes: Vec<String> = reach.local.iter().map(ToString::to_string).collect();
            tell(context, json!({ "event": "local", "nodes": nodes }), Some(Words::FoundLocally { nodes: self.local }));
        }
        self.connections(context, reach);
        if self.looks.is_multiple_of(EVERY) {
            let standing = Words::Standing {
                connected: status.connected.len(),
                routable: status.routable,
                records: status.profiles + status.mailboxes + status.presences + status.entries,
            };
            tell(context, status_json(status), Some(standing));
        }
        self.looks = self.looks.wrapping_add(1);
    }

    fn network(&mut self, context: &mut Context, status: &Status) {
        if status.joined != self.joined {
            self.joined = status.joined;
            let connected = status.connected.len();
            let object = json!({ "event": "joined", "joined": self.joined, "connected": connected });
            tell(context, object, self.joined.then_some(Words::Joined { connected }));
        }
        let up = match status.reach.link {
            Link::Up => Some(true),
            Link::Down { .. } => Some(false),
            _ => None,
        };
        if up.is_none() || up == self.link {
            return;
        }
        let first = self.link.is_none() && up == Some(true);
        self.link = up;
        let object = json!({ "event": "link", "link": link_json(status.reach.link) });
        let words = match status.reach.link {
            Link::Down { why, since } => Some(Words::LinkDown { why: darkness(why), since }),
            _ => (!first).then_some(Words::LinkUp),
        };
        tell(context, object, words);
    }

    fn reserved(&mut self, context: &mut Context, reach: &Reachability) {
        let mut reserved: Vec<NodeId> = reach.reserved.iter().map(|slot| slot.relay).collect();
        reserved.sort_unstable();
        if reserved != self.reserved {
            let slots: Vec<Value> = reach.reserved.iter().map(slot_json).collect();
            let words = match reserved.len() {
                0 => (!reach.serving.is_server()).then_some(Words::NoRelay),
                relays => Some(Words::Reserved { relays }),
            };
            tell(context, json!({ "event": "reserved", "relays": slots }), words);
            self.reserved = reserved;
        }
    }

    fn mapping(&self, context: &mut Context, mapping: &PortMapping) {
        match mapping {
            PortMapping::Open { by, addresses } => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                let address = addresses.first().map_or("", String::as_str);
                let object = json!({ "event": "ports", "by": by, "addresses": addresses });
                tell(context, object, Some(Words::PortsOpen { by, address }));
            }
            PortMapping::None { reasons } => {
                let object = json!({ "event": "ports", "by": Value::Null, "reasons": reasons });
                tell(context, object, Some(Words::PortsClosed));
            }
            _ => {}
        }
    }

    /// The way to each node, when it is new or another one; for people only where it says something about NATs.
    fn connections(&mut self, context: &mut Context, reach: &Reachability) {
        let mut paths = BTreeMap::new();
        for connection in &reach.connections {
            if paths.contains_key(&connection.node) {
                continue;
            }
            let Some(best) = reach.path_to(connection.node) else { continue };
            paths.insert(best.node, best.path);
            let before = self.paths.get(&best.node);
            if before == Some(&best.path) {
                continue;
            }
            context.ui.object(&connection_json(best));
            if best.path == Path::Direct && before.is_none() {
                continue;
            }
            say_way(context, best);
        }
        for gone in self.paths.keys().filter(|node| !paths.contains_key(node)) {
            context.ui.object(&json!({ "event": "disconnected", "node": gone.to_string() }));
        }
        self.paths = paths;
    }

    /// What the nodes offer through which this one joined.
    pub(crate) fn offers(&mut self, context: &mut Context, infos: &[NodeInfo]) {
        if infos.len() == self.infos {
            return;
        }
        self.infos = infos.len();
        for info in infos {
            context.ui.object(&json!({ "event": "offers", "addresses": info.addresses, "offers": info.offers }));
        }
        let count = |what: fn(&NodeInfo) -> usize| infos.iter().map(what).sum();
        if infos.iter().all(|info| info.offers == Offers::default()) {
            return;
        }
        let sentence = context.say(&Words::Offered {
            relays: count(|info| info.offers.relay.iter().count()),
            gateways: count(|info| info.offers.gateways.len()),
            turn: count(|info| info.offers.turn.len()),
            directories: count(|info| info.offers.directories.len()),
        });
        context.ui.say(sentence);
    }

    /// Whether this node relays, or was told to and cannot.
    pub(crate) fn relay(&mut self, context: &mut Context, status: &Status, bytes: u64, duration: Duration) {
        let serving = status.reach.relay.serving;
        if self.relaying == Some(serving) || status.reach.serving == Serving::NotMeasured {
            return;
        }
        self.relaying = Some(serving);
        let words = if serving { Words::Relaying { bytes, duration } } else { Words::RelayNotReached };
        let object = json!({ "event": "relay", "serving": serving, "bytes": bytes, "seconds": duration.as_secs() });
        tell(context, object, Some(words));
    }
}

fn tell(context: &mut Context, object: Value, words: Option<Words<'_>>) {
    context.ui.object(&object);
    if let Some(words) = words {
        let sentence = context.say(&words);
        context.ui.say(sentence);
    }
}

fn say_way(context: &mut Context, connection: &Connection) {
    let name = connection.node.to_string();
    let over;
    let way = match connection.path {
        Path::Relayed { over: relay } => {
            over = relay.to_string();
            Way::Relayed { over: &over }
        }
        Path::Punched => Way::Punched,
        _ => Way::Direct,
    };
    let sentence = context.say(&Words::Way { name: &name, way, rtt: connection.rtt });
    context.ui.say(sentence);
    for tried in &connection.failed {
        let sentence = context.say(&Words::WayClosed { what: &tried.what, reason: &tried.reason });
        context.ui.say(format!("  {sentence}"));
    }
}

fn say_serving(context: &mut Context, serving: &Serving) {
    let address = match serving {
        Serving::Measured { address, .. } | Serving::Unreachable { address, .. } => address.to_string(),
        _ => String::new(),
    };
    let words = match serving {
        Serving::Told => Some(Words::ServingAsTold),
        Serving::Measured { .. } => Some(Words::ServingMeasured { address: &address }),
        Serving::Unreachable { .. } => Some(Words::BehindNat { address: &address }),
        Serving::NotMeasured => Some(Words::NotMeasured),
        _ => None,
    };
    tell(context, serving_json(serving), words);
}

fn serving_json(serving: &Serving) -> Value {
    let (why, address, by, reason) = match serving {
        Serving::Told | Serving::ClientTold => ("told", None, None, None),
        Serving::Measured { address, by } => ("measured", Some(address), Some(by), None),
        Serving::Unreachable { address, by, reason } => ("unreachable", Some(address), Some(by), Some(reason)),
        _ => ("not-measured", None, None, None),
    };
    json!({
        "event": "serving",
        "server": serving.is_server(),
        "why": why,
        "address": address.map(ToString::to_string),
        "by": by.map(ToString::to_string),
        "reason": reason,
    })
}

fn link_json(link: Link) -> &'static str {
    match link {
        Link::Up => "up",
        Link::Joining => "joining",
        Link::Down { why: LinkDown::NoNetwork, .. } => "no-network",
        Link::Down { why: LinkDown::AllLost, .. } => "all-lost",
        _ => "last-peer-gone",
    }
}

fn darkness(why: LinkDown) -> Darkness {
    match why {
        LinkDown::NoNetwork => Darkness::NoNetwork,
        LinkDown::AllLost => Darkness::AllLost,
        _ => Darkness::LastPeerGone,
    }
}

fn slot_json(slot: &pumasi_overlay::Reserved) -> Value {
    json!({
        "relay": slot.relay.to_string(),
        "addresses": slot.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "bytes": slot.bytes,
        "seconds": slot.duration.map(|duration| duration.as_secs()),
    })
}

fn connection_json(connection: &Connection) -> Value {
    let (path, over) = match connection.path {
        Path::Direct => ("direct", None),
        Path::Punched => ("punched", None),
        Path::Relayed { over } => ("relayed", Some(over.to_string())),
        _ => ("other", None),
    };
    let failed: Vec<Value> =
        connection.failed.iter().map(|tried| json!({ "what": tried.what, "reason": tried.reason })).collect();
    json!({
        "event": "connection",
        "node": connection.node.to_string(),
        "path": path,
        "over": over,
        "address": connection.address,
        "inbound": connection.inbound,
        "rtt_ms": connection.rtt.map(|rtt| rtt.as_millis()),
        "failed": failed,
    })
}

fn status_json(status: &Status) -> Value {
    let reach = &status.reach;
    json!({
        "event": "status",
        "node": status.node.to_string(),
        "joined": status.joined,
        "link": link_json(reach.link),
        "connected": status.connected.len(),
        "routable": status.routable,
        "profiles": status.profiles,
        "mailboxes": status.mailboxes,
        "presences": status.presences,
        "entries": status.entries,
        "refused": status.refused,
        "addresses": reach.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "received": reach.received,
        "sent": reach.sent,
        "relay": {
            "serving": reach.relay.serving,
            "reservations": reach.relay.reservations,
            "circuits": reach.relay.circuits,
            "bytes": reach.relay.bytes,
        },
    })
}
