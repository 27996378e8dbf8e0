use crate::{Lang, Refusal, Say, amount, josa, money, plain};
use pumasi_units::{Money, Unit};

/// What stands before a value, or above a column of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
    /// Whose identifier.
    Did,
    /// What somebody is called.
    Name,
    /// The number of the newest profile.
    Profile,
    /// Until when it is signed.
    ValidUntil,
    /// A digest.
    Digest,
    /// Where the files are.
    Folder,
    /// What a key is for.
    Purpose,
    /// Which algorithm, and how long the key is.
    Algorithm,
    /// The id of a key.
    KeyId,
    /// How sure we are.
    Trust,
    /// Since when.
    Since,
    /// The safety number.
    SafetyNumber,
    /// The number of an entry.
    Number,
    /// When.
    Time,
    /// What happened.
    What,
    /// With whom.
    With,
    /// How much.
    Amount,
    /// What for.
    Memo,
    /// A transfer.
    Transfer,
    /// A hash.
    Hash,
    /// The hash of the entry before.
    Previous,
    /// A signed document.
    Document,
}

impl Say for Label {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Did => "DID".into(),
            Self::Name => say!(lang, ko: "이름"; en: "Name"),
            Self::Profile => say!(lang, ko: "프로필"; en: "Profile"),
            Self::ValidUntil => say!(lang, ko: "유효 기한"; en: "Valid until"),
            Self::Digest => say!(lang, ko: "다이제스트"; en: "Digest"),
            Self::Folder => say!(lang, ko: "폴더"; en: "Folder"),
            Self::Purpose => say!(lang, ko: "쓰임"; en: "Purpose"),
            Self::Algorithm => say!(lang, ko: "알고리즘"; en: "Algorithm"),
            Self::KeyId => say!(lang, ko: "열쇠"; en: "Key"),
            Self::Trust => say!(lang, ko: "확인"; en: "Trust"),
            Self::Since => say!(lang, ko: "언제부터"; en: "Since"),
            Self::SafetyNumber => say!(lang, ko: "안전 번호"; en: "Safety number"),
            Self::Number => say!(lang, ko: "번호"; en: "No."),
            Self::Time => say!(lang, ko: "때"; en: "When"),
            Self::What => say!(lang, ko: "내용"; en: "What"),
            Self::With => say!(lang, ko: "상대"; en: "With"),
            Self::Amount => say!(lang, ko: "금액"; en: "Amount"),
            Self::Memo => say!(lang, ko: "메모"; en: "Memo"),
            Self::Transfer => say!(lang, ko: "이체"; en: "Transfer"),
            Self::Hash => say!(lang, ko: "해시"; en: "Hash"),
            Self::Previous => say!(lang, ko: "앞의 해시"; en: "Previous"),
            Self::Document => say!(lang, ko: "문서"; en: "Document"),
        }
    }
}

/// What one of my keys is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    /// It is the identity itself, and signs what the identity says.
    Identity,
    /// It agrees on secrets.
    Agreement,
    /// It signs transfers.
    Signing,
    /// It opens what is sealed for me.
    Opening,
    /// It still opens what was sealed before it was replaced.
    OpeningOld,
}

impl Say for KeyPurpose {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Identity => say!(lang, ko: "신원과 결과 서명"; en: "identity, signs results"),
            Self::Agreement => say!(lang, ko: "비밀 합의"; en: "agrees on secrets"),
            Self::Signing => say!(lang, ko: "이체 서명"; en: "signs transfers"),
            Self::Opening => say!(lang, ko: "받은 것 열기"; en: "opens what is sent to me"),
            Self::OpeningOld => say!(lang, ko: "예전에 받은 것 열기"; en: "opens what was sent before"),
        }
    }
}

/// What an entry of the ledger says, in a word or two.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum EntryKind<'a> {
    /// The ledger begins.
    Opened,
    /// I signed a transfer; it does not count yet.
    Signed,
    /// I took a transfer.
    Taken,
    /// The payee took mine.
    Accepted,
    /// The payee did not.
    Refused(Refusal<'a>),
    /// The payer signed for my result.
    Countersigned,
    /// How much somebody may owe me.
    Limit,
    /// Restored from a backup, or imported.
    Restored {
        /// The generation that began.
        generation: u64,
    },
    /// A kind of a newer version.
    Other {
        /// Its word.
        kind: &'a str,
    },
}

