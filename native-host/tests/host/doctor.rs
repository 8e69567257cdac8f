//! Tests of `doctor` on a browser's steps to the program, with scripts in place of the program.
#![cfg(target_os = "linux")]

use crate::install::{MANIFEST, chromium_manifest, make, read};
use crate::process::*;
use serde_json::{Value, json};
use stagepass_core::host::{CHROMIUM_EXTENSION_ID, FIREFOX_EXTENSION_ID};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Sends the answer that the test has prepared, and reads until the browser disconnects.
const ANSWER: &str = "cat \"$HOME/answer\"; exec cat > \"$HOME/heard\"";

/// The diagnosis, and whether doctor succeeded.
pub(crate) fn doctor(home: &Path, args: &[&str]) -> (bool, Value) {
    let output = run(program(home).args(["doctor", "--json"]).args(args), b"");
    assert_nothing_planted(&output);
    assert_eq!(output.stderr, b"");
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Every finding of a step: the verdict, then detail and advice.
pub(crate) fn findings(diagnosis: &Value, subject: &str, step: &str) -> Vec<(String, String)> {
    let sections = diagnosis["sections"].as_array().unwrap();
    let section = sections.iter().find(|section| section["subject"] == subject);
    let findings = section.unwrap_or_else(|| panic!("{subject} in {diagnosis:#}"))["findings"].as_array();
    let of_step = findings.unwrap().iter().filter(|finding| finding["step"] == step);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = |finding: &Value| format!("{} {}", text(&finding["detail"]), text(&finding["advice"]));
    of_step.map(|finding| (text(&finding["verdict"]), said(finding))).collect()
}

/// The only finding of a step.
fn finding(diagnosis: &Value, subject: &str, step: &str) -> (String, String) {
    let mut found = findings(diagnosis, subject, step);
    assert_eq!(found.len(), 1, "{subject} {step} in {diagnosis:#}");
    found.remove(0)
}

/// Checks that doctor fails with a fault in Chromium's `step` that contains these words.
fn assert_fault(home: &Path, step: &str, words: &[&str]) {
    let (is_well, diagnosis) = doctor(home, &["--browser", "chromium"]);
    assert!(!is_well && diagnosis["working_browsers"] == 0, "{diagnosis:#}");
    let found = findings(&diagnosis, "Chromium", step);
    let (_, said) = found.iter().find(|(verdict, _)| verdict == "fault").unwrap_or_else(|| {
        panic!("no fault of {step}: {diagnosis:#}");
    });
    for word in words {
        assert!(said.contains(word), "{word} in {said}");
    }
}

/// A user with this browser after `install`.
pub(crate) fn installed(folders: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), folders);
    assert!(run(program(home.path()).arg("install"), b"").status.success());
    home
}

fn change_manifest(home: &Path, change: impl FnOnce(&mut Value)) {
    let path = chromium_manifest(home);
    let mut manifest = read(&path);
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

/// Replaces the program with a script.
fn stand_in(home: &Path, script: &str) -> PathBuf {
    let path = home.join("stand-in");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    change_manifest(home, |manifest| manifest["path"] = json!(path));
    path
}

fn hello(version: &str, capabilities: &[&str]) -> Value {
    json!({"id": "doctor", "type": "hello", "ok": true, "version": version, "capabilities": capabilities})
}

const ALL: &[&str] = &["hello", "export", "list", "delete", "verify", "listen"];

#[test]
fn a_good_installation_works_with_both_manifest_forms() {
    let home = installed(&[".config/chromium", ".mozilla"]);
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    assert!(is_well, "{diagnosis:#}");
    assert_eq!((&diagnosis["working_browsers"], &diagnosis["faults"]), (&json!(2), &json!(0)));
    for browser in ["Chromium", "Firefox"] {
        for (step, word) in [
            ("manifest", MANIFEST),
            ("extension", "may start it"),
            ("program", HOST_PROGRAM),
            ("start", "version 0."),
        ] {
            let (verdict, said) = finding(&diagnosis, browser, step);
            assert!(verdict == "ok" && said.contains(word), "{step}: {said}");
        }
    }
}

#[test]
fn the_text_output_is_aligned_and_says_what_to_do() {
    let home = installed(&[".config/chromium", ".config/vivaldi"]);
    fs::remove_file(chromium_manifest(home.path())).unwrap();
    let output = run(program(home.path()).arg("doctor"), b"");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "Chromium");
    assert!(lines[1].starts_with("  FAULT  manifest   /") && lines[1].ends_with(" is missing"), "{text}");
    assert_eq!(lines[2].trim_start(), "Run \"stagepass install --browser chromium\".");
    assert_eq!(lines[2].find("Run"), lines[1].find('/'), "{text}");
    assert!(text.contains("\nVivaldi\n  ok     manifest   /"), "{text}");
    assert_eq!(*lines.last().unwrap(), "1 browser can use Stagepass; 1 fault.");
}

