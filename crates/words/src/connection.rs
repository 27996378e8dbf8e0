use crate::{Lang, Say, plain, span};
use std::time::Duration;

/// A step on the way to an open link, as it begins.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Step<'a> {
    /// Entering the overlay.
    Joining,
    /// In the overlay.
    Joined {
        /// Peers connected.
        peers: usize,
    },
    /// Fetching the profile at hash(DID).
    LookingUp {
        /// Whose.
        name: &'a str,
    },
    /// Finding out the addresses of this machine.
    Gathering,
    /// Putting the offer into the mailbox.
    Offering {
        /// For whom.
        name: &'a str,
    },
    /// Waiting for the answer.
    Waiting {
        /// Whose.
        name: &'a str,
    },
    /// ICE: trying pairs of addresses.
    Checking,
    /// DTLS.
    Securing,
    /// Proving both DIDs over the channel.
    Proving {
        /// Who proves it to me.
        name: &'a str,
    },
    /// The link is open.
    Open {
        /// To whom.
        name: &'a str,
        /// Over which path.
        path: PathKind,
        /// How long it took.
        took: Duration,
    },
    /// The link went down; what is under way stays in the ledger.
    Down {
        /// To whom.
        name: &'a str,
    },
}

/// How two machines reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// On one machine or one network.
    Local,
    /// Through the internet, without anyone between.
    Direct,
    /// Through a TURN server, which sees only encrypted packets.
    Relayed,
}

impl Say for PathKind {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Local => say!(lang, ko: "같은 네트워크"; en: "on the local network"),
            Self::Direct => say!(lang, ko: "직접 연결"; en: "directly"),
            Self::Relayed => say!(lang, ko: "중계 서버를 거친 연결"; en: "through a relay"),
        }
    }
}

impl Say for Step<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Joining => say!(lang, ko: "네트워크에 들어가고 있어요…"; en: "Joining the network…"),
            Self::Joined { peers } => say!(lang,
                ko: "네트워크에 들어왔어요(연결된 노드 {}개).", peers;
                en: "Joined the network ({} connected).", if peers == 1 { "1 node".into() } else { format!("{peers} nodes") }),
            Self::LookingUp { name } => say!(lang,
                ko: "{} 님의 프로필을 찾고 있어요…", plain(name);
                en: "Looking up {}…", plain(name)),
            Self::Gathering => say!(lang,
                ko: "이 컴퓨터의 주소를 알아보고 있어요…";
                en: "Finding out the addresses of this machine…"),
            Self::Offering { name } => say!(lang,
                ko: "{} 님의 우편함에 연결 제안을 넣고 있어요…", plain(name);
                en: "Leaving an offer in the mailbox for {}…", plain(name)),
            Self::Waiting { name } => say!(lang,
                ko: "{} 님의 답을 기다리고 있어요…", plain(name);
                en: "Waiting for {} to answer…", plain(name)),
            Self::Checking => say!(lang, ko: "서로 닿는 길을 찾고 있어요…"; en: "Trying ways to reach each other…"),
            Self::Securing => say!(lang, ko: "암호화된 통로를 만들고 있어요…"; en: "Securing the channel…"),
            Self::Proving { name } => say!(lang,
                ko: "{} 님이 맞는지 확인하고 있어요…", plain(name);
                en: "Making sure that it is {}…", plain(name)),
            Self::Open { name, path, took } => say!(lang,
                ko: "{} 님과 연결했어요({}, {}).", plain(name), path.say(lang), span(took, lang);
                en: "Connected to {} {} in {}.", plain(name), path.say(lang), span(took, lang)),
            Self::Down { name } => say!(lang,
                ko: "{} 님과 연결이 끊겼어요. 하던 일은 원장에 있고, 다시 연결되면 이어서 해요.", plain(name);
                en: "The link to {} is down. What was under way is in the ledger and goes on with the next link.", plain(name)),
        }
    }
}

/// Why there is no link. It tells "my link is down" from "they are not there".
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Trouble<'a> {
    /// No bootstrap node is known.
    NoBootstrap,
    /// No bootstrap node answered.
    NotJoined {
        /// How many were tried.
        tried: usize,
    },
    /// Our own link is down.
    Offline,
    /// Only relays may be used, and there is none.
    NoRelay,
    /// Nobody has a profile for this DID.
    NoProfile {
        /// Whose.
        name: &'a str,
    },
    /// The profile found is not valid any more, or never was.
    BadProfile {
        /// Whose.
        name: &'a str,
    },
    /// The offer lies in the mailbox, and nobody answered in time.
    NoAnswer {
        /// Who did not.
        name: &'a str,
        /// How long we waited.
        waited: Duration,
    },
    /// They answered, and no pair of addresses worked.
    NoPath {
        /// To whom.
        name: &'a str,
        /// Whether a TURN server is configured here.
        relay_configured: bool,
    },
    /// The other end could not prove its DID.
    NotProven {
        /// Who it was meant to be.
        name: &'a str,
    },
}

