//! Tests with a read-only home: everything that only reads works, and temporary files go to the
//! user's runtime folder.

use crate::browser::*;
use crate::impostors::{NOBODY, as_root, give_to};
use crate::process::*;
use crate::runs::{NEW, OLD, URL};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Mounts the folder `$1` read-only for the command in the other arguments. Only the user `$2`
/// has a runtime folder at the usual path there.
const MOUNT: &str = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && mount -t tmpfs tmpfs /run &&
{ [ -z "$2" ] || install -d -m 700 -o "$2" "/run/user/$2"; } && shift 2 && exec "$@""#;

/// The command with a read-only `home`. Mounting needs root; the command runs as this user.
fn on_read_only(home: &Path, command: &Command) -> Command {
    on_read_only_with(home, false, command)
}

/// The same, with or without a runtime folder at the usual path.
fn on_read_only_with(home: &Path, has_usual: bool, command: &Command) -> Command {
    let user = rustix::process::geteuid();
    let mut outer = as_root("unshare");
    let (uid, gid) = (user.as_raw().to_string(), rustix::process::getegid().as_raw().to_string());
    outer.args(["--mount", "sh", "-c", MOUNT, "sh"]).arg(home).arg(if has_usual { &uid } else { "" });
    outer.args(["setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups", "env", "-i"]);
    for (name, value) in command.get_envs() {
        let mut setting = name.to_owned();
        setting.push("=");
        setting.push(value.unwrap_or_default());
        outer.arg(setting);
    }
    outer.arg(command.get_program()).args(command.get_args());
    outer
}

/// A home with an export, and a runtime folder.
fn home() -> (TempDir, TempDir) {
    let (home, runtime) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::set_permissions(runtime.path(), fs::Permissions::from_mode(0o700)).unwrap();
    export_file(home.path(), "x", "", OLD);
    (home, runtime)
}

fn read_only(home: &Path, runtime: &Path, arguments: &[&str]) -> Command {
    let mut command = program(home);
    command.args(arguments).env("XDG_RUNTIME_DIR", runtime);
    on_read_only(home, &command)
}

/// The program as a browser starts it there.
fn read_only_host(home: &Path, runtime: &Path) -> Command {
    let mut command = browser_started(home);
    command.env("XDG_RUNTIME_DIR", runtime);
    on_read_only(home, &command)
}

fn ran(home: &Path, runtime: &Path, arguments: &[&str]) -> Output {
    let output = run(&mut read_only(home, runtime, arguments), b"");
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// Starts a browser's host.
fn browser(home: &Path, runtime: &Path) -> Browser {
    Browser::of(&mut read_only_host(home, runtime))
}

/// Every file and folder below this one.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { [vec![path.clone()], below(&path)].concat() } else { vec![path] })
        .collect()
}

#[test]
fn everything_that_only_reads_works() {
    let (home, runtime) = home();
    let (home, runtime) = (home.path(), runtime.path());
    assert!(run(program(home).args(["install", "--browser", "chromium"]), b"").status.success());
    assert!(text(&ran(home, runtime, &["list"]).stdout).contains("EXPORTED"));
    let path = text(&ran(home, runtime, &["path", "x"]).stdout);
    assert!(fs::read_to_string(path.trim_end()).unwrap().contains(OLD));
    assert!(text(&ran(home, runtime, &["cookies", URL]).stdout).contains(OLD));
    assert!(text(&ran(home, runtime, &["browsers"]).stdout).contains("No browser is connected"));
    let asked = [
        json!({"id": 1, "type": "hello"}),
        json!({"id": 2, "type": "list"}),
        json!({"id": 3, "type": "verify", "platform": "x", "label": ""}),
    ];
    let answers = ask_of(&mut read_only_host(home, runtime), &asked);
    assert!(answers.iter().all(|answer| answer["ok"] == true), "{answers:?}");
    assert_eq!(below(runtime), Vec::<PathBuf>::new(), "nothing was written");
}

#[test]
fn doctor_reports_no_fault_and_notes_what_does_not_work() {
    let (home, runtime) = home();
    let (home, runtime) = (home.path(), runtime.path());
    assert!(run(program(home).args(["install", "--browser", "chromium"]), b"").status.success());
    let examined = ran(home, runtime, &["doctor", "--browser", "chromium", "--yt-dlp", "no-such-yt-dlp"]);
    let said = text(&examined.stdout);
    assert!(said.contains("is read-only") && said.contains("nothing is wrong"), "{said}");
    assert!(said.contains(runtime.to_str().unwrap()), "{said}");
    let usual = run(program(home).args(["doctor", "--browser", "chromium"]), b"");
    assert!(!text(&usual.stdout).contains("is read-only"));
}

