use crate::{Lang, Say, plain};

/// Directories: being found, and finding.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Directory<'a> {
    /// One serves.
    Up {
        /// Its address.
        url: &'a str,
        /// Where it keeps what it knows.
        place: &'a str,
    },
    /// It follows another one.
    Mirrors {
        /// The other's address.
        url: &'a str,
    },
    /// Work is being done for the stamp.
    Stamping,
    /// I am listed.
    Registered {
        /// Where.
        url: &'a str,
        /// For so many days.
        days: u32,
    },
    /// I am no longer listed.
    Unregistered {
        /// Where.
        url: &'a str,
    },
    /// Nothing of mine was listed.
    WasNotListed {
        /// Where.
        url: &'a str,
    },
    /// It refused.
    Refused {
        /// Which.
        url: &'a str,
        /// What it says.
        detail: &'a str,
    },
    /// It does not answer.
    Silent {
        /// Which.
        url: &'a str,
    },
    /// What answers is no directory.
    Nonsense {
        /// Which.
        url: &'a str,
    },
    /// Nobody answered.
    NobodyAnswered,
    /// Nothing was found.
    Nothing {
        /// What was searched for.
        query: &'a str,
    },
    /// One result.
    Shop {
        /// Its name, or its DID.
        name: &'a str,
        /// Its categories.
        categories: &'a str,
        /// What it says of itself.
        description: &'a str,
        /// Its DID.
        did: &'a str,
        /// Where it takes offers, or nothing.
        endpoint: &'a str,
    },
    /// There are more.
    More {
        /// The cursor of the next page.
        cursor: &'a str,
    },
    /// A result that its owner did not sign.
    Forged {
        /// Who gave it.
        url: &'a str,
        /// Whose it claims to be.
        did: &'a str,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// A password on the command line.
    PasswordInUrl,
    /// A value of the listing that no directory takes.
    BadListing {
        /// The field, and what is wrong with it.
        problem: &'a str,
    },
}

impl Say for Directory<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Up { url, place } => say!(lang,
                ko: "디렉터리가 떴어요: {}\n적는 곳은 {}이에요. Ctrl-C로 멈춰요.", url, plain(place);
                en: "The directory is up: {}\nIt keeps what it knows in {}. Ctrl-C stops it.", url, plain(place)),
            Self::Mirrors { url } => say!(lang,
                ko: "{}의 기록을 따라가요. 모든 서명을 여기서 다시 확인해요.", plain(url);
                en: "It follows the log of {}, and checks every signature again.", plain(url)),
            Self::Stamping => say!(lang,
                ko: "서명하고, 도배를 막는 작은 계산을 하고 있어요…";
                en: "Signing, and doing the little work that keeps floods out…"),
            Self::Registered { url, days } => say!(lang,
                ko: "{}에 올렸어요. {}일 뒤에 내려가요. 그 전에 다시 올리거나 `pumasi listen`을 켜 두세요.", plain(url), days;
                en: "Listed at {} for {} day(s). List it again before then, or keep `pumasi listen` running.", plain(url), days),
            Self::Unregistered { url } => say!(lang,
                ko: "{}에서 내렸어요.", plain(url);
                en: "No longer listed at {}.", plain(url)),
            Self::WasNotListed { url } => say!(lang,
                ko: "{}에는 올라가 있지 않았어요. 바꾼 것은 없어요.", plain(url);
                en: "Nothing of yours was listed at {}. Nothing was changed.", plain(url)),
            Self::Refused { url, detail } => say!(lang,
                ko: "{}에서 받지 않았어요: {}\n바꾼 것은 없어요.", plain(url), plain(detail);
                en: "{} refused: {}\nNothing was changed.", plain(url), plain(detail)),
            Self::Silent { url } => say!(lang,
                ko: "{}에서 답이 없어요. 주소와 네트워크를 확인하고 다시 해 주세요.", plain(url);
                en: "{} does not answer. Check the address and the network, then try again.", plain(url)),
            Self::Nonsense { url } => say!(lang,
                ko: "{}에서 온 답은 디렉터리의 것이 아니에요. 주소를 확인해 주세요.", plain(url);
                en: "What {} answered is not from a directory. Check the address.", plain(url)),
            Self::NobodyAnswered => say!(lang,
                ko: "물어본 디렉터리가 하나도 답하지 않았어요.";
                en: "None of the directories answered."),
            Self::Nothing { query } => say!(lang,
                ko: "‘{}’에 맞는 곳을 찾지 못했어요. 낱말을 줄이거나 다른 디렉터리를 `--directory`로 더해 보세요.", plain(query);
                en: "Nothing fits “{}”. Try fewer words, or add another directory with --directory.", plain(query)),
            Self::Shop { name, categories, description, did, endpoint } => {
                let endpoint = if endpoint.is_empty() { String::new() } else { format!("\n  {}", plain(endpoint)) };
                format!("{} [{}]\n  {}\n  {did}{endpoint}", plain(name), plain(categories), plain(description))
            }
            Self::More { cursor } => say!(lang,
                ko: "더 있어요: --cursor '{}'", plain(cursor);
                en: "There are more: --cursor '{}'", plain(cursor)),
            Self::Forged { url, did, reason } => say!(lang,
                ko: "조심하세요: {}에서 준 {} 항목은 주인이 서명한 것과 달라서 뺐어요({}). 이 디렉터리는 거짓말을 하거나 속았어요.", plain(url), plain(did), plain(reason);
                en: "Beware: the entry of {1} that {0} gave is not what its owner signed, and was left out ({2}). That directory lies, or was lied to.", plain(url), plain(did), plain(reason)),
            Self::PasswordInUrl => say!(lang,
                ko: "명령줄의 비밀번호는 다른 사용자에게 보여요. 비밀번호가 든 주소는 PUMASI_POSTGRES로 주세요.";
                en: "Other users can read a password on the command line. Give a URL with a password in PUMASI_POSTGRES."),
            Self::BadListing { problem } => say!(lang,
                ko: "이대로는 올릴 수 없어요: {}", plain(problem);
                en: "This cannot be listed: {}", plain(problem)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_cannot_write_into_the_terminal() {
        let shop = Directory::Shop {
            name: "한밭\x1b[2K",
            categories: "식당, 한식",
            description: "김치찌개\n다른 줄",
            did: "did:key:z6Mk",
            endpoint: "",
        };
        assert_eq!(shop.say(Lang::Ko), "한밭·[2K [식당, 한식]\n  김치찌개·다른 줄\n  did:key:z6Mk");
    }
}
