//! Tests that arguments reach another program complete and unchanged, and are not mistaken for our
//! own.

use crate::process::*;
use crate::runs::{OLD, URL, stand_in};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Command;

const RECORD: &str = r#"printf '%s\0' "$@" > "$HOME/recorded""#;
/// An argument that would run a program if yt-dlp read it as an option.
const ATTACK: &[u8] = b"--exec=before_dl:id > PWNED";

/// The arguments that the stand-in got.
fn recorded(home: &Path) -> Vec<OsString> {
    let mut all: Vec<_> =
        fs::read(home.join("recorded")).unwrap().split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    assert_eq!(all.pop(), Some(Vec::new()));
    all.into_iter().map(OsString::from_vec).collect()
}

/// `stagepass yt-dlp`, with a stand-in that records its arguments.
fn yt_dlp(home: &Path) -> Command {
    let mut command = program(home);
    command.env("STAGEPASS_YT_DLP", stand_in(home, &format!("#!/bin/sh\n{RECORD}\n"))).arg("yt-dlp");
    command
}

fn os(arguments: &[&[u8]]) -> Vec<OsString> {
    arguments.iter().map(|argument| OsStr::from_bytes(argument).to_owned()).collect()
}

#[test]
fn arguments_reach_the_program_byte_for_byte() {
    let url = URL.as_bytes();
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    type Arguments<'a> = &'a [&'a [u8]];
    let shapes: [(Arguments<'_>, Arguments<'_>); 15] = [
        (&[], &[b"--", url]),
        (&[], &[b"--", ATTACK, url]),
        (&[], &[b"--", b"--", url]),
        (&[], &[url, b"--", ATTACK, b"--", b"--"]),
        (&[], &[b"--no-playlist", b"--", ATTACK, url]),
        (&[], &[b"-f", b"best", b"--", url, b"-x"]),
        (&[], &[b"-", b"--", url]),
        (&[], &[b"", b"--", b"", url, b""]),
        (&[], &[b"\xff\xfe", b"--", url, b"\n"]),
        (&[], &[b"--\xff=\xfe", b"--", url, b"--\xff"]),
        (&[], &[b"-\xff", url, b"--help", b"-h"]),
        (&[], &[b"--version", url]),
        (&[], &[url, b"--label", b"other", b"--host-dir", b"elsewhere"]),
        (&[b"--label", b""], &[b"--", ATTACK, url]),
        (&[b"--label="], &[b"--labels", b"--label", b"--", url]),
    ];
    for (ours, theirs) in shapes {
        let output = run(yt_dlp(home.path()).args(os(ours)).args(os(theirs)), b"");
        assert!(output.status.success(), "{theirs:?}: {}", String::from_utf8_lossy(&output.stderr));
        let given = recorded(home.path());
        assert_eq!(given[0], "--plugin-dirs");
        assert_eq!(given[2..], os(theirs));
        // `run` takes a person's own "--" away.
        let path = stand_in(home.path(), &format!("#!/bin/sh\n{RECORD}\n"));
        let mut command = program(home.path());
        command.arg("run").args(os(ours)).args(["--platform", "x", "--"]).arg(path);
        let output = run(command.args(os(theirs)), b"");
        assert!(output.status.success(), "{theirs:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(recorded(home.path()), os(theirs));
    }
}

#[test]
fn options_before_the_command_are_not_passed_on() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let mut command = program(home.path());
    command.env("STAGEPASS_YT_DLP", stand_in(home.path(), &format!("#!/bin/sh\n{RECORD}\n")));
    command.arg("--host-dir").arg(host_dir(home.path())).args(["yt-dlp", "--label=", "--"]);
    let output = run(command.args(os(&[ATTACK, URL.as_bytes()])), b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(recorded(home.path())[2..], os(&[b"--", ATTACK, URL.as_bytes()]));
}

#[test]
fn does_not_start_yt_dlp_without_arguments() {
    let home = tempfile::tempdir().unwrap();
    for ours in [&[][..], &["--label", "me"], &["--write-back"], &["--label"]] {
        let output = run(yt_dlp(home.path()).args(ours), b"");
        assert_eq!(output.status.code(), Some(2), "{ours:?}");
        assert!(!home.path().join("recorded").exists(), "{ours:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn become_passes_on_arguments_byte_for_byte() {
    let home = tempfile::tempdir().unwrap();
    let script = format!("cd \"$HOME\"; {RECORD}");
    let theirs = os(&[b"--", ATTACK, b"", b"-", b"--", b"\xff", b"--\xff=", b"--help", b"-h"]);
    let mut command = program(home.path());
    command.args(["become", &std::process::id().to_string(), "--", "/bin/sh", "-c", &script, "sh"]);
    let output = run(command.args(&theirs), b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(recorded(home.path()), theirs);
}
