//! Functions and files stay short enough to read at a glance.

use super::{root, sources};
use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::path::Path;

const MAX_FUNCTION: usize = 60;
const MAX_FILE: usize = 450;
/// The one file that may be longer: it is a table of data.
const TABLE: &str = "core/src/platform/catalogue.rs";
/// The folders with our Rust sources.
const FOLDERS: [&str; 6] = ["core", "native-host", "server", "tests", "wasm", "xtask"];

#[test]
fn no_function_has_more_than_60_lines_and_no_file_more_than_450() -> Result<()> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for (path, text) in sources(folder, &["rs"])? {
            let path = path.strip_prefix(root())?;
            let (file, lines) = (path.display(), text.lines().count());
            if lines > MAX_FILE && path != Path::new(TABLE) {
                found.push(format!("{file}: {lines} lines"));
            }
            let tokens = text.parse().map_err(|error| anyhow!("{file}: {error}"))?;
            let long = functions(tokens).into_iter().filter(|(_, lines)| *lines > MAX_FUNCTION);
            found.extend(long.map(|(name, lines)| format!("{file}: {name} has {lines} lines")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Each function, also in macros, with its number of lines.
fn functions(tokens: TokenStream) -> Vec<(String, usize)> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1)) {
            (TokenTree::Ident(word), Some(TokenTree::Ident(name))) if word == "fn" => {
                if let Some(TokenTree::Group(body)) = tokens[at..].iter().find(|token| ends_head(token)) {
                    let lines = body.span_close().end().line + 1 - word.span().start().line;
                    found.push((name.to_string(), lines));
                }
            }
            (TokenTree::Group(group), _) => found.extend(functions(group.stream())),
            _ => {}
        }
    }
    found
}

/// Whether this token ends a function's head.
fn ends_head(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(mark) => mark.as_char() == ';',
        _ => false,
    }
}

#[test]
fn functions_are_measured_everywhere() -> Result<()> {
    let text = "fn one() {}\nimpl A { fn two(f: fn(u8)) -> u8 {\n 2 } fn none(&self); }\nm! {\n pub fn three<T>()\n where T: B\n {} }";
    let measured = functions(text.parse().map_err(|error| anyhow!("{error}"))?);
    let expected = [("one", 1), ("two", 2), ("three", 3)];
    assert_eq!(measured, expected.map(|(name, lines)| (name.to_owned(), lines)));
    Ok(())
}
