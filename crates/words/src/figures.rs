use crate::{Lang, Say, plain};
use pumasi_units::{Money, Timestamp, Unit};
use std::time::Duration;
use time::{OffsetDateTime, UtcOffset};

/// An amount as people write it: `12,000원` or `12,000 KRW`, `0.00012000 BTC`. Of the issuer of a unit, the end of the DID
/// is shown: `3 hours@…k7Qz`.
#[must_use]
pub fn money(money: &Money, lang: Lang) -> String {
    let shown = money.to_string();
    if lang == Lang::Ko && *money.unit() == Unit::krw() {
        return shown.replace(" KRW", "원");
    }
    match shown.split_once('@') {
        Some((amount_and_name, did)) => {
            let tail = did.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
            format!("{amount_and_name}@…{}", &did[tail..])
        }
        None => shown,
    }
}

/// A count of smallest parts, which may be below zero, in a unit: `-12,000 KRW`.
#[must_use]
pub fn amount(minor: i128, unit: &Unit, lang: Lang) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let shown = u64::try_from(minor.unsigned_abs()).ok().and_then(|minor| Money::new(minor, unit.clone()).ok());
    match shown {
        Some(value) => format!("{sign}{}", money(&value, lang)),
        // Above what one payment can be: still the truth, without decimals.
        None => say!(lang, ko: "{} {} 최소 단위", minor, unit; en: "{} smallest parts of {}", minor, unit),
    }
}

/// What stands between two people in one unit.
#[derive(Debug, Clone, Copy)]
pub struct Balance<'a> {
    /// The other person.
    pub name: &'a str,
    /// What they owe me, in smallest parts; below zero, what I owe them.
    pub they_owe: i128,
    /// Of what.
    pub unit: &'a Unit,
}

impl Say for Balance<'_> {
    fn say(&self, lang: Lang) -> String {
        let name = plain(self.name);
        let figure = amount(self.they_owe.saturating_abs(), self.unit, lang);
        match self.they_owe {
            0 => say!(lang, ko: "{} 님과 주고받을 것이 없어요.", name; en: "You and {} are even.", name),
            1.. => say!(lang,
                ko: "{} 님에게 받을 것이 {} 있어요.", name, figure;
                en: "{} owes you {}.", name, figure),
            _ => say!(lang,
                ko: "{} 님에게 줄 것이 {} 있어요.", name, figure;
                en: "You owe {} {}.", name, figure),
        }
    }
}

/// How long something took or lasts, in the two largest parts that say something: `0.4 s`, `3분 20초`, `2 h 5 min`.
#[must_use]
pub fn span(span: Duration, lang: Lang) -> String {
    let (ms, s) = (span.as_millis(), span.as_secs());
    let two = |large: u64, large_unit: [&str; 2], small: u64, small_unit: [&str; 2]| {
        let part = |n: u64, [ko, en]: [&str; 2]| say!(lang, ko: "{}{}", n, ko; en: "{} {}", n, en);
        if small == 0 {
            part(large, large_unit)
        } else {
            format!("{} {}", part(large, large_unit), part(small, small_unit))
        }
    };
    match s {
        // Below a tenth of a second, in milliseconds; 99.95 ms and more reads 0.1 s.
        _ if ms < 100 => say!(lang, ko: "{}ms", ms; en: "{} ms", ms),
        0..10 => say!(lang, ko: "{:.1}초", span.as_secs_f64(); en: "{:.1} s", span.as_secs_f64()),
        10..60 => say!(lang, ko: "{}초", s; en: "{} s", s),
        60..3_600 => two(s / 60, ["분", "min"], s % 60, ["초", "s"]),
        3_600..86_400 => two(s / 3_600, ["시간", "h"], s / 60 % 60, ["분", "min"]),
        _ => two(s / 86_400, ["일", "d"], s / 3_600 % 24, ["시간", "h"]),
    }
}

/// How long ago something was, in its largest part: `3분 전`, `2 h ago`.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp, lang: Lang) -> String {
    let s = now.since(then) / 1_000;
    match s {
        0..60 => say!(lang, ko: "방금"; en: "just now"),
        60..3_600 => say!(lang, ko: "{}분 전", s / 60; en: "{} min ago", s / 60),
        3_600..86_400 => say!(lang, ko: "{}시간 전", s / 3_600; en: "{} h ago", s / 3_600),
        _ => say!(lang, ko: "{}일 전", s / 86_400; en: "{} d ago", s / 86_400),
    }
}

