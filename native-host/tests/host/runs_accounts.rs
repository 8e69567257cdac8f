//! Tests that a run never stores one account's session as another account's.

use crate::browser::*;
use crate::process::*;
use crate::runs::*;
use serde_json::json;
use std::fs;
use std::process::Output;

const A: &str = "first-account";
const B: &str = "second-account";

/// The file that a program leaves after it has signed in to another account.
fn sign_in_as_b() -> String {
    format!("sed -i s/{A}/{B}/ \"$2\"")
}

fn assert_told(output: &Output) {
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("may be another account's"), "{said}");
    assert!(!said.contains("replaced"), "{said}");
}

#[test]
fn a_run_that_signs_in_to_another_account_does_not_change_the_export() {
    let home = tempfile::tempdir().unwrap();
    let path = export_login(home.path(), A, ".x.com");
    let before = fs::read_to_string(&path).unwrap();
    assert_told(&run_script(home.path(), &sign_in_as_b(), &[URL]));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    // The account's cookie may be missing afterwards.
    let script = format!("{}; sed -i /twid/d \"$2\"", sign_in_as_b());
    assert_told(&run_script(home.path(), &script, &[URL]));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    // Rotated cookies of the same account are kept.
    let script = format!("sed -i 's/ct0\\t{A}/ct0\\trenewed/' \"$2\"");
    let output = run_script(home.path(), &script, &[URL]);
    assert!(fs::read_to_string(&path).unwrap().contains("renewed"), "{}", text(&output.stderr));
}

#[test]
fn without_an_account_cookie_signing_in_or_out_does_not_change_the_export() {
    const VIDEO: &str = "https://vimeo.com/1";
    let home = tempfile::tempdir().unwrap();
    let cookie = json!({"name": "vimeo", "value": A, "domain": ".vimeo.com", "secure": true});
    let export = json!({"id": 1, "type": "export", "platform": "vimeo", "label": "", "cookies": [cookie]});
    let answer = ask(home.path(), &[export]).remove(0);
    let path = answer["path"].as_str().unwrap();
    let before = fs::read_to_string(path).unwrap();
    let sign_out = format!("sed -i s/{A}// \"$2\"");
    let expire = "sed -i 's/\\t0\\tvimeo/\\t1000000000\\tvimeo/' \"$2\"";
    for (script, expected) in [
        (sign_in_as_b().as_str(), "may be another account's"),
        (&sign_out, "signed out"),
        (expire, "are from an export made"),
    ] {
        let said = text(&run_script(home.path(), script, &[VIDEO]).stderr);
        assert!(said.contains(expected) && !said.contains("replaced"), "{said}");
        assert_eq!(fs::read_to_string(path).unwrap(), before, "{script}");
    }
    // Cookies that the platform adds besides the login are kept.
    let add = "printf '.vimeo.com\\tTRUE\\t/\\tTRUE\\t0\\tadded\\tby-the-site\\n' >> \"$2\"";
    run_script(home.path(), add, &[VIDEO]);
    assert!(fs::read_to_string(path).unwrap().contains("by-the-site"));
}

#[test]
fn a_run_that_signs_in_to_another_account_changes_neither_browser_nor_export() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let running = beside(run_of(home.path(), &sign_in_as_b(), &["--write-back", URL]));
    let asked = browser.receive();
    browser.send(&json!({"id": asked["id"], "type": "cookies", "ok": true, "hand_over": "h", "label": "",
        "expires": null, "write_back": true, "cookies": login(A, ".x.com")}));
    // No question must come: nobody would answer it, and the run would time out.
    assert_told(&running.join().unwrap());
    assert!(browser.is_silent(), "the browser was to take it back");
    assert!(!run(program(home.path()).args(["path", "x"]), b"").status.success(), "it was exported");
}

#[test]
fn does_not_store_a_login_that_a_run_adds_at_a_sibling_site() {
    let home = tempfile::tempdir().unwrap();
    let path = export_login(home.path(), A, ".twitter.com");
    let add =
        ["auth_token", "ct0", "twid"].map(|name| format!(".x.com\\tTRUE\\t/\\tTRUE\\t0\\t{name}\\t{B}\\n"));
    let script = format!("sed -i 's/ct0\\t{A}/ct0\\trenewed/' \"$2\"; printf '{}' >> \"$2\"", add.concat());
    let output = run_script(home.path(), &script, &[URL]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept.contains("renewed") && kept.contains(A) && !kept.contains(B), "{kept}");
}

#[test]
fn reports_cookies_beyond_the_limit_of_a_session() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let script = "seq 1000 | sed 's|.*|.x.com\\tTRUE\\t/\\tFALSE\\t0\\tc&\\tv|' >> \"$2\"";
    let said = text(&run_script(home.path(), script, &[URL]).stderr);
    assert!(said.contains("2 cookies added by x are not kept"), "{said}");
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 1001);
}
