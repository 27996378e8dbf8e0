//! Why somebody is trusted or not, in words.

use crate::{Lang, Say, ago, plain, span};
use pumasi_units::{Millis, Timestamp};
use std::time::Duration;

/// What somebody vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VouchedFor {
    /// They know them in person.
    Person,
    /// They paid as agreed.
    PaidWell,
    /// It is the shop that it says it is.
    Shop,
}

/// Which two things somebody has signed that cannot both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// Two histories of one ledger.
    Fork,
    /// Two profiles.
    Profiles,
    /// Two statements to two readers.
    Statements,
}

/// One reason to trust somebody or not.
#[derive(Debug, Clone, Copy)]
pub enum Reason<'a> {
    /// They signed two things that cannot both hold.
    Lied(Contradiction),
    /// Their keys changed.
    KeysChanged {
        /// When.
        at: Timestamp,
    },
    /// I met them and compared the emoji.
    Paired {
        /// When.
        at: Timestamp,
    },
    /// I compared the safety number with them.
    Compared {
        /// When.
        at: Timestamp,
    },
    /// They did not pay requests of mine.
    Unpaid {
        /// How many.
        requests: u32,
    },
    /// They paid requests of mine in time.
    PaidOnTime {
        /// How many.
        requests: u32,
        /// How long it took, as a median.
        median: Millis,
    },
    /// Payments between us that both have signed.
    Settled {
        /// Theirs to me.
        received: u32,
        /// Mine to them.
        sent: u32,
        /// The last.
        last: Timestamp,
    },
    /// Somebody took back what they had said.
    Withdrawn {
        /// Who.
        by: &'a str,
        /// When.
        at: Timestamp,
    },
    /// A contact vouches for them.
    Vouched {
        /// Who.
        by: &'a str,
        /// For what.
        claims: &'a [VouchedFor],
        /// In their own words, or nothing.
        note: &'a str,
    },
    /// Somebody vouches for them whom a contact knows.
    VouchedThrough {
        /// The contact.
        contact: &'a str,
        /// Who.
        by: &'a str,
        /// For what.
        claims: &'a [VouchedFor],
        /// In their own words, or nothing.
        note: &'a str,
    },
    /// Taken at their word.
    TakenAtWord {
        /// Since when.
        since: Timestamp,
    },
    /// Nothing is known.
    Unknown,
}

impl Say for VouchedFor {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Person => say!(lang, ko: "직접 아는 사람"; en: "known in person"),
            Self::PaidWell => say!(lang, ko: "약속대로 지불함"; en: "paid as agreed"),
            Self::Shop => say!(lang, ko: "말한 그대로의 가게"; en: "is the shop it says it is"),
        }
    }
}

impl Say for Contradiction {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Fork => say!(lang,
                ko: "서로 다른 두 장부 기록에 서명했어요. 옛 백업을 되살렸거나, 사람마다 다른 장부를 보여 준 거예요";
                en: "signed two histories of one ledger. Either an old backup came back, or each is shown another ledger"),
            Self::Profiles => say!(lang,
                ko: "같은 번호의 프로필 두 개에 서명했어요. 열쇠를 다른 사람이 함께 쓰고 있을 수 있어요";
                en: "signed two profiles with one number. Somebody else may have their key"),
            Self::Statements => say!(lang,
                ko: "같은 자리에 서로 다른 두 말을 서명했어요";
                en: "signed two different statements in one place"),
        }
    }
}

fn listed(claims: &[VouchedFor], note: &str, lang: Lang) -> String {
    let claims: Vec<String> = claims.iter().map(|claim| claim.say(lang)).collect();
    let claims = claims.join(", ");
    if note.is_empty() { claims } else { format!("{claims}: “{}”", plain(note)) }
}

