//! Korean particles (조사), which depend on how the word before them ends.
//!
//! The end is what a reader pronounces: the last Hangul syllable, a digit as a number (10 십, 12,000 만이천), a Latin word
//! by a rule of thumb (Bob 밥, Alice 앨리스), an abbreviation letter by letter (KRW 더블유). Where that cannot be known,
//! both forms are written, as Koreans do: 은(는).

/// How a word ends, for what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Vowel,
    /// ㄹ counts as a vowel before 로.
    Rieul,
    Consonant,
    Unknown,
}

/// The word with 은/는: what the sentence is about.
#[must_use]
pub fn eun(word: &str) -> String {
    join(word, "은", "는", "은(는)")
}

/// The word with 이/가: who does it.
#[must_use]
pub fn i(word: &str) -> String {
    join(word, "이", "가", "이(가)")
}

/// The word with 을/를: what it is done to.
#[must_use]
pub fn eul(word: &str) -> String {
    join(word, "을", "를", "을(를)")
}

/// The word with 과/와: with whom.
#[must_use]
pub fn gwa(word: &str) -> String {
    join(word, "과", "와", "과(와)")
}

/// The word with 이에요/예요: what it is.
#[must_use]
pub fn ieyo(word: &str) -> String {
    join(word, "이에요", "예요", "이에요(예요)")
}

/// The word with 으로/로: where to, by what.
#[must_use]
pub fn ro(word: &str) -> String {
    match ending(word) {
        Ending::Vowel | Ending::Rieul => format!("{word}로"),
        Ending::Consonant => format!("{word}으로"),
        Ending::Unknown => format!("{word}(으)로"),
    }
}

fn join(word: &str, after_consonant: &str, after_vowel: &str, unknown: &str) -> String {
    let particle = match ending(word) {
        Ending::Vowel => after_vowel,
        Ending::Rieul | Ending::Consonant => after_consonant,
        Ending::Unknown => unknown,
    };
    format!("{word}{particle}")
}

fn ending(word: &str) -> Ending {
    let spoken = word.trim_end_matches(|c: char| !c.is_alphanumeric());
    match spoken.chars().next_back() {
        Some(syllable @ '가'..='힣') => of_syllable(syllable),
        Some('0'..='9') => of_number(spoken),
        Some('A'..='Z' | 'a'..='z') => of_latin(spoken),
        _ => Ending::Unknown,
    }
}

/// Unicode 3.12: a syllable's final is its distance from 가, modulo 28; 0 is none and 8 is ㄹ.
fn of_syllable(syllable: char) -> Ending {
    match (syllable as u32 - '가' as u32) % 28 {
        0 => Ending::Vowel,
        8 => Ending::Rieul,
        _ => Ending::Consonant,
    }
}

/// A number as it is read: 십, 백, 천, 만, 억, 조 by its zeros, else its last digit; after a decimal point each digit.
fn of_number(spoken: &str) -> Ending {
    let start = spoken
        .rfind(|c: char| !c.is_ascii_digit() && c != ',' && c != '.')
        .map_or(0, |at| at + spoken[at..].chars().next().map_or(0, char::len_utf8));
    let number = &spoken[start..];
    let digits = number.replace(',', "");
    let zeros = digits.bytes().rev().take_while(|digit| *digit == b'0').count();
    if zeros == 0 || zeros == digits.len() || digits.contains('.') {
        return match digits.bytes().next_back() {
            Some(b'2' | b'4' | b'5' | b'9') => Ending::Vowel,
            Some(b'1' | b'7' | b'8') => Ending::Rieul,
            _ => Ending::Consonant,
        };
    }
    // 십 백 천 만 억 end in a consonant, 조 in a vowel, 경 in a consonant again.
    if (12..16).contains(&zeros) { Ending::Vowel } else { Ending::Consonant }
}

