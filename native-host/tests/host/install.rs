//! Tests of registering the program with browsers, and of undoing that.
#![cfg(target_os = "linux")]

use crate::impostors::{as_nobody, open_to_all};
use crate::process::*;
use serde_json::{Value, json};
use stagepass_core::host::{CHROMIUM_EXTENSION_ID, FIREFOX_EXTENSION_ID};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) const MANIFEST: &str = "app.stagepass.native_host.json";

/// Runs the command and returns its exit code and what it printed.
fn command(home: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = run(program(home).args(args), b"");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The line about `subject`, with single spaces.
fn line(report: &str, subject: &str) -> String {
    let start = format!("{subject}: ");
    let line = report.lines().find(|line| line.starts_with(&start));
    let words = line.unwrap_or_else(|| panic!("{subject} in {report}")).split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

pub(crate) fn make(home: &Path, folders: &[&str]) {
    for folder in folders {
        fs::create_dir_all(home.join(folder)).unwrap();
    }
}

pub(crate) fn chromium_manifest(home: &Path) -> PathBuf {
    home.join(".config/chromium/NativeMessagingHosts").join(MANIFEST)
}

pub(crate) fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn registers_existing_browsers() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/chromium", ".mozilla"]);
    let (code, report) = command(home.path(), &["install"]);
    assert_eq!(code, Some(0), "{report}");

    let chromium = read(&chromium_manifest(home.path()));
    assert_eq!(chromium["path"], HOST_PROGRAM);
    assert_eq!(
        (&chromium["name"], &chromium["type"]),
        (&json!("app.stagepass.native_host"), &json!("stdio"))
    );
    assert_eq!(chromium["allowed_origins"], json!([format!("chrome-extension://{CHROMIUM_EXTENSION_ID}/")]));
    let firefox = read(&home.path().join(".mozilla/native-messaging-hosts").join(MANIFEST));
    assert_eq!(firefox["allowed_extensions"], json!([FIREFOX_EXTENSION_ID]));

    assert!(
        line(&report, "Chromium").contains("registered (") && line(&report, "Firefox").contains(".mozilla")
    );
    for browser in ["Chrome", "Edge", "Brave", "Vivaldi"] {
        assert_eq!(line(&report, browser), format!("{browser}: not found, skipped"));
    }
    assert!(!home.path().join(".config/google-chrome").exists());
}

#[test]
fn uses_each_browsers_folder_below_the_config_home() {
    let home = tempfile::tempdir().unwrap();
    let folders =
        ["google-chrome", "chromium", "microsoft-edge", "BraveSoftware/Brave-Browser", "vivaldi", "mozilla"];
    make(&home.path().join("cfg"), &folders);
    let mut install = program(home.path());
    install.arg("install").env("XDG_CONFIG_HOME", home.path().join("cfg"));
    assert!(run(&mut install, b"").status.success());
    for folder in &folders[..5] {
        let path = home.path().join("cfg").join(folder).join("NativeMessagingHosts").join(MANIFEST);
        assert_eq!(read(&path)["path"], HOST_PROGRAM, "{folder}");
    }
    assert!(home.path().join(".mozilla/native-messaging-hosts").join(MANIFEST).exists());
}

#[test]
fn registers_a_named_browser_that_was_not_found() {
    let home = tempfile::tempdir().unwrap();
    let (code, report) = command(home.path(), &["install", "--browser", "chromium"]);
    assert_eq!((code, report.lines().count()), (Some(0), 1), "{report}");
    assert!(chromium_manifest(home.path()).exists());
}

#[test]
fn registers_a_separate_profile_by_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("profile/NativeMessagingHosts");
    let (code, report) = command(home.path(), &["install", "--manifest-dir", folder.to_str().unwrap()]);
    assert_eq!((code, report.lines().count()), (Some(0), 1), "{report}");
    assert_eq!(read(&folder.join(MANIFEST))["path"], HOST_PROGRAM);
    let (code, _) = command(home.path(), &["uninstall", "--manifest-dir", folder.to_str().unwrap()]);
    assert_eq!((code, folder.join(MANIFEST).exists()), (Some(0), false));
}

