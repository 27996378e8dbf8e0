use crate::{Lang, Say, date_time, josa, money, plain};
use pumasi_units::{Money, Timestamp};

/// What is said about a receipt that somebody shows.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Receipt<'a> {
    /// Genuine, and the payment was accepted.
    Accepted {
        /// The payer's DID.
        from: &'a str,
        /// The payee's DID.
        to: &'a str,
        /// How much.
        money: &'a Money,
        /// What for; may be empty.
        memo: &'a str,
        /// When the payer signed it.
        at: Timestamp,
        /// Minutes from UTC of the reader's clock.
        utc_offset_minutes: i16,
        /// Whether the payer has signed for the result too.
        countersigned: bool,
    },
    /// Genuine, and the payment was refused.
    Refused {
        /// The payer's DID.
        from: &'a str,
        /// The payee's DID.
        to: &'a str,
        /// How much.
        money: &'a Money,
    },
    /// Not genuine.
    Worthless {
        /// What does not hold, for someone who knows the format.
        reason: &'a str,
    },
    /// Not settled, so there is none.
    NotYet,
}

impl Say for Receipt<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Accepted { from, to, money: m, memo, at, utc_offset_minutes, countersigned } => {
                let when = date_time(at, utc_offset_minutes, lang);
                let memo = if memo.is_empty() { String::new() } else { format!(" ({})", plain(memo)) };
                let both = if countersigned {
                    say!(lang, ko: "보낸 쪽도 결과에 서명했어요."; en: "The payer has signed for the result as well.")
                } else {
                    say!(lang, ko: "보낸 쪽은 아직 결과에 서명하지 않았어요."; en: "The payer has not signed for the result yet.")
                };
                say!(lang,
                    ko: "진짜 영수증이에요. {}에 {}\n에서 {}\n에게 {} 보냈고{}, 받는 쪽이 수락했어요.\n{}", when, from, to, josa::eul(&money(m, lang)), memo, both;
                    en: "A genuine receipt. On {},\n{} paid\n{} {}{}, and the payee accepted.\n{}", when, from, to, money(m, lang), memo, both)
            }
            Self::Refused { from, to, money: m } => say!(lang,
                ko: "진짜 문서지만, {}\n에서 {}\n에게 보낸 {} 거절되었어요. 오간 것은 없어요.", from, to, josa::eun(&money(m, lang));
                en: "A genuine document, but the payment from\n{} to\n{} of {} was refused. Nothing changed hands.", from, to, money(m, lang)),
            Self::Worthless { reason } => say!(lang,
                ko: "이 영수증은 아무것도 증명하지 않아요: {}", plain(reason);
                en: "This receipt proves nothing: {}", plain(reason)),
            Self::NotYet => say!(lang,
                ko: "아직 결과가 나오지 않아서 영수증이 없어요. 연결되면 결과를 물어봐요.";
                en: "It is not settled yet, so there is no receipt. The next connection asks for the result."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_payment_with_genuine_signatures_is_not_called_paid() {
        let money = "12,000 KRW".parse().unwrap();
        let refused = Receipt::Refused { from: "did:key:a", to: "did:key:b", money: &money };
        assert!(refused.say(Lang::En).contains("refused"));
        assert!(!refused.say(Lang::En).contains("paid"));
        assert!(refused.say(Lang::Ko).contains("12,000원은 거절되었어요"));
    }

    #[test]
    fn a_genuine_receipt_says_whether_both_have_signed() {
        let money = "12,000 KRW".parse().unwrap();
        let accepted = |countersigned| {
            let at = Timestamp(1_795_247_280_000);
            let (from, to, money) = ("did:key:a", "did:key:b", &money);
            Receipt::Accepted { from, to, money, memo: "점심", at, utc_offset_minutes: 0, countersigned }.say(Lang::En)
        };
        assert!(accepted(true).contains("12,000 KRW (점심), and the payee accepted."));
        assert!(accepted(false).ends_with("has not signed for the result yet."));
    }
}
