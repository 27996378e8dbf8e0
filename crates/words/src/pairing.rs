use crate::{Lang, Say, plain, span};
use std::time::Duration;

/// What is said while two people meet.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Pairing<'a> {
    /// The code to tell the other one.
    Code {
        /// As it is typed.
        code: &'a str,
        /// How long it holds.
        holds: Duration,
    },
    /// Waiting for the other one to type the code.
    WaitingForCode,
    /// Looking for the one who shows the code.
    LookingForCode,
    /// Both are there.
    Met,
    /// What to compare: the pictures with their names in the language, in order.
    Compare {
        /// Such as `("🐶", "개")`.
        emoji: &'a [(&'a str, &'a str)],
        /// The same as three numbers, to read aloud.
        numbers: [u16; 3],
    },
    /// The question after it.
    DoTheyMatch,
    /// Mine is said; theirs is awaited.
    WaitingForTheirs,
    /// Done.
    Done {
        /// The other one, by the name that I give them.
        name: &'a str,
    },
    /// It ended without a contact.
    Ended {
        /// Why.
        why: PairingEnd,
        /// Whether the other side says so, which anybody with the code can claim.
        by_them: bool,
    },
    /// What was typed is no code.
    BadCode,
}

/// Why a pairing ended without a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairingEnd {
    /// The emoji differ.
    Mismatch,
    /// Given up.
    Cancelled,
    /// Nothing was heard for too long.
    TimedOut,
    /// A check of the protocol failed: commitment, key or MAC.
    Tampered,
    /// The profile is not valid.
    Profile,
    /// The person typed their own code.
    OwnCode,
}

impl Say for Pairing<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Code { code, holds } => say!(lang,
                ko: "상대에게 이 코드를 알려 주세요: {}\n상대는 `pumasi pair accept {}`를 입력해요. 코드는 {} 동안 쓸 수 있어요.", code, code, span(holds, lang);
                en: "Tell the other one this code: {}\nThey type `pumasi pair accept {}`. The code holds for {}.", code, code, span(holds, lang)),
            Self::WaitingForCode => say!(lang,
                ko: "상대가 코드를 입력하기를 기다리고 있어요…";
                en: "Waiting for the other one to type the code…"),
            Self::LookingForCode => {
                say!(lang, ko: "코드를 보여 준 사람을 찾고 있어요…"; en: "Looking for the one who shows the code…")
            }
            Self::Met => say!(lang, ko: "만났어요. 열쇠를 주고받고 있어요…"; en: "Met. Exchanging keys…"),
            Self::Compare { emoji, numbers: [a, b, c] } => {
                let pictures: Vec<String> = emoji.iter().map(|(picture, name)| format!("{picture} {name}")).collect();
                say!(lang,
                    ko: "두 화면의 그림이 순서까지 같은지 서로 소리 내어 맞춰 보세요.\n\n  {}\n\n  숫자로는 {} {} {}", pictures.join("  "), a, b, c;
                    en: "Compare the pictures on both screens, in order, by voice or side by side.\n\n  {}\n\n  as numbers {} {} {}", pictures.join("  "), a, b, c)
            }
            Self::DoTheyMatch => say!(lang, ko: "모두 같나요?"; en: "Do they all match?"),
            Self::WaitingForTheirs => {
                say!(lang, ko: "상대의 확인을 기다리고 있어요…"; en: "Waiting for the other one to confirm…")
            }
            Self::Done { name } => say!(lang,
                ko: "{} 님과 서로 확인했어요. 이제 주고받을 수 있어요.", plain(name);
                en: "You and {} have met. You can pay each other now.", plain(name)),
            Self::Ended { why, by_them: false } => why.say(lang),
            Self::Ended { why, by_them: true } => say!(lang,
                ko: "상대 쪽에서 멈췄어요. {}", why.say(lang);
                en: "The other side stopped. {}", why.say(lang)),
            Self::BadCode => say!(lang,
                ko: "코드가 맞지 않아요. 상대 화면의 코드를 다시 보고 입력해 주세요.";
                en: "That is not a code. Look at the other one's screen again and type it anew."),
        }
    }
}

impl Say for PairingEnd {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Mismatch => say!(lang,
                ko: "그림이 달라요. 누군가 사이에 있을 수 있어요. 저장한 것은 없어요. 다른 방법으로 새 코드를 주고받아 다시 해 주세요.";
                en: "The pictures differ: somebody may be between you. Nothing was kept. Start again with a new code, told by another road."),
            Self::Cancelled => say!(lang, ko: "취소했어요. 저장한 것은 없어요."; en: "Cancelled. Nothing was kept."),
            Self::TimedOut => say!(lang,
                ko: "시간이 지났어요. 저장한 것은 없어요. 새 코드로 다시 해 주세요.";
                en: "It took too long. Nothing was kept. Start again with a new code."),
            Self::Tampered => say!(lang,
                ko: "오간 내용이 바뀌어 있었어요. 누군가 끼어들었을 수 있어요. 저장한 것은 없어요. 새 코드로 다시 해 주세요.";
                en: "What came was changed on the way: somebody may be interfering. Nothing was kept. Start again with a new code."),
            Self::Profile => say!(lang,
                ko: "상대의 프로필이 유효하지 않아요. 저장한 것은 없어요.";
                en: "The other one's profile is not valid. Nothing was kept."),
            Self::OwnCode => say!(lang,
                ko: "자기 코드를 입력했어요. 상대 화면의 코드를 입력해 주세요.";
                en: "That is your own code. Type the one on the other screen."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_stands_in_order_with_names() {
        let compare = Pairing::Compare { emoji: &[("🐶", "개"), ("🔑", "열쇠")], numbers: [1234, 5678, 9012] };
        let text = compare.say(Lang::Ko);
        assert!(text.contains("🐶 개  🔑 열쇠"), "{text}");
        assert!(text.contains("1234 5678 9012"), "{text}");
    }

    #[test]
    fn every_end_but_the_own_code_says_that_nothing_was_kept() {
        use PairingEnd::{Cancelled, Mismatch, Profile, Tampered, TimedOut};
        for end in [Mismatch, Cancelled, TimedOut, Tampered, Profile] {
            assert!(end.say(Lang::Ko).contains("저장한 것은 없어요"), "{end:?}");
            assert!(end.say(Lang::En).contains("Nothing was kept"), "{end:?}");
        }
    }

    #[test]
    fn what_the_other_side_claims_is_told_as_their_word() {
        let ended = Pairing::Ended { why: PairingEnd::Cancelled, by_them: true };
        assert_eq!(ended.say(Lang::En), "The other side stopped. Cancelled. Nothing was kept.");
    }
}
