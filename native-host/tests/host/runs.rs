//! Tests of running a program with a private cookie file. A script takes its place, records what it
//! gets and then does what a test wants.

use crate::browser::*;
use crate::process::*;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub(crate) const OLD: &str = "0ld-session-value";
pub(crate) const NEW: &str = "n3w-session-value";
pub(crate) const URL: &str = "https://x.com/some/video";

/// Records its arguments, its cookies (the file is its second argument) and the file's mode; the
/// test's script follows.
const NOTE: &str = r#"#!/bin/sh
cd "$HOME"
printf '%s\n' "$@" > arguments
cat "$2" > cookies
stat -c '%a' "$2" "$(dirname "$2")" > modes
"#;

/// Writes a program that runs `script`.
pub(crate) fn stand_in(home: &Path, script: &str) -> PathBuf {
    let path = home.join("stand-in");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The command `run`, with a program that runs `script`. Our own options come first in `arguments`.
pub(crate) fn run_of(home: &Path, script: &str, arguments: &[&str]) -> Command {
    let path = stand_in(home, &format!("{NOTE}{script}\n"));
    let ours = match arguments {
        ["--write-back", ..] => 1,
        ["--label" | "--platform", _, ..] => 2,
        _ => 0,
    };
    let (ours, theirs) = arguments.split_at(ours);
    let mut command = program(home);
    command.arg("run").args(ours).arg("--").arg(path).args(["--cookies", "{cookies}"]).args(theirs);
    command
}

pub(crate) fn run_script(home: &Path, script: &str, arguments: &[&str]) -> Output {
    run(&mut run_of(home, script, arguments), b"")
}

pub(crate) fn noted(home: &Path, what: &str) -> String {
    fs::read_to_string(home.join(what)).unwrap()
}

/// The existing private copies.
pub(crate) fn copies(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(host_dir(home).join("runs")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "tmp")).collect()
}

/// The login of an account at X, as cookies.
pub(crate) fn login(account: &str, domain: &str) -> Value {
    let cookie = |name: &str| json!({"name": name, "value": account, "domain": domain, "secure": true});
    json!(["auth_token", "ct0", "twid"].map(cookie))
}

/// Exports it and returns the file.
pub(crate) fn export_login(home: &Path, account: &str, domain: &str) -> PathBuf {
    let cookies = login(account, domain);
    let export = json!({"id": 1, "type": "export", "platform": "x", "label": "", "cookies": cookies});
    let answer = ask(home, &[export]).remove(0);
    assert_eq!(answer["ok"], true, "{answer}");
    answer["path"].as_str().unwrap().into()
}

/// The file of `export_file` as yt-dlp leaves it: without `HttpOnly`.
pub(crate) fn left(platform: &str, value: &str) -> String {
    format!(
        "printf '# Netscape HTTP Cookie File\\n.{platform}.com\\tTRUE\\t/\\tTRUE\\t1900000000\\tsessionid\\t\
         {value}\\n.{platform}.com\\tTRUE\\t/\\tFALSE\\t0\\tadded\\tby-the-site\\n\
         .elsewhere.org\\tTRUE\\t/\\tFALSE\\t0\\tforeign\\tcookie\\n' > \"$2\""
    )
}

/// Starts a run and waits until the program is running.
pub(crate) fn start_run(home: &Path, script: &str) -> std::process::Child {
    let child = start(&mut run_of(home, script, &[URL]));
    wait_for_start(home);
    child
}

