//! Which characters a name may contain, and how to show text from outside. Knows nothing of
//! where names and texts come from.
//!
//! Terminals execute some characters instead of showing them, some reverse the writing
//! direction, and many are invisible: a name with such a character can look like another name.
//! The rule here is for text that people write; cookies have a stricter rule.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use thiserror::Error;

/// How much is shown of a name that comes from outside.
pub const MAX_SHOWN_CHARS: usize = 64;

/// What is wrong with a text. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextFault {
    /// A control character, such as an escape, a tab or a line break.
    #[error("must not hold control characters")]
    Control,
    /// A character that is invisible, separates lines, or reverses the writing direction.
    #[error("must not hold invisible characters")]
    Invisible,
}

/// Invisible characters: Unicode's `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`),
/// line separators, annotation controls, and the empty Braille pattern. [`has_meaning`] makes
/// exceptions in some contexts.
const INVISIBLE: [RangeInclusive<char>; 18] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Scripts whose letters join, so that a joiner between two of them is part of the spelling:
/// Arabic and related scripts, those of India and South-East Asia, Mongolian.
const JOINING: [RangeInclusive<char>; 10] = [
    '\u{620}'..='\u{8ff}',
    '\u{900}'..='\u{dff}',
    '\u{f00}'..='\u{109f}',
    '\u{1700}'..='\u{18af}',
    '\u{1a00}'..='\u{1cff}',
    '\u{a800}'..='\u{abff}',
    '\u{fb50}'..='\u{fdff}',
    '\u{fe70}'..='\u{fefc}',
    '\u{10a00}'..='\u{10fff}',
    '\u{11000}'..='\u{11fff}',
];

/// Emoji, and symbols that can be shown as emoji.
const EMOJI: [RangeInclusive<char>; 9] = [
    '\u{a9}'..='\u{a9}',
    '\u{ae}'..='\u{ae}',
    '\u{203c}'..='\u{203c}',
    '\u{2049}'..='\u{2049}',
    '\u{2122}'..='\u{2bff}',
    '\u{3030}'..='\u{303d}',
    '\u{3297}'..='\u{3299}',
    '\u{1f000}'..='\u{1faff}',
    '\u{fe0f}'..='\u{fe0f}',
];

/// Ideographs; some have several forms.
const IDEOGRAPHS: [RangeInclusive<char>; 4] =
    ['\u{3400}'..='\u{4dbf}', '\u{4e00}'..='\u{9fff}', '\u{f900}'..='\u{faff}', '\u{20000}'..='\u{3ffff}'];

/// Refuses characters that a name or another single line must not contain.
///
/// # Errors
/// The first [`TextFault`] found.
// Decision: docs/decisions/capture.md#one-module-decides-which-characters-a-name-may-hold
pub fn check(text: &str) -> Result<(), TextFault> {
    faults(text).find_map(|(_, fault)| fault).map_or(Ok(()), Err)
}

/// A single line with everything that [`check`] refuses replaced by U+FFFD.
#[must_use]
pub fn printable_line(text: &str) -> String {
    printable_start(text, usize::MAX)
}

/// The first `max_chars` characters of [`printable_line`].
#[must_use]
pub fn printable_start(text: &str, max_chars: usize) -> String {
    let shown = faults(text).map(|(c, fault)| fault.map_or(c, |_| char::REPLACEMENT_CHARACTER));
    shown.take(max_chars).collect()
}

