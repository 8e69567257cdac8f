//! Shortens text that someone else may have chosen, for a log, an audit row or a list on a page,
//! and removes characters that control a terminal.

use stagepass_core::visible::printable_line;
use std::fmt::{self, Write};

/// The text of `value` with at most `max_chars` characters, ending in "…" if it was longer.
pub(crate) fn bounded(value: impl fmt::Display, max_chars: usize) -> String {
    let mut bounded = Bounded { text: String::new(), left: max_chars };
    let is_cut = write!(bounded, "{value}").is_err();
    let mut text = printable_line(&bounded.text);
    if is_cut {
        text.push('…');
    }
    text
}

/// Fails when full, so that the rest is not even formatted.
struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_a_shortened_text_with_an_ellipsis() {
        assert_eq!(bounded("Grüße", 5), "Grüße");
        assert_eq!(bounded("Grüßen", 5), "Grüße…");
        assert_eq!(bounded(format_args!("{:?}{}", "a", "b".repeat(60_000)), 5), "\"a\"bb…");
        assert_eq!(bounded("", 0), "");
    }

    #[test]
    fn removes_characters_that_control_a_terminal() {
        assert_eq!(
            bounded("a\u{1b}[2J\nb\u{9b}\u{202e}c 日本", 50),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}\u{fffd}c 日本"
        );
    }
}
