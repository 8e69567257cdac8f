//! Keeps constructions out of sources, documents and texts that have to be read twice or only
//! look precise.

use super::{root, sources};
use anyhow::Result;
use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

/// What to avoid, and what to write instead. `|` separates alternatives, `…` stands for up
/// to four words.
const AVOIDED: &[(&str, &str)] = &[
    ("whoever|whomever|whosoever", "who, anybody who, somebody who, a caller that"),
    ("anew", "again; or the verb alone: re-encrypt, reload, restart"),
    ("is|are|was|were|be|been none", "the thing itself: no such route, not an address, absent"),
    ("be it", "whether … or, also if"),
    ("so many … in", "how many, or the unit: whole seconds"),
    ("told from", "tell apart, differs from"),
    ("has|have|had|having it that", "says that"),
    ("in vain", "without success, timed out, too early"),
    ("of ours|theirs|hers", "our, their or her before the noun, or whose it is: the server's"),
    ("that is what", "the thing itself"),
    ("to be had", "available, can be got"),
    ("thereof|therein|thereto|hereby|herein|whereof|wherein|lest|nought|hitherto", "an everyday word"),
];

/// Where the same words are plain English.
const ALLOWED: &[&str] = &[
    "there is|are|was|were|be|been none",
    "is|are|was|were|be|been none of",
    "to|can|could|may|might|must|not|should|will|would be it",
];

const FOLDERS: [&str; 8] = ["core", "docs", "extension", "native-host", "server", "tests", "wasm", "xtask"];
const EXTENSIONS: [&str; 8] = ["rs", "js", "sql", "py", "html", "css", "toml", "md"];
const UI_TEXTS: &str = "extension/_locales/en/messages.json";
/// Landed migrations are never edited, and a release's records stay as they are. This file
/// has to quote what it looks for.
const SKIPPED: [&str; 3] = ["server/migrations/", "tests/releases/", "tidy/english.rs"];
/// The start of a comment's line.
const MARKERS: [&str; 7] = ["///", "//!", "//", "--", "#", "/*", "*"];
const MOST_WORDS_BETWEEN: usize = 4;

/// A word of a text or an identifier.
struct Word {
    text: String,
    line: usize,
    /// Only spaces, a line break within a sentence, or an identifier's underscore stand between
    /// this word and the one before.
    follows: bool,
}

/// The words of a text; identifiers are split into words.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut last_marker, mut is_joined) = ("", false);
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        let (first, rest) = content.split_once(' ').unwrap_or((content, ""));
        let marker = MARKERS.into_iter().find(|marker| *marker == first).unwrap_or_default();
        is_joined &= marker == last_marker;
        last_marker = marker;
        let content = without_option_checks(if marker.is_empty() { content } else { rest });
        is_joined = add_words(&content, line, is_joined, &mut words);
    }
    words
}

/// Removes `is_none` of Rust's `Option`; names that only contain these words stay.
fn without_option_checks(content: &str) -> String {
    let mut kept = String::new();
    for part in content.split_inclusive("is_none") {
        kept.push_str(part);
        let name = part.strip_suffix("is_none");
        if name.is_some_and(|before| !before.ends_with(|c: char| c == '_' || c.is_alphanumeric())) {
            kept.truncate(kept.len() - "none".len());
            kept.push('.');
        }
    }
    kept
}

/// Adds the words of a line, and returns whether a sentence may continue in the next one.
fn add_words(content: &str, line: usize, mut follows: bool, words: &mut Vec<Word>) -> bool {
    let mut text = String::new();
    let mut rest = content.chars().peekable();
    let mut end = |text: &mut String, follows: &mut bool| {
        if !text.is_empty() {
            // `None` is Python's and Rust's value, not the word.
            let text = std::mem::take(text);
            let text = if text == "None" { text } else { text.to_lowercase() };
            words.push(Word { text, line, follows: *follows });
            *follows = true;
        }
    };
    while let Some(c) = rest.next() {
        let is_within = |c: &char| c.is_alphanumeric();
        if is_within(&c) || ("'’".contains(c) && !text.is_empty() && rest.peek().is_some_and(is_within)) {
            // In JavaScript's names a capital starts a word.
            if c.is_uppercase() && text.ends_with(char::is_lowercase) {
                end(&mut text, &mut follows);
            }
            text.push(c);
        } else {
            end(&mut text, &mut follows);
            follows &= c.is_whitespace() || "_*\\".contains(c);
        }
    }
    end(&mut text, &mut follows);
    follows && !content.trim().is_empty()
}

/// The end of a pattern that starts with the word at `start`.
fn end_of(pattern: &[&str], words: &[Word], start: usize) -> Option<usize> {
    let Some((first, rest)) = pattern.split_first() else { return Some(start) };
    let at = |index: usize| words.get(index).filter(|word| index == start || word.follows);
    if *first == "…" {
        let mut ends = (start..start + MOST_WORDS_BETWEEN).take_while(|index| at(*index).is_some());
        return ends.find_map(|index| next(rest, words, index + 1));
    }
    let is_first = words.get(start).is_some_and(|word| first.split('|').any(|known| known == word.text));
    if is_first { next(rest, words, start + 1) } else { None }
}

