//! Tests of the commands for people.

use crate::process::*;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

fn command(home: &Path, args: &[&str]) -> Output {
    run(program(home).args(args), b"")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn cookies_prints_the_file_for_a_platform_and_for_a_url() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "instagram", "", PLANTED);
    let text = fs::read_to_string(&path).unwrap();
    for target in ["instagram", "https://www.instagram.com/reel/1/", "instagram.com"] {
        assert_eq!(stdout(&command(home.path(), &["cookies", target])), text);
        assert_eq!(stdout(&command(home.path(), &["path", target])), format!("{}\n", path.display()));
    }
}

#[test]
fn cookies_for_wget_have_no_prefix() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "instagram", "", PLANTED);
    let output = command(home.path(), &["cookies", "instagram", "--wget"]);
    assert_eq!(
        stdout(&output),
        format!(
            "# Netscape HTTP Cookie File\n\
             .instagram.com\tTRUE\t/\tTRUE\t1900000000\tsessionid\t{PLANTED}\n\
             www.instagram.com\tFALSE\t/\tFALSE\t0\ttheme\tdark\n"
        )
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("HttpOnly"));
}

#[test]
fn uses_the_newest_label_unless_one_is_named() {
    let home = tempfile::tempdir().unwrap();
    for label in ["", "zoe", "adam"] {
        export_file(home.path(), "x", label, label);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(stdout(&command(home.path(), &["path", "x"])).contains("x-adam-"));
    assert!(stdout(&command(home.path(), &["path", "x", "--label", "zoe"])).contains("x-zoe-"));
    assert!(stdout(&command(home.path(), &["path", "x", "--label", ""])).contains("x-default-"));
}

#[test]
fn says_what_to_do_without_exports() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", PLANTED);
    for args in [["cookies", "https://www.instagram.com/"], ["path", "instagram"]] {
        let message = failure(&command(home.path(), &args));
        assert!(
            message.contains("no cookies of instagram") && message.contains("Export for yt-dlp"),
            "{message}"
        );
        assert!(message.contains("Exported so far: x\n"), "{message}");
    }
    let message = failure(&command(home.path(), &["cookies", "not a site"]));
    assert!(message.contains("neither a platform"), "{message}");
}

#[test]
fn names_a_broken_file_without_quoting_it() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", PLANTED);
    fs::write(&path, format!("# Netscape HTTP Cookie File\n{PLANTED}\n")).unwrap();
    let output = command(home.path(), &["cookies", "x", "--wget"]);
    assert_nothing_planted(&output);
    assert!(failure(&output).contains("line 2: has 1 fields"));
}

#[test]
fn list_shows_every_export_and_no_value() {
    let home = tempfile::tempdir().unwrap();
    assert!(stdout(&command(home.path(), &["list"])).starts_with("Nothing is exported yet."));
    assert_eq!(stdout(&command(home.path(), &["list", "--json"])).trim(), "[]");
    export_file(home.path(), "x", "日本", PLANTED);
    let path = export_file(home.path(), "instagram", "", PLANTED);

    let output = command(home.path(), &["list"]);
    assert_nothing_planted(&output);
    let table = stdout(&output);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].contains("PLATFORM") && lines[2].contains("日本"), "{table}");
    assert!(lines[1].contains(path.to_str().unwrap()) && lines[1].contains("moments ago"), "{table}");
    assert!(lines[1].contains(" in ") && lines[1].contains(" days "), "{table}");

    let json: Value = serde_json::from_str(&stdout(&command(home.path(), &["list", "--json"]))).unwrap();
    assert_eq!((&json[0]["platform"], &json[1]["label"]), (&"instagram".into(), &"日本".into()));
    assert_eq!(json[0]["expires_at"], "2030-03-17T17:46:40.000Z");
}

#[test]
fn on_a_narrow_terminal_the_table_fits() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "instagram", "A label of several words that is rather long", PLANTED);
    for columns in ["60", "120"] {
        let table = stdout(&run(program(home.path()).arg("list").env("COLUMNS", columns), b""));
        let longest = table.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= columns.parse().unwrap() && table.contains("instagram"), "{table}");
    }
}

