//! Tests that a storage file is written privately, never through a link, and stands only beside the
//! cookie file of its own session.

use crate::browser::{Browser, beside, text};
use crate::process::*;
use crate::runs::{run_of, run_script};
use crate::storage::{exported, read_json};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::Duration;

#[test]
fn its_mode_does_not_depend_on_the_umask() {
    for umask in ["000", "077", "277"] {
        let home = tempfile::tempdir().unwrap();
        let mut command = browser_started_after(&format!("umask {umask}"), home.path());
        let answer = ask_of(&mut command, &[export_with_storage(PLANTED)]).remove(0);
        let path = Path::new(answer["storage_path"].as_str().unwrap());
        let mode = fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "umask {umask}");
    }
}

#[test]
fn refuses_a_link_or_a_folder_in_its_place_and_leaves_the_old_export() {
    let home = tempfile::tempdir().unwrap();
    let (_, cookie_file, storage_file) = exported(home.path(), &export_with_storage("old"));
    let old = fs::read(&cookie_file).unwrap();
    let victim = home.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    fs::remove_file(&storage_file).unwrap();
    for what in ["a symbolic link", "a folder"] {
        if what == "a folder" {
            fs::remove_file(&storage_file).unwrap();
            fs::create_dir(&storage_file).unwrap();
        } else {
            symlink(&victim, &storage_file).unwrap();
        }
        let answer = ask(home.path(), &[export_with_storage(PLANTED)]).remove(0);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(what) && message.contains(storage_file.to_str().unwrap()), "{message}");
        assert_eq!(
            (fs::read(&cookie_file).unwrap(), fs::read(&victim).unwrap()),
            (old.clone(), b"mine".to_vec())
        );
    }
}

#[test]
fn does_not_read_storage_through_a_link_or_from_a_file_open_to_others() {
    let home = tempfile::tempdir().unwrap();
    let (_, _, storage_file) = exported(home.path(), &export_with_storage(PLANTED));
    let elsewhere = home.path().join("elsewhere");
    let print = || run(program(home.path()).args(["cookies", "onlyfans", "--format", "json"]), b"");
    fs::set_permissions(&storage_file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(text(&print().stderr).contains("chmod 600"));
    fs::set_permissions(&storage_file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&storage_file, &elsewhere).unwrap();
    symlink(&elsewhere, &storage_file).unwrap();
    let output = print();
    assert!(!output.status.success() && text(&output.stderr).contains("a symbolic link"));
    assert_nothing_planted(&output);
}

#[test]
fn a_full_disk_leaves_the_old_files_untouched() {
    let home = tempfile::tempdir().unwrap();
    let (_, cookie_file, storage_file) = exported(home.path(), &export_with_storage("old"));
    let old = (fs::read(&cookie_file).unwrap(), fs::read(&storage_file).unwrap());
    let mut request = export_with_storage(PLANTED);
    request["origins"][0]["localStorage"][0]["value"] = json!(PLANTED.repeat(2000));
    let mut command = browser_started_after("trap '' XFSZ; ulimit -f 16", home.path());
    let answer = ask_of(&mut command, &[request]).remove(0);
    assert_eq!(answer["error"]["code"], "io", "{answer}");
    assert_eq!((fs::read(&cookie_file).unwrap(), fs::read(&storage_file).unwrap()), old);
    assert_eq!(fs::read_dir(cookie_file.parent().unwrap()).unwrap().count(), 4, "three files and the lock");
}

/// The values in the cookie file and, if there is one, in the storage file.
fn values(cookie_file: &Path, storage_file: &Path) -> (String, Option<String>) {
    let cookies = fs::read_to_string(cookie_file).unwrap();
    let value = cookies.trim_end().rsplit('\t').next().unwrap().to_owned();
    let stored = storage_file.exists().then(|| read_json(storage_file));
    (
        value,
        stored.map(|stored| stored["origins"][0]["localStorage"][0]["value"].as_str().unwrap().to_owned()),
    )
}

#[test]
fn a_host_that_is_killed_leaves_no_storage_beside_another_sessions_cookies() {
    let home = tempfile::tempdir().unwrap();
    let (_, cookie_file, storage_file) = exported(home.path(), &export_with_storage("first"));
    let (mut without_storage, mut killed_meanwhile) = (0, 0);
    for round in 0..60_u64 {
        let requests: Vec<_> =
            (0..2000).flat_map(|index| message(&export_with_storage(&format!("v{round}-{index}")))).collect();
        let mut child = start(&mut browser_started(home.path()));
        let mut stdin = child.stdin.take().unwrap();
        let writer = thread::spawn(move || std::io::Write::write_all(&mut stdin, &requests).is_err());
        let mut stdout = child.stdout.take().unwrap();
        let reader = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        thread::sleep(Duration::from_millis(20 + round * 7 % 40));
        child.kill().unwrap();
        child.wait().unwrap();
        killed_meanwhile += usize::from(writer.join().unwrap());
        reader.join().unwrap().unwrap();
        let (value, stored) = values(&cookie_file, &storage_file);
        without_storage += usize::from(stored.is_none());
        assert!(stored.is_none_or(|stored| stored == value), "round {round}");
    }
    assert!(killed_meanwhile > 0, "no host was killed while it wrote ({without_storage} without storage)");
}

#[test]
fn a_command_never_prints_the_storage_of_another_session() {
    let home = tempfile::tempdir().unwrap();
    exported(home.path(), &export_with_storage("first"));
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let requests: Vec<_> = (0..300).map(|index| export_with_storage(&format!("v{index}"))).collect();
            ask(home.path(), &requests)
        });
        let (mut printed, mut with_storage) = (0, 0);
        while !writer.is_finished() {
            let output = run(program(home.path()).args(["cookies", "onlyfans", "--format", "json"]), b"");
            assert!(output.status.success(), "{}", text(&output.stderr));
            let session: Value = serde_json::from_slice(&output.stdout).unwrap();
            let stored = &session["origins"][0]["localStorage"][0]["value"];
            assert!(stored.is_null() || *stored == session["cookies"][0]["value"], "{session}");
            (printed, with_storage) = (printed + 1, with_storage + usize::from(stored.is_string()));
        }
        assert!(printed > 0 && with_storage > 0, "{with_storage} of {printed}");
    });
}

