//! Tests that exports only ever contain cookies of their own platform.

use crate::browser::text;
use crate::process::*;
use crate::runs::{NEW, OLD, URL, left, noted, run_script};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Adds another site's cookie to an export, as an earlier version could.
fn add_foreign_cookie(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, format!("{text}.vimeo.com\tTRUE\t/\tTRUE\t0\tvimeo\t{PLANTED}\n")).unwrap();
}

#[test]
fn refuses_an_export_with_another_sites_cookie() {
    for domain in [".vimeo.com", "evilinstagram.com", "instagram.com.example.org", ".com", "com"] {
        let home = tempfile::tempdir().unwrap();
        let mut request = export("instagram", "", PLANTED);
        request["cookies"][1]["domain"] = json!(domain);
        request["cookies"][1]["hostOnly"] = json!(!domain.starts_with('.'));
        let answer = ask(home.path(), &[request]).remove(0);
        let reason = "cookies[1]: this cookie does not belong to instagram";
        assert_eq!(answer["error"], json!({"code": "bad_request", "message": reason}), "{domain}");
        assert!(!host_dir(home.path()).exists(), "something was written");
    }
}

#[test]
fn never_uses_another_sites_cookie_in_an_export_and_removes_it_with_the_next_change() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    add_foreign_cookie(&path);
    let printed = run(program(home.path()).args(["cookies", "x"]), b"");
    assert!(text(&printed.stdout).contains(OLD), "{}", text(&printed.stderr));
    assert_nothing_planted(&printed);
    let verify = json!({"id": 1, "type": "verify", "platform": "x"});
    assert_eq!(ask(home.path(), &[verify])[0]["cookie_count"], 2);

    run_script(home.path(), &left("x", NEW), &[URL]);
    assert!(!noted(home.path(), "cookies").contains(PLANTED));
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept.contains(NEW) && !kept.contains(PLANTED) && !kept.contains("elsewhere.org"), "{kept}");
}
