//! Tests of fresh cookies from a running browser and of everything that can fail there: nothing
//! leaks, nothing hangs, and the export is used instead.

use crate::browser::*;
use crate::process::*;
use serde_json::{Value, json};
use std::path::Path;
use std::thread;
use std::time::Duration;

pub(crate) const OLD: &str = "the-exported-value";
pub(crate) const FRESH: &str = "the-fresh-value";

/// Asks for cookies while no browser answers correctly: prints those of the export with a note on
/// their age, and nothing that was planted.
pub(crate) fn assert_export_is_used(home: &Path) -> String {
    assert_is_of_export(&command(home, &["cookies", "x"]).join().unwrap())
}

fn assert_is_of_export(output: &std::process::Output) -> String {
    let notes = text(&output.stderr);
    assert!(output.status.success(), "{notes}");
    assert_nothing_planted(output);
    assert!(text(&output.stdout).contains(OLD), "{notes}");
    assert!(notes.contains("these are from an export made moments ago"), "{notes}");
    notes
}

pub(crate) fn home_with_export() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    home
}

/// A second `listen` updates the announcement and opens no second socket. The socket is removed
/// together with the browser.
pub(crate) fn assert_one_socket_until_the_browser_closes(mut browser: Browser, home: &Path) {
    browser.listen("home", &["vimeo"]);
    assert_eq!(sockets(home).len(), 1);
    assert!(text(&run(program(home).arg("browsers"), b"").stdout).contains("home"));
    browser.close();
    assert!(sockets(home).is_empty());
}

/// Whatever others have sent before, the next program is served, and the browser gets no other
/// question.
pub(crate) fn assert_next_program_is_served(browser: &mut Browser, home: &Path) {
    let asking = command(home, &["cookies", "x"]);
    browser.answer_with(FRESH);
    assert!(text(&asking.join().unwrap().stdout).contains(FRESH));
    assert!(browser.is_silent(), "junk was relayed to the browser");
}

#[test]
fn a_command_gets_the_extensions_answer_and_the_extension_the_commands_name() {
    let home = home_with_export();
    let mut browser = Browser::listening(home.path(), "work", &["x", "instagram"]);
    let asking = command(home.path(), &["cookies", "https://x.com/some/page"]);
    let asked = browser.receive();
    assert_eq!((&asked["type"], &asked["platform"]), (&json!("cookies"), &json!("x")));
    let name = if cfg!(windows) {
        "stagepass.exe".to_owned()
    } else {
        // The full name, after the parent's: here this test.
        let parent = std::env::current_exe().unwrap();
        format!("{} › stagepass", parent.file_name().unwrap().to_str().unwrap())
    };
    assert_eq!(asked["program"], name);
    browser.send(&hand_over(&asked, FRESH));
    let output = asking.join().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(
        text(&output.stdout),
        format!("# Netscape HTTP Cookie File\n.x.com\tTRUE\t/\tTRUE\t0\tsessionid\t{FRESH}\n")
    );
    let shown = text(&run(program(home.path()).arg("browsers"), b"").stdout);
    assert!(
        shown.contains("Chromium") && shown.contains("work") && shown.contains("x, instagram"),
        "{shown}"
    );
    assert!(shown.contains("moments ago"), "{shown}");
    let json = run(program(home.path()).args(["browsers", "--json"]), b"").stdout;
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (&json[0]["profile"], &json[0]["platforms"][1]["platform"]),
        (&json!("work"), &json!("instagram"))
    );
    assert!(json[0]["since"].as_str().unwrap().ends_with('Z'), "{json}");
}

#[test]
fn removes_a_dead_socket() {
    let home = home_with_export();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    browser.kill();
    assert_eq!(sockets(home.path()).len(), 1);
    assert_export_is_used(home.path());
    assert!(sockets(home.path()).is_empty());
}

#[test]
fn asks_the_newest_browser_unless_another_is_named() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Browser::listening(home.path(), "first", &["x"]);
    thread::sleep(Duration::from_millis(5));
    let mut second = Browser::listening(home.path(), "second", &["x"]);
    // The newest browser doesn't hand over this platform.
    thread::sleep(Duration::from_millis(5));
    let _third = Browser::listening(home.path(), "third", &["vimeo"]);

    let printed = |asking: thread::JoinHandle<std::process::Output>| text(&asking.join().unwrap().stdout);
    let asking = command(home.path(), &["cookies", "x"]);
    second.answer_with("of-the-second");
    assert!(printed(asking).contains("of-the-second"));
    for choice in [["--profile", "first"], ["--profile", "FIRST"]] {
        let asking = command(home.path(), &[&["cookies", "x"], &choice[..]].concat());
        first.answer_with("of-the-first");
        assert!(printed(asking).contains("of-the-first"));
    }
    // If the newest browser refuses, the next one is asked.
    let asking = command(home.path(), &["cookies", "x", "--browser", "chromium"]);
    let asked = second.receive();
    second.send(&json!({"id": asked["id"], "type": "cookies", "ok": false,
        "error": {"code": "refused", "message": "not signed in"}}));
    first.answer_with("of-the-first");
    let output = asking.join().unwrap();
    assert!(text(&output.stdout).contains("of-the-first"));
    assert!(text(&output.stderr).contains("not signed in"), "{}", text(&output.stderr));
}