/// Like `end_of`, for a word that must follow the one before.
fn next(pattern: &[&str], words: &[Word], start: usize) -> Option<usize> {
    let is_broken = words.get(start).is_none_or(|word| !word.follows);
    if is_broken && !pattern.is_empty() { None } else { end_of(pattern, words, start) }
}

/// The positions of each word.
type Index<'a> = HashMap<&'a str, Vec<usize>>;

fn matches(pattern: &str, words: &[Word], index: &Index<'_>) -> Vec<Range<usize>> {
    let pattern: Vec<_> = pattern.split(' ').collect();
    let starts = pattern[0].split('|').filter_map(|word| index.get(word)).flatten();
    starts.filter_map(|start| Some(*start..end_of(&pattern, words, *start)?)).collect()
}

/// The lines of a text with a construction to avoid, and what to write instead.
fn findings(text: &str) -> Vec<(usize, String)> {
    let words = words(text);
    let mut index = Index::new();
    for (place, word) in words.iter().enumerate() {
        index.entry(&word.text).or_default().push(place);
    }
    let allowed: Vec<_> = ALLOWED.iter().flat_map(|pattern| matches(pattern, &words, &index)).collect();
    let is_allowed = |found: &Range<usize>| {
        allowed.iter().any(|range| range.start <= found.start && found.end <= range.end)
    };
    let mut findings = Vec::new();
    for (pattern, instead) in AVOIDED {
        for found in matches(pattern, &words, &index).into_iter().filter(|found| !is_allowed(found)) {
            let line = words[found.start].line;
            let said: Vec<_> = words[found].iter().map(|word| word.text.as_str()).collect();
            findings.push((line, format!("\"{}\"; write instead: {instead}", said.join(" "))));
        }
    }
    findings.sort();
    findings
}

fn all_texts() -> Result<Vec<(PathBuf, String)>> {
    let mut texts = Vec::new();
    for folder in FOLDERS {
        texts.extend(sources(folder, &EXTENSIONS)?);
    }
    let top = fs::read_dir(root())?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_text = |path: &PathBuf| {
        let extension = path.extension().unwrap_or_default();
        EXTENSIONS.iter().any(|known| extension == *known)
    };
    for path in top.into_iter().filter(is_text).chain([root().join(UI_TEXTS)]) {
        texts.push((path.clone(), fs::read_to_string(path)?));
    }
    let is_read = |path: &PathBuf| {
        let path = path.to_string_lossy().replace('\\', "/");
        !SKIPPED.iter().any(|skipped| path.contains(skipped))
    };
    texts.retain(|(path, _)| is_read(path));
    Ok(texts)
}

#[test]
fn sources_documents_and_texts_are_in_plain_english() -> Result<()> {
    let mut found = Vec::new();
    for (path, text) in all_texts()? {
        let path = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        found.extend(findings(&text).into_iter().map(|(line, what)| format!("{path}:{line}: {what}")));
    }
    assert!(found.is_empty(), "{} to rewrite:\n{}", found.len(), found.join("\n"));
    Ok(())
}

#[test]
fn finds_what_is_avoided_and_nothing_else() {
    for text in [
        "// Whoever holds it reads it.",
        "/// Seals everything anew.",
        "fn reads_its_files_anew() {}",
        "const readAnew = 1;",
        "Answers what is none.",
        "fn a_token_that_is_none_is_refused() {}",
        "each value, be it large or small,",
        "Be it a cookie or a token,",
        "// So many milliseconds in seconds.",
        "# A long body is told from a broken one.",
        "The log has it that nobody called.",
        "//! so that nobody\n//! comes in\n//! vain.",
        "-- comes in\n-- vain",
        "\"waited in \\\n     vain\"",
        "| a file of ours |",
        "It is *of ours*.",
        "This is a rule, and that is\nwhat it says.",
        "No place is to be had.",
    ] {
        assert_eq!(findings(text).len(), 1, "{text}");
    }
    for text in [
        "The list is none of these.",
        "/// `None` where there is none.",
        "if value.is_none() || other.is_none_or(check) {}",
        "if token is None:",
        "Maybe it is.",
        "This must be it.",
        "So many rows that they don't fit.",
        "They came so many times. In the end they left.",
        "He was told. From then on he knew.",
        "It has it. That is all.",
        "// Written in\nlet vain = 1;",
        "// Written in\n\n// Vain people read it.",
        "One of our files, not one of yours.",
        "Cookies of hour three.",
        "It is that. What follows is new.",
    ] {
        assert!(findings(text).is_empty(), "{text}: {:?}", findings(text));
    }
    assert_eq!(findings("one\n// two\n// three in\n// vain")[0].0, 3);
}
