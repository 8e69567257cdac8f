//! Text of others on its way to a terminal, which obeys some characters instead
//! of showing them.

use std::ops::RangeInclusive;

/// What separates lines, and what turns the direction of writing, so that a name
/// could look like something else.
const TURNING: [RangeInclusive<char>; 4] =
    ['\u{61c}'..='\u{61c}', '\u{200e}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];

/// The text with a space for each such character; lines stay.
pub(crate) fn printable(text: &str) -> String {
    let is_obeyed = |c: char| (c.is_control() && c != '\n') || TURNING.iter().any(|range| range.contains(&c));
    text.chars().map(|c| if is_obeyed(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_becomes_a_space() {
        assert_eq!(
            printable("a\u{1b}[2J\u{202e}b\u{2028}c\td\nüé日本 👩\u{200d}💻"),
            "a [2J b c d\nüé日本 👩\u{200d}💻"
        );
    }
}
