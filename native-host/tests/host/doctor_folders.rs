//! What `doctor` finds in the host's folders, of yt-dlp, and of who is connected.
#![cfg(target_os = "linux")]

use crate::browser::Browser;
use crate::doctor::{doctor, findings, installed};
use crate::impostors::{as_nobody, open_to_all};
use crate::process::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

const HOST: &str = "This program";
const CHROMIUM: &[&str] = &[".config/chromium"];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The faults of the host's own steps.
fn faults(diagnosis: &Value, step: &str) -> Vec<String> {
    let found = findings(diagnosis, HOST, step).into_iter();
    found.filter(|(verdict, _)| verdict == "fault").map(|(_, said)| said).collect()
}

/// Everything below a folder: modes and contents.
fn everything(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let (path, metadata) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
        if metadata.is_dir() {
            all.extend(everything(&path));
        }
        let contents = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        all.insert(path, (metadata.permissions().mode(), contents));
    }
    all
}

#[test]
fn what_is_open_to_others_is_a_fault_and_what_it_says_closes_it() {
    let home = installed(CHROMIUM);
    let export = export_file(home.path(), "x", "", PLANTED);
    let exports = export.parent().unwrap();
    let folders = ["run", "runs"].map(|name| host_dir(home.path()).join(name));
    for folder in &folders {
        fs::create_dir(folder).unwrap();
        set_mode(folder, 0o700);
    }
    let socket = folders[0].join("other.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let lock = folders[1].join(".lock");
    fs::write(&lock, "").unwrap();
    [socket, lock].iter().for_each(|path| set_mode(path, 0o600));
    assert!(doctor(home.path(), &[]).0);
    for (path, mode, step, words) in [
        (exports, 0o755, "folder", "is open to others (mode 0755)"),
        (export.as_path(), 0o644, "exports", "is open to others (mode 0644)"),
        (&export.with_extension("json"), 0o640, "exports", "is open to others (mode 0640)"),
        (&export.with_file_name(".lock"), 0o644, "exports", "is open to others (mode 0644)"),
        (&host_dir(home.path()).join("runs"), 0o750, "folder", "is open to others (mode 0750)"),
        (&host_dir(home.path()).join("runs/.lock"), 0o604, "runs", "is open to others (mode 0604)"),
        (&host_dir(home.path()).join("run/other.sock"), 0o666, "run", "is open to others (mode 0666)"),
        (&host_dir(home.path()), 0o770, "folder", "others may write to it (mode 0770)"),
    ] {
        set_mode(path, mode);
        let before = everything(home.path());
        let (is_well, diagnosis) = doctor(home.path(), &[]);
        assert_eq!(everything(home.path()), before, "it changes nothing by itself");
        let [said] = &faults(&diagnosis, step)[..] else { panic!("{diagnosis:#}") };
        assert!(!is_well && said.contains(words) && said.contains(path.to_str().unwrap()), "{said}");
        let (_, advice) = said.split_once("Run: ").unwrap();
        assert!(Command::new("sh").args(["-c", advice]).status().unwrap().success());
        let (is_well, diagnosis) = doctor(home.path(), &[]);
        assert!(is_well, "{diagnosis:#}");
    }
}

#[test]
fn a_shared_folder_of_the_users_choice_is_told_and_no_fault() {
    let home = installed(CHROMIUM);
    fs::create_dir(host_dir(home.path())).unwrap();
    set_mode(&host_dir(home.path()), 0o1777);
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let found = findings(&diagnosis, HOST, "folder");
    assert!(is_well, "{diagnosis:#}");
    assert!(found.iter().any(|(_, said)| said.contains("is not the usual one")), "{found:?}");
    assert!(found.iter().any(|(_, said)| said.contains("though into no export")), "{found:?}");
}

#[test]
fn symbolic_links_in_the_place_of_folders_and_exports_are_faults() {
    let home = installed(CHROMIUM);
    let export = export_file(home.path(), "x", "", PLANTED);
    symlink(&export, export.with_file_name("y-default-e3b0c442.txt")).unwrap();
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let [said] = &faults(&diagnosis, "exports")[..] else { panic!("{diagnosis:#}") };
    assert!(!is_well && said.contains("y-default-e3b0c442.txt is a symbolic link"), "{said}");

    for place in [export.parent().unwrap().to_owned(), host_dir(home.path())] {
        let elsewhere = home.path().join("elsewhere");
        fs::rename(&place, &elsewhere).unwrap();
        symlink(&elsewhere, &place).unwrap();
        let (is_well, diagnosis) = doctor(home.path(), &[]);
        let [said] = &faults(&diagnosis, "folder")[..] else { panic!("{diagnosis:#}") };
        let words = format!("{} is a symbolic link", place.display());
        assert!(!is_well && said.contains(&words), "{said}");
        fs::remove_file(&place).unwrap();
        fs::rename(&elsewhere, &place).unwrap();
    }
}

#[test]
fn another_users_folder_is_a_fault() {
    let home = installed(CHROMIUM);
    let export = export_file(home.path(), "x", "", PLANTED);
    // The program itself may lie where nobody else can start it.
    let copy = home.path().join("host-program");
    fs::copy(PROGRAM, &copy).unwrap();
    open_to_all(home.path(), &copy, 0o755);
    open_to_all(home.path(), export.parent().unwrap(), 0o755);
    let mut other = as_nobody("/bin/sh");
    let script = "exec \"$0\" --host-dir \"$1\" doctor --json";
    other.args(["-c", script]).arg(&copy).arg(host_dir(home.path()));
    let output = run(&mut other, b"");
    assert_nothing_planted(&output);
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!output.status.success());
    let said = faults(&diagnosis, "folder");
    assert!(said.iter().any(|said| said.contains("exports: it belongs to another user (id")), "{said:?}");
}

