//! Columns that stand straight, whatever the script: a Hangul syllable takes two places.

use pumasi_words::{Label, Lang, Say};
use unicode_width::UnicodeWidthStr as _;

/// Between two columns.
const GAP: &str = "  ";

/// On which side of its column a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Rows of texts as lines, each column as wide as its widest text. Nothing is added after the last text of a line.
pub(crate) fn table(columns: &[Align], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.width()).max();
    let widths: Vec<usize> = (0..columns.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(columns).zip(&widths).map(|((text, align), width)| {
            let space = " ".repeat(width.saturating_sub(text.width()));
            match align {
                Align::Left => format!("{text}{space}"),
                Align::Right => format!("{space}{text}"),
            }
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Labels and their values, a line each; those without a value are left out.
pub(crate) fn fields(fields: &[(Label, String)], lang: Lang) -> String {
    let filled = fields.iter().filter(|(_, value)| !value.is_empty());
    table(&[Align::Left; 2], filled.map(|(label, value)| vec![label.say(lang), value.clone()]))
}

/// The same, with labels that are words already.
pub(crate) fn labelled(fields: Vec<(String, String)>) -> String {
    let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
    table(&[Align::Left; 2], filled.map(|(label, value)| vec![label, value]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_straight_with_hangul_and_figures_end_together() {
        let rows = [["김철수", "12,000원", "점심"], ["Bob", "3원", ""], ["👨‍👩‍👧", "1,000,000원", "x"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let text = table(&[Align::Left, Align::Right, Align::Left], rows);
        let places: Vec<usize> = text.lines().map(|line| line[..line.find('원').unwrap_or(0)].width()).collect();
        assert_eq!(places, [places[0]; 3], "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()), "{text:?}");
        assert!(text.starts_with("김철수     12,000원  점심\n"), "{text}");
    }
}
