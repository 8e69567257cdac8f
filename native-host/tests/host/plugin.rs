//! Tests of `stagepass yt-dlp` and of the questions that the plugin for yt-dlp asks. A script takes
//! yt-dlp's place; the workspace's tests let the real one load the plugin.

use crate::browser::*;
use crate::process::*;
use crate::runs::{NEW, OLD, URL, copies, login, stand_in};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Asks a question, as the plugin does; `run` is the content of a run's file.
fn asked(home: &Path, run: Option<&Value>, question: &Value) -> Output {
    let mut command = asking(home);
    if let Some(options) = run {
        let path = home.join("run-file");
        fs::write(&path, format!("{options}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        command.env("STAGEPASS_RUN", path);
    }
    crate::process::run(&mut command, question.to_string().as_bytes())
}

fn asking(home: &Path) -> Command {
    let mut command = program(home);
    command.arg("plugin");
    command
}

fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn sites() -> Value {
    json!({"version": 1, "question": "sites"})
}

fn session(platform: &str) -> Value {
    json!({"version": 1, "question": "session", "platform": platform})
}

#[test]
fn names_the_hosts_of_exports_and_of_what_a_browser_hands_over() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(answer(&asked(home.path(), None, &sites()))["hosts"], json!({}));
    export_file(home.path(), "instagram", "", PLANTED);
    let other = json!({"id": 1, "type": "export", "platform": "example.org",
        "cookies": [{"name": "s", "value": OLD, "domain": ".example.org"}]});
    ask(home.path(), &[other]);
    let _browser = Browser::listening(home.path(), "work", &["x"]);
    let told = answer(&asked(home.path(), None, &sites()));
    for (host, platform) in [
        ("instagram.com", "instagram"),
        ("instagr.am", "instagram"),
        ("example.org", "example.org"),
        ("t.co", "x"),
    ] {
        assert_eq!(told["hosts"][host], platform, "{told}");
    }
    assert!(told["hosts"].get("youtube.com").is_none(), "{told}");
    assert_eq!(told["sessions"], json!(["example.org", "instagram", "x"]));
    // A person's own run also wants to hear of platforms without cookies.
    let told = answer(&asked(home.path(), Some(&json!({"label": "other"})), &sites()));
    assert_eq!((&told["sessions"], &told["hosts"]["youtube.com"]), (&json!([]), &json!("youtube")));
}

#[test]
fn brings_an_export_and_keeps_what_was_replaced() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "me", OLD);
    let output = asked(home.path(), None, &session("x"));
    assert!(text(&output.stderr).contains("from an export made moments ago"));
    let brought = answer(&output);
    let file = brought["cookie_file"].as_str().unwrap();
    assert_eq!(file, fs::read_to_string(&path).unwrap());
    let mut keep = json!({"version": 1, "question": "keep", "given": [brought["given"]], "signs_in": false});
    keep["cookie_file"] = json!(file.replace(OLD, NEW));
    let output = asked(home.path(), None, &keep);
    assert_eq!(answer(&output), json!({}));
    assert!(text(&output.stderr).contains("x has replaced cookies"), "{}", text(&output.stderr));
    assert!(fs::read_to_string(&path).unwrap().contains(NEW));
    // A second run began with the same cookies and ends later: the newer ones stay.
    keep["cookie_file"] = json!(file.replace(OLD, "late"));
    asked(home.path(), None, &keep);
    assert!(fs::read_to_string(&path).unwrap().contains(NEW));
    fs::remove_file(&path).unwrap();
    assert_eq!(answer(&asked(home.path(), None, &keep)), json!({}));
    assert!(!path.exists());
}

#[test]
fn a_run_that_signs_in_by_itself_changes_no_export_of_an_unknown_site() {
    let home = tempfile::tempdir().unwrap();
    let request = |platform: &str| {
        json!({"id": 1, "type": "export", "platform": platform,
        "cookies": [{"name": "s", "value": OLD, "domain": format!(".{platform}")}]})
    };
    let exported = ask(home.path(), &[request("example.org")]).remove(0);
    let brought = answer(&asked(home.path(), None, &session("example.org")));
    let file = brought["cookie_file"].as_str().unwrap().replace(OLD, NEW);
    for (signs_in, is_kept) in [(true, false), (false, true)] {
        let keep = json!({"version": 1, "question": "keep", "given": [brought["given"]],
            "cookie_file": file, "signs_in": signs_in});
        answer(&asked(home.path(), None, &keep));
        let kept = fs::read_to_string(exported["path"].as_str().unwrap()).unwrap();
        assert_eq!(kept.contains(NEW), is_kept);
    }
}