#[test]
fn reports_manifest_faults_and_install_repairs_them() {
    let home = installed(&[".config/chromium"]);
    let path = chromium_manifest(home.path());
    let good = fs::read_to_string(&path).unwrap();
    for (bad, words) in [
        ("", "not valid JSON (line 1, column 0)"),
        ("[]", "\"name\" is not app.stagepass.native_host"),
        (&good.replace("stdio", "socket"), "\"type\" is not stdio"),
        (&good.replace("\"path\": \"/", "\"path\": \""), "\"path\" is not absolute"),
        (&good.replace("allowed_origins", "allowed_extensions"), "no list \"allowed_origins\""),
    ] {
        fs::write(&path, bad).unwrap();
        assert_fault(home.path(), "manifest", &[words, "Run \"stagepass install --browser chromium"]);
        assert!(run(program(home.path()).args(["install", "--browser", "chromium"]), b"").status.success());
        assert!(doctor(home.path(), &[]).0);
    }
    fs::remove_file(&path).unwrap();
    assert_fault(home.path(), "manifest", &["is missing", "install --browser chromium"]);
    fs::create_dir(&path).unwrap();
    assert_fault(home.path(), "manifest", &["is not a file", "Move it away"]);
    fs::remove_dir(&path).unwrap();
    fs::write(&path, &good).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_fault(home.path(), "manifest", &["every user may change", "chmod o-w"]);
}

#[test]
fn does_not_block_on_a_pipe_in_place_of_the_manifest() {
    let home = installed(&[".config/chromium"]);
    let path = chromium_manifest(home.path());
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_fault(home.path(), "manifest", &["is not a file"]);
}

#[test]
fn follows_and_reports_a_manifest_that_is_a_symbolic_link() {
    let home = installed(&[".config/chromium"]);
    let (path, elsewhere) = (chromium_manifest(home.path()), home.path().join("elsewhere.json"));
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let found = findings(&diagnosis, "Chromium", "manifest");
    assert!(is_well && found[0].0 == "note" && found[0].1.contains("a symbolic link to"), "{diagnosis:#}");

    fs::remove_file(&elsewhere).unwrap();
    assert_fault(home.path(), "manifest", &["which is missing", "Move it away"]);
    // The link's target may be a secret.
    symlink(export_file(home.path(), "x", "", PLANTED), &elsewhere).unwrap();
    assert_fault(home.path(), "manifest", &["not valid JSON"]);
}

#[test]
fn names_an_extension_that_the_manifest_does_not_allow() {
    let home = installed(&[".config/chromium"]);
    let stranger = format!("chrome-extension://{}/", "a".repeat(32));
    change_manifest(home.path(), |manifest| manifest["allowed_origins"] = json!([stranger]));
    assert_fault(home.path(), "extension", &["does not allow", CHROMIUM_EXTENSION_ID, "install --browser"]);

    // An added extension that is for another browser.
    assert!(run(program(home.path()).arg("install"), b"").status.success());
    let mine = "b".repeat(32);
    let args = ["install", "--extension-id", &mine, "--browser", "vivaldi"];
    assert!(run(program(home.path()).args(args), b"").status.success());
    assert_fault(home.path(), "extension", &[&mine]);
}

#[test]
fn names_a_program_that_cannot_be_started() {
    let home = installed(&[".config/chromium"]);
    let path = stand_in(home.path(), "exit");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_fault(home.path(), "program", &["stand-in is not executable", "chmod u+x"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o757)).unwrap();
    assert_fault(home.path(), "program", &["every user may change", "chmod o-w"]);
    fs::write(&path, "neither a script nor a program").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert_fault(home.path(), "start", &["can't be started"]);
    fs::remove_file(&path).unwrap();
    assert_fault(home.path(), "program", &["stand-in doesn't exist", "install --browser chromium"]);
    fs::create_dir(&path).unwrap();
    assert_fault(home.path(), "program", &["stand-in is not a file"]);
}

#[test]
fn reports_a_program_that_does_not_write_frames() {
    let home = installed(&[".config/chromium"]);
    fs::write(home.path().join("answer"), message(&hello("0.1.0", ALL))).unwrap();
    let answer = "cat \"$HOME/answer\"";
    for (script, words) in [
        ("echo hello, world; exec cat", "is not a frame"),
        ("printf abc", "is not a frame"),
        ("head -c 9 \"$HOME/answer\"", "is not a frame"),
        ("exec cat /dev/zero", "not that of a Stagepass host"),
        (&format!("{answer}; echo ready; exec cat > /dev/null"), "more than its answer to standard output"),
        (&format!("{answer}; cat > /dev/null; echo bye"), "more than its answer to standard output"),
        (&format!("{answer}; cat > /dev/null; exit 3"), "then fails (exit status: 3)"),
        (
            "echo 'no such  library' >&2; exit 127",
            "ended without an answer (exit status: 127; no such  library)",
        ),
        ("kill -9 $$", "ended without an answer (signal: 9"),
        ("yes >&2", "did not answer within 5 seconds"),
    ] {
        stand_in(home.path(), script);
        assert_fault(home.path(), "start", &[words]);
    }
}

