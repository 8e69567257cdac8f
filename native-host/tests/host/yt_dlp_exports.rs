//! What a run of yt-dlp does to exports, and what it leaves alone.

use crate::browser::*;
use crate::process::*;
use crate::yt_dlp::*;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread::JoinHandle;

/// Adds one cookie, of no login.
const ADD: &str = r#"printf '.x.com\tTRUE\t/\tTRUE\t1900000000\tguest\tg\n' >> "$2""#;

/// Starts a run with what the browser hands over, which adds a cookie once the
/// test says so.
fn start_fresh_run(home: &Path, browser: &mut Browser) -> JoinHandle<Output> {
    let script = format!("touch started; while ! [ -e go ]; do sleep 0.02; done; {ADD}");
    let running = beside(yt_dlp(home, &script, &[URL]));
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
fn what_another_run_has_rotated_meanwhile_stays() {
    for value in [None, Some("from-before"), Some(OLD)] {
        let home = tempfile::tempdir().unwrap();
        value.map(|value| export_file(home.path(), "x", "", value));
        let mut browser = Browser::listening(home.path(), "work", &["x"]);
        let running = start_fresh_run(home.path(), &mut browser);
        // It has the same cookies, and another home, where the two don't meet.
        let other = tempfile::tempdir().unwrap();
        let mut rotating = yt_dlp(other.path(), &left("x", NEW), &[URL]);
        rotating.env("STAGEPASS_HOST_DIR", host_dir(home.path()));
        let rotating = beside(rotating);
        browser.answer_with(OLD);
        assert!(rotating.join().unwrap().status.success());
        let kept = export_after(home.path(), running);
        assert!(kept.contains(NEW) && kept.contains("guest") && !kept.contains(OLD), "{value:?}: {kept}");
    }
}

#[test]
fn what_the_popup_has_exported_meanwhile_stays() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let running = start_fresh_run(home.path(), &mut browser);
    export_file(home.path(), "x", "", "newest");
    let kept = export_after(home.path(), running);
    assert!(kept.contains("newest") && kept.contains("guest") && !kept.contains(OLD), "{kept}");
}

#[test]
fn an_export_from_before_the_run_gives_way_to_what_the_browser_had() {
    for damage in ["", "no cookie file"] {
        let home = tempfile::tempdir().unwrap();
        let path = export_file(home.path(), "x", "", "from-before");
        if !damage.is_empty() {
            fs::write(path, damage).unwrap();
        }
        let mut browser = Browser::listening(home.path(), "work", &["x"]);
        let running = beside(yt_dlp(home.path(), &left("x", NEW), &[URL]));
        browser.answer_with(OLD);
        assert!(running.join().unwrap().status.success());
        let kept = exported(home.path());
        assert!(kept.contains(NEW) && !kept.contains("from-before"), "{kept}");
    }
}
