use std::time::Duration;

use crate::{Lang, Say, count, span};

/// The light Bitcoin node: how it looks through the chain, and how it stands.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum LightNode<'a> {
    /// It looks through blocks by their filters.
    Looking {
        /// Up to where it has looked.
        height: u32,
        /// Blocks that are known of.
        headers: u32,
        /// Blocks in a second.
        rate: f64,
        /// How long it will take, if that can be told.
        left: Option<Duration>,
    },
    /// It has looked at all.
    Done {
        /// Blocks.
        height: u32,
    },
    /// How it stands.
    Standing {
        /// The network.
        network: &'a str,
        /// Up to where it has looked.
        height: u32,
        /// Blocks that are known of.
        headers: u32,
        /// Peers that serve filters.
        peers: u64,
        /// Addresses and descriptors that are watched.
        watched: u64,
        /// Transactions of the chain that concern them.
        found: u64,
        /// What they hold, in BTC as it is shown.
        balance: &'a str,
    },
    /// A peer was caught.
    Liars {
        /// How many.
        count: u64,
    },
}

impl Say for LightNode<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Looking { height, headers, rate, left } => {
                let left = left.map_or_else(
                    String::new,
                    |left| say!(lang, ko: ", {} 남음", span(left, lang); en: ", {} left", span(left, lang)),
                );
                say!(lang,
                    ko: "블록 {} / {} 훑어보는 중, 초당 {:.0}개{}", height, headers, rate, left;
                    en: "Looking through block {} of {}, {:.0}/s{}", height, headers, rate, left)
            }
            Self::Done { height } => say!(lang,
                ko: "블록 {}까지 모두 훑어봤어요.", height;
                en: "Looked through every block up to {}.", height),
            Self::Standing { network, height, headers, peers, watched, found, balance } => {
                let behind = u64::from(headers.saturating_sub(height));
                let chain = if behind == 0 {
                    say!(lang,
                        ko: "라이트 노드가 {} 체인의 머리글을 {}까지 확인하고 블록도 모두 훑어봤어요.", network, headers;
                        en: "The light node has checked the headers of the {} chain up to {} and looked through every block.",
                            network, headers)
                } else {
                    say!(lang,
                        ko: "라이트 노드가 {} 체인의 머리글을 {}까지 확인했고, 훑어볼 블록이 {} 남았어요.",
                            network, headers, count(behind, "개", "", "", lang);
                        en: "The light node has checked the headers of the {} chain up to {} and has {} left to look through.",
                            network, headers, count(behind, "", "block", "blocks", lang))
                };
                let mine = if watched == 0 {
                    say!(lang,
                        ko: "지켜보는 주소가 없어요. `pumasi node --light --watch 주소`로 더하세요.";
                        en: "It watches nothing yet: add an address with `pumasi node --light --watch ADDRESS`.")
                } else {
                    say!(lang,
                        ko: "주소 {}를 지켜보고 있고, 체인에서 찾은 거래는 {}, 확정된 잔액은 {} BTC예요.",
                            count(watched, "개", "", "", lang), count(found, "건", "", "", lang), balance;
                        en: "It watches {} and has found {} in the chain; the confirmed balance is {} BTC.",
                            count(watched, "", "address", "addresses", lang),
                            count(found, "", "transaction", "transactions", lang), balance)
                };
                let others = if peers == 0 {
                    say!(lang,
                        ko: "지금은 블록 필터를 주는 노드가 없어서 새 거래를 찾을 수 없어요.";
                        en: "No peer serves it block filters right now, so it cannot find anything new.")
                } else {
                    say!(lang,
                        ko: "블록 필터를 주는 노드는 {}예요.", count(peers, "개", "", "", lang);
                        en: "Block filters come from {}.", count(peers, "", "peer", "peers", lang))
                };
                format!("{chain} {mine} {others}")
            }
            Self::Liars { count: liars } => say!(lang,
                ko: "필터를 속인 노드 {}를 잡아내 하루 동안 막았어요.", count(liars, "개", "", "", lang);
                en: "{} lied about filters and is shut out for a day.", count(liars, "", "peer", "peers", lang)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standing_reads_like_sentences() {
        let standing = LightNode::Standing {
            network: "signet",
            height: 90,
            headers: 100,
            peers: 2,
            watched: 1,
            found: 3,
            balance: "0.50000000",
        };
        assert_eq!(
            standing.say(Lang::En),
            "The light node has checked the headers of the signet chain up to 100 and has 10 blocks left to look \
             through. It watches 1 address and has found 3 transactions in the chain; the confirmed balance is \
             0.50000000 BTC. Block filters come from 2 peers."
        );
        assert!(standing.say(Lang::Ko).contains("훑어볼 블록이 10개 남았어요"));
        assert!(standing.say(Lang::Ko).contains("주소 1개를 지켜보고 있고"));
    }

    #[test]
    fn without_peers_or_addresses_it_says_what_to_do() {
        let standing = LightNode::Standing {
            network: "regtest",
            height: 5,
            headers: 5,
            peers: 0,
            watched: 0,
            found: 0,
            balance: "0.00000000",
        };
        let text = standing.say(Lang::En);
        assert!(text.contains("--watch ADDRESS") && text.contains("cannot find anything new"), "{text}");
    }
}