#[test]
fn fails_without_the_named_browser_instead_of_using_an_export() {
    let home = home_with_export();
    let _browser = Browser::listening(home.path(), "work", &["vimeo"]);
    for (arguments, reason) in [
        (["--browser", "firefox"], "Connected: Chromium (profile work)"),
        (["--profile", "work"], "doesn't hand over cookies of x"),
    ] {
        let output = command(home.path(), &[&["cookies", "x"], &arguments[..]].concat()).join().unwrap();
        let fault = text(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty() && fault.contains(reason), "{fault}");
    }
}

#[test]
fn never_asks_for_a_platform_that_is_switched_off() {
    let home = home_with_export();
    let browser = Browser::listening(home.path(), "work", &["vimeo"]);
    let notes = assert_export_is_used(home.path());
    assert!(notes.contains("no browser hands over cookies of x"), "{notes}");
    assert!(browser.is_silent());
}

#[test]
fn does_not_wait_for_an_extension_that_never_answers() {
    let home = home_with_export();
    let _deaf = [(); 3].map(|()| Browser::listening(home.path(), "work", &["x"]));
    let notes = assert_export_is_used(home.path());
    assert!(notes.contains("did not answer in time"), "{notes}");
}

#[test]
fn uses_the_export_if_the_browser_closes_in_the_middle_of_its_answer() {
    let home = home_with_export();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let asking = command(home.path(), &["cookies", "x"]);
    let answer = message(&hand_over(&browser.receive(), PLANTED));
    browser.send_bytes(&answer[..answer.len() / 2]);
    browser.close();
    assert_is_of_export(&asking.join().unwrap());
}

/// Answers that Stagepass's extension never gives.
fn bad_answers(asked: &Value) -> Vec<Value> {
    let with = |change: Value| {
        let mut answer = hand_over(asked, PLANTED);
        for (key, value) in change.as_object().unwrap() {
            answer[key] = value.clone();
        }
        answer
    };
    let cookie = |domain: &str| json!({"name": "n", "value": PLANTED, "domain": domain});
    vec![
        with(json!({"cookies": [cookie(".instagram.com")]})),
        with(json!({"cookies": [cookie(".x.com"), cookie("evilx.com")]})),
        with(json!({"cookies": [{"name": "n", "value": format!("{PLANTED}\n.y"), "domain": ".x.com"}]})),
        with(json!({"cookies": vec![cookie(".x.com"); 1001]})),
        with(json!({"cookies": PLANTED})),
        with(json!({"hand_over": "h".repeat(65)})),
        with(json!({"label": format!("{PLANTED}\u{7}")})),
        // The person chose a label by which this account is not offered.
        with(json!({"label": "another"})),
        with(json!({"ok": true, "error": {"code": "c", "message": "m"}})),
        json!({"id": asked["id"], "type": "cookies", "ok": false}),
        json!({"id": asked["id"], "type": "cookies", "ok": true}),
    ]
}

#[test]
fn ignores_an_invalid_answer() {
    let home = home_with_export();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let count = bad_answers(&json!({"id": 0, "platform": "x"})).len();
    for index in 0..count {
        let asking = command(home.path(), &["cookies", "x"]);
        let asked = browser.receive();
        browser.send(&bad_answers(&asked).remove(index));
        assert_is_of_export(&asking.join().unwrap());
    }
    // The connection survives them all.
    let asking = command(home.path(), &["cookies", "x"]);
    browser.answer_with(FRESH);
    assert!(text(&asking.join().unwrap().stdout).contains(FRESH));
}

#[test]
fn an_extensions_message_cannot_control_the_terminal() {
    let home = home_with_export();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let asking = command(home.path(), &["cookies", "x"]);
    let asked = browser.receive();
    browser.send(&json!({"id": asked["id"], "type": "cookies", "ok": false,
        "error": {"code": "c", "message": format!("\u{1b}[2J{}", "m".repeat(100_000))}}));
    let notes = assert_is_of_export(&asking.join().unwrap());
    assert!(!notes.contains('\u{1b}') && notes.len() < 2000, "{notes}");
}

#[test]
fn survives_a_flood_of_frames_from_the_browser() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let unasked = message(&hand_over(&json!({"id": 4_000_000_000_u32, "platform": "x"}), PLANTED));
    let nonsense = message(&json!({"ok": true, "id": {}, "cookies": [PLANTED]}));
    browser.send_bytes(&[unasked, nonsense].concat().repeat(20_000));
    let asking = command(home.path(), &["cookies", "x"]);
    browser.answer_with(FRESH);
    assert!(text(&asking.join().unwrap().stdout).contains(FRESH));
}

#[test]
fn refuses_a_bad_announcement_and_opens_no_socket() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(home.path());
    for platforms in [&["../x"][..], &["X"], &["x"; 201]] {
        let answer = browser.listen("work", platforms);
        assert_eq!(answer["error"]["code"], "bad_request", "{answer}");
    }
    for name in ["wo\nrk", "w\u{202e}ork", "wo\u{2028}rk", "work\u{200b}"] {
        let answer = browser.listen(name, &["x"]);
        assert_eq!(answer["error"]["code"], "bad_request", "{answer}");
    }
    assert!(!socket_folder(home.path()).exists());
}
