//! Finds the statements in a store's sources, so that the tests miss none.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The first word of a statement.
const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// The statements in a store's module and its submodules that none of these texts contain. If a
/// statement has placeholders, the text around them must occur in order.
pub(super) fn unseen(folder: &str, seen: &BTreeSet<String>) -> Vec<String> {
    let mut statements = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store").join(folder);
    read_file(&folder.with_extension("rs"), &mut statements);
    read_folder(&folder, &mut statements);
    assert!(statements.len() > 50, "the sources are elsewhere");
    let seen: Vec<_> = seen.iter().map(|text| plain(text)).collect();
    statements.retain(|statement| !seen.iter().any(|text| holds(text, statement)));
    statements
}

fn read_folder(folder: &Path, statements: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["tests", "testing", "migrations"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            read_folder(&path, statements);
        } else {
            read_file(&path, statements);
        }
    }
}

fn read_file(path: &Path, statements: &mut Vec<String>) {
    let source = fs::read_to_string(path).unwrap();
    let source = source.split("#[cfg(test)]\nmod").next().unwrap();
    read_tokens(source.parse().unwrap(), statements);
}

fn read_tokens(tokens: TokenStream, statements: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => read_tokens(group.stream(), statements),
            TokenTree::Literal(literal) => {
                let text = plain(literal.to_string().trim_matches(['r', '#', '"']));
                if is_statement(&text) {
                    statements.push(text);
                }
            }
            _ => {}
        }
    }
}

/// Whether a text reads or changes rows.
pub(super) fn is_statement(text: &str) -> bool {
    VERBS.iter().any(|verb| text.trim_start().starts_with(verb))
}

/// The text with each run of white space as one space.
fn plain(text: &str) -> String {
    text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text contains the parts around the `{…}` of a statement, in order.
fn holds(mut text: &str, statement: &str) -> bool {
    statement.split('{').enumerate().all(|(index, piece)| {
        let piece = if index == 0 { piece } else { piece.split_once('}').map_or(piece, |(_, piece)| piece) };
        let Some(at) = text.find(piece.trim()) else { return false };
        text = &text[at + piece.trim().len()..];
        true
    })
}
