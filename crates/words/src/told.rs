use crate::{Lang, Say, money, plain};
use pumasi_units::Money;

/// What a command of the command line tells when it is done, or on the way.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Told<'a> {
    /// RSA keys are being made.
    MakingKeys,
    /// New RSA keys count from this profile on.
    Rotated {
        /// The profile's sequence.
        sequence: u64,
    },
    /// A file was written.
    Written {
        /// Where.
        path: &'a str,
    },
    /// No contacts.
    NobodyYet,
    /// A contact was forgotten.
    Forgotten {
        /// Who.
        name: &'a str,
    },
    /// A credit line was opened, changed or closed.
    LimitSet {
        /// For whom.
        name: &'a str,
        /// How much.
        limit: &'a Money,
    },
    /// Ask whether the safety numbers are the same.
    SameNumber,
    /// The safety numbers differ, or were not compared.
    NotVerified {
        /// Whose.
        name: &'a str,
    },
    /// A bootstrap node serves.
    BootstrapUp {
        /// Its first address.
        address: &'a str,
    },
    /// This peer can be reached.
    Listening {
        /// By how many contacts.
        contacts: usize,
    },
    /// It stops.
    Stopping,
    /// A request was made.
    Requested {
        /// For how much.
        money: &'a Money,
        /// The link.
        link: &'a str,
    },
    /// Nothing is under way.
    NothingPending,
    /// Some payments are still under way.
    StillPending {
        /// How many.
        payments: usize,
    },
    /// The ledger has no entries of that kind.
    NoEntries,
    /// An export was taken in.
    Imported {
        /// Entries now.
        entries: u64,
    },
    /// A payment was not made because a person said no.
    NotPaid,
    /// A line ends nowhere: a receipt needs a payment.
    PaymentNeedsAmount,
    /// Bitcoin cannot be paid yet.
    NoBitcoinYet,
}

impl Say for Told<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::MakingKeys => say!(lang, ko: "RSA 열쇠를 만들고 있어요…"; en: "Making RSA keys…"),
            Self::Rotated { sequence } => say!(lang,
                ko: "새 RSA 열쇠를 만들고 프로필 {}호에 서명했어요. DID는 그대로예요. 다음에 연결할 때 알려져요.", sequence;
                en: "New RSA keys are in place, named by profile {}. The DID is the same. Others learn of it when you are online next.", sequence),
            Self::Written { path } => say!(lang, ko: "{}에 썼어요.", plain(path); en: "Written to {}.", plain(path)),
            Self::NobodyYet => say!(lang,
                ko: "아직 아는 사람이 없어요. 한 사람이 `pumasi pair`를 하고, 나온 코드를 다른 사람이 입력하세요.";
                en: "You know nobody yet. One of you runs `pumasi pair`, the other types the code that it prints."),
            Self::Forgotten { name } => say!(lang,
                ko: "{} 님을 연락처에서 지웠어요. 주고받은 기록은 원장에 남아 있어요.", plain(name);
                en: "{} is forgotten. What was paid stays in the ledger.", plain(name)),
            Self::LimitSet { name, limit } if limit.minor() == 0 => say!(lang,
                ko: "{} 님의 한도를 닫았어요. 이제 {} 단위로는 받지 않아요.", plain(name), limit.unit();
                en: "The line of {} in {} is closed.", plain(name), limit.unit()),
            Self::LimitSet { name, limit } => say!(lang,
                ko: "{} 님은 이제 {}까지 빚질 수 있어요.", plain(name), money(limit, lang);
                en: "{} may now owe you up to {}.", plain(name), money(limit, lang)),
            Self::SameNumber => say!(lang, ko: "상대 화면의 숫자와 같은가요?"; en: "Is it the same on their screen?"),
            Self::NotVerified { name } => say!(lang,
                ko: "{} 님을 확인된 것으로 표시하지 않았어요. 숫자가 다르다면 그 사람에게 직접 DID를 물어보세요.", plain(name);
                en: "{} is not marked as verified. If the numbers differ, ask them for their DID by another road.", plain(name)),
            Self::BootstrapUp { address } => say!(lang,
                ko: "부트스트랩 노드가 떴어요. 다른 사람은 이 주소로 들어와요:\n  {}\nCtrl-C로 멈춰요.", plain(address);
                en: "The bootstrap node is up. Others enter through:\n  {}\nCtrl-C stops it.", plain(address)),
            Self::Listening { contacts } => say!(lang,
                ko: "연락처 {}명이 보내는 것을 받을 수 있어요. Ctrl-C로 멈춰요.", contacts;
                en: "Ready: your {} contact(s) can reach you. Ctrl-C stops.", contacts),
            Self::Stopping => {
                say!(lang, ko: "멈추고 있어요. 적은 것은 모두 안전해요."; en: "Stopping. Everything written is safe.")
            }
            Self::Requested { money: m, link } => say!(lang,
                ko: "{} 요청이에요. 상대가 이 링크로 낼 수 있어요:\n{}", money(m, lang), link;
                en: "A request for {}. The other one pays it with this link:\n{}", money(m, lang), link),
            Self::NothingPending => say!(lang, ko: "진행 중인 것이 없어요."; en: "Nothing is under way."),
            Self::StillPending { payments } => say!(lang,
                ko: "{}건이 아직 진행 중이에요. 원장에 적혀 있고, 다음에 연결되면 이어서 해요.", payments;
                en: "{} payment(s) still under way. They are written down and go on with the next connection.", payments),
            Self::NoEntries => say!(lang, ko: "보여 줄 항목이 없어요."; en: "No entries to show."),
            Self::Imported { entries } => say!(lang,
                ko: "원장을 가져왔어요. 이제 항목이 {}개예요. 연락처는 다시 `pumasi pair`로 맺어 주세요.", entries;
                en: "Imported: the ledger has {} entries now. Contacts are not in an export: pair again.", entries),
            Self::NotPaid => {
                say!(lang, ko: "보내지 않았어요. 서명한 것도 없어요."; en: "Not paid. Nothing was signed.")
            }
            Self::PaymentNeedsAmount => say!(lang,
                ko: "얼마를 보낼지 적어 주세요. 예: pumasi pay 민수 \"12,000 KRW\"";
                en: "Say how much, for example: pumasi pay Minsu \"12,000 KRW\""),
            Self::NoBitcoinYet => say!(lang,
                ko: "비트코인은 아직 보낼 수 없어요. 이 버전에는 그것을 확정할 비트코인 노드가 없어요. 서명한 것은 없어요.";
                en: "Bitcoin cannot be paid yet: this version has no Bitcoin node to settle it. Nothing was signed."),
        }
    }
}
