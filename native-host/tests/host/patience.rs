//! Tests that the program ends in time if others block it: a lock that is never released, a slow
//! browser, a program that hangs.

use crate::browser::*;
use crate::process::*;
use crate::runs::*;
use crate::runs_ends::signal;
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Holds the lock of one of the host's folders, as a stopped host does.
fn hold(home: &Path, folder: &str) -> File {
    let folder = host_dir(home).join(folder);
    fs::create_dir_all(&folder).unwrap();
    let mut options = OpenOptions::new();
    let lock =
        options.write(true).create(true).truncate(true).mode(0o600).open(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn answers_an_export_whose_folder_stays_locked() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let _held = hold(home.path(), "exports");
    let mut browser = Browser::start(home.path());
    browser.send(&export("x", "", NEW));
    let answer = browser.receive();
    assert!(answer["error"]["message"].as_str().unwrap().contains("in use by another"), "{answer}");
    assert!(fs::read_to_string(path).unwrap().contains(OLD));
}

#[test]
fn a_run_with_both_folders_locked_ends_and_a_signal_ends_it_earlier() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let held = hold(home.path(), "runs");
    let output = beside(run_of(home.path(), "", &[URL])).join().unwrap();
    let fault = text(&output.stderr);
    assert!(output.status.code() == Some(1) && fault.contains("in use by another"), "{fault}");
    let child = start(&mut run_of(home.path(), "", &[URL]));
    thread::sleep(Duration::from_millis(200));
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(2));
    drop(held);
    // The lock of the exports is waited for only once, not for each platform.
    export_file(home.path(), "vimeo", "", OLD);
    let _held = hold(home.path(), "exports");
    let script = left("x", NEW) + "; printf '.vimeo.com\\tTRUE\\t/\\tFALSE\\t0\\tadded\\tv\\n' >> \"$2\"";
    let output = beside(run_of(home.path(), &script, &[URL, "https://vimeo.com/1"])).join().unwrap();
    let notes = text(&output.stderr);
    assert!(output.status.success() && notes.matches("could not be kept").count() == 2, "{notes}");
}

/// Starts a run that rotates more cookies than fit into one question.
fn start_large_write_back(home: &Path, browser: &mut Browser) -> std::process::Child {
    let script = format!("sed -i s/{OLD}/{NEW}/ \"$2\"");
    let child = start(&mut run_of(home, &script, &["--write-back", URL]));
    let asked = browser.receive();
    let mut answer = hand_over(&asked, OLD);
    let cookie = |index: usize| json!({"name": format!("n{index}"), "value": OLD, "domain": ".x.com"});
    answer["cookies"] = (0..200).map(cookie).collect();
    answer["write_back"] = json!(true);
    browser.send(&answer);
    child
}

fn take_back(browser: &mut Browser) -> Value {
    let asked = browser.receive();
    assert_eq!(asked["type"], "write_back");
    let written = asked["replacements"].as_array().unwrap().len();
    browser.send(&json!({"id": asked["id"], "type": "write_back", "ok": true, "written": written,
        "changed_meanwhile": 0, "refused": 0}));
    asked
}

fn assert_kept(home: &Path) {
    let path = text(&run(program(home).args(["path", "x"]), b"").stdout);
    assert!(fs::read_to_string(path.trim_end()).unwrap().contains(NEW));
}

#[test]
fn does_not_wait_for_a_browser_that_is_slow_with_each_part() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let child = start_large_write_back(home.path(), &mut browser);
    let waiting = thread::spawn(move || child.wait_with_output().unwrap());
    let mut parts = 0;
    while !waiting.is_finished() {
        thread::sleep(Duration::from_millis(1500));
        if !waiting.is_finished() {
            take_back(&mut browser);
            parts += 1;
        }
    }
    let output = waiting.join().unwrap();
    let notes = text(&output.stderr);
    assert!(output.status.success() && parts < 5, "{parts} parts: {notes}");
    assert!(notes.contains("written back into the browser") && notes.contains("the rest failed"), "{notes}");
    assert_kept(home.path());
}

#[test]
fn a_signal_ends_the_write_back_and_the_export_has_everything() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let child = start_large_write_back(home.path(), &mut browser);
    let asked = browser.receive();
    assert_eq!(asked["type"], "write_back");
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    let notes = text(&output.stderr);
    assert!(output.status.success() && notes.contains("a signal ended the write-back"), "{notes}");
    assert_kept(home.path());
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn reports_what_a_browser_accepted_before_it_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let child = start_large_write_back(home.path(), &mut browser);
    take_back(&mut browser);
    let asked = browser.receive();
    browser.send(&json!({"id": asked["id"], "type": "write_back", "ok": false,
        "error": {"code": "refused", "message": "no more of it"}}));
    let notes = text(&child.wait_with_output().unwrap().stderr);
    assert!(
        notes.contains("48 written back into the browser")
            && notes.contains("the rest failed: no more of it"),
        "{notes}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn doctor_neither_waits_for_a_hanging_yt_dlp_nor_reports_a_fault() {
    use std::os::unix::fs::PermissionsExt;
    let home = crate::doctor::installed(&[".config/chromium"]);
    let hanging = home.path().join("hanging");
    fs::write(&hanging, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&hanging, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = program(home.path());
    command.args(["doctor", "--json", "--yt-dlp"]).arg(&hanging);
    let output = beside(command).join().unwrap();
    let diagnosis = serde_json::from_slice(&output.stdout).unwrap();
    let (verdict, said) = crate::doctor::findings(&diagnosis, "This program", "yt-dlp").remove(0);
    assert!(output.status.success() && verdict == "note" && said.contains("within 4 seconds"), "{said}");
}