#[test]
fn damaged_settings_are_named_and_browsers_examined_all_the_same() {
    let home = installed(CHROMIUM);
    fs::create_dir(host_dir(home.path())).unwrap();
    set_mode(&host_dir(home.path()), 0o700);
    fs::write(host_dir(home.path()).join("allowed-extensions.json"), PLANTED).unwrap();
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    assert!(!is_well && diagnosis["working_browsers"] == 1, "{diagnosis:#}");
    let [said] = &faults(&diagnosis, "extension")[..] else { panic!("{diagnosis:#}") };
    assert!(said.contains("allowed-extensions.json is damaged"), "{said}");
}

#[test]
fn yt_dlp_is_asked_for_its_version_and_none_is_no_fault() {
    let home = installed(CHROMIUM);
    let script = home.path().join("my-yt-dlp");
    let named = script.to_str().unwrap();
    let look = || {
        let (is_well, diagnosis) = doctor(home.path(), &["--yt-dlp", named]);
        let mut found = findings(&diagnosis, HOST, "yt-dlp");
        assert_eq!(found.len(), 1, "{diagnosis:#}");
        let (verdict, said) = found.remove(0);
        (is_well, verdict, said)
    };
    let (is_well, verdict, said) = look();
    assert!(is_well && verdict == "note" && said.contains("my-yt-dlp is not found"), "{said}");
    for (text, expected, words) in [
        ("[ \"$*\" = --version ] && echo 2026.01.02", "ok", "my-yt-dlp, version 2026.01.02"),
        ("echo 2026.01.02; exit 1", "fault", "does not tell its version"),
        ("exit 0", "fault", "does not tell its version"),
    ] {
        fs::write(&script, format!("#!/bin/sh\n{text}\n")).unwrap();
        set_mode(&script, 0o755);
        let (is_well, verdict, said) = look();
        assert_eq!((is_well, verdict.as_str()), (expected == "ok", expected), "{said}");
        assert!(said.contains(words), "{said}");
    }
    set_mode(&script, 0o644);
    let (is_well, verdict, said) = look();
    assert!(!is_well && verdict == "fault" && said.contains("cannot run"), "{said}");
}

#[test]
fn a_folder_of_the_path_that_can_not_be_looked_into_is_no_fault_of_yt_dlps() {
    let home = installed(CHROMIUM);
    let closed = home.path().join("closed");
    fs::create_dir(&closed).unwrap();
    open_to_all(home.path(), &closed, 0o700);
    let copy = home.path().join("host-program");
    fs::copy(PROGRAM, &copy).unwrap();
    open_to_all(home.path(), &copy, 0o755);
    let mut command = as_nobody("/usr/bin/env");
    command.arg(format!("PATH={}", closed.display())).arg(format!("HOME={}", home.path().display()));
    command.arg(&copy).args(["doctor", "--json", "--host-dir"]).arg(home.path().join("none"));
    let diagnosis: Value = serde_json::from_slice(&run(&mut command, b"").stdout).unwrap();
    let (verdict, said) = findings(&diagnosis, HOST, "yt-dlp").remove(0);
    assert!(verdict == "note" && said.contains("yt-dlp is not found"), "{said}");
}

#[test]
fn browsers_that_are_connected_are_told_with_what_they_hand_over() {
    let home = installed(CHROMIUM);
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let found = findings(&diagnosis, HOST, "connected");
    assert!(is_well && found[0].0 == "note" && found[0].1.contains("no browser"), "{found:?}");
    let _browser = Browser::listening(home.path(), "work", &["x", "instagram"]);
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let found = findings(&diagnosis, HOST, "connected");
    assert!(is_well, "{diagnosis:#}");
    assert_eq!((found[0].0.as_str(), found[0].1.trim()), ("ok", "Chromium (work), hands over x, instagram"));
}
