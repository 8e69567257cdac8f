//! Tests that the host uses only files of its user that nobody else can change or, if they are
//! secret, read, and that the advice in its messages repairs the rest.

use crate::browser::{Browser, text};
use crate::impostors::{NOBODY, give_to};
use crate::process::*;
use crate::runs::{OLD, URL, run_script};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Follows the advice of a message.
fn mend(message: &str) {
    let (_, command) = message.trim_end().rsplit_once("Run: ").unwrap_or_else(|| panic!("{message}"));
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success(), "{command}");
}

/// The message of an answer with a file error about `path`.
fn fault_at(answer: &Value, path: &Path) -> String {
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("io")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    message
}

/// The message of a command that only printed an error about `path`.
fn refused_at(output: &Output, path: &Path) -> String {
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains(path.to_str().unwrap()), "{said}");
    assert_nothing_planted(output);
    said
}

fn request(kind: &str) -> Value {
    json!({"id": kind, "type": kind, "platform": "x", "label": ""})
}

fn listen() -> Value {
    json!({"id": 1, "type": "listen", "browser": "Chromium", "profile": "p", "platforms": []})
}

#[test]
fn added_extensions_count_only_if_nobody_else_can_write_the_file() {
    let home = tempfile::tempdir().unwrap();
    let added = "b".repeat(32);
    let install = ["install", "--browser", "chromium", "--extension-id", &added];
    assert!(run(program(home.path()).args(install), b"").status.success());
    let path = host_dir(home.path()).join("allowed-extensions.json");
    let hello = message(&request("hello"));
    let start = || run(host_program(home.path()).arg(format!("chrome-extension://{added}/")), &hello);
    for mode in [0o666, 0o620, 0o602] {
        set_mode(&path, mode);
        let refused = start();
        assert_eq!(refused.status.code(), Some(1));
        // The browser gets the reason.
        let fault = fault_at(&answers(&refused.stdout)[0], &path);
        assert!(fault.contains(&format!("others can write to it (mode {mode:04o})")), "{fault}");
        assert_eq!(ask(home.path(), &[request("hello")])[0]["ok"], true, "our own extension is served");
        mend(&fault);
        assert_eq!(answers(&start().stdout)[0]["ok"], true);
    }
    let real = home.path().join("real");
    fs::rename(&path, &real).unwrap();
    symlink(&real, &path).unwrap();
    assert!(fault_at(&answers(&start().stdout)[0], &path).contains("a symbolic link"));
}

#[test]
fn does_not_use_an_export_that_others_can_read_or_write() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    for mode in [0o644, 0o640, 0o606, 0o666] {
        set_mode(&path, mode);
        let said = refused_at(&run(program(home.path()).args(["cookies", "x"]), b""), &path);
        assert!(said.contains(&format!("others can access it (mode {mode:04o})")), "{said}");
        refused_at(&run_script(home.path(), "", &[URL]), &path);
        assert!(!home.path().join("arguments").exists(), "it was run");
        let listed = run(program(home.path()).arg("list"), b"");
        assert!(listed.status.success() && text(&listed.stderr).contains("chmod 600"));
        mend(&fault_at(&ask(home.path(), &[request("verify")])[0], &path));
        assert!(text(&run(program(home.path()).args(["cookies", "x"]), b"").stdout).contains(OLD));
    }
    // A new, private export replaces it.
    set_mode(&path, 0o666);
    export_file(home.path(), "x", "", OLD);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn does_not_trust_a_sidecar_that_others_can_write_to() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "Some One", OLD);
    let label = || ask(home.path(), &[request("list")])[0]["exports"][0]["label"].clone();
    assert_eq!(label(), "Some One");
    set_mode(&path.with_extension("json"), 0o662);
    assert_eq!(label(), Value::Null);
}

#[test]
fn refuses_a_lock_that_others_could_hold() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let lock = path.with_file_name(".lock");
    set_mode(&lock, 0o644);
    mend(&fault_at(&ask(home.path(), &[export("x", "", OLD)])[0], &lock));
    export_file(home.path(), "x", "", OLD);
}

#[test]
fn refuses_everything_below_a_host_folder_that_others_can_write_to() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let folder = host_dir(home.path());
    for asked in [export("x", "", OLD), request("list"), request("verify"), request("delete"), listen()] {
        set_mode(&folder, 0o777);
        let fault = fault_at(&ask(home.path(), &[asked])[0], &folder);
        mend(&fault);
    }
    set_mode(&folder, 0o770);
    mend(&refused_at(&run(program(home.path()).args(["cookies", "x"]), b""), &folder));
    assert!(run(program(home.path()).args(["cookies", "x"]), b"").status.success());
    // In a sticky folder users can remove only their own entries, so it is safe.
    set_mode(&folder, 0o1777);
    assert!(run(program(home.path()).args(["cookies", "x"]), b"").status.success());
}

#[test]
fn also_checks_the_folder_above_the_default_one() {
    let home = tempfile::tempdir().unwrap();
    let above = home.path().join(if cfg!(target_os = "macos") {
        "Library/Application Support"
    } else {
        ".local/share"
    });
    let above = above.join("stagepass");
    let usual = |request: Value| {
        let output = run(browser_started(home.path()).env_remove("STAGEPASS_HOST_DIR"), &message(&request));
        answers(&output.stdout).remove(0)
    };
    assert_eq!(usual(export("x", "", OLD))["ok"], true);
    assert!(above.join("host/exports").is_dir());
    set_mode(&above, 0o775);
    mend(&fault_at(&usual(request("list")), &above));
    assert_eq!(usual(request("list"))["ok"], true);
}

#[test]
fn refuses_another_users_files_and_names_the_owner() {
    for name in ["exports/x-default-e3b0c442.txt", "exports/.lock", "exports", ""] {
        let home = tempfile::tempdir().unwrap();
        export_file(home.path(), "x", "", OLD);
        let path: PathBuf = host_dir(home.path()).join(name).components().collect();
        give_to(NOBODY, &path);
        let asked = if name.ends_with("lock") { export("x", "", OLD) } else { request("verify") };
        let fault = fault_at(&ask(home.path(), &[asked])[0], &path);
        assert!(
            fault.contains("belongs to another user (id 65534)") && fault.contains("sudo chown -R"),
            "{fault}"
        );
    }
}

#[test]
fn ignores_other_users_files_in_a_shared_runtime_folder() {
    let home = tempfile::tempdir().unwrap();
    let shared = tempfile::tempdir().unwrap();
    set_mode(shared.path(), 0o1777);
    let mut name = hex::encode(Sha256::digest(host_dir(home.path()).as_os_str().as_encoded_bytes()));
    name.truncate(16);
    let folder = shared.path().join(format!("stagepass-{name}"));
    fs::create_dir(&folder).unwrap();
    set_mode(&folder, 0o777);
    let mut host = browser_started(home.path());
    let mut browser = Browser::of(host.env("XDG_RUNTIME_DIR", shared.path()));
    assert_eq!(browser.listen("work", &["x"])["ok"], true);
    let mut command = program(home.path());
    let listed = run(command.arg("browsers").env("XDG_RUNTIME_DIR", shared.path()), b"");
    assert!(listed.status.success() && text(&listed.stdout).contains("work"), "{}", text(&listed.stderr));
}
