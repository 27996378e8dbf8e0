use crate::{Lang, Say, Way, count, plain, span};
use std::time::Duration;

/// What `lookup` found of somebody, sentence by sentence.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Lookup<'a> {
    /// Asking the DHT for the profile.
    AskingProfile,
    /// Asking where their node is.
    AskingPresence,
    /// Dialling their node.
    Reaching,
    /// Nobody has a profile of theirs.
    NoProfile,
    /// Only the address book has one.
    OnlyKnown,
    /// How many nodes say so.
    Agreed {
        /// Nodes that hold these very bytes.
        agreed: usize,
        /// Nodes that answered.
        answered: usize,
        /// How long it took.
        took: Duration,
    },
    /// Some held an older one.
    Older {
        /// How many.
        nodes: usize,
        /// Their names.
        names: &'a str,
    },
    /// Some gave something invalid.
    Invalid {
        /// How many.
        nodes: usize,
    },
    /// They tell everyone where they are.
    ToldEveryone,
    /// They tell it to their contacts, of whom we are one.
    ToldContacts,
    /// Nothing is known of where they are.
    Unannounced {
        /// Whether we are their contact.
        contact: bool,
    },
    /// They have said that they go.
    Gone,
    /// Their node answered.
    Reached {
        /// How long the dial took.
        took: Duration,
        /// By which way.
        way: Way<'a>,
    },
    /// Their node is at none of the addresses.
    NotReached,
    /// How to find out whether they are there.
    NotTried,
    /// Nobody known here.
    Stranger,
}

impl Say for Lookup<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::AskingProfile => {
                say!(lang, ko: "DHT에서 프로필을 찾고 있어요…"; en: "Asking the DHT for the profile…")
            }
            Self::AskingPresence => say!(lang, ko: "지금 어디에 있는지 찾고 있어요…"; en: "Asking where they are now…"),
            Self::Reaching => say!(lang, ko: "그 노드에 연결하고 있어요…"; en: "Dialling their node…"),
            Self::NoProfile => say!(lang,
                ko: "이 DID의 프로필을 가진 노드가 없어요. 한 번도 네트워크에 나온 적이 없거나, 기한이 지났어요. DID가 맞는지 확인해 주세요.";
                en: "No node has a profile of this DID: it was never on this network, or it has expired. Check the DID."),
            Self::OnlyKnown => say!(lang,
                ko: "DHT에는 없어서 주소록에 있는 프로필을 보여 드려요.";
                en: "The DHT has none; this is the profile in the address book."),
            Self::Agreed { agreed, answered, took } => say!(lang,
                ko: "답한 노드 {}곳 가운데 {}곳이 똑같이 가지고 있어요 ({})", answered, agreed, span(took, lang);
                en: "{} of {} nodes that answered hold the same ({})", agreed, answered, span(took, lang)),
            Self::Older { nodes, names } => say!(lang,
                ko: "{}곳은 더 오래된 것을 가지고 있어서 새것을 보냈어요: {}", nodes, plain(names);
                en: "{} held an older one and were sent the newest: {}", count(nodes as u64, "곳", "node", "nodes", lang), plain(names)),
            Self::Invalid { nodes } => say!(lang,
                ko: "{}곳은 쓸 수 없는 것을 줬어요. 쓰지 않았어요.", nodes;
                en: "{} gave something invalid, which was not used.", count(nodes as u64, "곳", "node", "nodes", lang)),
            Self::ToldEveryone => say!(lang, ko: "누구에게나 알려요"; en: "told to everyone"),
            Self::ToldContacts => say!(lang, ko: "아는 사람에게만 알려요"; en: "told to contacts only"),
            Self::Unannounced { contact: true } => say!(lang,
                ko: "지금 어디에 있는지 알리지 않았어요. 꺼져 있거나, 알리지 않도록 해 두었어요.";
                en: "They tell nobody where they are now: not running, or switched off."),
            Self::Unannounced { contact: false } => say!(lang,
                ko: "모르는 사람에게는 어디에 있는지 알리지 않아요. 켜져 있는지도 알 수 없어요.";
                en: "They tell strangers nothing of where they are, not even whether they are there."),
            Self::Gone => {
                say!(lang, ko: "그만한다고 알리고 나갔어요."; en: "They said that they go, and are not there now.")
            }
            Self::Reached { took, way } => say!(lang,
                ko: "노드에 연결했어요: {} ({})", way.say(lang), span(took, lang);
                en: "connected to their node: {} ({})", way.say(lang), span(took, lang)),
            Self::NotReached => say!(lang,
                ko: "알린 주소 가운데 어디에서도 노드가 답하지 않아요. 방금 꺼졌거나, 여기서는 닿을 수 없어요.";
                en: "Their node answers at none of these addresses: it has just stopped, or cannot be reached from here."),
            Self::NotTried => say!(lang,
                ko: "연결해 보지 않았어요. `--reach`를 붙이면 연결해 보고, 상대가 이 컴퓨터의 주소를 알게 돼요.";
                en: "Not tried. With --reach it is, and they learn the address of this machine."),
            Self::Stranger => say!(lang, ko: "모르는 사람"; en: "nobody known here"),
        }
    }
}

/// What stands in front of a line of `lookup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupLabel {
    /// When the profile was signed.
    Signed,
    /// Services that it names.
    Services,
    /// Their keys.
    Keys,
    /// Who holds it.
    Nodes,
    /// Where they are.
    Presence,
    /// The node that speaks for them.
    Node,
    /// Where it can be dialled.
    Addresses,
    /// When that was said.
    Said,
    /// Whether it was reached.
    Reached,
}

impl Say for LookupLabel {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Signed => say!(lang, ko: "서명한 때"; en: "Signed"),
            Self::Services => say!(lang, ko: "서비스"; en: "Services"),
            Self::Keys => say!(lang, ko: "열쇠"; en: "Keys"),
            Self::Nodes => say!(lang, ko: "가진 노드"; en: "Held by"),
            Self::Presence => say!(lang, ko: "지금 있는 곳"; en: "Presence"),
            Self::Node => say!(lang, ko: "노드"; en: "Node"),
            Self::Addresses => say!(lang, ko: "주소"; en: "Addresses"),
            Self::Said => say!(lang, ko: "알린 때"; en: "Said"),
            Self::Reached => say!(lang, ko: "연결"; en: "Reached"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_hold_is_counted_and_names_of_others_are_made_plain() {
        let agreed = Lookup::Agreed { agreed: 3, answered: 7, took: Duration::from_millis(120) };
        assert_eq!(agreed.say(Lang::En), "3 of 7 nodes that answered hold the same (0.1 s)");
        let older = Lookup::Older { nodes: 1, names: "12D3Koo\u{1b}[31m" };
        assert!(!older.say(Lang::Ko).contains('\u{1b}'));
    }
}
