use std::time::Duration;

use crate::{Lang, Say, count, span};

/// The Bitcoin node: starting, syncing, and how it stands.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum BitcoinNode<'a> {
    /// It is up.
    Running {
        /// The network, such as `regtest`.
        network: &'a str,
        /// Where its files are.
        folder: &'a str,
    },
    /// It catches up.
    Syncing {
        /// Blocks that are checked.
        height: u32,
        /// Blocks that are known of.
        headers: u32,
        /// Blocks in a second.
        rate: f64,
        /// How long it will take, if that can be told.
        left: Option<Duration>,
    },
    /// It has caught up.
    Synced {
        /// Blocks.
        height: u32,
    },
    /// Nobody is connected.
    NoPeers,
    /// It has ended and everything is saved.
    Stopped,
    /// How it stands.
    Standing {
        /// The network.
        network: &'a str,
        /// Blocks that are checked.
        height: u32,
        /// Blocks that are known of.
        headers: u32,
        /// Connections to others.
        peers: u64,
        /// Transactions that wait for a block.
        waiting: u64,
    },
    /// Nothing answers where its folder is.
    NotRunning {
        /// The folder.
        folder: &'a str,
    },
}

impl Say for BitcoinNode<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Running { network, folder } => say!(lang,
                ko: "비트코인 노드({})가 돌고 있어요. 파일은 {}에 있어요. 끝내려면 Ctrl-C를 누르세요.", network, folder;
                en: "The Bitcoin node ({}) is running. Its files are in {}. Press Ctrl-C to stop it.", network, folder),
            Self::Syncing { height, headers, rate, left } => {
                let left = left.map_or_else(
                    String::new,
                    |left| say!(lang, ko: ", {} 남음", span(left, lang); en: ", {} left", span(left, lang)),
                );
                let bar = bar(height, headers);
                say!(lang,
                    ko: "{} {} / {} 블록, 초당 {:.0}개{}", bar, height, headers, rate, left;
                    en: "{} block {} of {}, {:.0}/s{}", bar, height, headers, rate, left)
            }
            Self::Synced { height } => say!(lang,
                ko: "모두 따라잡았어요: 블록 {}.", height;
                en: "All caught up: block {}.", height),
            Self::NoPeers => say!(lang,
                ko: "아직 연결된 노드가 없어요. 찾고 있어요.";
                en: "No other node is connected yet. Looking for some."),
            Self::Stopped => say!(lang,
                ko: "노드를 끝냈어요. 모두 저장했어요.";
                en: "The node has stopped. Everything is saved."),
            Self::Standing { network, height, headers, peers, waiting } => {
                let behind = u64::from(headers.saturating_sub(height));
                let chain = if behind == 0 {
                    say!(lang,
                        ko: "{} 체인을 블록 {}까지 모두 확인했어요.", network, height;
                        en: "The {} chain is checked up to its last block, {}.", network, height)
                } else {
                    say!(lang,
                        ko: "{} 체인을 블록 {}까지 확인했고, {} 남았어요.",
                            network, height, count(behind, "개", "block", "blocks", lang);
                        en: "The {} chain is checked up to block {}, with {} to go.",
                            network, height, count(behind, "개", "block", "blocks", lang))
                };
                let others = say!(lang,
                    ko: "연결된 노드는 {}, 블록을 기다리는 거래는 {}이에요.",
                        count(peers, "개", "", "", lang), count(waiting, "건", "", "", lang);
                    en: "It is connected to {}, and {} for a block.",
                        count(peers, "", "other node", "other nodes", lang),
                        count(waiting, "", "transaction waits", "transactions wait", lang));
                format!("{chain} {others}")
            }
            Self::NotRunning { folder } => say!(lang,
                ko: "{}에서 돌고 있는 노드가 없어요. `pumasi node`로 시작하세요.", folder;
                en: "No node is running in {}. Start one with `pumasi node`.", folder),
        }
    }
}

/// Twenty cells that fill as the blocks come.
fn bar(height: u32, headers: u32) -> String {
    const CELLS: u64 = 20;
    let full = u64::from(height) * CELLS / u64::from(headers.max(height).max(1));
    (0..CELLS).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standing_reads_like_a_sentence() {
        let standing = BitcoinNode::Standing { network: "signet", height: 90, headers: 100, peers: 1, waiting: 2 };
        assert_eq!(
            standing.say(Lang::En),
            "The signet chain is checked up to block 90, with 10 blocks to go. \
             It is connected to 1 other node, and 2 transactions wait for a block."
        );
        assert!(standing.say(Lang::Ko).contains("10개 남았어요"));
    }

    #[test]
    fn the_bar_fills_from_left_to_right() {
        let syncing =
            BitcoinNode::Syncing { height: 50, headers: 100, rate: 12.4, left: Some(Duration::from_secs(65)) };
        assert_eq!(syncing.say(Lang::En), "██████████░░░░░░░░░░ block 50 of 100, 12/s, 1 min 5 s left");
        assert_eq!(bar(0, 0), "░".repeat(20));
        assert_eq!(bar(7, 3), "█".repeat(20));
    }
}