#[test]
fn does_not_accept_an_answer_to_another_question() {
    let home = installed(&[".config/chromium"]);
    stand_in(home.path(), ANSWER);
    let mut other = hello("0.1.0", ALL);
    other["id"] = json!("another");
    let refusal = json!({"id": "doctor", "type": "hello", "ok": false,
        "error": {"code": "io", "message": "no\u{1b}[2J room"}});
    for (answer, words) in [
        (json!([]), "not that of a Stagepass host"),
        (other, "not that of a Stagepass host"),
        (json!({"id": "doctor", "type": "hello", "ok": true}), "not that of a Stagepass host"),
        (refusal, "it refuses: no\u{fffd}[2J room"),
    ] {
        fs::write(home.path().join("answer"), message(&answer)).unwrap();
        assert_fault(home.path(), "start", &[words]);
    }
}

/// Waits until the process of this id, which a signal ends, is gone.
fn wait_for_end(pid: &str) {
    // A zombie has an empty command line.
    let runs = || fs::read(format!("/proc/{}/cmdline", pid.trim())).is_ok_and(|line| !line.is_empty());
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs() {
        assert!(Instant::now() < deadline, "{pid} goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ends_a_hanging_program_after_five_seconds() {
    let home = installed(&[".config/chromium"]);
    fs::write(home.path().join("answer"), message(&hello("0.1.0", ALL))).unwrap();
    for (script, words) in [
        ("exec sleep 1000", "did not answer within 5 seconds"),
        ("cat \"$HOME/answer\"; exec sleep 1000", "keeps running after the browser disconnects"),
        ("cat \"$HOME/answer\"; exec >&-; exec sleep 1000", "keeps running after the browser disconnects"),
    ] {
        stand_in(home.path(), &format!("echo $$ > \"$HOME/pid\"; {script}"));
        assert_fault(home.path(), "start", &[words]);
        wait_for_end(&fs::read_to_string(home.path().join("pid")).unwrap());
    }
}

#[test]
fn a_signal_to_doctor_also_ends_a_hanging_program() {
    let home = installed(&[".config/chromium"]);
    stand_in(home.path(), "echo $$ > \"$HOME/new\"; mv \"$HOME/new\" \"$HOME/pid\"; exec sleep 1000");
    let mut doctor = start(program(home.path()).arg("doctor"));
    let pid = loop {
        if let Ok(pid) = fs::read_to_string(home.path().join("pid")) {
            break pid;
        }
        assert!(doctor.try_wait().unwrap().is_none(), "the program was not started");
    };
    crate::runs_ends::signal(&doctor, "TERM");
    assert_eq!(doctor.wait().unwrap().code(), Some(128 + 15));
    wait_for_end(&pid);
}

#[test]
fn notes_another_version_and_reports_missing_features_as_a_fault() {
    let home = installed(&[".config/chromium"]);
    let path = stand_in(home.path(), ANSWER);
    fs::write(home.path().join("answer"), message(&hello("0.0.7", ALL))).unwrap();
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    assert!(is_well, "{diagnosis:#}");
    let (verdict, said) = finding(&diagnosis, "Chromium", "start");
    assert!(verdict == "note" && said.contains("answers as version 0.0.7"), "{said}");
    assert!(said.contains("This is version ") && said.contains("install --browser chromium"), "{said}");
    let (verdict, said) = finding(&diagnosis, "Chromium", "program");
    assert!(verdict == "note" && said.contains(path.to_str().unwrap()), "{said}");

    fs::write(home.path().join("answer"), message(&hello("0.0.7", &ALL[..5]))).unwrap();
    assert_fault(
        home.path(),
        "start",
        &["0.0.7, which doesn't support: listen", "install --browser chromium"],
    );
}

#[test]
fn recognises_a_link_to_its_host() {
    let home = installed(&[".config/chromium"]);
    let link = home.path().join("link");
    symlink(HOST_PROGRAM, &link).unwrap();
    change_manifest(home.path(), |manifest| manifest["path"] = json!(link));
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    let (verdict, said) = finding(&diagnosis, "Chromium", "program");
    assert!(is_well && verdict == "ok" && said.contains("of this command"), "{said}");
}

#[test]
fn starts_the_program_as_a_browser_does() {
    let home = installed(&[".config/chromium", ".mozilla"]);
    let script =
        format!("printf '%s\\n' \"$@\" > \"$HOME/arguments\"; env > \"$HOME/environment\"; {ANSWER}");
    let path = stand_in(home.path(), &script);
    let firefox = home.path().join(".mozilla/native-messaging-hosts").join(MANIFEST);
    let mut manifest = read(&firefox);
    manifest["path"] = json!(path);
    fs::write(&firefox, manifest.to_string()).unwrap();
    fs::write(home.path().join("answer"), message(&hello("0.1.0", ALL))).unwrap();
    for (browser, arguments) in [
        ("chromium", format!("{}\n", origin())),
        ("firefox", format!("{}\n{FIREFOX_EXTENSION_ID}\n", firefox.display())),
    ] {
        let mut command = program(home.path());
        command.args(["doctor", "--browser", browser]).env("OF_A_SHELL", "x");
        let output = run(&mut command, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let noted = |name| fs::read_to_string(home.path().join(name)).unwrap();
        assert_eq!(noted("arguments"), arguments);
        let heard = answers(&fs::read(home.path().join("heard")).unwrap());
        assert_eq!(heard, [json!({"id": "doctor", "type": "hello"})]);
        let environment = noted("environment");
        assert!(environment.contains(&format!("HOME={}", home.path().display())), "{environment}");
        for absent in ["OF_A_SHELL", "STAGEPASS_HOST_DIR"] {
            assert!(!environment.contains(absent), "{environment}");
        }
    }
}

#[test]
fn says_that_no_supported_browser_was_found() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &["snap/chromium", ".var/app/com.google.Chrome"]);
    let (is_well, diagnosis) = doctor(home.path(), &[]);
    assert!(!is_well);
    assert!(finding(&diagnosis, "Browsers", "found").1.contains("stagepass install"));
    for browser in ["Chromium (Snap)", "Chrome (Flatpak)"] {
        let (verdict, said) = finding(&diagnosis, browser, "reach");
        assert!(
            verdict == "note" && said.contains("out of reach") && said.contains("Install the browser from"),
            "{said}"
        );
    }
}

#[test]
fn checks_a_sandboxed_firefox_as_far_as_possible() {
    for (trace, browser) in
        [("snap/firefox", "Firefox (Snap)"), (".var/app/org.mozilla.firefox", "Firefox (Flatpak)")]
    {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), &[trace]);
        let (is_well, diagnosis) = doctor(home.path(), &[]);
        let (verdict, said) = finding(&diagnosis, browser, "manifest");
        assert!(!is_well && verdict == "fault" && said.contains("install --browser firefox"), "{said}");

        assert!(run(program(home.path()).arg("install"), b"").status.success());
        let (is_well, diagnosis) = doctor(home.path(), &[]);
        assert!(is_well, "{diagnosis}");
        assert_eq!(diagnosis["working_browsers"], 0);
        let (verdict, said) = finding(&diagnosis, browser, "reach");
        assert!(verdict == "note" && said.contains("not tried"), "{said}");
        assert_eq!(finding(&diagnosis, browser, "start").0, "ok");
        assert_eq!(diagnosis["untried_browsers"], 1);
    }
}

