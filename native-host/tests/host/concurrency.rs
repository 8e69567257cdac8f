//! Tests of several hosts at once, one for each open browser.

use crate::process::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::thread;

const ROUNDS: usize = 40;

/// A session whose every cookie has this value.
fn session(value: &str, cookie_count: usize, expires: i64) -> Value {
    let cookie = |index: usize| json!({"name": format!("n{index}"), "value": value, "domain": "x.com"});
    json!({"id": 1, "type": "export", "platform": "x", "label": "me", "expires": expires,
        "cookies": (0..cookie_count).map(cookie).collect::<Vec<_>>()})
}

fn export_in_rounds(home: &Path, request: &Value) -> Vec<Value> {
    ask(home, &vec![request.clone(); ROUNDS])
}

#[test]
fn two_hosts_exporting_at_once_leave_one_complete_file() {
    let home = tempfile::tempdir().unwrap();
    let sessions = [session("first", 300, 1_900_000_000), session("second", 20, 1_800_000_000)];
    thread::scope(|scope| {
        let hosts = sessions.each_ref().map(|request| scope.spawn(|| export_in_rounds(home.path(), request)));
        for answers in hosts.map(|host| host.join().unwrap()) {
            assert_eq!(answers.len(), ROUNDS);
            for answer in answers {
                assert_eq!(answer["ok"], true, "{answer}");
            }
        }
    });

    let listed = ask(home.path(), &[json!({"id": 1, "type": "list"})]).remove(0)["exports"].take();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let text = fs::read_to_string(listed[0]["path"].as_str().unwrap()).unwrap();
    let is_first = text.contains("first");
    assert_ne!(is_first, text.contains("second"), "the file is mixed");
    let expected =
        if is_first { (300, "2030-03-17T17:46:40.000Z") } else { (20, "2027-01-15T08:00:00.000Z") };
    assert_eq!(
        (&listed[0]["cookie_count"], &listed[0]["expires_at"]),
        (&json!(expected.0), &json!(expected.1))
    );
    let folder = host_dir(home.path()).join("exports");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 3, "a file, its sidecar and the lock");
}

#[test]
fn a_reader_always_sees_a_complete_file() {
    let home = tempfile::tempdir().unwrap();
    let path = ask(home.path(), &[session("v", 300, 1_900_000_000)]).remove(0)["path"].take();
    let path = Path::new(path.as_str().unwrap());
    thread::scope(|scope| {
        let host = scope.spawn(|| {
            for cookie_count in [300, 10] {
                export_in_rounds(home.path(), &session("v", cookie_count, 1_900_000_000));
            }
        });
        while !host.is_finished() {
            let lines = fs::read_to_string(path).unwrap().lines().count();
            assert!(lines == 301 || lines == 11, "{lines} lines");
        }
        host.join().unwrap();
    });
}

#[test]
fn simultaneous_exports_and_purges_all_succeed() {
    let home = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        let hosts = ["a", "b", "c"].map(|label| {
            let mut request = session("v", 10, 1_900_000_000);
            request["label"] = json!(label);
            let home = home.path();
            scope.spawn(move || export_in_rounds(home, &request))
        });
        let mut purged = 0;
        while !hosts.iter().all(thread::ScopedJoinHandle::is_finished) {
            let output = run(program(home.path()).args(["uninstall", "--purge"]), b"");
            let report = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{report}");
            purged += usize::from(!report.contains("\n0 exported"));
        }
        for answer in hosts.into_iter().flat_map(|host| host.join().unwrap()) {
            assert_eq!(answer["ok"], true, "{answer}");
        }
        assert!(purged > 0, "no purge ever met an export");
    });
}
