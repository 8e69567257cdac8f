//! Tests of the formats of `cookies`, from exports and from a browser.

use crate::browser::*;
use crate::process::*;
use crate::storage::exported;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

fn print(home: &Path, arguments: &[&str]) -> Output {
    run(program(home).args([&["cookies"], arguments].concat()), b"")
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn prints_an_export_as_json() {
    let home = tempfile::tempdir().unwrap();
    let request = export_with_storage(PLANTED);
    exported(home.path(), &request);
    let printed = json_of(&print(home.path(), &["onlyfans", "--format", "json"]));
    let cookie = json!({"name": "sess", "value": PLANTED, "domain": ".onlyfans.com", "path": "/",
        "httpOnly": false, "secure": true, "sameSite": "none"});
    assert_eq!(
        printed,
        json!({"platform": "onlyfans", "cookies": [cookie], "origins": request["origins"],
            "user_agent": "Sample/1.0"})
    );
}

#[test]
fn prints_what_the_storage_file_holds_for_playwright() {
    let home = tempfile::tempdir().unwrap();
    let (_, _, storage_file) = exported(home.path(), &export_with_storage(PLANTED));
    let output = print(home.path(), &["https://onlyfans.com/my", "--format", "playwright"]);
    assert_eq!(text(&output.stdout), std::fs::read_to_string(storage_file).unwrap());
    assert!(
        text(&output.stderr).contains("sessionStorage of https://onlyfans.com"),
        "{}",
        text(&output.stderr)
    );
    // An export without storage has the cookies alone.
    export_file(home.path(), "x", "", PLANTED);
    let printed = json_of(&print(home.path(), &["x", "--format", "playwright"]));
    assert_eq!((printed["cookies"].as_array().unwrap().len(), &printed["origins"]), (2, &json!([])));
}

#[test]
fn prints_the_headers_of_a_request_one_on_each_line() {
    let home = tempfile::tempdir().unwrap();
    exported(home.path(), &export_with_storage(PLANTED));
    exported(home.path(), &export_without_cookies("t0ken"));
    let lines = |url: &str| {
        let output = print(home.path(), &[url, "--format", "header"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(
        lines("https://onlyfans.com/api2/v2/users/me?a=b"),
        format!("Cookie: sess={PLANTED}\nUser-Agent: Sample/1.0\nx-bc: {PLANTED}\n")
    );
    assert_eq!(
        lines("https://apiv3.fansly.com/api/v1/account"),
        "User-Agent: Sample/1.0\nauthorization: t0ken\n"
    );
    assert_eq!(lines("https://fansly.com/"), "User-Agent: Sample/1.0\n");
    // An export without storage has the user agent, too, also after a run of yt-dlp.
    let mut of_x = export("x", "", PLANTED);
    of_x["user_agent"] = json!("Sample/2.0");
    ask(home.path(), &[of_x]);
    assert!(lines("https://x.com/").ends_with("\nUser-Agent: Sample/2.0\n"), "{}", lines("https://x.com/"));
}

#[test]
fn headers_need_an_https_url_and_wget_a_cookie_file() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", PLANTED);
    for target in ["x", "x.com", "http://x.com/", "https://x.com\\@evil.example/", "https://me@x.com/"] {
        let output = print(home.path(), &[target, "--format", "header"]);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{target}");
        assert!(text(&output.stderr).contains("needs the https URL of the request"), "{target}");
    }
    for format in ["json", "playwright", "header"] {
        let output = print(home.path(), &["https://x.com/", "--format", format, "--wget"]);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{format}");
        assert!(text(&output.stderr).contains("--wget changes a cookie file"), "{format}");
    }
    assert!(print(home.path(), &["x", "--format", "netscape", "--wget"]).status.success());
}

/// An answer to `asked` with the storage of a login at Fansly.
fn hand_over_storage(asked: &Value, origin: &str) -> Value {
    let session = json!({"token": "fr3sh", "accountId": "7"}).to_string();
    json!({"id": asked["id"], "type": "cookies", "ok": true, "hand_over": "h", "label": "", "expires": null,
        "write_back": false, "cookies": [], "user_agent": "Fresh/2.0",
        "origins": [{"origin": origin, "localStorage": [{"name": "session_active_session", "value": session}],
            "sessionStorage": []}]})
}

#[test]
fn asks_a_browser_for_storage_only_if_the_person_allowed_it_and_the_format_has_it() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening_with_storage(home.path(), "fansly");
    assert!(text(&run(program(home.path()).arg("browsers"), b"").stdout).contains("fansly with its storage"));
    let url = "https://apiv3.fansly.com/api/v1/account";
    let asking = command(home.path(), &["cookies", url, "--format", "header"]);
    let asked = browser.receive();
    assert_eq!((&asked["type"], &asked["storage"]), (&json!("cookies"), &json!(true)));
    browser.send(&hand_over_storage(&asked, "https://fansly.com"));
    let output = asking.join().unwrap();
    assert_eq!(text(&output.stdout), "User-Agent: Fresh/2.0\nauthorization: fr3sh\n");
    assert_eq!(text(&output.stderr), "");

    let asking = command(home.path(), &["cookies", "fansly"]);
    let asked = browser.receive();
    assert_eq!(asked.get("storage"), None);
    browser.send(&hand_over_storage(&asked, "https://fansly.com"));
    assert_eq!(text(&asking.join().unwrap().stdout), "# Netscape HTTP Cookie File\n");
}

#[test]
fn prints_no_storage_that_the_person_has_not_allowed() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["fansly"]);
    let asking = command(home.path(), &["cookies", "fansly", "--format", "json"]);
    let asked = browser.receive();
    assert_eq!(asked.get("storage"), None);
    // Not even if the answer has it.
    browser.send(&hand_over_storage(&asked, "https://fansly.com"));
    let output = asking.join().unwrap();
    assert_eq!(json_of(&output), json!({"platform": "fansly", "cookies": [], "user_agent": "Fresh/2.0"}));
    let notes = text(&output.stderr);
    assert!(notes.contains("which the browser does not hand over"), "{notes}");
}

