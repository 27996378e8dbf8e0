use crate::{Lang, Refusal, Say, josa, money, plain};
use pumasi_units::Money;

/// What became of a payment. The words are its true state: nothing is called sent that only waits.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Payment<'a> {
    /// Mine: signed and written down, not yet on its way.
    Queued {
        /// To whom.
        to: &'a str,
        /// How much.
        money: &'a Money,
    },
    /// Mine: handed to the link, no answer yet.
    Sent {
        /// To whom.
        to: &'a str,
    },
    /// Mine: the payee has it and will decide.
    Received {
        /// By whom.
        by: &'a str,
    },
    /// Mine: the payee took it and signed for it.
    Accepted {
        /// By whom.
        by: &'a str,
        /// How much.
        money: &'a Money,
    },
    /// Mine: the payee did not take it.
    Refused {
        /// By whom.
        by: &'a str,
        /// How much.
        money: &'a Money,
        /// Why.
        why: Refusal<'a>,
    },
    /// Mine: its time is over, and the payee has not said what became of it.
    ExpiredUnknown {
        /// To whom.
        to: &'a str,
        /// How much.
        money: &'a Money,
    },
    /// To me: a person has to decide.
    Asked {
        /// By whom.
        from: &'a str,
        /// How much.
        money: &'a Money,
        /// What for; may be empty.
        memo: &'a str,
    },
    /// To me: in the ledger.
    Taken {
        /// From whom.
        from: &'a str,
        /// How much.
        money: &'a Money,
        /// What for; may be empty.
        memo: &'a str,
    },
    /// To me: not taken.
    TurnedDown {
        /// From whom.
        from: &'a str,
        /// Why.
        why: Refusal<'a>,
    },
    /// To me: the payer signed for my result as well.
    Countersigned {
        /// By whom.
        by: &'a str,
    },
    /// Both have signed different balances.
    BalanceDiffers {
        /// With whom.
        with: &'a str,
        /// What the payer owes by the other's statement, as an amount.
        theirs: &'a str,
        /// The same by my ledger.
        ours: &'a str,
    },
    /// The other side signed two histories.
    Forked {
        /// Who.
        by: &'a str,
    },
}

impl Say for Payment<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Queued { to, money: m } => say!(lang,
                ko: "{} 님에게 보낼 {} 적어 두었어요. 연결되면 바로 보내요.", plain(to), josa::eul(&money(m, lang));
                en: "{} for {} is signed and written down. It leaves as soon as the two of you are connected.", money(m, lang), plain(to)),
            Self::Sent { to } => say!(lang,
                ko: "{} 님에게 보냈어요. 받았다는 답을 기다리고 있어요.", plain(to);
                en: "Sent to {}. Waiting for them to say that they have it.", plain(to)),
            Self::Received { by } => say!(lang,
                ko: "{} 님이 받았고, 아직 수락하지는 않았어요.", plain(by);
                en: "{} has it and has not decided yet.", plain(by)),
            Self::Accepted { by, money: m } => say!(lang,
                ko: "{} 님이 {} 수락했어요. 서명한 영수증이 원장에 있어요.", plain(by), josa::eul(&money(m, lang));
                en: "{} accepted {}. The signed receipt is in your ledger.", plain(by), money(m, lang)),
            Self::Refused { by, money: m, ref why } => say!(lang,
                ko: "{} 님이 {} 받지 않았어요: {} 오간 것은 없어요.", plain(by), josa::eul(&money(m, lang)), why.say(lang);
                en: "{} did not take {}: {} Nothing has changed hands.", plain(by), money(m, lang), why.say(lang)),
            Self::ExpiredUnknown { to, money: m } => say!(lang,
                ko: "{} 님에게 보낸 {} 기한이 지났는데 결과를 몰라요. 수락되었을 수도 있으니 다시 보내지 마세요. 다음에 연결되면 결과를 물어봐요.",
                    plain(to), money(m, lang);
                en: "The time for {} to {} is over and what became of it is not known. It may have been accepted: do not pay again. The next connection asks them.",
                    money(m, lang), plain(to)),
            Self::Asked { from, money: m, memo } => say!(lang,
                ko: "{} 님이 {} 보냈어요{}. 받을까요?", plain(from), josa::eul(&money(m, lang)), with_memo(memo);
                en: "{} sends {}{}. Take it?", plain(from), money(m, lang), with_memo(memo)),
            Self::Taken { from, money: m, memo } => say!(lang,
                ko: "{} 님에게서 {} 받았어요{}. 원장에 적었어요.", plain(from), josa::eul(&money(m, lang)), with_memo(memo);
                en: "{} paid you {}{}. It is in your ledger.", plain(from), money(m, lang), with_memo(memo)),
            Self::TurnedDown { from, ref why } => say!(lang,
                ko: "{} 님이 보낸 것을 받지 않았어요: {}", plain(from), why.say(lang);
                en: "A payment of {} was not taken: {}", plain(from), why.say(lang)),
            Self::Countersigned { by } => say!(lang,
                ko: "{} 님도 잔액에 서명했어요.", plain(by);
                en: "{} has signed for the balance as well.", plain(by)),
            Self::BalanceDiffers { with, theirs, ours } => say!(lang,
                ko: "{} 님의 원장과 잔액이 달라요. 상대는 {}, 이 원장은 {}. 바꾼 것은 없어요. `pumasi ledger audit`로 확인해 보세요.",
                    plain(with), plain(theirs), josa::ieyo(ours);
                en: "{} signed another balance: {} by theirs, {} by this ledger. Nothing was changed. `pumasi ledger audit` shows where they part.",
                    plain(with), plain(theirs), ours),
            Self::Forked { by } => say!(lang,
                ko: "{} 님이 서로 다른 두 기록에 서명했어요. 증거를 원장에 남겼고, 더는 받지 않아요.", plain(by);
                en: "{} has signed two histories that contradict each other. The proof is in your ledger, and nothing more is taken from them.", plain(by)),
        }
    }
}