impl Say for EntryKind<'_> {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Opened => say!(lang, ko: "원장을 엶"; en: "opened"),
            Self::Signed => say!(lang, ko: "보내려고 서명함"; en: "signed to pay"),
            Self::Taken => say!(lang, ko: "받음"; en: "received"),
            Self::Accepted => say!(lang, ko: "상대가 수락함"; en: "accepted by them"),
            Self::Refused(why) => say!(lang, ko: "거절됨: {}", why.say(lang); en: "refused: {}", why.say(lang)),
            Self::Countersigned => say!(lang, ko: "상대도 서명함"; en: "countersigned"),
            Self::Limit => say!(lang, ko: "빚질 수 있는 한도"; en: "may owe me up to"),
            Self::Restored { generation } => {
                say!(lang, ko: "되살림 ({}세대)", generation; en: "restored (generation {})", generation)
            }
            Self::Other { kind } => plain(kind).into_owned(),
        }
    }
}

/// How far a payment is, after its amount and its person: never more than is known.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum PaymentState<'a> {
    /// Mine: written down, not sent.
    Queued,
    /// Mine: sent, no word of it.
    Sent,
    /// Mine: the payee has it.
    WithPayee,
    /// To me: a person has to decide.
    WaitsForMe,
    /// Mine: its time is over, and nobody knows what became of it.
    ExpiredUnknown,
    /// Taken, and signed for by the payee.
    Accepted,
    /// Signed for by both.
    Countersigned,
    /// Not taken.
    Refused(Refusal<'a>),
    /// A state of a newer version.
    Unknown,
}

impl Say for PaymentState<'_> {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Queued => say!(lang, ko: "적어 두었고, 아직 보내지 않았어요."; en: "written down, not sent yet."),
            Self::Sent => say!(lang, ko: "보냈고, 아직 답이 없어요."; en: "sent, no word of it yet."),
            Self::WithPayee => {
                say!(lang, ko: "상대가 받았고, 아직 수락하지 않았어요."; en: "they have it and have not decided yet.")
            }
            Self::WaitsForMe => {
                say!(lang, ko: "받을지 정해 주세요: `pumasi listen --ask`."; en: "waits for your decision: `pumasi listen --ask`.")
            }
            Self::ExpiredUnknown => say!(lang,
                ko: "기한이 지났고 결과를 몰라요. 수락되었을 수도 있으니 다시 보내지 마세요.";
                en: "expired, and what became of it is not known. It may have been accepted: do not pay again."),
            Self::Accepted => say!(lang, ko: "수락되었어요."; en: "accepted."),
            Self::Countersigned => {
                say!(lang, ko: "수락되었고, 둘 다 서명했어요."; en: "accepted, and both have signed.")
            }
            Self::Refused(why) => say!(lang, ko: "거절되었어요: {}", why.say(lang); en: "refused: {}", why.say(lang)),
            Self::Unknown => {
                say!(lang, ko: "이 버전이 모르는 상태예요."; en: "in a state that this version does not know.")
            }
        }
    }
}

/// One payment in a list, with its true state.
#[derive(Debug, Clone, Copy)]
pub struct PaymentLine<'a> {
    /// The other one.
    pub name: &'a str,
    /// Whether I pay.
    pub mine: bool,
    /// How much.
    pub money: &'a Money,
    /// What for; may be empty.
    pub memo: &'a str,
    /// How far it is.
    pub state: PaymentState<'a>,
}

impl Say for PaymentLine<'_> {
    fn say(&self, lang: Lang) -> String {
        let (name, sum, state) = (plain(self.name), money(self.money, lang), self.state.say(lang));
        let memo = if self.memo.is_empty() { String::new() } else { format!(" ({})", plain(self.memo)) };
        if self.mine {
            say!(lang, ko: "{} 님에게 {}{}: {}", name, sum, memo, state; en: "{1} to {0}{2}: {3}", name, sum, memo, state)
        } else {
            say!(lang, ko: "{} 님이 {}{}: {}", name, sum, memo, state; en: "{1} from {0}{2}: {3}", name, sum, memo, state)
        }
    }
}