/// Storage that the extension never hands over: another site's, no origin's, too much, and a user agent
/// that would end a header's line.
fn bad_storage(asked: &Value) -> Vec<Value> {
    let origin = "https://fansly.com";
    let with = |change: Value| {
        let mut answer = hand_over_storage(asked, origin);
        for (name, value) in change.as_object().unwrap() {
            answer[name] = value.clone();
        }
        answer
    };
    let entries = |count: usize| -> Vec<_> {
        (0..count).map(|index| json!({"name": index.to_string(), "value": "fr3sh"})).collect()
    };
    let of = |entries: Vec<Value>| json!({"origin": origin, "localStorage": entries});
    let many: Vec<_> =
        (0..21).map(|index| json!({"origin": format!("https://h{index}.fansly.com")})).collect();
    let long = json!({"name": "session_active_session", "value": "fr3sh".repeat(128 * 1024)});
    vec![
        hand_over_storage(asked, "https://example.org"),
        hand_over_storage(asked, "https://evilfansly.com"),
        hand_over_storage(asked, "https://fansly.com.example.org"),
        hand_over_storage(asked, "no origin"),
        with(json!({"origins": [of(entries(1)), {"origin": "https://example.org"}]})),
        with(json!({"origins": many})),
        with(json!({"origins": [of(entries(1001))]})),
        with(json!({"origins": [of(vec![long])]})),
        with(json!({"origins": [of(entries(1)), of(entries(1))]})),
        with(json!({"origins": {}})),
        with(json!({"user_agent": "Fresh/2.0\r\nCookie: fr3sh"})),
        with(json!({"user_agent": ["Fresh/2.0"]})),
    ]
}

#[test]
fn ignores_an_answer_with_another_sites_storage_or_too_much() {
    let home = tempfile::tempdir().unwrap();
    exported(home.path(), &export_without_cookies("exp0rted"));
    let mut browser = Browser::listening_with_storage(home.path(), "fansly");
    let count = bad_storage(&json!({"id": 0})).len();
    for index in 0..count {
        let asking = command(home.path(), &["cookies", "fansly", "--format", "json"]);
        let asked = browser.receive();
        browser.send(&bad_storage(&asked).remove(index));
        let output = asking.join().unwrap();
        let printed = json_of(&output).to_string();
        assert!(printed.contains("exp0rted") && !printed.contains("fr3sh"), "{index}: {printed}");
        let notes = text(&output.stderr);
        assert!(notes.contains("gave no cookies of fansly") && !notes.contains("fr3sh"), "{index}: {notes}");
    }
}