#[test]
fn skips_missing_browsers_unless_they_are_named() {
    let home = installed(&[".config/chromium"]);
    let subjects = |diagnosis: &Value| -> Vec<String> {
        let sections = diagnosis["sections"].as_array().unwrap().iter();
        sections.map(|section| section["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects(&doctor(home.path(), &[]).1), ["Chromium", "This program"]);
    let (is_well, diagnosis) = doctor(home.path(), &["--browser", "edge"]);
    assert_eq!(subjects(&diagnosis), ["Edge", "This program"]);
    assert!(!is_well && finding(&diagnosis, "Edge", "found").1.contains("not started it yet"));
    assert_eq!(finding(&diagnosis, "Edge", "manifest").0, "fault");
}

#[test]
fn checks_a_separate_profile_by_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("my profile/NativeMessagingHosts");
    let folder = folder.to_str().unwrap();
    let (is_well, diagnosis) = doctor(home.path(), &["--manifest-dir", folder]);
    let (_, said) = finding(&diagnosis, folder, "manifest");
    let advice = said.split('"').nth(1).unwrap();
    assert!(!is_well && advice.starts_with("stagepass install --manifest-dir"), "{said}");
    // The advice works when it is pasted into a shell.
    let install = advice.replacen("stagepass", PROGRAM, 1);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &install]).env("HOME", home.path()).env("STAGEPASS_HOST_DIR", host_dir(home.path()));
    assert!(run(&mut shell, b"").status.success());
    assert!(doctor(home.path(), &["--manifest-dir", folder]).0);
}
