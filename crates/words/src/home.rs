use crate::{Lang, Say, josa, plain};

/// The folder of an identity: its lock, its password, its files.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Home<'a> {
    /// Another process has it.
    Held {
        /// What the holder was started to do, such as `listen`.
        doing: &'a str,
        /// Its process id.
        pid: u32,
    },
    /// Another process has it and has not said who it is.
    HeldByUnknown,
    /// No identity there.
    Empty {
        /// The folder.
        folder: &'a str,
    },
    /// One is there already.
    Occupied {
        /// The folder.
        folder: &'a str,
    },
    /// Made.
    Created {
        /// The folder.
        folder: &'a str,
        /// The DID.
        did: &'a str,
    },
    /// The password opens nothing.
    WrongPassword,
    /// Two passwords that were to be the same are not.
    PasswordsDiffer,
    /// A password of nothing.
    EmptyPassword,
    /// No terminal to ask on, and none was given.
    NoPassword,
    /// Asked for.
    AskPassword,
    /// Asked for, when it is made.
    AskNewPassword,
    /// Asked for again.
    AskPasswordAgain,
    /// Changed.
    PasswordChanged,
    /// A change of password was cut off.
    PasswordChangeUnfinished,
    /// No room left on the disk.
    DiskFull {
        /// The folder.
        folder: &'a str,
    },
    /// Something of the identity is missing.
    Incomplete {
        /// What.
        what: &'a str,
    },
    /// Nobody is known by that name.
    UnknownPerson {
        /// What was typed.
        who: &'a str,
    },
    /// Several can be meant.
    AmbiguousPerson {
        /// What was typed.
        who: &'a str,
        /// Whom it can mean.
        names: &'a [String],
    },
    /// What was typed is not an amount.
    BadAmount {
        /// What was typed.
        typed: &'a str,
    },
    /// A backup was written.
    BackedUp {
        /// Where.
        file: &'a str,
    },
    /// A folder was made from a backup.
    Restored {
        /// How many entries its ledger has.
        entries: u64,
    },
    /// A backup is older than what was written since; it may be read and not written.
    StaleBackup,
}

