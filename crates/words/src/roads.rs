use crate::{Lang, Say, money, plain};
use pumasi_units::Money;

/// Which road an offer takes to a payee, what a payee's endpoint says, and people met on the network.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Roads<'a> {
    /// One road is of no use now; the others go on.
    FellBack {
        /// Whose.
        name: &'a str,
        /// Which.
        road: RoadName,
        /// The host of the endpoint, or the name of the node.
        host: &'a str,
        /// Why.
        why: RoadTrouble,
    },
    /// By which road the two found each other.
    Taken {
        /// Which.
        road: RoadName,
    },
    /// They found each other over a stream that a third node relayed.
    Relayed {
        /// The name of that node.
        relay: &'a str,
    },
    /// Why it was not another road.
    Not {
        /// Which.
        road: RoadName,
        /// Why.
        why: RoadTrouble,
    },
    /// Who is told where this peer is while it listens.
    Presence {
        /// Who.
        who: PresenceTo,
    },
    /// This peer takes offers by HTTPS.
    EndpointUp {
        /// Where others reach it.
        url: &'a str,
        /// Whether a token is demanded.
        token: bool,
    },
    /// This peer is found in directories while it listens.
    Listed {
        /// Under which words.
        words: &'a str,
        /// In how many directories.
        directories: usize,
    },
    /// How much each person whom nobody here knows may owe.
    ForStrangers {
        /// Each of them.
        limit: &'a Money,
    },
    /// A stranger proved its DID and came in.
    Met {
        /// How it calls itself.
        name: &'a str,
    },
    /// Somebody found on the network, before they are paid for the first time.
    Stranger {
        /// How they call themselves.
        name: &'a str,
        /// Twelve groups of five digits.
        number: &'a str,
    },
    /// Looking for the profile of somebody whom nobody here knows.
    LookingUpStranger,
    /// An endpoint that others cannot reach.
    NeedsPublicUrl,
    /// A shop that was not told how much strangers may owe.
    NeedsStrangerLimit,
}

/// How offer and answer travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoadName {
    /// A stream of the overlay, from node to node.
    Stream,
    /// The endpoint that the payee's profile names.
    Endpoint,
    /// The mailbox in the DHT.
    Mailbox,
}

impl Say for RoadName {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Stream => say!(lang, ko: "노드끼리 바로"; en: "straight from node to node"),
            Self::Endpoint => say!(lang, ko: "접속 주소(HTTPS)로"; en: "by the HTTPS endpoint"),
            Self::Mailbox => say!(lang, ko: "DHT 우편함으로"; en: "by the mailbox in the DHT"),
        }
    }
}

/// Who is told where a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceTo {
    /// Whoever asks.
    Everyone,
    /// The address book.
    Contacts,
    /// Nobody.
    Nobody,
}

/// Why a road is of no use now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoadTrouble {
    /// Nobody is there.
    Silent,
    /// It demands an API token.
    TokenNeeded,
    /// Too much is asked of it.
    Busy,
    /// It does not take offers of ours.
    Refused,
    /// What it answers is not signed by the payee.
    NotTheirs,
    /// The node is at none of its addresses.
    Unreachable,
    /// They do not say where their node is.
    Unannounced,
    /// Their node has said that it goes.
    Gone,
    /// Another was quicker.
    Slower,
    /// Another brought the answer before.
    NotNeeded,
}

impl Say for RoadTrouble {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Silent => say!(lang, ko: "답하지 않아요"; en: "does not answer"),
            Self::TokenNeeded => say!(lang, ko: "API 토큰을 달라고 해요"; en: "demands an API token"),
            Self::Busy => say!(lang, ko: "지금 바빠요"; en: "is busy"),
            Self::Refused => say!(lang, ko: "우리 제안을 받지 않아요"; en: "does not take our offer"),
            Self::NotTheirs => say!(lang,
                ko: "다른 사람이 서명한 답을 줬어요. 그 답은 쓰지 않았어요";
                en: "gave an answer that they have not signed, which was not used"),
            Self::Unreachable => {
                say!(lang, ko: "알린 주소에서 닿지 않아요"; en: "cannot be reached at the addresses that it gave")
            }
            Self::Unannounced => say!(lang, ko: "어디에 있는지 알리지 않았어요"; en: "is not announced"),
            Self::Gone => say!(lang, ko: "꺼진다고 알렸어요"; en: "has said that it goes"),
            Self::Slower => say!(lang, ko: "더 늦었어요"; en: "had not answered yet"),
            Self::NotNeeded => say!(lang, ko: "쓸 필요가 없었어요"; en: "was not needed"),
        }
    }
}