pub(crate) fn wait_for_start(home: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !home.join("started").exists() {
        assert!(Instant::now() < deadline, "the program was not started");
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::remove_file(home.join("started")).unwrap();
}

#[test]
fn passes_on_arguments_and_exit_code_and_keeps_cookies_in_a_private_file() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    export_file(home.path(), "instagram", "", PLANTED);
    let arguments =
        ["-f", "best ever", "-o", "%(id)s", URL, "https://www.instagram.com/reel/1", "--", "-odd"];
    let output = run_script(home.path(), "echo downloaded; echo warned >&2; exit 7", &arguments);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(7), "downloaded\n".to_owned()));
    assert!(text(&output.stderr).contains("warned\n"));
    assert_nothing_planted(&output);

    let all = noted(home.path(), "arguments");
    let given: Vec<_> = all.lines().collect();
    assert_eq!((given[0], &given[2..]), ("--cookies", &arguments[..]));
    assert!(!all.contains(OLD) && !all.contains(PLANTED));
    // One file contains the cookies of all platforms.
    let cookies = noted(home.path(), "cookies");
    assert!(cookies.contains(OLD) && cookies.contains(PLANTED) && cookies.lines().count() == 5, "{cookies}");
    assert_eq!(noted(home.path(), "modes"), "600\n700\n");
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn reports_the_age_of_an_export() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let output = run_script(home.path(), "", &[URL]);
    assert!(text(&output.stderr).contains("from an export made moments ago"), "{}", text(&output.stderr));
}

#[test]
fn refuses_missing_platforms_before_running_anything() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    for (arguments, reason) in [
        (&["-a", "list.txt"][..], "no http or https URL among the arguments"),
        (&["https://vimeo.com/1"], "no cookies of vimeo have been exported"),
        (&["--platform", "vimeo", URL], "no cookies of vimeo have been exported"),
        (&["--write-back", URL], "--write-back needs a running browser"),
    ] {
        let output = run_script(home.path(), "", arguments);
        let fault = text(&output.stderr);
        assert!(output.status.code() == Some(1) && fault.contains(reason), "{arguments:?}: {fault}");
        assert!(!home.path().join("arguments").exists(), "{arguments:?} was run");
    }
    // Every platform without cookies is reported.
    let output = run_script(home.path(), "", &[URL, "https://vimeo.com/1", "https://www.tiktok.com/1"]);
    let fault = text(&output.stderr);
    assert!(output.status.success(), "{fault}");
    assert!(fault.contains("no cookies of vimeo") && fault.contains("no cookies of tiktok"), "{fault}");
}

#[test]
fn keeps_rotated_cookies_in_the_export() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "me", OLD);
    let output = run_script(home.path(), &left("x", NEW), &[URL]);
    assert!(text(&output.stderr).contains(path.to_str().unwrap()), "{}", text(&output.stderr));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!(
            "# Netscape HTTP Cookie File\n\
             #HttpOnly_.x.com\tTRUE\t/\tTRUE\t1900000000\tsessionid\t{NEW}\n\
             www.x.com\tFALSE\t/\tFALSE\t0\ttheme\tdark\n\
             .x.com\tTRUE\t/\tFALSE\t0\tadded\tby-the-site\n"
        )
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn keeps_an_export_made_during_the_run_and_does_not_recreate_a_deleted_one() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let script = format!("sed -i s/{OLD}/newest/ {}; {}", path.display(), left("x", NEW));
    run_script(home.path(), &script, &[URL]);
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept.contains("newest") && !kept.contains(NEW), "{kept}");
    let script = format!("rm {}; {}", path.display(), left("x", NEW));
    run_script(home.path(), &script, &[URL]);
    assert!(!path.exists());
}

