//! Tests of how a run changes exports, and when it leaves them alone.

use crate::browser::*;
use crate::process::*;
use crate::runs::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread::JoinHandle;

/// Adds one cookie that is not part of the login.
const ADD: &str = r#"printf '.x.com\tTRUE\t/\tTRUE\t1900000000\tguest\tg\n' >> "$2""#;

/// Starts a run with the browser's cookies. It adds a cookie once the test allows it.
fn start_fresh_run(home: &Path, browser: &mut Browser) -> JoinHandle<Output> {
    let script = format!("touch started; while ! [ -e go ]; do sleep 0.02; done; {ADD}");
    let running = beside(run_of(home, &script, &[URL]));
    browser.answer_with(OLD);
    wait_for_start(home);
    running
}

/// The export, once the run has ended.
fn export_after(home: &Path, running: JoinHandle<Output>) -> String {
    fs::write(home.join("go"), "").unwrap();
    let output = running.join().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    exported(home)
}

fn exported(home: &Path) -> String {
    let path = text(&run(program(home).args(["path", "x"]), b"").stdout);
    fs::read_to_string(path.trim_end()).unwrap()
}

#[test]
fn keeps_cookies_that_another_run_has_rotated_meanwhile() {
    for value in [None, Some("from-before"), Some(OLD)] {
        let home = tempfile::tempdir().unwrap();
        value.map(|value| export_file(home.path(), "x", "", value));
        let mut browser = Browser::listening(home.path(), "work", &["x"]);
        let running = start_fresh_run(home.path(), &mut browser);
        // It has the same cookies but another home, so that the two don't interfere.
        let other = tempfile::tempdir().unwrap();
        let mut rotating = run_of(other.path(), &left("x", NEW), &[URL]);
        rotating.env("STAGEPASS_HOST_DIR", host_dir(home.path()));
        let rotating = beside(rotating);
        browser.answer_with(OLD);
        assert!(rotating.join().unwrap().status.success());
        let kept = export_after(home.path(), running);
        assert!(kept.contains(NEW) && kept.contains("guest") && !kept.contains(OLD), "{value:?}: {kept}");
    }
}

#[test]
fn keeps_an_export_that_the_popup_has_made_meanwhile() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let running = start_fresh_run(home.path(), &mut browser);
    export_file(home.path(), "x", "", "newest");
    let kept = export_after(home.path(), running);
    assert!(kept.contains("newest") && kept.contains("guest") && !kept.contains(OLD), "{kept}");
}

/// Starts a run with the account's cookies from the browser.
fn run_for(home: &Path, browser: &mut Browser, account: &str, script: &str) -> JoinHandle<Output> {
    let running = beside(run_of(home, script, &[URL]));
    let asked = browser.receive();
    browser.send(&json!({"id": asked["id"], "type": "cookies", "ok": true, "hand_over": "h", "label": "",
        "expires": null, "write_back": false, "cookies": login(account, ".x.com")}));
    running
}

#[test]
fn never_stores_one_accounts_cookies_in_anothers_export() {
    let home = tempfile::tempdir().unwrap();
    export_login(home.path(), "first-account", ".x.com");
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let refused = run_for(home.path(), &mut browser, "second-account", "touch started").join().unwrap();
    assert!(!refused.status.success() && !home.path().join("started").exists());
    let said = text(&refused.stderr);
    assert!(said.contains("another account of x") && said.contains("nothing was run"), "{said}");
    assert!(exported(home.path()).contains("first-account"));

    let ran = run_for(home.path(), &mut browser, "first-account", ADD).join().unwrap();
    assert!(ran.status.success() && exported(home.path()).contains("guest"), "{}", text(&ran.stderr));

    // The popup exports another account during the run.
    let script = format!("touch started; while ! [ -e go ]; do sleep 0.02; done; {ADD}");
    let running = run_for(home.path(), &mut browser, "first-account", &script);
    wait_for_start(home.path());
    export_login(home.path(), "second-account", ".x.com");
    let kept = export_after(home.path(), running);
    assert!(kept.contains("second-account") && !kept.contains("guest"), "{kept}");
}

#[test]
fn replaces_an_export_from_before_the_run_with_the_browsers_cookies() {
    for damage in ["", "no cookie file"] {
        let home = tempfile::tempdir().unwrap();
        let path = export_file(home.path(), "x", "", "from-before");
        if !damage.is_empty() {
            fs::write(path, damage).unwrap();
        }
        let mut browser = Browser::listening(home.path(), "work", &["x"]);
        let running = beside(run_of(home.path(), &left("x", NEW), &[URL]));
        browser.answer_with(OLD);
        assert!(running.join().unwrap().status.success());
        let kept = exported(home.path());
        assert!(kept.contains(NEW) && !kept.contains("from-before"), "{kept}");
    }
}