/// ` (memo)`, or nothing.
fn with_memo(memo: &str) -> String {
    if memo.is_empty() { String::new() } else { format!(" ({})", plain(memo)) }
}

/// What is asked before a payment is signed.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// To whom.
    pub to: &'a str,
    /// How much.
    pub money: &'a Money,
    /// What for; may be empty.
    pub memo: &'a str,
}

impl Say for Ask<'_> {
    fn say(&self, lang: Lang) -> String {
        let (to, amount) = (plain(self.to), money(self.money, lang));
        let claim = if self.money.unit().is_bitcoin() {
            String::new()
        } else {
            // DESIGN.md: any other unit is a claim on its signer, shown as such.
            say!(lang, ko: " 현금이 아니라, 갚겠다는 서명한 약속이에요."; en: " It is your signed promise, not cash.")
        };
        say!(lang,
            ko: "{} 님에게 {} 보낼까요{}?{}", to, josa::eul(&amount), with_memo(self.memo), claim;
            en: "Pay {} {}{}?{}", to, amount, with_memo(self.memo), claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_waits_is_not_called_sent() {
        let money = "12,000 KRW".parse().unwrap();
        let queued = Payment::Queued { to: "영희", money: &money };
        assert_eq!(queued.say(Lang::Ko), "영희 님에게 보낼 12,000원을 적어 두었어요. 연결되면 바로 보내요.");
        assert!(!queued.say(Lang::En).to_lowercase().contains("sent"));
    }

    #[test]
    fn a_payment_without_a_known_end_warns_against_paying_twice() {
        let money = "12,000 KRW".parse().unwrap();
        let unknown = Payment::ExpiredUnknown { to: "영희", money: &money };
        assert!(unknown.say(Lang::En).contains("do not pay again"));
        assert!(unknown.say(Lang::Ko).contains("다시 보내지 마세요"));
    }

    #[test]
    fn a_promise_is_not_called_money_and_bitcoin_is_no_promise() {
        let ask = |money: &str| Ask { to: "영희", money: &money.parse().unwrap(), memo: "점심" }.say(Lang::En);
        assert_eq!(ask("12,000 KRW"), "Pay 영희 12,000 KRW (점심)? It is your signed promise, not cash.");
        assert_eq!(ask("0.1 BTC"), "Pay 영희 0.10000000 BTC (점심)?");
    }
}
