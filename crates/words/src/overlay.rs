use crate::figures::span;
use crate::{Lang, Say, plain};
use std::time::Duration;

/// How a node of the peer network stands: how others reach it, which way its connections take, and whether the trouble
/// is on this side or on theirs.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Overlay<'a> {
    /// A peer runs.
    PeerUp {
        /// Where it listens first.
        address: &'a str,
    },
    /// It knows no other node yet.
    KnowsNobody {
        /// Whether the local network is searched.
        local: bool,
    },
    /// It has entered the network.
    Joined {
        /// Peers with an open connection.
        connected: usize,
    },
    /// It serves because it was told to.
    ServingAsTold,
    /// It serves because another node reached it.
    ServingMeasured {
        /// Where.
        address: &'a str,
    },
    /// It does not serve: others do not reach it.
    BehindNat {
        /// The address that was tried.
        address: &'a str,
    },
    /// Nobody has tried to reach it yet.
    NotMeasured,
    /// Others reach it over relays.
    Reserved {
        /// How many.
        relays: usize,
    },
    /// Nobody relays to it, so nobody who does not know it reaches it.
    NoRelay,
    /// The router opened ports.
    PortsOpen {
        /// By which protocol.
        by: &'a str,
        /// The first address.
        address: &'a str,
    },
    /// The router did not.
    PortsClosed,
    /// Nodes on the local network.
    FoundLocally {
        /// How many.
        nodes: usize,
    },
    /// What it holds and whom it knows.
    Standing {
        /// Peers with an open connection.
        connected: usize,
        /// Peers in the routing table.
        routable: usize,
        /// Records kept for others.
        records: usize,
    },
    /// A connection, and the way it takes.
    Way {
        /// With whom.
        name: &'a str,
        /// Over which way.
        way: Way<'a>,
        /// The last round trip.
        rtt: Option<Duration>,
    },
    /// Why a better way is not taken.
    WayClosed {
        /// What was tried.
        what: &'a str,
        /// What came of it.
        reason: &'a str,
    },
    /// Nobody answers, and the cause is on this side or may be.
    LinkDown {
        /// What is known.
        why: Darkness,
        /// For how long.
        since: Duration,
    },
    /// The link works again.
    LinkUp,
    /// One peer does not answer while others do.
    TheyAreGone {
        /// Who.
        name: &'a str,
    },
    /// It relays for others.
    Relaying {
        /// Bytes over one circuit.
        bytes: u64,
        /// How long one stays open.
        duration: Duration,
    },
    /// It was told to relay and is not reached itself.
    RelayNotReached,
    /// What the nodes offer through which it joined.
    Offered {
        /// How many relay.
        relays: usize,
        /// Gateways for browsers.
        gateways: usize,
        /// TURN servers.
        turn: usize,
        /// Directories.
        directories: usize,
    },
    /// The metrics are served.
    Metrics {
        /// Where.
        url: &'a str,
    },
    /// A metrics address that is not this machine's own: the figures are not for strangers.
    MetricsNotLoopback,
}

/// The way that a connection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// From address to address.
    Direct,
    /// Direct, after both opened their NATs for it.
    Punched,
    /// Over a relay.
    Relayed {
        /// Which.
        over: &'a str,
    },
}

/// Why nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Darkness {
    /// No interface, or no route.
    NoNetwork,
    /// All connections were lost together.
    AllLost,
    /// The only known peer is gone.
    LastPeerGone,
}

impl Say for Way<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Direct => say!(lang, ko: "직접 연결"; en: "direct"),
            Self::Punched => say!(lang, ko: "직접 연결(공유기를 뚫음)"; en: "direct, punched through the NAT"),
            Self::Relayed { over } => say!(lang,
                ko: "중계({})", plain(over);
                en: "relayed over {}", plain(over)),
        }
    }
}