#[test]
fn a_file_that_the_program_has_broken_does_not_change_the_export() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let old = fs::read(&path).unwrap();
    let cut = format!(
        "printf '# Netscape HTTP Cookie File\\n.x.com\\tTRUE\\t/\\tTRUE\\t0\\tsessionid\\t{PLANTED}'"
    );
    for script in [
        ": > \"$2\"".to_owned(),
        format!("{cut} > \"$2\""),
        format!("echo {PLANTED} > \"$2\""),
        "head -c 4096 /dev/urandom > \"$2\"".to_owned(),
        "rm \"$2\"".to_owned(),
        "rm \"$2\"; ln -s /etc/passwd \"$2\"".to_owned(),
        "rm \"$2\"; mkdir \"$2\"".to_owned(),
    ] {
        let output = run_script(home.path(), &format!("{script}; exit 3"), &[URL]);
        assert_nothing_planted(&output);
        assert_eq!(output.status.code(), Some(3), "{script}");
        assert_eq!(fs::read(&path).unwrap(), old, "{script}");
        assert!(text(&output.stderr).contains("are lost"), "{script}");
    }
    // The next run removes whatever replaced the file.
    assert!(run_script(home.path(), "", &[URL]).status.success());
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn invalid_cookies_of_other_hosts_do_not_lose_rotated_cookies() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let foreign = [
        "cdn.example.net\\tFALSE\\t/\\tFALSE\\t253402300799\\tfor_ever\\tv",
        "cdn.example.net\\tFALSE\\t/\\tFALSE\\t99999999999999999999999\\tlonger\\tv",
        "cdn.example.net\\tFALSE\\t/\\tFALSE\\t0\\t\\tbare",
        "cdn.example.net\\tFALSE\\t/\\tFALSE\\t0\\t__Secure-a\\t1",
    ];
    let long = "head -c 5000 /dev/zero | tr '\\0' v";
    let script = format!(
        "sed -i 's/{OLD}/ROTATED/' \"$2\"; printf '{}\\n' >> \"$2\"; \
         printf 'cdn.example.net\\tFALSE\\t/\\tFALSE\\t0\\tlong\\t%s\\n' \"$({long})\" >> \"$2\"",
        foreign.join("\\n")
    );
    let output = run_script(home.path(), &script, &[URL]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("are lost"), "{}", text(&output.stderr));
    let kept = fs::read_to_string(path).unwrap();
    assert!(kept.contains("ROTATED") && !kept.contains("cdn.example.net"), "{kept}");
}

#[test]
fn names_a_missing_program() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let output = run(program(home.path()).args(["run", "--", "no-such-program", URL]), b"");
    let fault = text(&output.stderr);
    assert!(!output.status.success() && fault.contains("cannot run no-such-program"), "{fault}");
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_full_disk_stops_the_run_before_it_starts_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut request = export("x", "", OLD);
    let cookie =
        |index: usize| json!({"name": format!("n{index}"), "value": "v".repeat(3000), "domain": "x.com"});
    request["cookies"] = (0..20).map(cookie).collect();
    let path = ask(home.path(), &[request]).remove(0)["path"].take();
    let old = fs::read(path.as_str().unwrap()).unwrap();
    let mut command = Command::new("sh");
    // With its signal ignored, a write beyond the limit fails like one on a full disk.
    command.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" run -- true \"$1\"", PROGRAM, URL]);
    command.env("STAGEPASS_HOST_DIR", host_dir(home.path()));
    let output = run(&mut command, b"");
    let fault = text(&output.stderr);
    assert!(output.status.code() == Some(1) && fault.contains("cannot write"), "{fault}");
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
    assert_eq!(fs::read(path.as_str().unwrap()).unwrap(), old);
}

#[test]
fn a_disk_that_fills_up_during_the_run_does_not_change_the_export() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let old = fs::read(&path).unwrap();
    let script = format!("ulimit -S -f unlimited; {}; exit 4", left("x", &PLANTED.repeat(290)));
    let run_it = run_of(home.path(), &script, &[URL]);
    // Only the stand-in runs without the limit.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -S -f 4; exec \"$0\" \"$@\""]).arg(run_it.get_program());
    command.args(run_it.get_args()).env_clear();
    command.envs(run_it.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = run(&mut command, b"");
    assert_nothing_planted(&output);
    let notes = text(&output.stderr);
    assert!(output.status.code() == Some(4) && notes.contains("could not be kept"), "{notes}");
    assert_eq!(fs::read(&path).unwrap(), old);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 3, "a file, its sidecar and the lock");
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn refuses_a_link_in_place_of_the_folder_of_runs() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, host_dir(home.path()).join("runs")).unwrap();
    let output = run_script(home.path(), "", &[URL]);
    assert!(!output.status.success() && text(&output.stderr).contains("a symbolic link"));
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
}

