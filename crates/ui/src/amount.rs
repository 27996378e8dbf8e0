//! An amount while it is typed: separators come and go by themselves, and the caret stays where it was.

use pumasi_units::{Money, Unit};
use pumasi_words::web::Trouble;

/// The text with separators, and the caret in it. Counts are in characters. What cannot be part of an amount is dropped.
#[must_use]
pub fn regroup(typed: &str, caret: usize, decimals: u8) -> (String, usize) {
    let mut kept = String::new();
    let mut before = 0_usize;
    let mut point = None;
    for (at, character) in typed.chars().enumerate() {
        let character = match character {
            '０'..='９' => char::from(b'0' + u8::try_from(character as u32 - '０' as u32).expect("a digit")),
            '．' | '。' => '.',
            other => other,
        };
        let fits = match (character, point) {
            ('0'..='9', None) => kept.len() < MAX_DIGITS,
            ('0'..='9', Some(point)) => kept.len() - point <= usize::from(decimals),
            ('.', None) => decimals > 0,
            _ => false,
        };
        if fits {
            if character == '.' {
                point = Some(kept.len());
            }
            kept.push(character);
            if at < caret {
                before += 1;
            }
        }
    }
    let whole_length = point.unwrap_or(kept.len());
    let zeros = kept[..whole_length].len() - kept[..whole_length].trim_start_matches('0').len();
    // One zero stays where nothing else is in front of the point.
    let dropped = if zeros == whole_length { zeros.saturating_sub(1) } else { zeros };
    let (kept, whole_length, before) = (&kept[dropped..], whole_length - dropped, before.saturating_sub(dropped));

    let mut out = String::new();
    let mut caret = 0;
    for (at, character) in kept.chars().enumerate() {
        if at > 0 && at < whole_length && (whole_length - at) % 3 == 0 {
            out.push(',');
        }
        out.push(character);
        if at + 1 == before {
            caret = out.len();
        }
    }
    (out, caret)
}

/// Digits before the point: 10^18 has nineteen.
const MAX_DIGITS: usize = 19;

/// The typed text as an amount of the unit.
///
/// # Errors
/// [`Trouble::BadAmount`] and [`Trouble::ZeroAmount`].
pub fn read(typed: &str, unit: &Unit) -> Result<Money, Trouble> {
    let typed = typed.trim().trim_end_matches('.');
    let money: Money = format!("{typed} {unit}").parse().map_err(|_| Trouble::BadAmount)?;
    if money.minor() == 0 { Err(Trouble::ZeroAmount) } else { Ok(money) }
}

/// The number of an amount, without its unit, as it is typed.
#[must_use]
pub fn number(money: &Money) -> String {
    let shown = money.to_string();
    shown.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_come_by_themselves_and_the_caret_stays_behind_its_digit() {
        assert_eq!(regroup("12000", 5, 0), ("12,000".into(), 6));
        assert_eq!(regroup("1,2000", 6, 0), ("12,000".into(), 6));
        assert_eq!(regroup("12,00", 5, 0), ("1,200".into(), 5));
        assert_eq!(regroup("912,000", 1, 0), ("912,000".into(), 1));
        assert_eq!(regroup("1912,000", 1, 0), ("1,912,000".into(), 1));
        assert_eq!(regroup("", 0, 0), (String::new(), 0));
    }

    #[test]
    fn what_is_no_amount_is_dropped() {
        assert_eq!(regroup("-1e3원", 5, 0).0, "13");
        assert_eq!(regroup("１２０００", 5, 0).0, "12,000");
        assert_eq!(regroup("1.5", 3, 0).0, "15");
        assert_eq!(regroup("1234.567", 8, 2).0, "1,234.56");
        assert_eq!(regroup("1.2.3", 5, 2).0, "1.23");
        assert_eq!(regroup("007", 3, 0).0, "7");
        assert_eq!(regroup("000", 3, 0).0, "0");
        assert_eq!(regroup("00.5", 4, 2).0, "0.5");
        assert_eq!(regroup(&"9".repeat(40), 40, 0).0.replace(',', "").len(), MAX_DIGITS);
    }

    #[test]
    fn what_was_typed_is_read_as_shown() {
        let krw = Unit::krw();
        assert_eq!(read("12,000", &krw).unwrap().minor(), 12_000);
        assert_eq!(read("12,000", &"USD".parse().unwrap()).unwrap().minor(), 1_200_000);
        assert_eq!(read("0.5", &"USD".parse().unwrap()).unwrap().minor(), 50);
        assert_eq!(read("5.", &"USD".parse().unwrap()).unwrap().minor(), 500);
        assert_eq!(read("", &krw), Err(Trouble::BadAmount));
        assert_eq!(read("0", &krw), Err(Trouble::ZeroAmount));
        assert_eq!(number(&read("12,000", &krw).unwrap()), "12,000");
    }
}