#[test]
fn a_run_keeps_the_storage_and_updates_the_cookies_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let mut request = export_with_storage("old");
    // The login is proven by two cookies, and this one may change.
    request["cookies"] = ["sess", "auth_id", "fp"]
        .map(|name| json!({"name": name, "value": "old", "domain": ".onlyfans.com", "sameSite": "none", "secure": true}))
        .into();
    let (_, cookie_file, storage_file) = exported(home.path(), &request);
    let output =
        run_script(home.path(), "sed -i 's/fp\\told/fp\\tnew/' \"$2\"", &["https://onlyfans.com/my"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(fs::read_to_string(&cookie_file).unwrap().contains("\tfp\tnew\n"), "{}", text(&output.stderr));
    let stored = read_json(&storage_file);
    let cookie = stored["cookies"].as_array().unwrap().iter().find(|cookie| cookie["name"] == "fp").unwrap();
    assert_eq!((&cookie["value"], &cookie["sameSite"]), (&json!("new"), &json!("None")));
    assert_eq!(stored["origins"], {
        let mut origins = request["origins"].clone();
        origins[0]["sessionStorage"] = json!([{"name": "tab", "value": ""}]);
        origins
    });
    assert_eq!(stored["userAgent"], "Sample/1.0");
}

/// A storage file of a later version, perhaps.
const UNREADABLE: &str = r#"{"cookies": [], "origins": {"https://onlyfans.com": {}}}"#;

#[test]
fn a_run_keeps_a_storage_file_that_it_cannot_read() {
    let home = tempfile::tempdir().unwrap();
    let mut request = export_with_storage("old");
    request["cookies"] = ["sess", "auth_id", "fp"]
        .map(|name| json!({"name": name, "value": "old", "domain": ".onlyfans.com", "secure": true}))
        .into();
    let (_, cookie_file, storage_file) = exported(home.path(), &request);
    fs::write(&storage_file, UNREADABLE).unwrap();
    let output =
        run_script(home.path(), "sed -i 's/fp\\told/fp\\tnew/' \"$2\"", &["https://onlyfans.com/my"]);
    let notes = text(&output.stderr);
    assert!(output.status.success() && notes.contains("is not a valid storage file"), "{notes}");
    // The platform's new cookie is not lost either.
    assert!(fs::read_to_string(&cookie_file).unwrap().contains("\tfp\tnew\n"), "{notes}");
    assert_eq!(fs::read_to_string(&storage_file).unwrap(), UNREADABLE);
}

#[test]
fn a_browsers_cookies_do_not_remove_a_storage_file_that_cannot_be_read() {
    for bad_cookie_file in [None, Some("no cookie file"), Some("# Netscape HTTP Cookie File\n")] {
        let home = tempfile::tempdir().unwrap();
        let (_, cookie_file, storage_file) = exported(home.path(), &export_with_storage("old"));
        fs::write(&storage_file, UNREADABLE).unwrap();
        if let Some(bad) = bad_cookie_file {
            fs::write(&cookie_file, bad).unwrap();
        }
        let mut browser = Browser::listening(home.path(), "work", &["onlyfans"]);
        let url = "https://onlyfans.com/my";
        let running = beside(run_of(home.path(), "sed -i 's/fresh/rotated/' \"$2\"", &[url]));
        browser.answer_with("fresh");
        let output = running.join().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(fs::read_to_string(&storage_file).unwrap(), UNREADABLE, "{bad_cookie_file:?}");
    }
}

#[test]
fn a_run_says_that_it_can_not_use_a_login_without_cookies() {
    let home = tempfile::tempdir().unwrap();
    exported(home.path(), &export_without_cookies(PLANTED));
    let mut command = program(home.path());
    command.args(["run", "--", "true", "https://fansly.com/post/1"]);
    let output = run(&mut command, b"");
    let notes = text(&output.stderr);
    assert!(output.status.success() && notes.contains("fansly has no cookies"), "{notes}");
}