#[test]
fn a_browser_hands_over_through_the_runtime_folder() {
    let (home, runtime) = home();
    let (home, runtime) = (home.path(), runtime.path());
    let mut browser = browser(home, runtime);
    let answer = browser.listen("work", &["x"]);
    assert_eq!(answer["ok"], true, "{answer}");
    assert!(!socket_folder(home).exists());
    let made = below(runtime);
    assert!(made.iter().any(|path| path.extension().is_some_and(|it| it == "sock")), "{made:?}");
    for path in &made {
        assert_eq!(fs::symlink_metadata(path).unwrap().mode() & 0o077, 0, "{path:?}");
    }
    // Also for a command that can write to the home.
    let mut writable = program(home);
    writable.args(["cookies", URL]).env("XDG_RUNTIME_DIR", runtime);
    for command in [read_only(home, runtime, &["cookies", URL]), writable] {
        let asking = beside(command);
        browser.answer_with(NEW);
        let output = asking.join().unwrap();
        assert!(text(&output.stdout).contains(NEW), "{}", text(&output.stderr));
    }
    // Browsers of another host folder are separate.
    let mut other = program(home);
    other.args(["browsers"]).env("XDG_RUNTIME_DIR", runtime).env("STAGEPASS_HOST_DIR", home.join("other"));
    assert!(text(&run(&mut other, b"").stdout).contains("No browser is connected"));
    browser.close();
    assert!(!below(runtime).iter().any(|path| path.extension().is_some_and(|it| it == "sock")));
}

#[test]
fn a_run_has_its_private_file_in_the_runtime_folder() {
    let (home, runtime) = home();
    let (home, runtime) = (home.path(), runtime.path());
    let out = tempfile::tempdir().unwrap();
    let fake = home.join("stand-in");
    let script = "#!/bin/sh\ncat \"$2\" > \"$OUT/cookies\"; echo \"$2\" > \"$OUT/place\"\n\
                  stat -c %a \"$2\" \"$(dirname \"$2\")\" > \"$OUT/modes\"\n\
                  printf '.x.com\\tTRUE\\t/\\tTRUE\\t1900000000\\tguest\\tg\\n' >> \"$2\"\n";
    fs::write(&fake, script).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = program(home);
    command
        .args(["run", "--"])
        .arg(&fake)
        .args(["--cookies", "{cookies}", URL])
        .env("XDG_RUNTIME_DIR", runtime);
    command.env("OUT", out.path());
    let output = run(&mut on_read_only(home, &command), b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let noted = |name| fs::read_to_string(out.path().join(name)).unwrap();
    assert!(noted("cookies").contains(OLD) && noted("modes") == "600\n700\n");
    assert!(noted("place").starts_with(runtime.to_str().unwrap()), "{}", noted("place"));
    assert!(!Path::new(noted("place").trim_end()).exists());
    // The export stays unchanged, with a note.
    let said = text(&output.stderr);
    assert!(said.contains("could not be kept") && said.contains("Read-only file system"), "{said}");
}

fn refused(home: &Path, runtime: &Path) -> String {
    let answer: Value = browser(home, runtime).listen("work", &["x"]);
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("io")), "{answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn without_a_runtime_folder_it_says_what_to_set() {
    let (home, runtime) = home();
    let fault = refused(home.path(), &runtime.path().join("missing"));
    assert!(fault.contains("Read-only file system") && fault.contains("Set XDG_RUNTIME_DIR"), "{fault}");
}

#[test]
fn does_not_use_a_runtime_folder_that_others_can_access() {
    let (home, runtime) = home();
    for mode in [0o777, 0o1777, 0o755] {
        fs::set_permissions(runtime.path(), fs::Permissions::from_mode(mode)).unwrap();
        let fault = refused(home.path(), runtime.path());
        assert!(fault.contains("Read-only file system"), "the first fault is there: {fault}");
        let words =
            ["XDG_RUNTIME_DIR is not a folder of your own", "or unset it", runtime.path().to_str().unwrap()];
        assert!(words.iter().all(|word| fault.contains(word)), "{fault}");
        assert!(fs::read_dir(runtime.path()).unwrap().next().is_none());
    }
}

#[test]
fn refuses_another_users_runtime_folder_and_names_its_variable() {
    let (home, runtime) = home();
    give_to(NOBODY, runtime.path());
    let fault = refused(home.path(), runtime.path());
    give_to(&rustix::process::geteuid().as_raw().to_string(), runtime.path());
    assert!(fault.contains("XDG_RUNTIME_DIR is not a folder of your own"), "{fault}");
    assert!(fault.contains("or unset it") && !fault.contains("chown"), "{fault}");
}

#[test]
fn uses_the_usual_runtime_folder_instead_of_an_unusable_one() {
    let (home, runtime) = home();
    fs::set_permissions(runtime.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = browser_started(home.path());
    command.env("XDG_RUNTIME_DIR", runtime.path());
    let mut browser = Browser::of(&mut on_read_only_with(home.path(), true, &command));
    let answer = browser.listen("work", &["x"]);
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(below(runtime.path()), Vec::<PathBuf>::new());
}
