use crate::{Lang, Say, plain};

/// How sure we are whose keys these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Taken at their word.
    FirstUse,
    /// Met, and compared the emoji.
    Paired,
    /// Compared the safety number.
    Compared,
}

impl Say for Trust {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::FirstUse => say!(lang, ko: "확인하지 않음"; en: "not verified"),
            Self::Paired => say!(lang, ko: "만나서 확인함"; en: "verified by meeting"),
            Self::Compared => say!(lang, ko: "안전 번호로 확인함"; en: "verified by safety number"),
        }
    }
}

/// Something to know about a person before value goes to them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Warning<'a> {
    /// The first payment to someone who was never verified.
    FirstPayment {
        /// Who.
        name: &'a str,
    },
    /// New keys, signed by the same DID.
    KeysChanged {
        /// Whose.
        name: &'a str,
    },
    /// Another DID under a name that is known.
    OtherDid {
        /// The name.
        name: &'a str,
    },
    /// An older profile was offered; it was not taken.
    OldProfile {
        /// Whose.
        name: &'a str,
    },
    /// Two profiles with one sequence: whoever holds the DID key signed both.
    TwoProfiles {
        /// Whose.
        name: &'a str,
    },
    /// The safety number to compare.
    SafetyNumber {
        /// With whom.
        name: &'a str,
        /// Twelve groups of five digits.
        number: &'a str,
    },
    /// The person said that it matches.
    Verified {
        /// Who.
        name: &'a str,
    },
}

impl Say for Warning<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::FirstPayment { name } => say!(lang,
                ko: "{0} 님에게 처음 보내는 것이고, 아직 본인인지 확인하지 않았어요. `pumasi contact verify`로 안전 번호를 맞춰 볼 수 있어요.", plain(name);
                en: "This is your first payment to {0}, and nobody has verified that it is them. Compare the safety number: `pumasi contact verify`.", plain(name)),
            Self::KeysChanged { name } => say!(lang,
                ko: "주의: {0} 님의 열쇠가 바뀌었어요. 본인이 바꿨거나, 누군가 {0} 님의 DID 열쇠를 가져간 거예요. 보내기 전에 본인에게 물어보고 안전 번호를 맞춰 보세요.", plain(name);
                en: "WARNING: the keys of {0} have changed. Either {0} made new ones, or somebody has taken their DID key. Ask them and compare the safety number before you pay.", plain(name)),
            Self::OtherDid { name } => say!(lang,
                ko: "주의: 이것은 {0} 님으로 알고 있던 DID가 아니에요. 이름만 같은 다른 사람일 수 있어요. 아무것도 바꾸지 않았어요.", plain(name);
                en: "WARNING: this is not the DID that you know as {0}. It may be somebody else of that name. Nothing was changed.", plain(name)),
            Self::OldProfile { name } => say!(lang,
                ko: "{} 님의 옛 프로필이 왔어요. 쓰지 않고 알고 있던 것을 지켰어요.", plain(name);
                en: "An old profile of {} came in. It was not taken; the one you have was kept.", plain(name)),
            Self::TwoProfiles { name } => say!(lang,
                ko: "주의: {0} 님의 이름으로 서명한 서로 다른 프로필 두 개가 같은 번호를 달고 있어요. 알고 있던 것을 지켰어요. 본인에게 물어보세요.", plain(name);
                en: "WARNING: two different profiles of {0} carry the same number, both signed. The one you have was kept. Ask them.", plain(name)),
            Self::SafetyNumber { name, number } => say!(lang,
                ko: "{} 님과 이 번호를 소리 내어 맞춰 보세요. 두 화면에서 같아야 해요.\n\n{}\n", plain(name), number;
                en: "Compare this number with {} by voice or in person. It must be the same on both screens.\n\n{}\n", plain(name), number),
            Self::Verified { name } => say!(lang,
                ko: "{} 님을 확인했다고 적었어요.", plain(name);
                en: "{} is marked as verified.", plain(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_keys_name_both_reasons_and_what_to_do() {
        let warning = Warning::KeysChanged { name: "Bob" };
        let english = warning.say(Lang::En);
        assert!(english.starts_with("WARNING: the keys of Bob have changed."));
        assert!(english.contains("compare the safety number before you pay"));
        assert!(warning.say(Lang::Ko).contains("보내기 전에"));
    }
}