impl Say for Trouble<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::NoBootstrap => say!(lang,
                ko: "들어갈 부트스트랩 노드를 몰라요. `--bootstrap`으로 주소를 주거나 config.toml에 적어 주세요.";
                en: "No bootstrap node is known. Give one with --bootstrap, or write it into config.toml."),
            Self::NotJoined { tried } => say!(lang,
                ko: "부트스트랩 노드 {}개 가운데 답한 곳이 없어요. 인터넷 연결과 주소를 확인해 주세요.", tried;
                en: "None of the bootstrap nodes tried ({}) answered. Check the network and the addresses.", tried),
            Self::Offline => say!(lang,
                ko: "이 컴퓨터가 네트워크에 닿지 않아요. 적어 둔 것은 그대로 있고, 연결되면 이어서 해요.";
                en: "This machine does not reach the network. What is written down stays and goes on once it does."),
            Self::NoRelay => say!(lang,
                ko: "릴레이만 쓰도록(`relay-only`) 정해 두었는데 쓸 수 있는 릴레이가 없어요. 적어 둔 것은 그대로예요. config.toml의 [ice]에 TURN 서버를 적거나 TURN을 켠 노드를 기다려 주세요.";
                en: "Only relays may be used (`relay-only`), and none is known or answers. What is written down stays. Name a TURN server under [ice] in config.toml, or wait for a node that offers one."),
            Self::NoProfile { name } => say!(lang,
                ko: "네트워크에 {} 님의 프로필이 없어요. 상대가 `pumasi listen`을 켠 뒤에 다시 해 주세요.", plain(name);
                en: "The network has no profile of {}. Try again once they run `pumasi listen`.", plain(name)),
            Self::BadProfile { name } => say!(lang,
                ko: "{} 님의 프로필이 유효하지 않아서 쓰지 않았어요.", plain(name);
                en: "The profile of {} is not valid and was not used.", plain(name)),
            Self::NoAnswer { name, waited } => say!(lang,
                ko: "{} 동안 {} 님의 답이 없었어요. 지금은 켜져 있지 않은 것 같아요.", span(waited, lang), plain(name);
                en: "{1} did not answer within {0}. They do not seem to be there right now.", span(waited, lang), plain(name)),
            Self::NoPath { name, relay_configured: true } => say!(lang,
                ko: "{} 님이 답했지만 중계 서버로도 길을 찾지 못했어요.", plain(name);
                en: "{} answered, but no way was found, not even through the relay.", plain(name)),
            Self::NoPath { name, relay_configured: false } => say!(lang,
                ko: "{} 님이 답했지만 직접 닿는 길이 없어요. config.toml에 TURN 서버를 적으면 거쳐서 갈 수 있어요.", plain(name);
                en: "{} answered, but there is no direct way. A TURN server in config.toml can stand between.", plain(name)),
            Self::NotProven { name } => say!(lang,
                ko: "연결된 상대가 {} 님이라는 것을 증명하지 못했어요. 아무것도 말하지 않고 끊었어요.", plain(name);
                en: "The other end could not prove that it is {}. The link was closed and nothing was said.", plain(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_link_names_its_path_and_its_time() {
        let open = Step::Open { name: "영희", path: PathKind::Relayed, took: Duration::from_millis(412) };
        assert_eq!(open.say(Lang::Ko), "영희 님과 연결했어요(중계 서버를 거친 연결, 0.4초).");
        assert_eq!(open.say(Lang::En), "Connected to 영희 through a relay in 0.4 s.");
    }

    #[test]
    fn my_link_is_down_reads_otherwise_than_they_are_not_there() {
        let away = Trouble::NoAnswer { name: "Bob", waited: Duration::from_secs(30) };
        assert_eq!(away.say(Lang::En), "Bob did not answer within 30 s. They do not seem to be there right now.");
        assert!(Trouble::Offline.say(Lang::En).starts_with("This machine"));
    }

    #[test]
    fn no_path_advises_a_relay_only_where_none_is_set() {
        let no_path = |relay_configured| Trouble::NoPath { name: "Bob", relay_configured }.say(Lang::Ko);
        assert!(no_path(false).contains("TURN"));
        assert!(!no_path(true).contains("TURN"));
    }
}
