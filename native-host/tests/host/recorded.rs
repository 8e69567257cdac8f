//! What people read, word for word: help texts, tables at two widths, and errors. After a change,
//! look at the new text, then put it into the file.

use crate::process::*;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the command prints: its output, then its errors, without this machine's paths.
fn printed(home: &Path, columns: &str, arguments: &[&str]) -> String {
    let output = run(program(home).args(arguments).env("COLUMNS", columns), b"");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap().replace(home.to_str().unwrap(), "HOME")
}

fn compare(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/host/recorded").join(name);
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    let lines =
        |text: &str| text.trim_end().lines().map(str::trim_end).map(str::to_owned).collect::<Vec<_>>();
    assert!(lines(&recorded) == lines(text), "{name} is now:\n{text}");
}

#[test]
fn help_texts_are_as_recorded() {
    let home = tempfile::tempdir().unwrap();
    compare("help-short.txt", &printed(home.path(), "100", &["-h"]));
    compare("help.txt", &printed(home.path(), "100", &["--help"]));
    for command in ["yt-dlp", "run", "install"] {
        compare(&format!("help-{command}.txt"), &printed(home.path(), "100", &[command, "--help"]));
    }
}

#[test]
fn tables_are_as_recorded() {
    let home = tempfile::tempdir().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (platform, label, days) in
        [("instagram", "", 400), ("instagram", "A second account, for work only", 30), ("youtube", "", 0)]
    {
        let mut export = export(platform, label, PLANTED);
        export["expires"] = if days == 0 { json!(null) } else { json!(now + days * 86_400 + 3_600) };
        assert_eq!(ask(home.path(), &[export])[0]["ok"], true);
    }
    for columns in ["60", "120"] {
        compare(&format!("list-{columns}.txt"), &printed(home.path(), columns, &["list"]));
    }
}

#[test]
fn errors_are_as_recorded() {
    let home = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let mut say = |arguments: &[&str]| {
        text += &format!("$ stagepass {}\n{}\n", arguments.join(" "), printed(home.path(), "100", arguments));
    };
    say(&["list"]);
    say(&["browsers"]);
    say(&["path", "instgram"]);
    say(&["cookies", "not/a/site"]);
    say(&["rm", "instagram"]);
    say(&["run", "--", "true", "https://www.instagram.com/p/1"]);
    say(&["run", "true"]);
    say(&["run", "--format", "json", "--wget", "--platform", "x", "true"]);
    say(&["install"]);
    say(&["lits"]);
    for label in ["", "work"] {
        export_file(home.path(), "x", label, PLANTED);
    }
    say(&["rm", "x"]);
    say(&["path", "x", "--label", "wrok"]);
    compare("errors.txt", &text);
}