/// A credit line, one way.
#[derive(Debug, Clone, Copy)]
pub enum CreditLine<'a> {
    /// What they may owe me.
    Theirs {
        /// Who.
        name: &'a str,
        /// At most, in smallest parts.
        limit: u64,
        /// What is left.
        left: u64,
        /// Of what.
        unit: &'a Unit,
    },
    /// What I may owe them, as they last signed.
    Mine {
        /// Who.
        name: &'a str,
        /// At most, in smallest parts.
        limit: u64,
        /// What is left.
        left: u64,
        /// Of what.
        unit: &'a Unit,
    },
    /// I have opened none.
    None {
        /// For whom.
        name: &'a str,
    },
}

impl Say for CreditLine<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Theirs { name, limit, left, unit } => {
                let (limit, left) = (amount(limit.into(), unit, lang), amount(left.into(), unit, lang));
                say!(lang,
                    ko: "{} 님은 {}까지 빚질 수 있어요. 남은 것은 {}.", plain(name), limit, josa::ieyo(&left);
                    en: "{} may owe you up to {}; {} is left.", plain(name), limit, left)
            }
            Self::Mine { name, limit, left, unit } => {
                let (limit, left) = (amount(limit.into(), unit, lang), amount(left.into(), unit, lang));
                say!(lang,
                    ko: "{} 님에게 {}까지 빚질 수 있어요(상대가 마지막으로 서명한 한도). 남은 것은 {}.", plain(name), limit, josa::ieyo(&left);
                    en: "You may owe {} up to {}, as they last signed; {} is left.", plain(name), limit, left)
            }
            Self::None { name } => say!(lang,
                ko: "{} 님에게 연 한도가 없어서, 보내는 것을 받지 않아요. `pumasi contact limit`으로 열 수 있어요.", plain(name);
                en: "{} has no credit line with you, so nothing is taken from them. Open one: `pumasi contact limit`.", plain(name)),
        }
    }
}

/// How things stand with an identity.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Standing<'a> {
    /// Who this is.
    IAm {
        /// The name that others see, where there is one.
        name: Option<&'a str>,
        /// The DID.
        did: &'a str,
    },
    /// How long the ledger is.
    Ledger {
        /// Its last entry.
        entries: u64,
        /// How long ago that was written.
        last: &'a str,
    },
    /// A process writes in the folder.
    Held {
        /// What it was started to do.
        doing: &'a str,
        /// Its process id.
        pid: u32,
    },
    /// No process does.
    NotHeld,
    /// Nobody owes anything.
    NoBalances,
    /// A request of mine that can still be paid.
    OpenRequest {
        /// How much.
        money: &'a Money,
        /// What for; may be empty.
        memo: &'a str,
        /// Until when, as a date and time.
        until: &'a str,
    },
    /// The link of a request is longer than a QR code can hold.
    NoQrTooLong,
    /// The terminal is narrower than the QR code.
    NoQrTooNarrow {
        /// Columns that it takes.
        needed: usize,
    },
    /// The password does not open a file that was exported.
    WrongFilePassword,
    /// There is no such entry.
    NoSuchEntry {
        /// Its number.
        number: u64,
        /// The last one.
        last: u64,
    },
    /// No payment begins with these digits, or several do.
    NoSuchPayment {
        /// What was typed.
        typed: &'a str,
    },
}