impl Say for Home<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Held { doing, pid } => say!(lang,
                ko: "이 폴더는 `pumasi {}`(프로세스 {})에서 쓰고 있어요. 그것을 끝내거나 기다린 뒤에 다시 해 주세요. 바꾼 것은 없어요.", plain(doing), pid;
                en: "`pumasi {}` is using this folder (process {}). End it or wait for it, then try again. Nothing was changed.", plain(doing), pid),
            Self::HeldByUnknown => say!(lang,
                ko: "다른 프로세스가 이 폴더를 쓰고 있어요. 잠시 뒤에 다시 해 주세요. 바꾼 것은 없어요.";
                en: "Another process is using this folder. Try again in a moment. Nothing was changed."),
            Self::Empty { folder } => say!(lang,
                ko: "{}에 아직 신원이 없어요. `pumasi init`으로 만들어 주세요.", plain(folder);
                en: "There is no identity in {} yet. Make one: `pumasi init`.", plain(folder)),
            Self::Occupied { folder } => say!(lang,
                ko: "{}에 이미 신원이 있어요. 바꾼 것은 없어요. 다른 폴더를 쓰려면 `--home`을 주세요.", plain(folder);
                en: "There is an identity in {} already. Nothing was changed. Use --home for another folder.", plain(folder)),
            Self::Created { folder, did } => say!(lang,
                ko: "신원을 만들었어요: {1}\n열쇠와 원장은 {0}에 있고, 비밀번호로 잠겨 있어요. 비밀번호를 잊으면 되살릴 방법이 없어요.", plain(folder), did;
                en: "Your identity is made: {1}\nKeys and ledger are in {0}, locked with your password. Nobody can bring it back if you forget it.", plain(folder), did),
            Self::WrongPassword => say!(lang,
                ko: "비밀번호가 맞지 않아요. 바꾼 것은 없어요.";
                en: "That password does not open this identity. Nothing was changed."),
            Self::PasswordsDiffer => say!(lang,
                ko: "두 비밀번호가 달라요. 다시 입력해 주세요.";
                en: "The two passwords differ. Type them again."),
            Self::EmptyPassword => say!(lang, ko: "비밀번호가 비어 있어요."; en: "The password is empty."),
            Self::NoPassword => say!(lang,
                ko: "비밀번호를 물어볼 터미널이 없어요. PUMASI_PASSWORD나 `--password-fd`로 주세요.";
                en: "There is no terminal to ask for the password on. Give it in PUMASI_PASSWORD or by --password-fd."),
            Self::AskPassword => say!(lang, ko: "비밀번호"; en: "Password"),
            Self::AskNewPassword => say!(lang, ko: "새 비밀번호"; en: "New password"),
            Self::AskPasswordAgain => say!(lang, ko: "한 번 더"; en: "Once more"),
            Self::PasswordChanged => say!(lang,
                ko: "비밀번호를 바꿨어요. 예전 백업은 예전 비밀번호로 열려요.";
                en: "The password is changed. Older backups still open with the old one."),
            Self::PasswordChangeUnfinished => say!(lang,
                ko: "비밀번호를 바꾸던 중에 끊겼어요. 새 비밀번호로 열면 마저 바꿔요.";
                en: "A change of password was cut off. Open with the new password to finish it."),
            Self::DiskFull { folder } => say!(lang,
                ko: "{} 폴더가 있는 디스크가 가득 찼어요. 이미 적힌 것은 안전하고, 이번 것은 아무것도 적지 않았어요. 자리를 비우고 다시 해 주세요.", plain(folder);
                en: "The disk that holds {} is full. What was written before is safe; nothing of this was kept. Free some space and try again.", plain(folder)),
            Self::Incomplete { what } => say!(lang,
                ko: "{} 없어요. 백업이 있으면 `pumasi ledger restore`로 되살릴 수 있어요.", josa::i(&plain(what));
                en: "{} is missing. If you have a backup: `pumasi ledger restore`.", plain(what)),
            Self::UnknownPerson { who } => say!(lang,
                ko: "‘{}’(이)라는 이름으로 아는 사람이 없어요. `pumasi contact list`에서 찾거나 `pumasi pair`로 만나 주세요.", plain(who);
                en: "Nobody here is called “{}”. See `pumasi contact list`, or meet them: `pumasi pair`.", plain(who)),
            Self::AmbiguousPerson { who, names } => {
                let names = names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ");
                say!(lang,
                    ko: "‘{}’일 수 있는 사람이 여럿이에요: {}. DID로 골라 주세요.", plain(who), names;
                    en: "“{}” can mean several people: {}. Choose by DID.", plain(who), names)
            }
            Self::BadAmount { typed } => say!(lang,
                ko: "{} 금액으로 읽을 수 없어요. 예: 12,000원, 0.0001 BTC", josa::eun(&format!("‘{}’", plain(typed)));
                en: "“{}” is not an amount. Examples: 12,000 KRW, 0.0001 BTC", plain(typed)),
            Self::BackedUp { file } => say!(lang,
                ko: "{}에 암호화한 백업을 썼어요. 열쇠와 원장, 연락처가 모두 들어 있어요.", plain(file);
                en: "An encrypted backup is in {}: keys, ledger and contacts.", plain(file)),
            Self::Restored { entries } => say!(lang,
                ko: "백업에서 되살렸어요. 원장에 기록이 {}건 있어요.", entries;
                en: "Restored from the backup. The ledger has {}.", if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }),
            Self::StaleBackup => say!(lang,
                ko: "이 백업보다 나중에 쓴 기록이 있어요. 지킬 수 있게 읽기만 하고 쓰지 않아요. 더 새로운 백업이 있는지 찾아 주세요.";
                en: "More was written after this backup was made. To keep that safe it can be read and not written. Look for a newer backup."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_folder_says_who_holds_it() {
        let held = Home::Held { doing: "listen", pid: 4242 };
        assert!(held.say(Lang::Ko).starts_with("이 폴더는 `pumasi listen`(프로세스 4242)에서 쓰고 있어요."));
        assert!(held.say(Lang::En).starts_with("`pumasi listen` is using this folder (process 4242)."));
    }

    #[test]
    fn several_people_are_all_named() {
        let names = ["김철수".to_owned(), "이철수".to_owned()];
        let text = Home::AmbiguousPerson { who: "철수", names: &names }.say(Lang::Ko);
        assert_eq!(text, "‘철수’일 수 있는 사람이 여럿이에요: 김철수, 이철수. DID로 골라 주세요.");
    }
}