impl Reason<'_> {
    /// The words; `now` tells how long ago something was.
    #[must_use]
    pub fn say_at(&self, now: Timestamp, lang: Lang) -> String {
        match *self {
            Self::Lied(what) => say!(lang,
                ko: "거짓이 증명됨: {}.", what.say(lang);
                en: "Proven to contradict themselves: {}.", what.say(lang)),
            Self::KeysChanged { at } => say!(lang,
                ko: "열쇠가 바뀜({}). 그 뒤로 맞춰 보지 않았어요.", ago(at, now, lang);
                en: "Their keys changed ({}), and nothing was compared since.", ago(at, now, lang)),
            Self::Paired { at } => say!(lang,
                ko: "내가 만나서 확인함({}).", ago(at, now, lang);
                en: "Verified by me, by meeting, {}.", ago(at, now, lang)),
            Self::Compared { at } => say!(lang,
                ko: "내가 안전 번호로 확인함({}).", ago(at, now, lang);
                en: "Verified by me, by safety number, {}.", ago(at, now, lang)),
            Self::Unpaid { requests } => say!(lang,
                ko: "내 청구 {}건을 기한 안에 내지 않음.", requests;
                en: "Did not pay {} of my requests in time.", requests),
            Self::PaidOnTime { requests, median } => say!(lang,
                ko: "내 청구 {}건을 기한 안에 냄(보통 {} 걸림).", requests, span(Duration::from_millis(median), lang);
                en: "Paid {} of my requests in time (usually after {}).", requests, span(Duration::from_millis(median), lang)),
            Self::Settled { received, sent, last } => say!(lang,
                ko: "둘이 서명한 거래: 받은 것 {}건, 보낸 것 {}건(마지막 {}).", received, sent, ago(last, now, lang);
                en: "Settled between us, signed by both: {} received, {} sent (the last {}).", received, sent, ago(last, now, lang)),
            Self::Withdrawn { by, at } => say!(lang,
                ko: "{} 님이 보증을 거둠({}).", plain(by), ago(at, now, lang);
                en: "{} took back what they had vouched for, {}.", plain(by), ago(at, now, lang)),
            Self::Vouched { by, claims, note } => say!(lang,
                ko: "내가 확인한 {} 님이 보증함: {}.", plain(by), listed(claims, note, lang);
                en: "Vouched for by {}, whom I verified: {}.", plain(by), listed(claims, note, lang)),
            Self::VouchedThrough { contact, by, claims, note } => say!(lang,
                ko: "{} 님이 직접 아는 {} 님이 보증함: {}.", plain(contact), plain(by), listed(claims, note, lang);
                en: "Vouched for by {1}, whom {0} knows in person: {2}.", plain(contact), plain(by), listed(claims, note, lang)),
            Self::TakenAtWord { since } => say!(lang,
                ko: "{} 처음 알게 됨. 본인인지 확인하지 않음.", ago(since, now, lang);
                en: "First met {}, and never verified.", ago(since, now, lang)),
            Self::Unknown => say!(lang,
                ko: "아는 것이 없음. 처음 보는 DID예요.";
                en: "Nothing is known of this DID."),
        }
    }
}

/// What the commands about trust say.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Reputation<'a> {
    /// Asking the network.
    Asking,
    /// Whom the reasons are about.
    About {
        /// Their name.
        name: &'a str,
        /// Their DID.
        did: &'a str,
    },
    /// Who was asked.
    Asked {
        /// Nodes that answered.
        answered: usize,
        /// Nodes asked.
        asked: usize,
    },
    /// Only what is known here was looked at.
    Offline,
    /// The network could not be asked.
    NotAsked {
        /// Why.
        reason: &'a str,
    },
    /// A node gave something that is not valid.
    Liar {
        /// Which.
        node: &'a str,
    },
    /// I vouch for somebody now.
    Vouched {
        /// For whom.
        name: &'a str,
        /// Nodes that keep it.
        stored: usize,
        /// For how many days.
        days: u64,
    },
    /// I took it back.
    Revoked {
        /// From whom.
        name: &'a str,
        /// Nodes that keep it.
        stored: usize,
    },
    /// It is kept here, and no node has it yet.
    NotStored {
        /// Why.
        reason: &'a str,
    },
    /// I do not vouch for them, so there is nothing to take back.
    NothingToRevoke {
        /// Whom.
        name: &'a str,
    },
    /// Nobody vouches for themselves.
    Myself,
    /// A proof was put where others find it.
    ProofPublished {
        /// Against whom.
        name: &'a str,
        /// Nodes that keep it.
        stored: usize,
    },
    /// What a published proof shows to everybody.
    ProofShows {
        /// Against whom.
        name: &'a str,
    },
    /// There is no proof to publish.
    NoProof {
        /// Against whom.
        name: &'a str,
    },
    /// Before a payment to somebody who was shown to lie.
    PayLiar {
        /// To whom.
        name: &'a str,
    },
}

