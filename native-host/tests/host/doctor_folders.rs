//! Tests of `doctor` on the host's folders, yt-dlp and the connected browsers.
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

/// The faults of one of the host's own steps.
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
fn reports_paths_that_others_can_access_and_the_advice_repairs_them() {
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
        (exports, 0o755, "folder", "others can access it (mode 0755)"),
        (export.as_path(), 0o644, "exports", "others can access it (mode 0644)"),
        (&export.with_extension("json"), 0o640, "exports", "others can access it (mode 0640)"),
        (&export.with_file_name(".lock"), 0o644, "exports", "others can access it (mode 0644)"),
        (&host_dir(home.path()).join("runs"), 0o750, "folder", "others can access it (mode 0750)"),
        (&host_dir(home.path()).join("runs/.lock"), 0o604, "runs", "others can access it (mode 0604)"),
        (&host_dir(home.path()).join("run/other.sock"), 0o666, "run", "others can access it (mode 0666)"),
        (&host_dir(home.path()), 0o770, "folder", "others can write to it (mode 0770)"),
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
fn notes_a_shared_folder_that_the_user_chose_without_a_fault() {
    let home = installed(CHROMIUM);
    fs::create_dir(host_dir(home.path())).unwrap();
    set_mode(&host_dir(home.path()), 0o1777);
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let found = findings(&diagnosis, HOST, "folder");
    assert!(is_well, "{diagnosis:#}");
    assert!(found.iter().any(|(_, said)| said.contains("is not the default folder")), "{found:?}");
    assert!(found.iter().any(|(_, said)| said.contains("but not read the exports")), "{found:?}");
}

#[test]
fn reports_symbolic_links_in_place_of_folders_and_exports() {
    let home = installed(CHROMIUM);
    let export = export_file(home.path(), "x", "", PLANTED);
    symlink(&export, export.with_file_name("y-default-e3b0c442.txt")).unwrap();
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let [said] = &faults(&diagnosis, "exports")[..] else { panic!("{diagnosis:#}") };
    assert!(!is_well && said.contains("y-default-e3b0c442.txt is a symbolic link"), "{said}");

    for folder in [export.parent().unwrap().to_owned(), host_dir(home.path())] {
        let elsewhere = home.path().join("elsewhere");
        fs::rename(&folder, &elsewhere).unwrap();
        symlink(&elsewhere, &folder).unwrap();
        let (is_well, diagnosis) = doctor(home.path(), &[]);
        let [said] = &faults(&diagnosis, "folder")[..] else { panic!("{diagnosis:#}") };
        let words = format!("{} is a symbolic link", folder.display());
        assert!(!is_well && said.contains(&words), "{said}");
        fs::remove_file(&folder).unwrap();
        fs::rename(&elsewhere, &folder).unwrap();
    }
}

#[test]
fn reports_another_users_folder() {
    let home = installed(CHROMIUM);
    let export = export_file(home.path(), "x", "", PLANTED);
    // The program itself may be in a folder that others can't access.
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
fn names_damaged_settings_and_still_checks_browsers() {
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
fn asks_yt_dlp_for_its_version_and_only_notes_a_missing_one() {
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
    assert!(is_well && verdict == "note" && said.contains("my-yt-dlp was not found"), "{said}");
    for (text, expected, words) in [
        ("[ \"$*\" = --version ] && echo 2026.01.02", "ok", "my-yt-dlp, version 2026.01.02"),
        ("echo 2026.01.02; exit 1", "fault", "doesn't report its version"),
        ("exit 0", "fault", "doesn't report its version"),
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
fn an_inaccessible_folder_in_path_is_not_reported_as_a_fault_of_yt_dlp() {
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
    assert!(verdict == "note" && said.contains("yt-dlp was not found"), "{said}");
}

#[test]
fn lists_connected_browsers_with_their_platforms() {
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

#[test]
fn a_missing_host_is_named_by_doctor_and_install() {
    let home = installed(CHROMIUM);
    let alone = home.path().join("alone");
    fs::create_dir(&alone).unwrap();
    let copy = alone.join("stagepass");
    fs::copy(PROGRAM, &copy).unwrap();
    let run_copy = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&copy);
        isolate(&mut command, home.path());
        run(command.args(arguments), b"")
    };
    let diagnosis: Value = serde_json::from_slice(&run_copy(&["doctor", "--json"]).stdout).unwrap();
    let [said] = &faults(&diagnosis, "host")[..] else { panic!("{diagnosis:#}") };
    assert!(said.contains("alone/stagepass-native-host is missing"), "{said}");
    let id = "b".repeat(32);
    let output = run_copy(&["install", "--browser", "chromium", "--extension-id", &id]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("stagepass-native-host is missing"), "{said}");
    assert!(!host_dir(home.path()).join("allowed-extensions.json").exists());

    // A link finds the host beside what it leads to.
    fs::remove_file(&copy).unwrap();
    std::os::unix::fs::symlink(PROGRAM, &copy).unwrap();
    let diagnosis: Value = serde_json::from_slice(&run_copy(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(faults(&diagnosis, "host"), Vec::<String>::new());
    assert!(run_copy(&["install", "--browser", "chromium"]).status.success());
}
