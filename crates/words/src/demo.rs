use crate::{Audit, Lang, PathKind, Say, money, plain, span};
use pumasi_units::Money;
use std::time::Duration;

/// The story that `pumasi demo` tells, step by step.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Narration<'a> {
    /// The beginning.
    Begin,
    /// A bootstrap node runs.
    BootstrapUp {
        /// Its address.
        address: &'a str,
    },
    /// An identity was made.
    IdentityMade {
        /// Whose.
        name: &'a str,
        /// The DID.
        did: &'a str,
    },
    /// The code was told.
    CodeTold {
        /// Who shows it.
        inviter: &'a str,
        /// Who types it.
        acceptor: &'a str,
        /// The code.
        code: &'a str,
    },
    /// Both saw the same emoji.
    EmojiMatch {
        /// The emoji, in order.
        emoji: &'a str,
    },
    /// They have met.
    Paired {
        /// One.
        a: &'a str,
        /// The other.
        b: &'a str,
    },
    /// The profile was found in the DHT.
    Found {
        /// Whose.
        name: &'a str,
    },
    /// The channel is open.
    Connected {
        /// Between one.
        a: &'a str,
        /// And the other.
        b: &'a str,
        /// The path that was taken.
        path: PathKind,
    },
    /// A payment was accepted, and both ledgers have it.
    Paid {
        /// By whom.
        from: &'a str,
        /// To whom.
        to: &'a str,
        /// How much.
        money: &'a Money,
        /// What for.
        memo: &'a str,
    },
    /// A payment over the limit was refused.
    Refused {
        /// Who refused.
        by: &'a str,
        /// The sentence with the figures.
        why: &'a str,
    },
    /// A receipt was checked with nothing but the file.
    ReceiptChecked {
        /// The file.
        file: &'a str,
    },
    /// A ledger was audited.
    Audited {
        /// Whose.
        name: &'a str,
        /// What came out.
        audit: Audit,
    },
    /// Both ledgers say the same.
    Agree,
    /// The end, and how to go on.
    End {
        /// The folder that is left.
        folder: &'a str,
        /// How long it all took.
        took: Duration,
    },
}

impl Say for Narration<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Begin => say!(lang,
                ko: "두 사람이 만나고, 서로 보내고, 둘 다 증거를 남겨요. 모두 이 컴퓨터에서 진짜 부품으로 해요.";
                en: "Two people meet, pay each other, and both keep proof. All of it on this machine, with real parts."),
            Self::BootstrapUp { address } => say!(lang,
                ko: "부트스트랩 노드가 {}에서 기다려요.", address;
                en: "A bootstrap node listens at {}.", address),
            Self::IdentityMade { name, did } => say!(lang,
                ko: "{} 님의 신원과 빈 원장을 만들었어요: {}", plain(name), did;
                en: "{} has an identity and an empty ledger: {}", plain(name), did),
            Self::CodeTold { inviter, acceptor, code } => say!(lang,
                ko: "{} 님이 코드 {} 보여 주고, {} 님이 입력해요.", plain(inviter), crate::josa::eul(code), plain(acceptor);
                en: "{} shows the code {}, and {} types it.", plain(inviter), code, plain(acceptor)),
            Self::EmojiMatch { emoji } => say!(lang,
                ko: "두 화면에 같은 그림이 나와요: {}", emoji;
                en: "Both screens show the same pictures: {}", emoji),
            Self::Paired { a, b } => say!(lang,
                ko: "{} 님과 {} 님이 서로의 열쇠를 간직해요.", plain(a), plain(b);
                en: "{} and {} keep each other's keys.", plain(a), plain(b)),
            Self::Found { name } => say!(lang,
                ko: "DHT에서 {} 님의 서명한 프로필을 찾아 확인했어요.", plain(name);
                en: "The signed profile of {} is found in the DHT and checked.", plain(name)),
            Self::Connected { a, b, path } => say!(lang,
                ko: "{} 님과 {} 님이 WebRTC로 연결했어요({}). 둘 다 자기 DID를 증명했어요.", plain(a), plain(b), path.say(lang);
                en: "{} and {} are connected over WebRTC, {}; each has proved their DID.", plain(a), plain(b), path.say(lang)),
            Self::Paid { from, to, money: m, memo } => say!(lang,
                ko: "{} 님이 {} 님에게 {} 보냈어요({}). 두 원장에 적혔고 영수증에 서명했어요.", plain(from), plain(to), crate::josa::eul(&money(m, lang)), plain(memo);
                en: "{} paid {} {} ({}). It is in both ledgers, and the receipt is signed.", plain(from), plain(to), money(m, lang), plain(memo)),
            Self::Refused { by, why } => say!(lang,
                ko: "큰 금액은 {} 님이 받지 않아요: {}", plain(by), why;
                en: "{} does not take a large amount: {}", plain(by), why),
            Self::ReceiptChecked { file } => say!(lang,
                ko: "영수증 {} 파일만으로 확인했어요.", plain(file);
                en: "The receipt {} was checked, with nothing but the file.", plain(file)),
            Self::Audited { name, audit } => say!(lang,
                ko: "{} 님의 원장을 검사했어요. {}", plain(name), audit.say(lang);
                en: "Audit of {}'s ledger: {}", plain(name), audit.say(lang)),
            Self::Agree => say!(lang,
                ko: "두 원장의 잔액이 서로 맞아요. 두 사람 모두 서명했어요.";
                en: "Both ledgers show the same balances, signed by both."),
            Self::End { folder, took } => say!(lang,
                ko: "{0} 걸렸어요. 두 신원은 {1}에 남아 있어요. 이어서 해 보세요(비밀번호는 demo):\n  pumasi --home {1}/mina status", span(took, lang), plain(folder);
                en: "That took {0}. Both identities are left in {1}. Go on from there (the password is demo):\n  pumasi --home {1}/mina status", span(took, lang), plain(folder)),
        }
    }
}