impl Say for Overlay<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::PeerUp { address } => say!(lang,
                ko: "피어 네트워크에 참여해요. 이 컴퓨터의 주소: {}", plain(address);
                en: "A peer of the network. It listens at {}.", plain(address)),
            Self::KnowsNobody { local: true } => say!(lang,
                ko: "아직 아는 노드가 없어요. 같은 네트워크 안에서 찾고 있어요. `--bootstrap`으로 하나 알려 줄 수도 있어요.";
                en: "No other node is known yet. Searching the local network; or name one with --bootstrap."),
            Self::KnowsNobody { local: false } => say!(lang,
                ko: "아직 아는 노드가 없어요. 다른 노드가 이 노드로 들어오기를 기다려요. `--bootstrap`으로 하나 알려 줄 수도 있어요.";
                en: "No other node is known yet. Waiting for others to join through this one; or name one with --bootstrap."),
            Self::Joined { connected } => say!(lang,
                ko: "네트워크에 들어왔어요. 연결된 피어는 {}곳이에요.", connected;
                en: "Joined the network; connected with {}.", peers(connected)),
            Self::ServingAsTold => say!(lang,
                ko: "다른 노드의 기록을 맡아 줘요(시킨 대로).";
                en: "Keeps records for others, as it was told to."),
            Self::ServingMeasured { address } => say!(lang,
                ko: "다른 노드가 {} 주소로 닿는 것을 확인했어요. 이제 기록을 맡아 줘요.", plain(address);
                en: "Another node reached it at {}, so it keeps records for others.", plain(address)),
            Self::BehindNat { address } => say!(lang,
                ko: "다른 노드가 {} 주소로 닿지 못했어요. 공유기 뒤에 있는 것 같아요. 찾고 보내는 데는 문제가 없고, 기록은 맡지 않아요.", plain(address);
                en: "Others did not reach it at {}: it is behind a NAT. It finds and sends as before, and keeps no records for others.", plain(address)),
            Self::NotMeasured => say!(lang,
                ko: "다른 노드가 여기에 닿는지는 아직 재 보지 않았어요.";
                en: "Nobody has measured yet whether others reach it."),
            Self::Reserved { relays } => say!(lang,
                ko: "다른 사람은 중계 {}곳을 거쳐 여기에 닿아요.", relays;
                en: "Others reach it over {}.", if relays == 1 { "1 relay".to_owned() } else { format!("{relays} relays") }),
            Self::NoRelay => say!(lang,
                ko: "중계해 주는 노드가 없어서, 다른 사람이 먼저 연결할 수 없어요. 우편함은 그대로 써요. 공유기에서 포트를 열거나, 중계하는 노드에 연결하세요.";
                en: "No node relays to it, so others cannot connect first; the mailbox still works. Open a port at the router, or connect to a node that relays."),
            Self::PortsOpen { by, address } => say!(lang,
                ko: "공유기가 {} 방식으로 포트를 열어 줬어요: {}", plain(by), plain(address);
                en: "The router opened ports by {}: {}", plain(by), plain(address)),
            Self::PortsClosed => say!(lang,
                ko: "공유기가 포트를 열어 주지 않았어요.";
                en: "The router opened no ports."),
            Self::FoundLocally { nodes } => say!(lang,
                ko: "같은 네트워크에서 노드 {}곳을 찾았어요.", nodes;
                en: "Found {} on the local network.", if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") }),
            Self::Standing { connected, routable, records } => say!(lang,
                ko: "연결 {}곳, 아는 노드 {}곳, 맡은 기록 {}건", connected, routable, records;
                en: "{} connected, {} known, {} kept for others", connected, routable,
                    if records == 1 { "1 record".to_owned() } else { format!("{records} records") }),
            Self::Way { name, way, rtt } => {
                let way = way.say(lang);
                match rtt {
                    Some(rtt) => format!("{}: {way}, {}", plain(name), span(rtt, lang)),
                    None => format!("{}: {way}", plain(name)),
                }
            }
            Self::WayClosed { what, reason } => say!(lang,
                ko: "더 나은 길이 막혔어요. {}: {}", plain(what), plain(reason);
                en: "A better way is closed. {}: {}", plain(what), plain(reason)),
            Self::LinkDown { why, since } => {
                let since = span(since, lang);
                match why {
                    Darkness::NoNetwork => say!(lang,
                        ko: "이 컴퓨터가 네트워크에 연결되어 있지 않아요({}째). 상대방 문제가 아니에요. 보관한 것은 그대로 있어요. 와이파이나 케이블을 확인하세요. 돌아오면 스스로 다시 연결해요.", since;
                        en: "This machine has no network, for {} now. It is not the others. What is kept is safe. Check the Wi-Fi or the cable; it connects again by itself.", since),
                    Darkness::AllLost => say!(lang,
                        ko: "모든 연결이 한꺼번에 끊겼어요({}째). 이쪽 인터넷이 끊긴 것 같아요. 보관한 것은 그대로 있어요. 스스로 다시 연결하고 있어요.", since;
                        en: "Every connection was lost at once, {} ago: this side's link is down. What is kept is safe. It is connecting again.", since),
                    Darkness::LastPeerGone => say!(lang,
                        ko: "알던 노드가 모두 답하지 않아요({}째). 그쪽이 꺼졌거나 이쪽 인터넷이 끊겼어요. 보관한 것은 그대로 있어요. 스스로 다시 시도하고 있어요. `--bootstrap`으로 다른 노드를 알려 줄 수 있어요.", since;
                        en: "The only node that was known has not answered for {}: it is off, or this side's link is down. What is kept is safe. It is trying again; another node can be named with --bootstrap.", since),
                }
            }
            Self::LinkUp => say!(lang, ko: "다시 연결됐어요."; en: "Connected again."),
            Self::TheyAreGone { name } => say!(lang,
                ko: "{} 님은 답하지 않지만 다른 노드는 답해요. 이쪽 인터넷은 괜찮고, 그쪽이 꺼져 있어요.", plain(name);
                en: "{} does not answer while others do: this side's link works, and they are gone.", plain(name)),
            Self::Relaying { bytes, duration } => say!(lang,
                ko: "다른 사람들 사이를 중계해요. 한 번에 {}MB, {}까지예요. 내용은 볼 수 없어요.", bytes >> 20, span(duration, lang);
                en: "Relays between others, up to {} MB and {} each time. It cannot read what they say.", bytes >> 20, span(duration, lang)),
            Self::RelayNotReached => say!(lang,
                ko: "중계하도록 켰지만, 다른 노드가 여기에 닿지 못해서 아직 중계하지 않아요. 포트를 열거나 `--announce`로 주소를 알려 주세요.";
                en: "Told to relay, but others do not reach it, so it does not yet. Open the port, or give its address with --announce."),
            Self::Offered { relays, gateways, turn, directories } => say!(lang,
                ko: "들어온 노드가 알려 준 것: 중계 {}곳, 게이트웨이 {}곳, TURN {}곳, 디렉터리 {}곳", relays, gateways, turn, directories;
                en: "Offered by the nodes that it joined through: relays {}, gateways {}, TURN servers {}, directories {}", relays, gateways, turn, directories),
            Self::Metrics { url } => say!(lang,
                ko: "운영 수치는 {}에서 볼 수 있어요.", plain(url);
                en: "Metrics are at {}.", plain(url)),
            Self::MetricsNotLoopback => say!(lang,
                ko: "운영 수치는 남에게 보일 것이 아니에요. `--metrics 127.0.0.1:9468`처럼 이 컴퓨터 안의 주소를 쓰세요.";
                en: "Metrics are not for strangers. Use an address of this machine, such as --metrics 127.0.0.1:9468."),
        }
    }
}

fn peers(n: usize) -> String {
    if n == 1 { "1 peer".to_owned() } else { format!("{n} peers") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_a_silence_is_is_told_in_both_languages() {
        let mine = Overlay::LinkDown { why: Darkness::AllLost, since: Duration::from_secs(12) };
        let theirs = Overlay::TheyAreGone { name: "영희" };
        assert!(mine.say(Lang::En).contains("this side's link is down"));
        assert!(mine.say(Lang::Ko).contains("이쪽 인터넷이 끊긴"));
        assert!(theirs.say(Lang::En).contains("they are gone"));
        assert!(theirs.say(Lang::Ko).contains("그쪽이 꺼져"));
    }

    #[test]
    fn a_relayed_connection_names_its_relay() {
        let way = Overlay::Way {
            name: "12D3KooWA",
            way: Way::Relayed { over: "12D3KooWR" },
            rtt: Some(Duration::from_millis(42)),
        };
        assert_eq!(way.say(Lang::En), "12D3KooWA: relayed over 12D3KooWR, 42 ms");
        assert_eq!(way.say(Lang::Ko), "12D3KooWA: 중계(12D3KooWR), 42ms");
    }
}