/// A rule of thumb for names: it follows how they are usually written in Hangul.
fn of_latin(spoken: &str) -> Ending {
    let word = spoken.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    if word.bytes().all(|b| b.is_ascii_uppercase()) {
        // Letter by letter: 엘, 엠, 엔; all others end in a vowel (에프, 아르, 엑스).
        return match word.bytes().next_back() {
            Some(b'L') => Ending::Rieul,
            Some(b'M' | b'N') => Ending::Consonant,
            _ => Ending::Vowel,
        };
    }
    let lower = word.to_ascii_lowercase();
    let silent = match lower.as_bytes() {
        // Jane 제인, Kyle 카일, Jerome 제롬: the e is not heard.
        [.., before, b'l' | b'm' | b'n', b'e'] if is_vowel(*before) => &lower[..lower.len() - 1],
        _ => &lower,
    };
    match silent.as_bytes() {
        [.., b'l'] => Ending::Rieul,
        [.., b'm' | b'n'] | [.., b'n', b'g'] => Ending::Consonant,
        // Bob 밥, Jack 잭, Scott 스콧; but Mark 마크 and Robert 로버트.
        [.., before, last @ (b'b' | b'c' | b'k' | b'p' | b't')]
            if is_vowel(*before) || before == last || (*before, *last) == (b'c', b'k') =>
        {
            Ending::Consonant
        }
        _ => Ending::Vowel,
    }
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hangul_ends_as_its_last_syllable_does() {
        assert_eq!(eun("철수"), "철수는");
        assert_eq!(eun("영순"), "영순은");
        assert_eq!(i("지갑"), "지갑이");
        assert_eq!(eul("영수증을 적은 쪽지"), "영수증을 적은 쪽지를");
        assert_eq!(gwa("가게"), "가게와");
        assert_eq!(ieyo("이웃"), "이웃이에요");
        assert_eq!(ieyo("친구"), "친구예요");
    }

    #[test]
    fn rieul_is_a_vowel_only_before_ro() {
        assert_eq!(ro("서울"), "서울로");
        assert_eq!(ro("부산"), "부산으로");
        assert_eq!(ro("제주"), "제주로");
        assert_eq!(eul("서울"), "서울을");
    }

    #[test]
    fn numbers_end_as_they_are_read() {
        for (number, read) in [
            ("0", "0은"),
            ("1", "1은"),
            ("2", "2는"),
            ("10", "10은"),
            ("12,000", "12,000은"),
            ("35", "35는"),
            ("1,000,000,000,000", "1,000,000,000,000는"),
            ("0.00012000", "0.00012000은"),
            ("0.5", "0.5는"),
        ] {
            assert_eq!(eun(number), read);
        }
        assert_eq!(ro("7"), "7로");
        assert_eq!(ro("6"), "6으로");
        assert_eq!(eul("12,000원"), "12,000원을");
        assert_eq!(eul("제3"), "제3을");
    }

    #[test]
    fn latin_words_end_as_koreans_write_them_and_abbreviations_letter_by_letter() {
        for name in ["Bob", "Jane", "Jack", "Scott", "Kim", "Kyle", "Daniel", "Eric", "Manning"] {
            assert_eq!(i(name), format!("{name}이"));
        }
        for name in ["Alice", "Mark", "Robert", "David", "Chloe", "Peter", "Emma", "Mike", "James"] {
            assert_eq!(i(name), format!("{name}가"));
        }
        assert_eq!(eul("BTC"), "BTC를");
        assert_eq!(eul("TURN"), "TURN을");
        assert_eq!(ro("XML"), "XML로");
    }

    #[test]
    fn closing_marks_are_passed_over_and_the_unknown_gets_both_forms() {
        assert_eq!(eun("김철수(아빠)"), "김철수(아빠)는");
        assert_eq!(eul("‘밥’"), "‘밥’을");
        assert_eq!(eun("太郎"), "太郎은(는)");
        assert_eq!(ro("🍜"), "🍜(으)로");
        assert_eq!(eun(""), "은(는)");
    }
}