impl Say for Standing<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::IAm { name: Some(name), did } => {
                say!(lang, ko: "{} 님이에요: {}", plain(name), did; en: "You are {}: {}", plain(name), did)
            }
            Self::IAm { name: None, did } => say!(lang, ko: "DID: {}", did; en: "You are {}", did),
            Self::Ledger { entries, last } => say!(lang,
                ko: "원장에 기록이 {}건 있어요(마지막: {}).", entries, last;
                en: "The ledger has {} (last: {}).", crate::count(entries, "건", "entry", "entries", lang), last),
            Self::Held { doing, pid } => say!(lang,
                ko: "`pumasi {}`(프로세스 {})에서 이 폴더를 쓰고 있어요.", plain(doing), pid;
                en: "`pumasi {}` is using this folder (process {}).", plain(doing), pid),
            Self::NotHeld => say!(lang,
                ko: "이 폴더를 쓰는 프로세스가 없어요. 받으려면 `pumasi listen`을 해 주세요.";
                en: "No process is using this folder. To be reachable: `pumasi listen`."),
            Self::NoBalances => say!(lang, ko: "주고받을 것이 없어요."; en: "Nobody owes anybody anything."),
            Self::OpenRequest { money: m, memo, until } => {
                let memo = if memo.is_empty() { String::new() } else { format!(" ({})", plain(memo)) };
                say!(lang,
                    ko: "{}{} 요청이 {}까지 열려 있어요.", money(m, lang), memo, until;
                    en: "Your request for {}{} is open until {}.", money(m, lang), memo, until)
            }
            Self::NoQrTooLong => say!(lang,
                ko: "링크가 길어서 QR 코드에 들어가지 않아요. 링크를 보내 주세요.";
                en: "The link is too long for a QR code. Send the link itself."),
            Self::NoQrTooNarrow { needed } => say!(lang,
                ko: "QR 코드를 그리려면 터미널이 {}칸은 되어야 해요. 창을 넓히거나 링크를 보내 주세요.", needed;
                en: "A QR code needs a terminal of {} columns. Widen the window, or send the link itself.", needed),
            Self::WrongFilePassword => say!(lang,
                ko: "그 비밀번호로 이 파일이 열리지 않아요. 파일을 다른 비밀번호로 잠갔다면 PUMASI_EXPORT_PASSWORD로 주세요. 바꾼 것은 없어요.";
                en: "That password does not open the file. If it was locked with another, give it in PUMASI_EXPORT_PASSWORD. Nothing was changed."),
            Self::NoSuchEntry { number, last } => say!(lang,
                ko: "{}번 기록은 없어요. 마지막 기록은 {}번이에요.", number, last;
                en: "There is no entry {}. The last one is {}.", number, last),
            Self::NoSuchPayment { typed } => say!(lang,
                ko: "‘{}’(으)로 시작하는 이체가 없거나 여럿이에요. `pumasi ledger show`에 나오는 여덟 자리 이상을 적어 주세요.", plain(typed);
                en: "No payment begins with “{}”, or several do. Give eight digits or more, as `pumasi ledger show` prints them.", plain(typed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_in_a_list_claims_no_more_than_is_known() {
        let money = "12,000 KRW".parse().unwrap();
        let line = |mine, state, lang| PaymentLine { name: "영희", mine, money: &money, memo: "점심", state }.say(lang);
        assert_eq!(
            line(true, PaymentState::Queued, Lang::En),
            "12,000 KRW to 영희 (점심): written down, not sent yet."
        );
        assert_eq!(
            line(true, PaymentState::Queued, Lang::Ko),
            "영희 님에게 12,000원 (점심): 적어 두었고, 아직 보내지 않았어요."
        );
        assert!(line(true, PaymentState::ExpiredUnknown, Lang::En).contains("do not pay again"));
        assert!(line(false, PaymentState::WaitsForMe, Lang::En).starts_with("12,000 KRW from 영희"));
    }

    #[test]
    fn a_credit_line_says_whose_it_is() {
        let krw = Unit::krw();
        let theirs = CreditLine::Theirs { name: "영희", limit: 100_000, left: 88_000, unit: &krw };
        assert_eq!(theirs.say(Lang::En), "영희 may owe you up to 100,000 KRW; 88,000 KRW is left.");
        let mine = CreditLine::Mine { name: "영희", limit: 50_000, left: 0, unit: &krw };
        assert!(mine.say(Lang::Ko).starts_with("영희 님에게 50,000원까지 빚질 수 있어요"));
    }
}