#[test]
fn brings_a_browsers_cookies_and_writes_them_back_by_consent() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(home.path());
    let allowed = json!({"platform": "x", "label": "me", "write_back": true});
    assert_eq!(browser.announce("work", &[allowed])["ok"], true);
    let run = json!({"write_back": true});
    let hand_over_for = |browser: &mut Browser, write_back: bool| {
        let home = home.path().to_owned();
        let run = run.clone();
        let asking = std::thread::spawn(move || asked(&home, Some(&run), &session("x")));
        let mut answer = hand_over(&browser.receive(), OLD);
        (answer["write_back"], answer["label"]) = (json!(write_back), json!("me"));
        browser.send(&answer);
        asking.join().unwrap()
    };
    let refused = answer(&hand_over_for(&mut browser, false));
    assert!(refused["error"].as_str().unwrap().contains("--write-back is not allowed for x"), "{refused}");
    assert_eq!(refused["is_fatal"], true);
    let brought = answer(&hand_over_for(&mut browser, true));
    let file = brought["cookie_file"].as_str().unwrap().replace(OLD, NEW);
    let keep = json!({"version": 1, "question": "keep", "given": [brought["given"]], "cookie_file": file,
        "signs_in": false});
    let (home_path, options) = (home.path().to_owned(), run.clone());
    let keeping = std::thread::spawn(move || asked(&home_path, Some(&options), &keep));
    let told = browser.receive();
    assert_eq!((&told["type"], &told["replacements"][0]["was"]), (&json!("write_back"), &json!(OLD)));
    browser.send(&json!({"id": told["id"], "type": "write_back", "ok": true, "written": 1,
        "changed_meanwhile": 0, "refused": 0}));
    let output = keeping.join().unwrap();
    assert!(text(&output.stderr).contains("1 written back into the browser"), "{}", text(&output.stderr));
    let printed = run_list(home.path());
    assert_eq!(printed[0]["label"], "me");
}

fn run_list(home: &Path) -> Value {
    serde_json::from_slice(&run(program(home).args(["list", "--json"]), b"").stdout).unwrap()
}

#[test]
fn a_site_within_another_keeps_its_own_cookies() {
    let home = tempfile::tempdir().unwrap();
    let cookie = |value: &str, domain: &str| json!({"name": "s", "value": value, "domain": domain});
    let outer = json!({"id": 1, "type": "export", "platform": "example.org",
        "cookies": [cookie("outer", ".example.org"), cookie("of-another", "a.example.org")]});
    let inner = json!({"id": 1, "type": "export", "platform": "a.example.org",
        "cookies": [cookie("inner", "a.example.org")]});
    ask(home.path(), &[outer, inner]);
    let file =
        |platform: &str| answer(&asked(home.path(), None, &session(platform)))["cookie_file"].to_string();
    assert!(file("a.example.org").contains("inner"));
    let outer = file("example.org");
    assert!(outer.contains("outer") && !outer.contains("of-another"), "{outer}");
}

#[test]
fn required_cookies_must_show_a_living_login() {
    let home = tempfile::tempdir().unwrap();
    let run = json!({"require_cookies": true});
    let export = |platform: &str, name: &str, expires: Option<i64>| {
        let cookie =
            json!({"name": name, "value": OLD, "domain": format!(".{platform}"), "expires": expires});
        json!({"id": 1, "type": "export", "platform": platform.trim_end_matches(".com"), "cookies": [cookie]})
    };
    for (export, platform, is_enough) in [
        (export("vimeo.com", "vimeo", Some(1_900_000_000)), "vimeo", true),
        (export("vimeo.com", "vimeo", Some(1_000_000_000)), "vimeo", false),
        (export("vimeo.com", "player", None), "vimeo", false),
        (export("example.org", "any", None), "example.org", true),
        (export("example.org", "any", Some(1_000_000_000)), "example.org", false),
    ] {
        ask(home.path(), std::slice::from_ref(&export));
        let told = answer(&asked(home.path(), Some(&run), &session(platform)));
        assert_eq!(told.get("error").is_none(), is_enough, "{export}: {told}");
        assert!(answer(&asked(home.path(), None, &session(platform))).get("error").is_none(), "{export}");
    }
}

