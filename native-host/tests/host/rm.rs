//! Tests of `stagepass rm`.

use crate::process::*;
use std::fs;
use std::path::Path;
use std::process::Output;

fn rm(home: &Path, args: &[&str]) -> Output {
    run(program(home).arg("rm").args(args), b"")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The names in the folder of exports, without the lock.
fn left(home: &Path) -> Vec<String> {
    let names = fs::read_dir(host_dir(home).join("exports")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.') && !name.ends_with("lock")).collect();
    names.sort();
    names
}

#[test]
fn rm_removes_only_the_named_exports() {
    let home = tempfile::tempdir().unwrap();
    let files = [("x", ""), ("x", "work"), ("x", "home"), ("instagram", "")]
        .map(|(platform, label)| export_file(home.path(), platform, label, PLANTED));
    let there = || files.iter().map(|file| file.exists()).collect::<Vec<_>>();
    for (wrong, why) in [
        (&["x"][..], "several exports of x: name one of the labels \"\", \"home\", \"work\""),
        (&["x", "--label", "wrok"], "Did you mean work?"),
        (&["instgram"], "Did you mean instagram?"),
        (&["vimeo"], "Exported so far: instagram, x, x (home), x (work)"),
    ] {
        let output = rm(home.path(), wrong);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(why), "{said}");
    }
    assert_eq!(there(), [true; 4]);
    assert_eq!(stdout(&rm(home.path(), &["x", "--label", "work"])), "Removed x (work)\n");
    assert_eq!(there(), [true, false, true, true]);
    assert!(!files[1].with_extension("json").exists());
    let url = "https://www.instagram.com/p/1";
    assert_eq!(stdout(&rm(home.path(), &[url])), "Removed instagram\n");
    assert_eq!(stdout(&rm(home.path(), &["x", "--all"])), "Removed x\nRemoved x (home)\n");
    assert_eq!(there(), [false; 4]);
    assert_eq!(rm(home.path(), &["x", "--all"]).status.code(), Some(1));
}

#[test]
fn rm_removes_every_file_of_an_export() {
    let home = tempfile::tempdir().unwrap();
    for is_halved in [false, true] {
        assert_eq!(ask(home.path(), &[export_with_storage(PLANTED)])[0]["ok"], true);
        let files = left(home.path());
        assert_eq!(files.len(), 3, "{files:?}");
        if is_halved {
            let cookies = files.iter().find(|name| name.ends_with(".txt")).unwrap();
            fs::remove_file(host_dir(home.path()).join("exports").join(cookies)).unwrap();
        }
        assert_eq!(stdout(&rm(home.path(), &["onlyfans"])), "Removed onlyfans\n");
        assert_eq!(left(home.path()), Vec::<String>::new());
    }
}

/// A site without an export of its own uses its parent's cookies, but never removes them.
#[test]
fn rm_takes_no_other_sites_login() {
    let home = tempfile::tempdir().unwrap();
    let of = |host: &str, label: &str| {
        let mut export = export("example", label, PLANTED);
        export["platform"] = host.into();
        for cookie in export["cookies"].as_array_mut().unwrap() {
            cookie["domain"] = "example.org".into();
        }
        assert_eq!(ask(home.path(), &[export])[0]["ok"], true, "{host}");
    };
    of("example.org", "");
    of("example.org", "work");
    for args in [&["a.example.org"][..], &["a.example.org", "--label", "work"], &["a.example.org", "--all"]] {
        let output = rm(home.path(), args);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("there is no export of a.example.org"), "{said}");
    }
    assert_eq!(stdout(&rm(home.path(), &["example.org", "--label", "work"])), "Removed example.org (work)\n");
    assert_eq!(stdout(&rm(home.path(), &["https://example.org/a"])), "Removed example.org\n");
}

#[cfg(unix)]
#[test]
fn rm_goes_on_after_a_file_that_it_cannot_remove() {
    let home = tempfile::tempdir().unwrap();
    let files = ["", "home", "work"].map(|label| export_file(home.path(), "x", label, PLANTED));
    fs::create_dir(files[0].with_extension("storage.json")).unwrap();
    let output = rm(home.path(), &["x", "--all"]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && printed.starts_with("FAILED: x: "), "{printed}");
    assert!(printed.ends_with("Removed x (home)\nRemoved x (work)\n"), "{printed}");
    assert_eq!(files.map(|file| file.exists()), [true, false, false]);
}

#[cfg(target_os = "linux")]
#[test]
fn rm_finishes_before_it_says_so() {
    let home = tempfile::tempdir().unwrap();
    let files = ["", "home", "work"].map(|label| export_file(home.path(), "x", label, PLANTED));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = program(home.path());
    let output = run_to_end(command.args(["rm", "x", "--all"]).stdout(full));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(files.map(|file| file.exists()), [false; 3]);
}
