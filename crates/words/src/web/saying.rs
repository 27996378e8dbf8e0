use super::Trouble;
use crate::{Lang, PathKind, Refusal, Say, josa, money, plain};
use pumasi_units::Money;

/// A sentence of the screens with something to fill in.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Saying<'a> {
    /// The top of the first screen.
    Hello {
        /// Who is open.
        name: &'a str,
    },
    /// Mine: written down, not sent.
    Queued {
        /// To whom.
        name: &'a str,
    },
    /// Mine: sent.
    Sent {
        /// To whom.
        name: &'a str,
    },
    /// Mine: the payee has it.
    Received {
        /// The payee.
        name: &'a str,
    },
    /// To me: it waits.
    Asked {
        /// The payer.
        name: &'a str,
    },
    /// Mine: taken by the payee.
    Accepted {
        /// The payee.
        name: &'a str,
    },
    /// To me: taken.
    Taken {
        /// The payer.
        name: &'a str,
    },
    /// Not taken.
    Refused {
        /// The other one.
        name: &'a str,
        /// I was the payer.
        mine: bool,
        /// The reason.
        why: Refusal<'a>,
    },
    /// The link is up.
    Connected {
        /// Over which path.
        path: PathKind,
        /// Offer and answer went over the endpoint; through the mailbox otherwise.
        endpoint: bool,
    },
    /// A road is closed, and the other one is taken.
    FellBack {
        /// The endpoint is closed; the mailbox otherwise.
        endpoint: bool,
        /// Why.
        why: &'a Trouble,
    },
    /// Somebody has new keys.
    KeysChanged {
        /// Who.
        name: &'a str,
    },
    /// Nothing was ever accepted by them.
    FirstPayment {
        /// To whom.
        name: &'a str,
        /// Nobody has compared anything.
        unverified: bool,
    },
    /// The same amount went to them a short while ago.
    Repeated {
        /// How much.
        money: &'a Money,
        /// How long ago.
        ago: &'a str,
    },
    /// The button that signs.
    PayNow {
        /// How much.
        money: &'a Money,
    },
    /// Paid so often.
    PaidBefore {
        /// How often.
        times: u64,
    },
    /// Since when somebody is known or verified.
    KnownSince {
        /// The date.
        date: &'a str,
        /// Verified, rather than taken at their word.
        verified: bool,
    },
    /// Which profile, and until when it holds.
    ProfileNumber {
        /// Its sequence.
        number: u64,
        /// The date.
        until: &'a str,
    },
    /// A gateway handed over a forged profile.
    GatewayLied {
        /// Its host.
        host: &'a str,
    },
    /// A gateway has an older profile.
    GatewayOlder {
        /// Its sequence.
        sequence: u64,
    },
    /// Fewer than two gateways agree.
    AgreedBy {
        /// How many do.
        agreed: usize,
    },
    /// How many entries, from where.
    FoundSo {
        /// How many.
        count: usize,
        /// The directories.
        hosts: &'a str,
    },
    /// Directories that did not answer.
    Silent {
        /// Which.
        hosts: &'a str,
    },
    /// A directory handed over what was not signed so.
    ForgedEntry {
        /// Which directory.
        directory: &'a str,
        /// About whom.
        about: Option<&'a str>,
        /// What is wrong.
        why: &'a str,
    },
    /// A file was saved.
    Saved {
        /// Its name.
        file: &'a str,
    },
    /// Handed over with a request.
    PleasePay {
        /// How much.
        money: &'a Money,
    },
    /// Until when a request holds.
    HoldsUntil {
        /// The date.
        date: &'a str,
    },
    /// What they let me owe.
    LineTheyGive {
        /// The limit.
        limit: &'a str,
        /// What is left.
        left: &'a str,
    },
    /// What I let them owe.
    LineIGive {
        /// The limit.
        limit: &'a str,
    },
    /// Whether somebody is to be forgotten.
    ForgetAsk {
        /// Who.
        name: &'a str,
    },
    /// The audit found something.
    AuditFound {
        /// How many things.
        findings: u64,
    },
    /// The last backup.
    BackupMade {
        /// When.
        date: &'a str,
        /// Entries since.
        entries: u64,
        /// It was opened again.
        proven: bool,
    },
    /// More was written since.
    BackupOld {
        /// How many entries.
        entries: u64,
    },
    /// A backup opened.
    BackupProven {
        /// Entries in it.
        entries: u64,
        /// Entries that it does not have.
        missing: u64,
    },
    /// A span in a choice.
    Minutes {
        /// How many.
        minutes: u32,
    },
    /// Which version.
    Version {
        /// The version.
        version: &'a str,
    },
}