#[test]
fn added_ids_stay_in_the_manifests_of_their_family() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/chromium", ".mozilla"]);
    let mine = "c".repeat(32);
    let args = ["install", "--extension-id", &mine, "--extension-id", "me@example.org"];
    assert_eq!(command(home.path(), &args).0, Some(0));
    assert_eq!(command(home.path(), &["install"]).0, Some(0));
    let origins = read(&chromium_manifest(home.path()))["allowed_origins"].take();
    assert_eq!(origins.as_array().unwrap().len(), 2);
    assert!(origins.to_string().contains(&mine));
    let firefox = read(&home.path().join(".mozilla/native-messaging-hosts").join(MANIFEST));
    assert_eq!(firefox["allowed_extensions"], json!(["me@example.org", FIREFOX_EXTENSION_ID]));
}

#[test]
fn continues_after_a_failure_with_one_browser() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/google-chrome", ".config/chromium", ".config/vivaldi"]);
    fs::write(home.path().join(".config/google-chrome/NativeMessagingHosts"), "a file").unwrap();
    make(home.path(), &[&format!(".config/vivaldi/NativeMessagingHosts/{MANIFEST}")]);
    let output = run(program(home.path()).arg("install"), b"");
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(line(&report, "Chrome").contains("FAILED: cannot"), "{report}");
    assert!(line(&report, "Vivaldi").contains("is in the way: a folder"), "{report}");
    assert!(line(&report, "Chromium").contains("registered"), "{report}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("2 of these steps failed"));
}

#[test]
fn the_columns_of_the_report_are_aligned() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/chromium", "snap/firefox"]);
    let (_, report) = command(home.path(), &["install"]);
    let column = |line: &str, word: &str| line.find(word).unwrap();
    let columns: Vec<_> = report
        .lines()
        .filter(|line| line.contains(": "))
        .map(|line| line.len() - line.split_once(": ").unwrap().1.trim_start().len())
        .collect();
    assert_eq!(columns.len(), 11, "{report}");
    assert!(columns.iter().all(|it| *it == column(&report, "not found")), "{report}");
}

#[test]
fn continues_after_a_folder_that_cannot_be_written() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/chromium", ".config/vivaldi"]);
    let (copy, host) = (home.path().join("command"), home.path().join("stagepass-native-host"));
    // Runs as another user, who can write to Vivaldi's folder but not to Chromium's.
    for (program, copy) in [(PROGRAM, &copy), (HOST_PROGRAM, &host)] {
        fs::copy(program, copy).unwrap();
        open_to_all(home.path(), copy, 0o755);
    }
    open_to_all(home.path(), &home.path().join(".config/chromium"), 0o755);
    open_to_all(home.path(), &home.path().join(".config/vivaldi"), 0o777);
    let mut install = as_nobody("/bin/sh");
    let script = "export HOME=\"$1\"; unset XDG_CONFIG_HOME; exec \"$0\" --host-dir \"$1/host\" install";
    install.args(["-c", script]).arg(&copy).arg(home.path());
    let output = run(&mut install, b"");
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(line(&report, "Chromium").contains("FAILED: cannot create the folder"), "{report}");
    assert!(line(&report, "Chromium").contains("Permission denied"), "{report}");
    let vivaldi = home.path().join(".config/vivaldi/NativeMessagingHosts").join(MANIFEST);
    assert_eq!(read(&vivaldi)["path"], host.to_str().unwrap());
}

#[test]
fn does_not_write_through_a_symbolic_link_and_continues() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/chromium/NativeMessagingHosts", ".config/vivaldi"]);
    let precious = home.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, chromium_manifest(home.path())).unwrap();
    for command_name in ["install", "uninstall"] {
        let (code, report) = command(home.path(), &[command_name]);
        assert_eq!(code, Some(1), "{report}");
        assert!(line(&report, "Chromium").contains("is in the way: a symbolic link"), "{report}");
        let done = if command_name == "install" { "registered (" } else { "removed (" };
        assert!(line(&report, "Vivaldi").contains(done), "{report}");
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(fs::symlink_metadata(chromium_manifest(home.path())).unwrap().is_symlink());
}

#[test]
fn creates_manifest_folders_that_only_the_owner_can_write_to() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/chromium"]);
    let mut install = std::process::Command::new("sh");
    install.args(["-c", "umask 000; exec \"$0\" install", PROGRAM]).env("HOME", home.path());
    install.env_remove("XDG_CONFIG_HOME").env("STAGEPASS_HOST_DIR", host_dir(home.path()));
    assert!(run(&mut install, b"").status.success());
    let folder = chromium_manifest(home.path()).parent().unwrap().to_owned();
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o7777, 0o755);
}

