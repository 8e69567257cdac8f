//! Tests of the private file of `stagepass run`: how a program finds it, and what is in it.

use crate::browser::text;
use crate::process::*;
use crate::runs::*;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

#[test]
fn finds_the_file_by_its_place_or_its_variable() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let path =
        stand_in(home.path(), "#!/bin/sh\ncat \"${1#*=}\"; [ \"${1#*=}\" = \"$STAGEPASS_COOKIES\" ]\n");
    for arguments in [["run", "--platform", "x", "--"], ["run", "--platform", "x.com", "--"]] {
        let mut command = program(home.path());
        let output = run(command.args(arguments).arg(&path).arg("--file={cookies}"), b"");
        assert!(output.status.success() && text(&output.stdout).contains(OLD), "{}", text(&output.stderr));
    }
}

#[test]
fn writes_other_formats_for_one_platform() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    export_file(home.path(), "vimeo", "", OLD);
    let before = fs::read(&path).unwrap();
    let run_with = |ours: &[&str], script: &str| {
        let path = stand_in(home.path(), &format!("#!/bin/sh\n{script}\n"));
        let mut command = program(home.path());
        run(command.arg("run").args(ours).arg("--").arg(path).args(["{cookies}", URL]), b"")
    };
    let output = run_with(&["--format", "json"], "cat \"$1\"; echo '{}' > \"$1\"");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["cookies"][0]["value"], OLD, "{}", text(&output.stderr));
    assert_eq!(fs::read(&path).unwrap(), before, "only cookie files come back");
    assert_eq!(text(&output.stderr).matches("lost").count(), 0);
    let output = run_with(&["--format", "header"], "cat \"$1\"");
    assert!(text(&output.stdout).starts_with("Cookie: "), "{}", text(&output.stderr));
    let output = run_with(&["--wget"], "cat \"$1\"");
    assert!(text(&output.stdout).contains("\n.x.com\tTRUE"), "{}", text(&output.stdout));
    let mut command = program(home.path());
    command.args([
        "run",
        "--format",
        "header",
        "--platform",
        "x",
        "--",
        "touch",
        "ran",
        URL,
        "https://other.example/",
    ]);
    let fault = text(&run(&mut command, b"").stderr);
    assert!(fault.contains("--format header is for one URL") && fault.contains("but 2 of the"), "{fault}");
    let both = ["--platform", "x", "--platform", "vimeo"];
    let output = run_with(&[&both[..], &["--format", "json"]].concat(), "touch \"$HOME/ran\"");
    let fault = text(&output.stderr);
    assert!(
        fault.contains("only --format netscape can hold") && !home.path().join("ran").exists(),
        "{fault}"
    );
    assert!(text(&run_with(&both, "cat \"$1\"").stdout).contains(".vimeo.com"));
}

#[test]
fn keeps_cookies_of_a_program_that_replaces_the_file() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    // As wget and aria2 do, with the usual permissions.
    let script = format!("umask 022; sed s/{OLD}/{NEW}/ \"$2\" > new; mv new \"$2\"");
    let output = run_script(home.path(), &script, &[URL]);
    assert!(fs::read_to_string(path).unwrap().contains(NEW), "{}", text(&output.stderr));
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}