/// A date and time on the clock of a place, whose offset from UTC is given in minutes: `2026년 11월 21일 16:48`,
/// `21 Nov 2026, 16:48`. At offset zero it says so.
#[must_use]
pub fn date_time(at: Timestamp, utc_offset_minutes: i16, lang: Lang) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let local = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .ok()
        .zip(UtcOffset::from_whole_seconds(i32::from(utc_offset_minutes) * 60).ok())
        .and_then(|(utc, offset)| utc.checked_to_offset(offset));
    let Some(local) = local else { return at.to_string() };
    let zone = if utc_offset_minutes == 0 { " UTC" } else { "" };
    let (year, month, day) = (local.year(), u8::from(local.month()), local.day());
    let (hour, minute) = (local.hour(), local.minute());
    match lang {
        Lang::Ko => format!("{year}년 {month}월 {day}일 {hour:02}:{minute:02}{zone}"),
        Lang::En => {
            format!("{day} {} {year}, {hour:02}:{minute:02}{zone}", MONTHS[usize::from(month) - 1])
        }
    }
}

/// A number of things, with the thing in English in singular and plural and in Korean with its counter: `1 entry`, `3건`.
#[must_use]
pub fn count(n: u64, counter: &str, one: &str, many: &str, lang: Lang) -> String {
    say!(lang, ko: "{}{}", n, counter; en: "{} {}", n, if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn won(minor: u64) -> Money {
        Money::new(minor, Unit::krw()).unwrap()
    }

    #[test]
    fn money_is_written_as_in_the_language() {
        assert_eq!(money(&won(12_000), Lang::Ko), "12,000원");
        assert_eq!(money(&won(12_000), Lang::En), "12,000 KRW");
        assert_eq!(money(&"0.00012 BTC".parse().unwrap(), Lang::Ko), "0.00012000 BTC");
        assert_eq!(money(&"3 hours@did:key:z6MkabcdWxYz".parse().unwrap(), Lang::En), "3 hours@…WxYz");
    }

    #[test]
    fn amounts_keep_their_sign_and_never_lie_when_they_are_huge() {
        assert_eq!(amount(-12_000, &Unit::krw(), Lang::Ko), "-12,000원");
        assert_eq!(amount(0, &Unit::krw(), Lang::En), "0 KRW");
        assert_eq!(amount(i128::from(u64::MAX), &Unit::krw(), Lang::En), "18446744073709551615 smallest parts of KRW");
    }

    #[test]
    fn a_balance_says_who_owes_whom() {
        let say = |they_owe, lang| Balance { name: "김철수", they_owe, unit: &Unit::krw() }.say(lang);
        assert_eq!(say(12_000, Lang::En), "김철수 owes you 12,000 KRW.");
        assert_eq!(say(-12_000, Lang::En), "You owe 김철수 12,000 KRW.");
        assert_eq!(say(12_000, Lang::Ko), "김철수 님에게 받을 것이 12,000원 있어요.");
        assert_eq!(say(-12_000, Lang::Ko), "김철수 님에게 줄 것이 12,000원 있어요.");
        assert_eq!(say(0, Lang::En), "You and 김철수 are even.");
    }

    #[test]
    fn spans_have_the_two_parts_that_matter() {
        for (ms, ko, en) in [
            (0, "0ms", "0 ms"),
            (42, "42ms", "42 ms"),
            (412, "0.4초", "0.4 s"),
            (9_940, "9.9초", "9.9 s"),
            (59_900, "59초", "59 s"),
            (180_000, "3분", "3 min"),
            (200_000, "3분 20초", "3 min 20 s"),
            (7_500_000, "2시간 5분", "2 h 5 min"),
            (90_000_000, "1일 1시간", "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_millis(ms), Lang::Ko), ko);
            assert_eq!(span(Duration::from_millis(ms), Lang::En), en);
        }
    }

    #[test]
    fn dates_are_on_the_clock_of_the_place() {
        let at = Timestamp::parse_rfc3339("2026-11-21T16:48:00Z").unwrap();
        assert_eq!(date_time(at, 9 * 60, Lang::Ko), "2026년 11월 22일 01:48");
        assert_eq!(date_time(at, 0, Lang::En), "21 Nov 2026, 16:48 UTC");
        assert_eq!(ago(at - 200_000, at, Lang::Ko), "3분 전");
        assert_eq!(ago(at + 5_000, at, Lang::En), "just now");
    }
}