/// A host whose browser hands over the cookies of X with the label "me".
fn listening_as_me(home: &Path) -> Browser {
    let mut browser = Browser::start(home);
    let allowed = json!({"platform": "x", "label": "me", "write_back": true});
    assert_eq!(browser.announce("work", &[allowed])["ok"], true);
    browser
}

/// Lets the browser hand over one cookie, with or without write-back.
fn hand_over_for(browser: &mut Browser, write_back: bool) {
    let asked = browser.receive();
    let mut answer = hand_over(&asked, OLD);
    answer["write_back"] = json!(write_back);
    answer["label"] = json!("me");
    browser.send(&answer);
}

#[test]
fn writes_rotated_cookies_back_into_the_browser_and_into_an_export() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = listening_as_me(home.path());
    let running = beside(run_of(home.path(), &left("x", NEW), &["--write-back", URL]));
    hand_over_for(&mut browser, true);
    let asked = browser.receive();
    let cookie = json!({"name": "sessionid", "value": NEW, "domain": ".x.com", "path": "/", "httpOnly": false,
        "expires": 1_900_000_000, "secure": true});
    assert_eq!((&asked["type"], &asked["hand_over"]), (&json!("write_back"), &json!("h")));
    assert_eq!(
        asked["replacements"],
        json!([{"cookie": cookie, "was": OLD}]),
        "what the run was not given is not there"
    );
    browser.send(&json!({"id": asked["id"], "type": "write_back", "ok": true, "written": 1,
        "changed_meanwhile": 0, "refused": 0}));
    let output = running.join().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1 written back into the browser"), "{}", text(&output.stderr));
    let listed: Value =
        serde_json::from_slice(&run(program(home.path()).args(["list", "--json"]), b"").stdout).unwrap();
    assert_eq!((&listed[0]["platform"], &listed[0]["label"]), (&json!("x"), &json!("me")));
    assert!(fs::read_to_string(listed[0]["path"].as_str().unwrap()).unwrap().contains(NEW));
}

#[test]
fn does_not_write_back_a_cookie_that_has_expired_during_the_run() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = listening_as_me(home.path());
    let expired = left("x", NEW).replace("1900000000", "1000000000");
    let running = beside(run_of(home.path(), &expired, &["--write-back", URL]));
    hand_over_for(&mut browser, true);
    let output = running.join().unwrap();
    assert!(output.status.success() && browser.is_silent(), "{}", text(&output.stderr));
}

#[test]
fn refuses_write_back_that_the_browser_does_not_allow_before_running_anything() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = listening_as_me(home.path());
    let running = beside(run_of(home.path(), "", &["--write-back", URL]));
    hand_over_for(&mut browser, false);
    let fault = text(&running.join().unwrap().stderr);
    assert!(fault.contains("--write-back is not allowed for x; nothing was run"), "{fault}");
    assert!(!home.path().join("arguments").exists());
}

#[test]
fn without_write_back_sends_nothing_to_the_browser_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = listening_as_me(home.path());
    for script in [String::new(), left("x", NEW)] {
        let running = beside(run_of(home.path(), &script, &[URL]));
        hand_over_for(&mut browser, true);
        assert!(running.join().unwrap().status.success());
        assert!(browser.is_silent());
        // A run without rotated cookies creates no export.
        let exports = fs::read_dir(host_dir(home.path()).join("exports"));
        assert_eq!(exports.is_ok(), !script.is_empty());
    }
}

#[test]
fn keeps_exit_code_and_cookies_if_the_browser_has_ended() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = listening_as_me(home.path());
    let script =
        format!("touch started; while ! [ -e closed ]; do sleep 0.02; done; {}; exit 5", left("x", NEW));
    let running = beside(run_of(home.path(), &script, &["--write-back", URL]));
    hand_over_for(&mut browser, true);
    while !home.path().join("started").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    browser.close();
    fs::write(home.path().join("closed"), "").unwrap();
    let output = running.join().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(
        text(&output.stderr).contains("nothing was written back into the browser"),
        "{}",
        text(&output.stderr)
    );
    let printed = command(home.path(), &["cookies", "x"]).join().unwrap();
    assert!(text(&printed.stdout).contains(NEW));
}
