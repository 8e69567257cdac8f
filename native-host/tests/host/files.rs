//! Tests that files are written privately, atomically, and never through a link.

use crate::process::*;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn exports_folder(home: &Path) -> PathBuf {
    host_dir(home).join("exports")
}

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Checks that an export fails with an error that names `path`.
fn assert_export_fails(command: &mut std::process::Command, request: Value, path: &Path) {
    let answer = ask_of(command, &[request]).remove(0);
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("io")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
}

#[test]
fn file_modes_do_not_depend_on_the_umask() {
    for umask in ["000", "022", "077", "277"] {
        let home = tempfile::tempdir().unwrap();
        let mut command = browser_started_after(&format!("umask {umask}"), home.path());
        let answer = ask_of(&mut command, &[export("x", "", PLANTED)]).remove(0);
        let path = PathBuf::from(answer["path"].as_str().unwrap());
        assert_eq!(mode(&path), 0o600, "umask {umask}");
        assert_eq!(mode(&path.with_extension("json")), 0o600, "umask {umask}");
        assert_eq!(mode(path.parent().unwrap()), 0o700, "umask {umask}");
    }
}

#[test]
fn makes_an_open_folder_private_before_it_writes_there() {
    let home = tempfile::tempdir().unwrap();
    let folder = exports_folder(home.path());
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    export_file(home.path(), "x", "", PLANTED);
    assert_eq!(mode(&folder), 0o700);
}

#[test]
fn no_file_is_ever_accessible_to_others() {
    let home = tempfile::tempdir().unwrap();
    let folder = exports_folder(home.path());
    let is_done = AtomicBool::new(false);
    let seen_temporaries = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen_temporaries = 0;
            while !is_done.load(Ordering::Relaxed) {
                for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                    let Ok(metadata) = entry.metadata() else { continue };
                    assert_eq!(metadata.permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
                    seen_temporaries += usize::from(entry.file_name().to_string_lossy().ends_with(".tmp"));
                }
            }
            seen_temporaries
        });
        let requests = vec![export("x", "", PLANTED); 300];
        let answers = ask_of(&mut browser_started_after("umask 000", home.path()), &requests);
        is_done.store(true, Ordering::Relaxed);
        assert!(answers.iter().all(|answer| answer["ok"] == true));
        watcher.join().unwrap()
    });
    assert!(seen_temporaries > 0, "the watcher never saw a file being written");
}

#[test]
fn refuses_a_link_in_place_of_the_file() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", "old");
    let victim = home.path().join("victim");
    for link in [path.clone(), path.with_extension("json"), path.with_file_name(".lock")] {
        for is_dangling in [false, true] {
            if is_dangling {
                fs::remove_file(&victim).unwrap()
            } else {
                fs::write(&victim, "mine").unwrap()
            }
            let _ = fs::remove_file(&link);
            symlink(&victim, &link).unwrap();
            assert_export_fails(&mut browser_started(home.path()), export("x", "", PLANTED), &link);
            assert_eq!(victim.exists(), !is_dangling, "{link:?}");
            assert!(is_dangling || fs::read(&victim).unwrap() == b"mine", "{link:?}");
            assert_eq!(fs::read_link(&link).unwrap(), victim);
        }
        fs::remove_file(&link).unwrap();
    }
    assert!(!file_names(&exports_folder(home.path())).iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn refuses_a_link_in_place_of_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir(host_dir(home.path())).unwrap();
    symlink(&elsewhere, exports_folder(home.path())).unwrap();
    assert_export_fails(
        &mut browser_started(home.path()),
        export("x", "", PLANTED),
        &exports_folder(home.path()),
    );
    assert_eq!(file_names(&elsewhere), Vec::<String>::new());
    for kind in ["list", "delete", "verify"] {
        let request = json!({"id": 1, "type": kind, "platform": "x", "label": ""});
        assert_eq!(ask(home.path(), &[request])[0]["error"]["code"], "io", "{kind}");
    }
}

#[test]
fn neither_reads_nor_lists_a_link() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", PLANTED);
    let real = home.path().join("real");
    fs::rename(&path, &real).unwrap();
    symlink(&real, &path).unwrap();
    let answers = ask(
        home.path(),
        &[json!({"id": 1, "type": "list"}), json!({"id": 1, "type": "verify", "platform": "x"})],
    );
    assert_eq!(answers[0]["exports"], json!([]));
    assert_eq!(answers[1]["error"]["code"], "io");
    assert_eq!(run(program(home.path()).args(["cookies", "x"]), b"").stdout, b"");
}

#[test]
fn names_a_path_that_cannot_be_written() {
    let home = tempfile::tempdir().unwrap();
    let folder = exports_folder(home.path());
    fs::write(host_dir(home.path()), "a file where the folder should be").unwrap();
    let path = host_dir(home.path());
    assert_export_fails(&mut browser_started(home.path()), export("x", "", PLANTED), &path);
    fs::remove_file(path).unwrap();
    fs::create_dir(host_dir(home.path())).unwrap();
    fs::write(&folder, "a file where the folder should be").unwrap();
    assert_export_fails(&mut browser_started(home.path()), export("x", "", PLANTED), &folder);
    fs::remove_file(&folder).unwrap();

    let path = export_file(home.path(), "x", "", PLANTED);
    for obstacle in [path.clone(), path.with_extension("json")] {
        fs::remove_file(&obstacle).unwrap();
        fs::create_dir(&obstacle).unwrap();
        assert_export_fails(&mut browser_started(home.path()), export("x", "", PLANTED), &obstacle);
        fs::remove_dir(&obstacle).unwrap();
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_untouched() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", "old");
    let sidecar = path.with_extension("json");
    let old = (fs::read(&path).unwrap(), fs::read(&sidecar).unwrap());
    let mut request = export("x", "", PLANTED);
    let cookie =
        |index: usize| json!({"name": format!("n{index}"), "value": PLANTED.repeat(250), "domain": "x.com"});
    request["cookies"] = (0..20).map(cookie).collect();
    // With its signal ignored, a write beyond the limit fails like one on a full disk.
    let mut command = browser_started_after("trap '' XFSZ; ulimit -f 16", home.path());
    assert_export_fails(&mut command, request.clone(), &path);
    assert_eq!((fs::read(&path).unwrap(), fs::read(&sidecar).unwrap()), old);
    assert_eq!(file_names(path.parent().unwrap()).len(), 3, "{:?}", file_names(path.parent().unwrap()));
    // Without the limit the same export succeeds.
    assert_eq!(ask(home.path(), &[request])[0]["cookie_count"], 20);
}
