//! Tests of which extensions may start the program.

use crate::process::*;
use serde_json::json;
use stagepass_core::host::{FIREFOX_EXTENSION_ID, HOST_NAME};
use std::path::Path;
use std::process::Output;

fn start_as(home: &Path, args: &[&str]) -> Output {
    run(host_program(home).args(args), &message(&json!({"id": 1, "type": "hello"})))
}

fn firefox_args(id: &str) -> [String; 2] {
    let drive = if cfg!(windows) { "C:" } else { "" };
    [format!("{drive}/home/u/.mozilla/native-messaging-hosts/{HOST_NAME}.json"), id.to_owned()]
}

fn assert_served(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(answers(&output.stdout)[0]["ok"], true);
}

fn assert_refused(output: &Output, name: &str) {
    assert_eq!(output.status.code(), Some(1), "{name}");
    assert_eq!(output.stdout, b"", "{name}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(name) && stderr.contains("install --extension-id"), "{stderr}");
}

#[test]
fn serves_stagepasss_own_extensions() {
    let home = tempfile::tempdir().unwrap();
    let origin = origin();
    assert_served(&start_as(home.path(), &[&origin]));
    assert_served(&start_as(home.path(), &[&origin, "--parent-window=0"]));
    let [manifest, id] = firefox_args(FIREFOX_EXTENSION_ID);
    assert_served(&start_as(home.path(), &[&manifest, &id]));
}

#[test]
fn refuses_other_extensions_without_output() {
    let home = tempfile::tempdir().unwrap();
    let stranger = format!("chrome-extension://{}/", "a".repeat(32));
    let longer = format!("{}x", origin());
    let open = origin().trim_end_matches('/').to_owned();
    for name in [stranger.as_str(), &longer, &open, "chrome-extension:///"] {
        assert_refused(&start_as(home.path(), &[name]), name);
    }
    let [manifest, id] = firefox_args("stranger@example.org");
    assert_refused(&start_as(home.path(), &[&manifest, &id]), "stranger@example.org");
}

#[test]
fn serves_added_extensions_until_uninstalled() {
    let home = tempfile::tempdir().unwrap();
    let (chromium, firefox) = ("b".repeat(32), "mine@example.org");
    let origin = format!("chrome-extension://{chromium}/");
    let [manifest, id] = firefox_args(firefox);

    for id in [chromium.as_str(), firefox] {
        let install = ["install", "--browser", "chromium", "--extension-id", id];
        let output = run(program(home.path()).args(install), b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_served(&start_as(home.path(), &[&origin]));
    assert_served(&start_as(home.path(), &[&manifest, &id]));

    assert!(run(program(home.path()).arg("uninstall"), b"").status.success());
    assert_refused(&start_as(home.path(), &[&origin]), &origin);
}

#[test]
fn does_not_add_a_malformed_id() {
    let home = tempfile::tempdir().unwrap();
    let output = run(program(home.path()).args(["install", "--extension-id", "*"]), b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(!host_dir(home.path()).exists());
}