fn firefox_manifest(home: &Path, folder: &str) -> PathBuf {
    home.join(folder).join("native-messaging-hosts").join(MANIFEST)
}

/// Checks that it is a manifest of Firefox's form.
fn assert_firefoxes(path: &Path) {
    let manifest = read(path);
    assert_eq!(manifest["allowed_extensions"], json!([FIREFOX_EXTENSION_ID]), "{path:?}");
    assert_eq!((&manifest["allowed_origins"], &manifest["path"]), (&Value::Null, &json!(HOST_PROGRAM)));
}

#[test]
fn browsers_based_on_firefox_get_its_manifest_form_in_their_own_folders() {
    for (browser, trace, looks) in [
        ("LibreWolf", ".librewolf", &[".librewolf"][..]),
        ("Waterfox", ".waterfox", &[".waterfox"]),
        ("Floorp", ".floorp", &[".floorp"]),
        ("Zen", ".zen", &[".mozilla", ".zen"]),
        ("LibreWolf", ".config/librewolf", &[".librewolf"]),
    ] {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), &[trace]);
        let (code, report) = command(home.path(), &["install"]);
        assert_eq!(code, Some(0), "{report}");
        assert!(line(&report, browser).contains("registered ("), "{report}");
        assert_eq!(line(&report, "Firefox"), "Firefox: not found, skipped");
        for folder in looks {
            assert_firefoxes(&firefox_manifest(home.path(), folder));
        }
        let (code, report) = command(home.path(), &["uninstall", "--browser", &browser.to_ascii_lowercase()]);
        assert_eq!(code, Some(0), "{report}");
        for folder in looks {
            assert!(!firefox_manifest(home.path(), folder).exists(), "{report}");
        }
    }
}

#[test]
fn a_separate_profile_based_on_firefox_gets_its_manifest_form() {
    let home = tempfile::tempdir().unwrap();
    for folder in ["profile/native-messaging-hosts", "Library/LibreWolf/NativeMessagingHosts"] {
        let folder = home.path().join(folder);
        let (code, report) = command(home.path(), &["install", "--manifest-dir", folder.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{report}");
        assert_firefoxes(&folder.join(MANIFEST));
    }
}

#[test]
fn keeps_a_manifest_that_another_browser_also_reads() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".mozilla/firefox", ".zen/profile"]);
    assert_eq!(command(home.path(), &["install"]).0, Some(0));
    let (code, report) = command(home.path(), &["uninstall", "--browser", "zen"]);
    assert_eq!(code, Some(0), "{report}");
    assert!(firefox_manifest(home.path(), ".mozilla").exists());
    assert!(!firefox_manifest(home.path(), ".zen").exists());
    let (_, report) = command(home.path(), &["uninstall", "--browser", "firefox"]);
    assert!(line(&report, "Firefox").contains("Zen reads the same manifest"), "{report}");
    // Uninstalled one after the other, each browser's manifest stays for the other.
    assert_eq!(command(home.path(), &["install"]).0, Some(0));
    let (_, report) = command(home.path(), &["uninstall", "--browser", "zen"]);
    let said = line(&report, "Zen");
    assert!(said.contains("stays registered, because Firefox reads the same manifest"), "{said}");
    assert!(said.contains("both together (--browser zen --browser firefox), or all"), "{said}");
    assert!(firefox_manifest(home.path(), ".mozilla").exists());
    let both = ["uninstall", "--browser", "zen", "--browser", "firefox"];
    assert_eq!(command(home.path(), &both).0, Some(0));
    assert!(!firefox_manifest(home.path(), ".mozilla").exists());
    assert_eq!(command(home.path(), &["install"]).0, Some(0));
    assert_eq!(command(home.path(), &["uninstall"]).0, Some(0));
    assert!(!firefox_manifest(home.path(), ".mozilla").exists());
}

#[test]
fn registers_a_sandboxed_firefox_with_the_service_that_starts_programs_for_it() {
    for (trace, subject, words) in [
        ("snap/firefox", "Firefox (Snap)", &["WebExtensions portal", "Ubuntu 22.04", "allow it"][..]),
        (
            ".var/app/org.mozilla.firefox",
            "Firefox (Flatpak)",
            &[
                "xdg-native-messaging-proxy",
                "Firefox 157",
                "--talk-name=org.freedesktop.NativeMessagingProxy",
            ],
        ),
        (
            ".var/app/app.zen_browser.zen",
            "Zen (Flatpak)",
            &["xdg-native-messaging-proxy", "app.zen_browser.zen"],
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), &[trace]);
        let (code, report) = command(home.path(), &["install"]);
        assert_eq!(code, Some(0), "{report}");
        let said = line(&report, subject);
        assert!(said.contains("registered (") && said.contains("; not tried."), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!report.contains("out of reach"), "{report}");
        assert_firefoxes(&firefox_manifest(home.path(), ".mozilla"));
        assert_eq!(command(home.path(), &["uninstall"]).0, Some(0));
        assert!(!firefox_manifest(home.path(), ".mozilla").exists());
    }
}