impl Say for Reputation<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Asking => say!(lang, ko: "사람들이 뭐라고 하는지 묻고 있어요…"; en: "Asking what others say…"),
            Self::About { name, did } => format!("{} ({did})", plain(name)),
            Self::Asked { answered, asked } => say!(lang,
                ko: "네트워크에 물어봤어요: 노드 {}곳 중 {}곳이 답했어요.", asked, answered;
                en: "Asked the network: {1} of {0} nodes answered.", asked, answered),
            Self::Offline => say!(lang,
                ko: "내가 아는 것만 봤어요. 다른 사람의 보증은 묻지 않았어요.";
                en: "Only what is known here; nobody was asked who vouches."),
            Self::NotAsked { reason } => say!(lang,
                ko: "네트워크에 물어보지 못했어요({}). 내가 아는 것만 보여 드려요.", plain(reason);
                en: "The network could not be asked ({}). This is only what is known here.", plain(reason)),
            Self::Liar { node } => say!(lang,
                ko: "조심하세요: 노드 {}에서 서명이 맞지 않는 것을 줬어요. 쓰지 않았어요.", plain(node);
                en: "Beware: the node {} gave something whose signature does not hold. It was not used.", plain(node)),
            Self::Vouched { name, stored, days } => say!(lang,
                ko: "{} 님을 보증했어요. {}일 동안 누구나 볼 수 있어요(노드 {}곳). 거두려면 `--revoke`를 쓰세요.", plain(name), days, stored;
                en: "You vouch for {} now. Anyone can read it for {} day(s), on {} node(s). Take it back with --revoke.", plain(name), days, stored),
            Self::Revoked { name, stored } => say!(lang,
                ko: "{} 님에 대한 보증을 거뒀어요(노드 {}곳).", plain(name), stored;
                en: "You no longer vouch for {} ({} node(s) know).", plain(name), stored),
            Self::NotStored { reason } => say!(lang,
                ko: "서명해서 적어 뒀지만 아직 네트워크에 올리지 못했어요({}). `pumasi listen`을 켜면 다시 올려요.", plain(reason);
                en: "It is signed and written down, but no node has it yet ({}). `pumasi listen` puts it again.", plain(reason)),
            Self::NothingToRevoke { name } => say!(lang,
                ko: "{} 님을 보증한 적이 없어요. 바꾼 것은 없어요.", plain(name);
                en: "You do not vouch for {}. Nothing was changed.", plain(name)),
            Self::Myself => say!(lang, ko: "자기 자신은 보증할 수 없어요."; en: "Nobody vouches for themselves."),
            Self::ProofPublished { name, stored } => say!(lang,
                ko: "{} 님에 대한 증거를 올렸어요(노드 {}곳). 누구나 직접 확인할 수 있어요.", plain(name), stored;
                en: "The proof against {} is published ({} node(s)). Anyone can check it.", plain(name), stored),
            Self::ProofShows { name } => say!(lang,
                ko: "증거에는 {} 님이 서명한 거래 두 건이 그대로 들어 있어요. 금액과 메모, 상대를 누구나 보게 돼요. 올릴까요?", plain(name);
                en: "The proof holds two messages that {} signed, as they are: anyone will see amounts, memos and who was paid. Publish it?", plain(name)),
            Self::NoProof { name } => say!(lang,
                ko: "{} 님에 대한 증거가 없어요.", plain(name);
                en: "There is no proof against {}.", plain(name)),
            Self::PayLiar { name } => say!(lang,
                ko: "주의: {} 님은 서로 어긋나는 두 기록에 서명했어요. `pumasi trust`로 까닭을 보고 보내세요.", plain(name);
                en: "WARNING: {} has signed two things that cannot both hold. See `pumasi trust` before you pay.", plain(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voucher_is_named_with_what_they_said_and_cannot_write_into_the_terminal() {
        let claims = [VouchedFor::Person, VouchedFor::Shop];
        let reason = Reason::Vouched { by: "철수", claims: &claims, note: "십 년\x1b[2K 이웃" };
        let now = Timestamp(1_795_000_000_000);
        assert_eq!(
            reason.say_at(now, Lang::En),
            "Vouched for by 철수, whom I verified: known in person, is the shop it says it is: “십 년·[2K 이웃”."
        );
        assert!(reason.say_at(now, Lang::Ko).starts_with("내가 확인한 철수 님이 보증함"));
    }
}