/// Like [`printable_line`], but keeps line breaks and tabs.
#[must_use]
pub fn printable(text: &str) -> String {
    let is_kept = |c: char, fault: Option<TextFault>| fault.is_none() || matches!(c, '\n' | '\t');
    faults(text).map(|(c, fault)| if is_kept(c, fault) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// The same JSON with every character escaped that a terminal would not show. In well-formed
/// JSON such characters occur only inside strings.
#[must_use]
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for (c, fault) in faults(json) {
        if fault.is_none() || c == '\n' {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String never fails.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// Each character with its fault, if any.
fn faults(text: &str) -> impl Iterator<Item = (char, Option<TextFault>)> {
    let before = [None].into_iter().chain(text.chars().map(Some));
    let after = text.chars().skip(1).map(Some).chain([None]);
    text.chars().zip(before).zip(after).map(|((c, before), after)| {
        let fault = if c.is_control() {
            Some(TextFault::Control)
        } else {
            (is_in(&INVISIBLE, c) && !has_meaning(before, c, after)).then_some(TextFault::Invisible)
        };
        (c, fault)
    })
}

/// Whether an invisible character is meaningful between its neighbours: in joining scripts, in
/// emoji, and as a variant of an ideograph.
fn has_meaning(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is_after = |ranges: &[RangeInclusive<char>]| before.is_some_and(|before| is_in(ranges, before));
    let is_between =
        |ranges: &[RangeInclusive<char>]| is_after(ranges) && after.is_some_and(|after| is_in(ranges, after));
    match c {
        '\u{200c}' => is_between(&JOINING),
        '\u{200d}' => is_between(&JOINING) || is_between(&EMOJI),
        '\u{fe0e}' | '\u{fe0f}' => {
            let is_keycap = matches!(before, Some('0'..='9' | '#' | '*')) && after == Some('\u{20e3}');
            is_keycap || (before != Some('\u{fe0f}') && is_after(&EMOJI))
        }
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => is_after(&IDEOGRAPHS),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => is_after(&['\u{1820}'..='\u{18aa}']),
        _ => false,
    }
}

fn is_in(ranges: &[RangeInclusive<char>], c: char) -> bool {
    ranges.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_of_people() {
        for name in [
            "primary",
            "my own",
            "Jürgen Müller-Lüdenscheid",
            "キー",
            "日本語",
            "葛\u{e0100}城",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "עברית",
            "❤\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "👩\u{200d}💻",
            "👩🏽\u{200d}💻",
            "🏳\u{fe0f}\u{200d}🌈",
        ] {
            assert_eq!(check(name), Ok(()), "{name:?}");
            assert_eq!(printable_line(name), name);
        }
    }

    #[test]
    fn refuses_and_replaces_invisible_and_control_characters() {
        for hidden in INVISIBLE.iter().flat_map(|range| [*range.start(), *range.end()]) {
            for text in [format!("a{hidden}b"), hidden.to_string(), format!("a{hidden}")] {
                assert_eq!(check(&text), Err(TextFault::Invisible), "{text:?}");
                assert_eq!(printable_line(&text), text.replace(hidden, "\u{fffd}"));
                assert_eq!(printable(&text), text.replace(hidden, "\u{fffd}"));
            }
        }
        for control in ['\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'] {
            assert_eq!(check(&format!("a{control}b")), Err(TextFault::Control), "{control:?}");
            assert_eq!(printable_line(&format!("a{control}b")), "a\u{fffd}b");
            assert_eq!(printable_start(&format!("a{control}bcd"), 3), "a\u{fffd}b");
        }
    }

    #[test]
    fn refuses_joiners_and_variants_without_meaning() {
        for text in [
            "a\u{200d}b",
            "a\u{200c}b",
            "\u{200d}💻",
            "👩\u{200d}",
            "👩\u{200d}a",
            "م\u{200c}",
            "a\u{fe0f}",
            "1\u{fe0f}",
            "❤\u{fe0f}\u{fe0f}",
            "a\u{e0100}",
            "葛\u{e0100}\u{e0101}",
            "a\u{180b}",
        ] {
            assert_eq!(check(text), Err(TextFault::Invisible), "{text:?}");
        }
    }

    #[test]
    fn escaped_json_keeps_its_meaning() {
        let value = serde_json::json!({"a\u{202e}b": "\u{1b}[2J\u{9b}\u{e0001}\t😀\"\\"});
        let json = format!("{value:#}");
        let escaped = escaped_json(&json);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        assert_eq!(printable(&escaped), escaped);
        assert!(json.contains('\u{202e}') && escaped.contains("\\udb40\\udc01"), "{escaped}");
    }

    #[test]
    fn printable_keeps_line_breaks_and_tabs() {
        assert_eq!(
            printable("a\u{1b}[2J\u{202e}b\r\n\tc\u{2028}"),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}\n\tc\u{fffd}"
        );
    }
}