#[test]
fn the_program_for_browsers_tells_people_which_command_is_theirs() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["list"], &["--frobnicate"]] {
        let output = run(host_program(home.path()).args(arguments), b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{arguments:?}");
        assert!(said.starts_with("stagepass-native-host: ") && said.contains("\"stagepass\""), "{said}");
    }
    let help = run(host_program(home.path()).arg("--help"), b"");
    assert!(help.status.success() && stdout(&help).contains("stagepass install"));
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let home = tempfile::tempdir().unwrap();
    let help = stdout(&command(home.path(), &["--help"]));
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names: Vec<_> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() > 8 && names.contains(&"yt-dlp"), "{names:?}");
    for (shell, before, after) in [("bash", "stagepass,", ")"), ("zsh", "'", ":")] {
        let completions = stdout(&command(home.path(), &["completions", shell]));
        for name in &names {
            assert!(
                completions.contains(&format!("{before}{name}{after}")),
                "{shell}: {name}\n{completions}"
            );
        }
        assert!(!completions.contains("become"), "{shell}");
    }
    let pages = home.path().join("man/man1");
    // Neither needs a home.
    let mut man = program(home.path());
    man.env_remove("HOME").env_remove("STAGEPASS_HOST_DIR").arg("man").arg(&pages);
    assert!(run(&mut man, b"").status.success());
    for name in names {
        let page = fs::read_to_string(pages.join(format!("stagepass-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains("SYNOPSIS"), "{page}");
    }
    assert!(fs::read_to_string(pages.join("stagepass.1")).unwrap().contains("Exit codes: 0 for success"));
}

#[test]
fn the_folder_can_be_named_on_the_command_line() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", PLANTED);
    let empty = home.path().join("empty");
    let listed = command(home.path(), &["list", "--json", "--host-dir", empty.to_str().unwrap()]);
    assert_eq!(stdout(&listed).trim(), "[]");
}

#[test]
fn the_default_folder_is_in_the_users_data_directory() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut command = browser_started(home.path());
    command.env_remove("STAGEPASS_HOST_DIR").env("XDG_DATA_HOME", &data);
    let answer = ask_of(&mut command, &[export("x", "", PLANTED)]).remove(0);
    let path = answer["path"].as_str().unwrap();
    let expected =
        if cfg!(target_os = "macos") { home.path().join("Library/Application Support") } else { data };
    assert!(Path::new(path).starts_with(expected.join("stagepass/host/exports")), "{path}");
}

#[test]
fn a_mistyped_name_is_answered_with_the_one_that_was_meant() {
    let home = tempfile::tempdir().unwrap();
    for target in ["instgram", "Instagran"] {
        let message = failure(&command(home.path(), &["cookies", target]));
        assert!(message.contains("Did you mean instagram?"), "{message}");
    }
    for target in ["instagram", "vimeo", "example.org"] {
        let message = failure(&command(home.path(), &["cookies", target]));
        assert!(!message.contains("Did you mean"), "{message}");
    }
    let path = export_file(home.path(), "x", "Work", PLANTED);
    for (label, meant) in [("work", "Work"), ("Wrok", "Work")] {
        let message = failure(&command(home.path(), &["path", "x", "--label", label]));
        assert!(message.contains(&format!("Did you mean {meant}?")), "{message}");
    }
    // What is there but can't be used is never suggested in its own place.
    fs::rename(&path, path.with_extension("storage.json")).unwrap();
    let message = failure(&command(home.path(), &["path", "x"]));
    assert!(!message.contains("Did you mean"), "{message}");
}

#[test]
fn every_command_has_help() {
    let home = tempfile::tempdir().unwrap();
    let help = stdout(&command(home.path(), &["--help"]));
    for name in ["install", "uninstall", "doctor", "list", "path", "cookies", "STAGEPASS_HOST_DIR"] {
        assert!(help.contains(name), "{name}: {help}");
    }
    for name in ["install", "uninstall", "doctor", "list", "path", "cookies"] {
        assert!(stdout(&command(home.path(), &[name, "--help"])).contains("Usage:"), "{name}");
    }
}

#[test]
fn reports_a_wrong_command_line_only_on_stderr() {
    let home = tempfile::tempdir().unwrap();
    for args in [&[][..], &["frobnicate"], &["list", "--frobnicate"], &["path"]] {
        let output = command(home.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(output.stdout, b"", "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn fails_if_help_cannot_be_written() {
    let home = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&["--help"][..], &["completions", "bash"], &["completions", "zsh"]] {
        let mut command = program(home.path());
        let command = command.args(arguments).stdout(full.try_clone().unwrap());
        let output = run_to_end(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("cannot write the output"), "{said}");
    }
}