impl Say for Saying<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Hello { name } => say!(lang, ko: "{} 님", plain(name); en: "Hello, {}", plain(name)),
            Self::Queued { name } => say!(lang,
                ko: "원장에 적었어요. {} 님과 연결되면 바로 보내요.", plain(name);
                en: "It is in your ledger and leaves as soon as you are connected to {}.", plain(name)),
            Self::Sent { name } => say!(lang,
                ko: "{} 님이 받았다는 답을 기다리고 있어요.", plain(name);
                en: "Waiting for {} to say that they have it.", plain(name)),
            Self::Received { name } => say!(lang,
                ko: "{} 님이 받았고, 아직 수락하지는 않았어요.", plain(name);
                en: "{} has it and has not decided yet.", plain(name)),
            Self::Asked { name } => say!(lang,
                ko: "{} 님이 보낸 것이 결정을 기다려요.", plain(name);
                en: "A payment of {} waits for your decision.", plain(name)),
            Self::Accepted { name } => say!(lang,
                ko: "{} 님이 수락하고 서명했어요. 영수증이 원장에 있어요.", plain(name);
                en: "{} has accepted and signed. The receipt is in your ledger.", plain(name)),
            Self::Taken { name } => say!(lang,
                ko: "{} 님에게서 받아서 원장에 적었어요.", plain(name);
                en: "Taken from {}; it is in your ledger.", plain(name)),
            Self::Refused { name, mine, ref why } => {
                let why = why.say(lang);
                if mine {
                    say!(lang, ko: "{} 님이 받지 않았어요: {} 오간 것은 없어요.", plain(name), why;
                        en: "{} did not take it: {} Nothing has changed hands.", plain(name), why)
                } else {
                    say!(lang, ko: "{} 님이 보낸 것을 받지 않았어요: {} 오간 것은 없어요.", plain(name), why;
                        en: "The payment of {} was not taken: {} Nothing has changed hands.", plain(name), why)
                }
            }
            Self::Connected { path, endpoint } => {
                let path = path.say(lang);
                if endpoint {
                    say!(lang, ko: "연결되었어요({}).", path; en: "Connected {}.", path)
                } else {
                    say!(lang, ko: "우편함을 통해 연결되었어요({}).", path; en: "Connected {}, by way of the mailbox.", path)
                }
            }
            Self::FellBack { endpoint: true, why } => say!(lang,
                ko: "{} 대신 우편함으로 연결해요.", why.say(lang);
                en: "{} The mailbox is used instead.", why.say(lang)),
            Self::FellBack { endpoint: false, why } => say!(lang,
                ko: "우편함으로는 안 됐어요: {}", why.say(lang);
                en: "Not through the mailbox: {}", why.say(lang)),
            Self::KeysChanged { name } => say!(lang,
                ko: "주의: {0} 님의 열쇠가 바뀌었어요. 본인이 바꿨거나, 누군가 {0} 님의 DID 열쇠를 가져간 거예요. 보내기 전에 본인에게 물어보고 안전 번호를 맞춰 보세요.", plain(name);
                en: "WARNING: the keys of {0} have changed. Either {0} made new ones, or somebody has taken their DID key. Ask them and compare the safety number before you pay.", plain(name)),
            Self::FirstPayment { name, unverified: true } => say!(lang,
                ko: "{} 님에게 처음 보내요. 아직 본인인지 확인하지 않았어요.", plain(name);
                en: "This is your first payment to {}, and nobody has verified that it is them.", plain(name)),
            Self::FirstPayment { name, unverified: false } => say!(lang,
                ko: "{} 님에게 처음 보내요.", plain(name);
                en: "This is your first payment to {}.", plain(name)),
            Self::Repeated { money: m, ago } => say!(lang,
                ko: "{} 같은 상대에게 같은 금액({})을 보냈어요.", ago, money(m, lang);
                en: "You paid them the same amount ({1}) {0}.", ago, money(m, lang)),
            Self::PayNow { money: m } => say!(lang, ko: "{} 보내기", money(m, lang); en: "Pay {}", money(m, lang)),
            Self::PaidBefore { times } => say!(lang,
                ko: "지금까지 {}번 보냈어요", times;
                en: "Paid {}", if times == 1 { "once".into() } else { format!("{times} times") }),
            Self::KnownSince { date, verified: true } => {
                say!(lang, ko: "{}에 확인했어요.", date; en: "Verified on {}.", date)
            }
            Self::KnownSince { date, verified: false } => {
                say!(lang, ko: "{}에 처음 봤어요.", date; en: "First seen on {}.", date)
            }
            Self::ProfileNumber { number, until } => {
                say!(lang, ko: "{}호 · {}까지 유효", number, until; en: "no. {} · valid until {}", number, until)
            }
            Self::GatewayLied { host } => say!(lang,
                ko: "가짜 프로필을 준 게이트웨이: {}. 그 프로필은 쓰지 않았어요.", plain(host);
                en: "The gateway {} handed over a forged profile. It was not used.", plain(host)),
            Self::GatewayOlder { sequence } => say!(lang, ko: "옛것({}호)", sequence; en: "older (no. {})", sequence),
            Self::AgreedBy { agreed: 0 } => say!(lang,
                ko: "지금은 어느 게이트웨이도 이 프로필을 보여 주지 않아요.";
                en: "No gateway shows this profile right now."),
            Self::AgreedBy { agreed } => say!(lang,
                ko: "게이트웨이 {}곳만 이 프로필을 보여 줬어요. 서명은 맞지만, 더 새로운 것이 있는지는 알 수 없어요.", agreed;
                en: "Only {} gateway shows this profile. It is signed, but there may be a newer one.", agreed),
            Self::FoundSo { count, hosts } => say!(lang,
                ko: "{}곳 · {} · 모두 서명을 확인했어요", count, plain(hosts);
                en: "{} · {} · every signature was checked", count, plain(hosts)),
            Self::Silent { hosts } => {
                say!(lang, ko: "답하지 않은 디렉터리: {}", plain(hosts); en: "Directories that did not answer: {}", plain(hosts))
            }
            Self::ForgedEntry { directory, about, why } => {
                let about = about.map_or_else(String::new, |about| format!(" ({})", plain(about)));
                say!(lang,
                    ko: "가짜 정보를 준 디렉터리: {}{}. {} 그 정보는 보여 주지 않아요.", plain(directory), about, why;
                    en: "The directory {} handed over a forged entry{}: {} It is not shown.", plain(directory), about, why)
            }
            Self::Saved { file } => {
                say!(lang, ko: "{} 파일로 저장했어요.", plain(file); en: "Saved as {}.", plain(file))
            }
            Self::PleasePay { money: m } => {
                say!(lang, ko: "{} 요청", money(m, lang); en: "A request for {}", money(m, lang))
            }
            Self::HoldsUntil { date } => say!(lang, ko: "{}까지", date; en: "Until {}", date),
            Self::LineTheyGive { limit, left } => say!(lang,
                ko: "{}까지 빚질 수 있고, {} 남았어요.", limit, josa::i(left);
                en: "You may owe up to {}; {} is left.", limit, left),
            Self::LineIGive { limit } => say!(lang,
                ko: "상대는 나에게 {}까지 빚질 수 있어요.", limit;
                en: "They may owe you up to {}.", limit),
            Self::ForgetAsk { name } => say!(lang, ko: "{} 님을 지울까요?", plain(name); en: "Forget {}?", plain(name)),
            Self::AuditFound { findings } => say!(lang,
                ko: "문제를 {}가지 찾았어요. 바꾼 것은 없어요. 믿을 수 있는 백업이 있으면 되살려 주세요.", findings;
                en: "Problems found: {}. Nothing was changed. If you have a backup that you trust, restore it.", findings),
            Self::BackupMade { date, entries, proven } => {
                let since = if entries == 0 {
                    say!(lang, ko: "그 뒤로 바뀐 것이 없어요."; en: "Nothing was written since.")
                } else {
                    say!(lang, ko: "그 뒤로 기록 {}건이 늘었어요.", entries;
                        en: "Since then: {}.", crate::count(entries, "건", "entry", "entries", lang))
                };
                if proven {
                    say!(lang, ko: "{}에 백업이 열리는 것을 확인했어요. {}", date, since;
                        en: "On {} a backup was opened and is sound. {}", date, since)
                } else {
                    say!(lang, ko: "{}에 백업을 저장했어요. 열리는지는 아직 몰라요. {}", date, since;
                        en: "A backup was saved on {}. Whether it opens is not known yet. {}", date, since)
                }
            }
            Self::BackupOld { entries } => say!(lang,
                ko: "마지막 백업 뒤로 기록이 {}건 늘었어요.", entries;
                en: "{} since the last backup.", crate::count(entries, "건", "entry", "entries", lang)),
            Self::BackupProven { entries, missing: 0 } => say!(lang,
                ko: "열렸어요. 기록 {}건이 지금 원장과 모두 같아요.", entries;
                en: "It opens. Its {} are the same as here.", crate::count(entries, "건", "entry", "entries", lang)),
            Self::BackupProven { entries, missing } => say!(lang,
                ko: "열렸어요. 기록 {}건이 같고, 그 뒤의 {}건은 들어 있지 않아요.", entries, missing;
                en: "It opens. Its {} are the same as here; {} came later.", crate::count(entries, "건", "entry", "entries", lang), missing),
            Self::Minutes { minutes: 60 } => say!(lang, ko: "1시간"; en: "1 hour"),
            Self::Minutes { minutes } => say!(lang, ko: "{}분", minutes; en: "{} min", minutes),
            Self::Version { version } => say!(lang, ko: "품앗이 {}", version; en: "Pumasi {}", version),
        }
    }
}

