use std::borrow::Cow;

/// Longest text of another person that is put into a sentence, in characters; a memo has at most 256.
const MAX_CHARS: usize = 256;

/// A text of another person, made safe to show: one line, nothing that moves the cursor, colours a terminal or turns the
/// direction of what follows, and not endless. What is taken out leaves `·` behind, so that nobody is fooled silently.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().count() <= MAX_CHARS && !text.chars().any(is_trick) {
        return Cow::Borrowed(text);
    }
    let mut shown: String =
        text.chars().take(MAX_CHARS).map(|character| if is_trick(character) { '·' } else { character }).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// Controls (C0, C1), line and paragraph separators, and the bidirectional controls of UAX #9.
pub(crate) fn is_trick(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes_stays_as_it_is() {
        for text in ["김철수", "점심값 🍜 고마워요", "Zoë O'Neill", "가족 👨‍👩‍👧"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn a_name_cannot_reach_the_terminal_or_turn_the_text_around() {
        assert_eq!(plain("Bob\x1b[2K\rpaid"), "Bob·[2K·paid");
        assert_eq!(plain("a\nb\u{9b}c"), "a·b·c");
        assert_eq!(plain("1,000 \u{202e}WRK 000,9"), "1,000 ·WRK 000,9");
        assert_eq!(plain(&"가".repeat(300)).chars().count(), MAX_CHARS + 1);
    }
}