/// Sets the time of an export in its sidecar.
fn set_exported_at(path: &Path, time: &str) {
    let sidecar = path.with_extension("json");
    let mut known: Value = serde_json::from_slice(&fs::read(&sidecar).unwrap()).unwrap();
    known["exported_at"] = json!(time);
    fs::write(sidecar, known.to_string()).unwrap();
}

fn listed(home: &Path) -> Value {
    serde_json::from_slice(&run(program(home).args(["list", "--json"]), b"").stdout).unwrap()
}

#[test]
fn a_run_does_not_make_an_export_the_newest() {
    let home = tempfile::tempdir().unwrap();
    let work = export_file(home.path(), "x", "work", "of-work");
    set_exported_at(&work, "2026-01-01T00:00:00.000Z");
    set_exported_at(&export_file(home.path(), "x", "me", "of-me"), "2026-01-02T00:00:00.000Z");
    let ran = run(&mut run_of(home.path(), ADD, &["--label", "work", URL]), b"");
    assert!(text(&ran.stderr).contains("has replaced cookies"), "{}", text(&ran.stderr));
    let known = &listed(home.path())[1];
    assert_eq!(
        (&known["label"], &known["exported_at"]),
        (&json!("work"), &json!("2026-01-01T00:00:00.000Z"))
    );
    assert!(known["updated_at"].is_string(), "{known}");
    let printed = command(home.path(), &["cookies", "x"]).join().unwrap();
    assert!(text(&printed.stdout).contains("of-me"));
    let printed = command(home.path(), &["cookies", "x", "--label", "work"]).join().unwrap();
    let notes = text(&printed.stderr);
    assert!(
        notes.contains("days ago (2026-01-01") && notes.contains("updated by a run moments ago"),
        "{notes}"
    );
}

#[test]
fn a_run_keeps_the_browsers_expiry_of_an_unknown_site() {
    let home = tempfile::tempdir().unwrap();
    let known = json!({"id": 1, "type": "export", "platform": "example.org", "label": "", "expires": 1_900_000_000,
        "cookies": [{"name": "s", "value": OLD, "domain": ".example.org"}]});
    ask(home.path(), &[known]);
    let script = format!("sed -i s/{OLD}/{NEW}/ \"$2\"");
    assert!(run(&mut run_of(home.path(), &script, &["https://example.org/1"]), b"").status.success());
    assert_eq!(listed(home.path())[0]["expires_at"], "2030-03-17T17:46:40.000Z");
}

#[test]
fn replaces_and_reports_an_export_from_the_future() {
    let home = tempfile::tempdir().unwrap();
    set_exported_at(&export_file(home.path(), "x", "old", "of-the-future"), "2131-01-01T00:00:00.000Z");
    let printed = command(home.path(), &["cookies", "x"]).join().unwrap();
    let notes = text(&printed.stderr);
    assert!(
        text(&printed.stdout).contains("of-the-future") && notes.contains("in the future (2131"),
        "{notes}"
    );
    export_file(home.path(), "x", "new", "of-today");
    let printed = command(home.path(), &["cookies", "x"]).join().unwrap();
    assert!(text(&printed.stdout).contains("of-today"), "{}", text(&printed.stderr));
}

#[test]
fn a_site_within_another_keeps_its_own_cookies() {
    let home = tempfile::tempdir().unwrap();
    let cookie = |value: &str, domain: &str| json!({"name": "s", "value": value, "domain": domain});
    let request = |platform: &str, cookies: &[Value]| json!({"id": 1, "type": "export", "platform": platform, "cookies": cookies});
    let outer = [cookie("outer", ".example.org"), cookie("outer-in-inner", "a.example.org")];
    let inner = [cookie("inner", "a.example.org")];
    let requests = [request("example.org", &outer), request("a.example.org", &inner)];
    let paths: Vec<String> = ask(home.path(), &requests)
        .iter()
        .map(|answer| answer["path"].as_str().unwrap().to_owned())
        .collect();
    let contents = || paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>();
    let before = contents();
    let run_with = |script: &str| {
        let urls = ["https://example.org/1", "https://a.example.org/2"];
        text(&run(&mut run_of(home.path(), script, &urls), b"").stderr)
    };
    let notes = run_with("");
    assert!(!notes.contains("replaced"), "{notes}");
    let given = noted(home.path(), "cookies");
    assert!(
        given.contains("\touter\n") && given.contains("\tinner\n") && given.lines().count() == 3,
        "{given}"
    );
    assert_eq!(contents(), before);
    let notes = run_with("sed -i 's/\\tinner$/\\trotated/' \"$2\"");
    assert!(
        notes.contains("a.example.org has replaced") && notes.matches("has replaced").count() == 1,
        "{notes}"
    );
    assert_eq!(contents()[0], before[0]);
    assert!(contents()[1].contains("\trotated\n"), "{:?}", contents());
}
