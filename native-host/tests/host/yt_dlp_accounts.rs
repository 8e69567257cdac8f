//! Whose session a run of yt-dlp leaves behind: one account's never goes into what is
//! another's.

use crate::browser::*;
use crate::process::*;
use crate::yt_dlp::*;
use serde_json::json;
use std::fs;
use std::process::Output;

const A: &str = "first-account";
const B: &str = "second-account";

/// As yt-dlp leaves its file when it has signed in as another account.
fn sign_in_as_b() -> String {
    format!("sed -i s/{A}/{B}/ \"$2\"")
}

fn assert_told(output: &Output) {
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("may be another account's"), "{said}");
    assert!(!said.contains("has replaced"), "{said}");
}

#[test]
fn a_run_that_signs_in_as_another_account_leaves_the_export_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let path = export_login(home.path(), A, ".x.com");
    let before = fs::read_to_string(&path).unwrap();
    assert_told(&run_yt_dlp(home.path(), &sign_in_as_b(), &[URL]));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    // The cookie that names the account may have gone meanwhile.
    let script = format!("{}; sed -i /twid/d \"$2\"", sign_in_as_b());
    assert_told(&run_yt_dlp(home.path(), &script, &[URL]));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    // What is replaced of the same account is kept.
    let script = format!("sed -i 's/ct0\\t{A}/ct0\\trenewed/' \"$2\"");
    let output = run_yt_dlp(home.path(), &script, &[URL]);
    assert!(fs::read_to_string(&path).unwrap().contains("renewed"), "{}", text(&output.stderr));
}

#[test]
fn where_no_cookie_names_the_account_signing_in_or_out_leaves_the_export_as_it_was() {
    const VIDEO: &str = "https://vimeo.com/1";
    let home = tempfile::tempdir().unwrap();
    let cookie = json!({"name": "vimeo", "value": A, "domain": ".vimeo.com", "secure": true});
    let export = json!({"id": 1, "type": "export", "platform": "vimeo", "label": "", "cookies": [cookie]});
    let answer = ask(home.path(), &[export]).remove(0);
    let path = answer["path"].as_str().unwrap();
    let before = fs::read_to_string(path).unwrap();
    let sign_out = format!("sed -i s/{A}// \"$2\"");
    let expire = "sed -i 's/\\t0\\tvimeo/\\t1000000000\\tvimeo/' \"$2\"";
    for (script, options, expected) in [
        (sign_in_as_b().as_str(), &["-u", "second", VIDEO][..], "-u has yt-dlp sign in"),
        (&sign_in_as_b(), &["--netrc", VIDEO], "--netrc has yt-dlp sign in"),
        (&sign_in_as_b(), &["--add-headers", "Cookie: vimeo=b", VIDEO], "--add-headers names cookies"),
        // As its configuration may have it do.
        (&sign_in_as_b(), &[VIDEO], "may be another account's"),
        (&sign_out, &[VIDEO], "signed out"),
        (expire, &[VIDEO], "are not fresh from a browser"),
    ] {
        let said = text(&run_yt_dlp(home.path(), script, options).stderr);
        assert!(said.contains(expected) && !said.contains("has replaced"), "{said}");
        assert_eq!(fs::read_to_string(path).unwrap(), before, "{script} {options:?}");
    }
    // What the platform adds beside the login is kept.
    let add = "printf '.vimeo.com\\tTRUE\\t/\\tTRUE\\t0\\tadded\\tby-the-site\\n' >> \"$2\"";
    run_yt_dlp(home.path(), add, &[VIDEO]);
    assert!(fs::read_to_string(path).unwrap().contains("by-the-site"));
}

#[test]
fn a_run_that_signs_in_as_another_account_changes_neither_browser_nor_export() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let running = beside(yt_dlp(home.path(), &sign_in_as_b(), &["--write-back", URL]));
    let asked = browser.receive();
    browser.send(&json!({"id": asked["id"], "type": "cookies", "ok": true, "hand_over": "h", "label": "",
        "expires": null, "write_back": true, "cookies": login(A, ".x.com")}));
    // Nothing answers a question that should not come: the run would take its whole patience.
    assert_told(&running.join().unwrap());
    assert!(browser.is_silent(), "the browser was to take it back");
    assert!(!run(program(home.path()).args(["path", "x"]), b"").status.success(), "it was exported");
}

#[test]
fn a_login_that_a_run_adds_at_a_sibling_site_goes_nowhere() {
    let home = tempfile::tempdir().unwrap();
    let path = export_login(home.path(), A, ".twitter.com");
    let add =
        ["auth_token", "ct0", "twid"].map(|name| format!(".x.com\\tTRUE\\t/\\tTRUE\\t0\\t{name}\\t{B}\\n"));
    let script = format!("sed -i 's/ct0\\t{A}/ct0\\trenewed/' \"$2\"; printf '{}' >> \"$2\"", add.concat());
    let output = run_yt_dlp(home.path(), &script, &[URL]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept.contains("renewed") && kept.contains(A) && !kept.contains(B), "{kept}");
}

#[test]
fn cookies_beyond_what_a_session_may_have_are_told() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let script = "seq 1000 | sed 's|.*|.x.com\\tTRUE\\t/\\tFALSE\\t0\\tc&\\tv|' >> \"$2\"";
    let said = text(&run_yt_dlp(home.path(), script, &[URL]).stderr);
    assert!(said.contains("2 cookies that x has added are not kept"), "{said}");
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 1001);
}
