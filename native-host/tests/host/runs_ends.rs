//! Tests of runs that end early: by a signal, or because the host is killed.

use crate::browser::*;
use crate::process::*;
use crate::runs::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) fn signal(child: &std::process::Child, name: &str) {
    let kill = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

#[test]
fn removes_the_private_copy_whatever_signal_ends_the_run() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let old = fs::read(&path).unwrap();
    for (name, number) in [("INT", 2), ("QUIT", 3), ("TERM", 15), ("HUP", 1)] {
        let child = start_run(home.path(), "touch started; exec sleep 60");
        assert_eq!(copies(home.path()).len(), 1);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(128 + number), "{name}: {}", text(&output.stderr));
        assert_eq!(copies(home.path()), Vec::<PathBuf>::new(), "{name}");
        assert_eq!(fs::read(&path).unwrap(), old);
    }
}

#[test]
fn waits_for_a_program_that_ends_slowly_and_keeps_its_cookies() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let save = left("x", NEW);
    let script = format!(
        "trap 'sleep 0.3; {}; exit 9' TERM; touch started; while :; do sleep 0.05; done",
        save.replace('\'', "'\\''")
    );
    let child = start_run(home.path(), &script);
    signal(&child, "TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(9));
    assert!(fs::read_to_string(&path).unwrap().contains(NEW));
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

/// Waits until no program uses the only copy.
fn wait_until_unused(home: &Path) {
    let [copy] = &copies(home)[..] else { panic!() };
    let deadline = Instant::now() + PATIENCE;
    while fs::File::open(copy).unwrap().try_lock().is_err() {
        assert!(Instant::now() < deadline, "the program goes on though the host was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_next_run_or_a_purge_removes_files_of_a_killed_run() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let kill_one = || {
        let mut child = start_run(home.path(), "touch started; exec sleep 1");
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until_unused(home.path());
    };
    kill_one();
    // A running one keeps its file.
    let mut going_on = start_run(home.path(), "touch started; exec sleep 60");
    assert_eq!(copies(home.path()).len(), 1);
    run_script(home.path(), "", &[URL]);
    assert_eq!(copies(home.path()).len(), 1);
    signal(&going_on, "TERM");
    going_on.wait().unwrap();
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
    kill_one();
    assert!(run(program(home.path()).args(["uninstall", "--purge"]), b"").status.success());
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_ends_when_stagepass_is_killed() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let script = "echo $$ > pid; touch started; while :; do sleep 0.02; done";
    let mut child = start_run(home.path(), script);
    let status = format!("/proc/{}/status", noted(home.path(), "pid").trim());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_unused(home.path());
    // It may have no parent left that reaps it.
    let status = fs::read_to_string(status).unwrap_or_else(|_| "Z (zombie)".to_owned());
    assert!(status.contains("Z (zombie)"), "{status}");
}

#[test]
fn a_program_that_outlives_stagepass_keeps_its_file_until_it_ends() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let save = left("x", PLANTED);
    let script =
        format!("trap '' TERM; touch started; while ! [ -e go ]; do sleep 0.02; done; {save}; touch saved");
    let mut child = start_run(home.path(), &script);
    child.kill().unwrap();
    child.wait().unwrap();
    let [copy] = &copies(home.path())[..] else { panic!() };
    assert!(run(program(home.path()).args(["run", "--", "true", URL]), b"").status.success());
    assert!(copy.exists(), "the next run takes away what is in use");
    fs::write(home.path().join("go"), "").unwrap();
    wait_until_unused(home.path());
    assert!(home.path().join("saved").exists());
    assert_eq!(fs::metadata(copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(run(program(home.path()).args(["run", "--", "true", URL]), b"").status.success());
    assert_eq!(copies(home.path()), Vec::<PathBuf>::new());
}