#[test]
fn refuses_to_mix_two_accounts() {
    let home = tempfile::tempdir().unwrap();
    crate::runs::export_login(home.path(), "first-account", ".x.com");
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let path = home.path().to_owned();
    let asking = std::thread::spawn(move || asked(&path, None, &session("x")));
    let question = browser.receive();
    browser.send(&json!({"id": question["id"], "type": "cookies", "ok": true, "hand_over": "h", "label": "",
        "expires": null, "write_back": false, "cookies": login("second-account", ".x.com")}));
    let refused = answer(&asking.join().unwrap());
    assert!(refused["error"].as_str().unwrap().contains("another account of x"), "{refused}");
    assert_eq!(refused["is_fatal"], true);
}

#[test]
fn answers_bad_questions_without_quoting_them() {
    let home = tempfile::tempdir().unwrap();
    for (question, words) in [
        (json!({"version": 2, "question": "sites"}).to_string(), "version 2"),
        (json!({"version": 1, "question": "else", "cookie_file": PLANTED}).to_string(), "version 1"),
        (format!("{PLANTED} no JSON"), "version 0"),
        (String::new(), "version 0"),
    ] {
        let output = run(&mut asking(home.path()), question.as_bytes());
        assert_nothing_planted(&output);
        let told = answer(&output);
        assert!(told["error"].as_str().unwrap().contains(words), "{told}");
    }
    let told = answer(&asked(home.path(), None, &session("instgram")));
    assert!(told["error"].as_str().unwrap().contains("Did you mean instagram?"), "{told}");
    assert_eq!(told["is_fatal"], false);
}

/// `stagepass yt-dlp` with a script in place of yt-dlp.
fn yt_dlp(home: &Path, script: &str, arguments: &[&str]) -> Command {
    let mut command = program(home);
    command.arg("yt-dlp").args(arguments);
    command.env("STAGEPASS_YT_DLP", stand_in(home, &format!("#!/bin/sh\n{script}\n")));
    command
}

