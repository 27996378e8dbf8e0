use crate::{Lang, Say, josa, money, plain};
use pumasi_units::Money;

/// Why a payment was not taken: the codes of `docs/spec/transfer.md`.
#[derive(Debug, Clone, Copy)]
pub enum Refusal<'a> {
    /// It came too late.
    Expired,
    /// The payer's clock is ahead.
    Clock,
    /// The payee does not know the payer.
    UnknownPeer,
    /// The payee does not have the key that signed it.
    UnknownProfile,
    /// A payment of nothing.
    AmountZero,
    /// Bitcoin, and the payee runs no node.
    ChainNodeNeeded,
    /// Over the limit.
    OverLimit(OverLimit<'a>),
    /// The payee made no such request.
    RequestUnknown,
    /// The request was for something else.
    RequestMismatch,
    /// The request had expired.
    RequestExpired,
    /// The request was paid already.
    RequestPaid,
    /// The payer signed two histories.
    Forked,
    /// A person said no.
    Declined,
    /// A code of a newer version.
    Other(&'a str),
}

impl<'a> Refusal<'a> {
    /// The refusal of a code on the wire, with the figures that come with `over-limit`.
    #[must_use]
    pub fn of(code: &'a str, limit: Option<&'a Money>, available: Option<&'a Money>) -> Self {
        match (code, limit, available) {
            ("expired", ..) => Self::Expired,
            ("clock", ..) => Self::Clock,
            ("unknown-peer", ..) => Self::UnknownPeer,
            ("unknown-profile", ..) => Self::UnknownProfile,
            ("amount-zero", ..) => Self::AmountZero,
            ("chain-node-needed", ..) => Self::ChainNodeNeeded,
            ("over-limit", Some(limit), Some(available)) => {
                Self::OverLimit(OverLimit { limit, available, asked: None })
            }
            ("request-unknown", ..) => Self::RequestUnknown,
            ("request-mismatch", ..) => Self::RequestMismatch,
            ("request-expired", ..) => Self::RequestExpired,
            ("request-paid", ..) => Self::RequestPaid,
            ("forked", ..) => Self::Forked,
            ("declined", ..) => Self::Declined,
            _ => Self::Other(code),
        }
    }
}

impl Say for Refusal<'_> {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Expired => say!(lang, ko: "수락하기 전에 기한이 지났어요."; en: "it expired before it was accepted."),
            Self::Clock => say!(lang,
                ko: "보낸 쪽 시계가 너무 앞서 있어요. 시계를 맞추고 다시 보내 주세요.";
                en: "the payer's clock is too far ahead. Set it and pay again."),
            Self::UnknownPeer => say!(lang,
                ko: "받는 쪽이 보낸 쪽을 몰라요. 먼저 `pumasi pair`로 만나 주세요.";
                en: "the payee does not know the payer. Meet first: `pumasi pair`."),
            Self::UnknownProfile => say!(lang,
                ko: "서명한 열쇠를 받는 쪽이 아직 몰라요. 잠시 뒤에 다시 보내 주세요.";
                en: "the payee does not have the key that signed it yet. Try again in a moment."),
            Self::AmountZero => say!(lang, ko: "금액이 0이에요."; en: "the amount is zero."),
            Self::ChainNodeNeeded => say!(lang,
                ko: "비트코인 결제인데 받는 쪽에 비트코인 노드가 없어요.";
                en: "it is bitcoin, and the payee runs no Bitcoin node."),
            Self::OverLimit(over) => over.say(lang),
            Self::RequestUnknown => {
                say!(lang, ko: "받는 쪽이 그런 요청을 한 적이 없어요."; en: "the payee made no such request.")
            }
            Self::RequestMismatch => say!(lang,
                ko: "요청과 금액이나 보내는 사람이 달라요.";
                en: "the request was for another amount or another payer."),
            Self::RequestExpired => say!(lang,
                ko: "요청의 기한이 지났어요. 새로 요청해 달라고 하세요.";
                en: "the request has expired. Ask for a new one."),
            Self::RequestPaid => say!(lang, ko: "이미 낸 요청이에요."; en: "the request is paid already."),
            Self::Forked => say!(lang,
                ko: "보낸 쪽이 서로 다른 두 기록에 서명했고, 받는 쪽이 그 증거를 가지고 있어요.";
                en: "the payer signed two histories, and the payee holds the proof."),
            Self::Declined => say!(lang, ko: "받는 사람이 거절했어요."; en: "the payee said no."),
            Self::Other(code) => say!(lang,
                ko: "이 버전이 모르는 이유예요({}).", plain(code);
                en: "for a reason that this version does not know ({}).", plain(code)),
        }
    }
}

/// A payment above what one lets the other owe, with the figures.
#[derive(Debug, Clone, Copy)]
pub struct OverLimit<'a> {
    /// How much the payer may owe at most.
    pub limit: &'a Money,
    /// What is left of it.
    pub available: &'a Money,
    /// What was to be paid, where that is not said already.
    pub asked: Option<&'a Money>,
}

impl Say for OverLimit<'_> {
    fn say(&self, lang: Lang) -> String {
        let (limit, left) = (money(self.limit, lang), money(self.available, lang));
        match self.asked {
            None => say!(lang,
                ko: "한도를 넘어요. 한도는 {}, 남은 것은 {}.", limit, josa::ieyo(&left);
                en: "it is over the limit. Of {}, {} is left.", limit, left),
            Some(asked) => say!(lang,
                ko: "{} 한도를 넘어요. 한도는 {}, 남은 것은 {}.", josa::eun(&money(asked, lang)), limit, josa::ieyo(&left);
                en: "{} is over the limit. Of {}, {} is left.", money(asked, lang), limit, left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_the_limit_comes_with_the_figures() {
        let (limit, available) = ("100,000 KRW".parse().unwrap(), "3,000 KRW".parse().unwrap());
        let money = "12,000 KRW".parse().unwrap();
        let why = Refusal::of("over-limit", Some(&limit), Some(&available));
        let refused = crate::Payment::Refused { by: "영희", money: &money, why };
        assert_eq!(
            refused.say(Lang::Ko),
            "영희 님이 12,000원을 받지 않았어요: 한도를 넘어요. 한도는 100,000원, 남은 것은 3,000원이에요. 오간 것은 없어요."
        );
        assert_eq!(
            refused.say(Lang::En),
            "영희 did not take 12,000 KRW: it is over the limit. Of 100,000 KRW, 3,000 KRW is left. Nothing has changed hands."
        );
    }

    #[test]
    fn a_code_that_nobody_knows_is_shown_and_cannot_reach_the_terminal() {
        assert!(Refusal::of("too-\x1b[31mred", None, None).say(Lang::En).contains("(too-·[31mred)"));
        assert!(Refusal::of("over-limit", None, None).say(Lang::Ko).contains("(over-limit)"));
    }
}