impl Say for Roads<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::FellBack { name, road: RoadName::Stream, host, why } => say!(lang,
                ko: "{} 님의 노드({})가 {}. 다른 길로 가고 있어요.", plain(name), node(host), why.say(lang);
                en: "The node of {} ({}) {}; going by the other roads.", plain(name), node(host), why.say(lang)),
            Self::FellBack { name, host, why, .. } => say!(lang,
                ko: "{} 님의 접속 주소({})가 {}. 다른 길로 가고 있어요.", plain(name), plain(host), why.say(lang);
                en: "The endpoint of {} ({}) {}; going by the other roads.", plain(name), plain(host), why.say(lang)),
            Self::Taken { road } => say!(lang,
                ko: "연결 제안과 답은 {} 주고받았어요.", road.say(lang);
                en: "Offer and answer went {}.", road.say(lang)),
            Self::Relayed { relay } => say!(lang,
                ko: "연결 제안과 답은 중계 노드({})를 거쳐 주고받았어요.", node(relay);
                en: "Offer and answer went from node to node over the relay {}.", node(relay)),
            Self::Not { road: RoadName::Stream, why } => say!(lang,
                ko: "노드끼리 바로 가지 못한 까닭: 상대 노드가 {}.", why.say(lang);
                en: "Not straight from node to node: their node {}.", why.say(lang)),
            Self::Not { road: RoadName::Endpoint, why } => say!(lang,
                ko: "접속 주소로 가지 못한 까닭: 접속 주소가 {}.", why.say(lang);
                en: "Not by the HTTPS endpoint: it {}.", why.say(lang)),
            Self::Not { road: RoadName::Mailbox, why } => say!(lang,
                ko: "DHT 우편함으로 가지 못한 까닭: {}.", why.say(lang);
                en: "Not by the mailbox in the DHT: it {}.", why.say(lang)),
            Self::Presence { who: PresenceTo::Everyone } => say!(lang,
                ko: "DID를 아는 누구나 이 노드가 어디에 있는지 찾을 수 있어요.";
                en: "Everyone who knows the DID can find out where this node is."),
            Self::Presence { who: PresenceTo::Contacts } => say!(lang,
                ko: "아는 사람만 이 노드가 어디에 있는지 찾을 수 있어요.";
                en: "Only your contacts can find out where this node is."),
            Self::Presence { who: PresenceTo::Nobody } => say!(lang,
                ko: "이 노드가 어디에 있는지 아무에게도 알리지 않아요. 연결 제안은 우편함으로 와요.";
                en: "Nobody is told where this node is; offers come by the mailbox."),
            Self::EndpointUp { url, token: false } => say!(lang,
                ko: "{} 주소로도 연결 제안을 받아요.", plain(url);
                en: "Taking offers at {} too.", plain(url)),
            Self::EndpointUp { url, token: true } => say!(lang,
                ko: "{} 주소로도 연결 제안을 받아요. API 토큰이 있어야 해요.", plain(url);
                en: "Taking offers at {} too, with an API token.", plain(url)),
            Self::Listed { words, directories } => say!(lang,
                ko: "켜져 있는 동안 디렉터리 {}곳에서 찾을 수 있어요: {}", directories, plain(words);
                en: "Found under {} in {} while this runs.", plain(words), if directories == 1 { "1 directory".into() } else { format!("{directories} directories") }),
            Self::ForStrangers { limit } => say!(lang,
                ko: "모르는 사람도 {}까지는 외상으로 낼 수 있어요.", money(limit, lang);
                en: "People you do not know may each owe you up to {}.", money(limit, lang)),
            Self::Met { name } => say!(lang,
                ko: "네트워크에서 {} 님을 만났어요. 본인인지는 아직 확인하지 않았어요.", plain(name);
                en: "Met {} on the network; nobody has verified that it is them.", plain(name)),
            Self::Stranger { name, number } => say!(lang,
                ko: "{0} 님은 네트워크에서 찾은 분이에요. 본인인지 아직 확인하지 않았어요. 지금 쓰는 열쇠를 적어 두고, 바뀌면 알려 드려요.\n안전 번호: {1}", plain(name), number;
                en: "{0} was found on the network, and nobody has verified that it is them. Their keys are written down now, and a change will be told.\nSafety number: {1}", plain(name), number),
            Self::LookingUpStranger => say!(lang, ko: "프로필을 찾고 있어요…"; en: "Looking up the profile…"),
            Self::NeedsPublicUrl => say!(lang,
                ko: "다른 사람이 닿을 주소가 필요해요. `--public-url https://…`로 알려 주세요.";
                en: "Others need an address at which they reach this endpoint. Give it with --public-url https://…"),
            Self::NeedsStrangerLimit => say!(lang,
                ko: "모르는 사람이 얼마까지 외상으로 낼 수 있는지 필요해요. `--stranger-limit \"50,000 KRW\"`로 알려 주거나 config.toml의 [strangers]에 적어 주세요.";
                en: "How much may people owe whom you do not know? Give --stranger-limit \"50,000 KRW\", or write [strangers] into config.toml."),
        }
    }
}

/// The end of a node's name, which is enough to tell it from others.
fn node(name: &str) -> String {
    let end = name.chars().count().saturating_sub(8);
    format!("…{}", plain(&name.chars().skip(end).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_road_is_named_with_the_reason() {
        let road = RoadName::Endpoint;
        let fell =
            Roads::FellBack { name: "영희네 식당", road, host: "shop.example:8443", why: RoadTrouble::Silent };
        assert_eq!(
            fell.say(Lang::En),
            "The endpoint of 영희네 식당 (shop.example:8443) does not answer; going by the other roads."
        );
        assert_eq!(
            fell.say(Lang::Ko),
            "영희네 식당 님의 접속 주소(shop.example:8443)가 답하지 않아요. 다른 길로 가고 있어요."
        );
        let relay = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5";
        let taken = Roads::Relayed { relay };
        assert_eq!(taken.say(Lang::En), "Offer and answer went from node to node over the relay …yKSUKPH5.");
        let (road, host) = (RoadName::Stream, "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5");
        let fell = Roads::FellBack { name: "영희", road, host, why: RoadTrouble::Unreachable };
        assert_eq!(
            fell.say(Lang::En),
            "The node of 영희 (…yKSUKPH5) cannot be reached at the addresses that it gave; going by the other roads."
        );
    }
}