#[test]
fn reports_other_sandboxed_browsers_as_out_of_reach() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &["snap/chromium", ".var/app/com.google.Chrome"]);
    let output = run(program(home.path()).arg("install"), b"");
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(line(&report, "Chromium (Snap)").contains("out of reach: a Snap browser"), "{report}");
    assert!(line(&report, "Chrome (Flatpak)").contains("Install the browser from"), "{report}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no supported browser found. Start one once"), "{said}");
}

#[test]
fn uninstall_removes_only_its_own_manifests_and_keeps_exports() {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), &[".config/chromium/NativeMessagingHosts", ".config/vivaldi/NativeMessagingHosts"]);
    let foreign = home.path().join(".config/chromium/NativeMessagingHosts/org.example.json");
    fs::write(&foreign, "{}").unwrap();
    let export = export_file(home.path(), "x", "", PLANTED);
    assert_eq!(command(home.path(), &["install"]).0, Some(0));

    let (code, report) = command(home.path(), &["uninstall", "--browser", "chromium"]);
    assert_eq!((code, chromium_manifest(home.path()).exists()), (Some(0), false), "{report}");
    assert!(home.path().join(".config/vivaldi/NativeMessagingHosts").join(MANIFEST).exists());

    let (code, report) = command(home.path(), &["uninstall"]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(line(&report, "Chromium"), "Chromium: was not registered");
    assert!(line(&report, "Vivaldi").contains("removed"), "{report}");
    assert!(report.contains("1 exported cookie files stay in"), "{report}");
    assert!(report.contains(export.parent().unwrap().to_str().unwrap()), "{report}");
    assert!(foreign.exists() && export.exists());
}

#[test]
fn uninstall_with_purge_also_removes_exports() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", PLANTED);
    export_file(home.path(), "x", "b", PLANTED);
    let (code, report) = command(home.path(), &["uninstall", "--purge"]);
    assert_eq!(code, Some(0));
    assert!(report.contains("2 exported cookie files removed"), "{report}");
    assert!(!host_dir(home.path()).join("exports").exists());
}

#[test]
fn leaves_another_programs_manifest_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = chromium_manifest(home.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, r#"{"name":"org.example"}"#).unwrap();
    let (code, report) = command(home.path(), &["uninstall"]);
    assert_eq!((code, path.exists()), (Some(1), true), "{report}");
}

#[test]
fn a_purge_continues_after_a_failure_and_fails_at_the_end() {
    let home = tempfile::tempdir().unwrap();
    let exports = [export_file(home.path(), "x", "", PLANTED), export_file(home.path(), "x", "b", PLANTED)];
    let obstacle = exports[0].with_file_name("a-default-e3b0c442.txt");
    fs::create_dir(&obstacle).unwrap();
    fs::create_dir(host_dir(home.path()).join("allowed-extensions.json")).unwrap();
    std::os::unix::fs::symlink(&obstacle, obstacle.with_file_name("b-default-e3b0c442.txt")).unwrap();

    let output = run(program(home.path()).args(["uninstall", "--purge"]), b"");
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("3 exported cookie files removed"), "{report}");
    assert!(report.contains(&format!("FAILED: cannot remove {}", obstacle.display())), "{report}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("2 of these steps failed"));
    assert!(exports.iter().all(|export| !export.exists()));
    assert_eq!(fs::read_dir(obstacle.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn an_existing_folder_keeps_its_mode() {
    let home = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let shared = home.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
    let new = home.path().join("new");
    for folder in [&shared, &new] {
        let args = ["install", "--extension-id", "me@example.org", "--host-dir", folder.to_str().unwrap()];
        assert_eq!(command(home.path(), &[&args[..], &["--browser", "chromium"]].concat()).0, Some(0));
        assert_eq!(mode(&folder.join("allowed-extensions.json")), 0o600);
    }
    assert_eq!((mode(&shared), mode(&new)), (0o1777, 0o700));
}