/// An amount of won as Koreans read it, to notice a zero too many: `1만 2,000원`. Nothing for other languages, which read
/// the groups of three that are there anyway.
#[must_use]
pub fn read_won(won: u64, lang: Lang) -> Option<String> {
    const GROUPS: [&str; 5] = ["", "만", "억", "조", "경"];
    if lang != Lang::Ko {
        return None;
    }
    let mut parts = Vec::new();
    let (mut rest, mut group) = (won, 0);
    while rest > 0 {
        let part = rest % 10_000;
        if part > 0 {
            let digits = if part >= 1_000 { format!("{},{:03}", part / 1_000, part % 1_000) } else { part.to_string() };
            parts.push(format!("{digits}{}", GROUPS.get(group).copied().unwrap_or_default()));
        }
        rest /= 10_000;
        group += 1;
    }
    parts.reverse();
    if parts.is_empty() {
        parts.push("0".into());
    }
    Some(format!("{}원", parts.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn won_are_read_in_groups_of_four_digits() {
        let read = |won| read_won(won, Lang::Ko).unwrap();
        assert_eq!(read(12_000), "1만 2,000원");
        assert_eq!(read(10_000), "1만원");
        assert_eq!(read(123_450_678), "1억 2,345만 678원");
        assert_eq!(read(0), "0원");
        assert_eq!(read_won(12_000, Lang::En), None);
    }

    #[test]
    fn waiting_is_not_called_sent_and_a_refusal_says_that_nothing_changed_hands() {
        let queued = Saying::Queued { name: "영희" }.say(Lang::En);
        assert!(!queued.to_lowercase().contains("sent"), "{queued}");
        let refused = Saying::Refused { name: "영희", mine: true, why: Refusal::Declined }.say(Lang::En);
        assert!(refused.ends_with("Nothing has changed hands."), "{refused}");
    }

    #[test]
    fn who_lied_is_named() {
        let lied = Saying::ForgedEntry {
            directory: "dir.example", about: Some("…abc123"), why: "서명이 맞지 않아요."
        };
        assert!(lied.say(Lang::Ko).starts_with("가짜 정보를 준 디렉터리: dir.example (…abc123). 서명이"));
        assert!(Saying::GatewayLied { host: "gate.example" }.say(Lang::En).contains("gate.example"));
    }
}