#[test]
fn a_run_of_yt_dlp_has_the_plugin_in_a_private_folder_and_passes_on_its_end() {
    let home = tempfile::tempdir().unwrap();
    let script = "ls \"$2\"/*/yt_dlp_plugins/extractor; stat -c %a \"$2\" \"$STAGEPASS_RUN\"; cat \"$STAGEPASS_RUN\"; \
                  echo loaded >> \"$STAGEPASS_RUN\"; echo \"$STAGEPASS_YT_DLP\"; exit 7";
    let output =
        run(&mut yt_dlp(home.path(), script, &["--label", "me", "--platform", "x", "-a", "list.txt"]), b"");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(7), String::new()));
    let said = text(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!((lines[0], lines[1], lines[2], lines[4]), ("stagepass_run.py", "700", "600", "off"), "{said}");
    let options: Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!((&options["label"], &options["platforms"]), (&json!("me"), &json!(["x"])));
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn removes_what_yt_dlp_writes_beside_the_file_of_a_run_also_of_a_killed_one() {
    let home = tempfile::tempdir().unwrap();
    let runs = host_dir(home.path()).join("runs");
    let files = || {
        fs::read_dir(&runs).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != ".lock").count()
    };
    let write = "echo secret > \"$STAGEPASS_RUN-1.cookies\"; echo loaded >> \"$STAGEPASS_RUN\"";
    assert!(run(&mut yt_dlp(home.path(), write, &[URL]), b"").status.success());
    assert_eq!(files(), 0);
    let script = format!("{write}; touch \"$HOME/started\"; exec sleep 1");
    let mut child = start(&mut yt_dlp(home.path(), &script, &[URL]));
    crate::runs::wait_for_start(home.path());
    assert_eq!(files(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    // On Linux yt-dlp ends, too; until then its file is in use.
    while files() > 0 {
        assert!(std::time::Instant::now() < deadline, "something is left");
        assert!(run(&mut yt_dlp(home.path(), write, &[URL]), b"").status.success());
    }
}

#[test]
fn says_that_yt_dlp_has_not_loaded_the_plugin() {
    let home = tempfile::tempdir().unwrap();
    let output = run(&mut yt_dlp(home.path(), "exit 0", &[URL]), b"");
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("didn't load the plugin"), "{said}");
    let output = run(&mut yt_dlp(home.path(), "touch \"$HOME/ran\"", &["--require-cookies", URL]), b"");
    assert!(text(&output.stderr).contains("does not load it"), "{}", text(&output.stderr));
    let off = ["--require-cookies", "--no-plugin-dirs", URL];
    let output = run(&mut yt_dlp(home.path(), "", &off), b"");
    assert!(text(&output.stderr).contains("--no-plugin-dirs switches off"), "{}", text(&output.stderr));
    let output = run(&mut yt_dlp(home.path(), "exit 0", &["--platform", "no/site", URL]), b"");
    assert!(text(&output.stderr).contains("neither a platform"), "{}", text(&output.stderr));
    let output = run(&mut yt_dlp(home.path(), "exit 0", &["--version"]), b"");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let script = "printf 'loaded\\nwithout cookies\\n' >> \"$STAGEPASS_RUN\"";
    let output = run(&mut yt_dlp(home.path(), script, &["--require-cookies", URL]), b"");
    assert_eq!(output.status.code(), Some(1), "yt-dlp may go on after errors");
    let mut command = yt_dlp(home.path(), "", &[URL]);
    let output = run(command.env("STAGEPASS_YT_DLP", "no-such-program"), b"");
    let said = text(&output.stderr);
    assert!(said.contains("cannot run no-such-program") && said.contains("STAGEPASS_YT_DLP"), "{said}");
}

#[test]
fn an_empty_variable_or_off_names_no_program() {
    let home = tempfile::tempdir().unwrap();
    let folder = std::env::join_paths([home.path()]).unwrap();
    fs::rename(stand_in(home.path(), "#!/bin/sh\nexit 7\n"), home.path().join("yt-dlp")).unwrap();
    for named in ["", "off"] {
        let mut command = program(home.path());
        command.args(["yt-dlp", URL]).env("PATH", &folder).env("STAGEPASS_YT_DLP", named);
        assert_eq!(run(&mut command, b"").status.code(), Some(7), "{named:?}");
    }
}

#[test]
fn installs_and_uninstalls_the_plugin_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let plugins = home.path().join(".config/yt-dlp/plugins");
    let path = plugins.join("Stagepass/yt_dlp_plugins/extractor/stagepass.py");
    let output = run(program(home.path()).args(["install", "--yt-dlp"]), b"");
    assert!(output.status.success() && text(&output.stdout).contains(path.to_str().unwrap()), "{output:?}");
    let plugin = fs::read_to_string(&path).unwrap();
    let line = format!("PROGRAM = {}\n", json!([PROGRAM, "--host-dir", host_dir(home.path())]));
    assert!(plugin.contains(&line), "{plugin}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    let another = plugins.join("Other/yt_dlp_plugins/extractor/other.py");
    fs::create_dir_all(another.parent().unwrap()).unwrap();
    fs::write(&another, "").unwrap();
    let output = run(program(home.path()).arg("uninstall"), b"");
    assert!(
        output.status.success() && text(&output.stdout).contains("plugin for yt-dlp is removed"),
        "{output:?}"
    );
    assert!(!plugins.join("Stagepass").exists() && another.exists());
    assert!(!text(&run(program(home.path()).arg("uninstall"), b"").stdout).contains("plugin"));
    // A folder that can't be written.
    fs::remove_dir_all(&plugins).unwrap();
    fs::write(&plugins, "").unwrap();
    let output = run(program(home.path()).args(["install", "--yt-dlp"]), b"");
    let fault = text(&output.stderr);
    assert!(output.status.code() == Some(1) && fault.contains("cannot create the folder"), "{fault}");
}
