//! Tests of exports in a temporary folder.

use super::*;
use serde_json::json;
use tempfile::TempDir;

fn exports() -> (TempDir, Exports) {
    let host_dir = tempfile::tempdir().unwrap();
    let exports = Exports::new(host_dir.path());
    (host_dir, exports)
}

fn key(platform: &str, label: &str) -> ExportKey {
    ExportKey::new(platform.to_owned(), label.to_owned()).unwrap()
}

fn write(exports: &Exports, key: ExportKey, value: &str) -> Result<Written, Error> {
    let domain = format!(".{}.com", key.platform());
    let cookie = json!({"name": "n", "value": value, "domain": domain, "sameSite": "lax"});
    exports.write(&NewExport {
        key,
        cookies: vec![Cookie::from_json(cookie).unwrap()],
        origins: Vec::new(),
        user_agent: None,
        unkept: vec!["planted is not kept".to_owned()],
        expires_at: UtcTime::from_unix_seconds(1_900_000_000),
    })
}

/// Purges without a failure, and returns how many files were removed.
fn purge(exports: &Exports) -> usize {
    let purged = exports.purge();
    assert!(purged.faults.is_empty(), "{:?}", purged.faults);
    purged.removed
}

#[test]
fn lists_written_exports_and_not_deleted_ones() {
    let (_host_dir, exports) = exports();
    assert_eq!(exports.list().unwrap(), []);
    assert!(!exports.delete(&key("x", "")).unwrap());
    assert!(!exports.folder().exists());

    let written = write(&exports, key("x", "B"), "v").unwrap();
    write(&exports, key("x", ""), "v").unwrap();
    write(&exports, key("instagram", ""), "v").unwrap();
    let list = exports.list().unwrap();
    let keys: Vec<_> = list.iter().map(|e| (e.platform.as_str(), e.label.as_deref().unwrap())).collect();
    assert_eq!(keys, [("instagram", ""), ("x", ""), ("x", "B")]);
    assert_eq!(list[2].path.as_deref(), written.path.to_str());
    assert_eq!((list[2].cookie_count, list[2].expires_at), (Some(1), written.expires_at));

    assert!(exports.delete(&key("x", "B")).unwrap());
    assert!(!exports.delete(&key("x", "B")).unwrap());
    assert_eq!(exports.list().unwrap().len(), 2);
}

#[test]
fn reports_what_is_lost_in_the_file() {
    let (_host_dir, exports) = exports();
    let losses = write(&exports, key("x", ""), "v").unwrap().losses;
    assert_eq!(losses, ["the SameSite attribute of 1 cookies is not in the file", "planted is not kept"]);
}

#[test]
fn lists_exports_with_a_missing_or_broken_sidecar() {
    let (_host_dir, exports) = exports();
    let gone = key("x", "work");
    let broken = key("x", "");
    let foreign = key("x", "Some One");
    for key in [&gone, &broken, &foreign] {
        write(&exports, key.clone(), "v").unwrap();
    }
    fs::remove_file(exports.sidecar_path(&gone)).unwrap();
    fs::write(exports.sidecar_path(&broken), "{").unwrap();
    fs::copy(exports.sidecar_path(&key("x", "Some One")), exports.sidecar_path(&gone)).unwrap();
    fs::write(exports.sidecar_path(&foreign), r#"{"platform":"x"}"#).unwrap();
    let labels: Vec<_> = exports.list().unwrap().into_iter().map(|export| export.label).collect();
    assert_eq!(labels, [None, Some(String::new()), Some("work".to_owned())]);
}

#[test]
fn verify_returns_the_cookies_or_names_the_bad_line() {
    let (_host_dir, exports) = exports();
    let key = key("x", "");
    assert!(matches!(exports.verify(&key), Err(Error::NotFound(_))));
    let path = write(&exports, key.clone(), "v").unwrap().path;
    assert_eq!(exports.verify(&key).unwrap().file.cookies.len(), 1);
    for (tail, fault) in [
        (b".a.org\tTRUE\t/\tplanted".as_slice(), "line 3: has 4 fields separated by tabs, not 7"),
        (b"# fine\nplanted\xff".as_slice(), "line 4: is not UTF-8"),
        (b"# nothing else".as_slice(), "contains no cookies"),
    ] {
        let mut text = b"# Netscape HTTP Cookie File\n# by hand\n".to_vec();
        text.extend_from_slice(tail);
        fs::write(&path, text).unwrap();
        let message = exports.verify(&key).unwrap_err().to_string();
        assert!(message.contains(fault) && !message.contains("planted"), "{message}");
        assert_eq!(exports.list().unwrap()[0].cookie_count, None);
    }
}

#[test]
fn reads_only_the_signed_in_site_of_an_earlier_versions_export_of_two() {
    let (_host_dir, exports) = exports();
    let key = key("x", "");
    let path = write(&exports, key.clone(), "v").unwrap().path;
    let line = |domain: &str, name: &str| format!("{domain}\tTRUE\t/\tTRUE\t0\t{name}\tv\n");
    let cookies = |domain| ["auth_token", "ct0", "twid"].map(|name| line(domain, name)).concat();
    fs::write(
        &path,
        format!("# Netscape HTTP Cookie File\n{}{}", cookies(".twitter.com"), cookies(".x.com")),
    )
    .unwrap();
    let held = Held::read(&path, "x").unwrap().unwrap().file.cookies;
    assert_eq!(held.iter().map(|cookie| cookie.domain.as_str()).collect::<Vec<_>>(), [".x.com"; 3]);
}

#[test]
fn removes_temporary_files_of_a_killed_host() {
    let (_host_dir, exports) = exports();
    write(&exports, key("x", ""), "v").unwrap();
    let leftover = exports.folder().join(".stagepass-AbCdEf.tmp");
    fs::write(&leftover, "half a file").unwrap();
    write(&exports, key("x", ""), "v").unwrap();
    assert!(!leftover.exists());
}

#[test]
fn purge_removes_exports_and_leaves_other_files() {
    let (_host_dir, exports) = exports();
    assert_eq!(purge(&exports), 0);
    write(&exports, key("x", ""), "v").unwrap();
    write(&exports, key("x", "b"), "v").unwrap();
    let foreign = exports.folder().join("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    assert_eq!(purge(&exports), 2);
    assert_eq!(exports.file_names().unwrap(), ["notes.txt"]);
    fs::remove_file(foreign).unwrap();
    assert_eq!(purge(&exports), 0);
    assert!(!exports.folder().exists());
}

#[test]
fn reports_a_lock_that_is_never_released() {
    let (_host_dir, exports) = exports();
    write(&exports, key("x", ""), "v").unwrap();
    let _held = folder_lock::acquire(exports.folder()).unwrap().unwrap();
    let fault = exports.delete(&key("x", "")).unwrap_err();
    assert!(matches!(fault, Error::Busy(_)));
    let purged = exports.purge();
    assert!(matches!(purged.faults[..], [Error::Busy(_)]), "{purged:?}");
}

#[test]
fn acquires_a_new_lock_if_its_file_was_removed() {
    let (_host_dir, exports) = exports();
    write(&exports, key("x", ""), "v").unwrap();
    let purging = folder_lock::acquire(exports.folder()).unwrap().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| folder_lock::acquire(exports.folder()).unwrap().unwrap());
        // Long enough for the other thread to have opened the file that is removed now.
        std::thread::sleep(std::time::Duration::from_millis(50));
        purging.remove_file().unwrap();
        drop(purging);
        let _held = waiting.join().unwrap();
        assert!(
            matches!(folder_lock::acquire(exports.folder()), Err(Error::Busy(_))),
            "two hosts hold the lock"
        );
    });
    fs::remove_dir_all(exports.folder()).unwrap();
    assert!(folder_lock::acquire(exports.folder()).unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn purge_continues_after_a_failure_with_one_file() {
    let (host_dir, exports) = exports();
    let obstacles = [key("x", "a"), key("x", "b")].map(|key| exports.path(&key));
    write(&exports, key("x", ""), "v").unwrap();
    write(&exports, key("x", "z"), "v").unwrap();
    for obstacle in &obstacles {
        fs::create_dir(obstacle).unwrap();
    }
    let victim = host_dir.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    std::os::unix::fs::symlink(&victim, exports.path(&key("a", ""))).unwrap();

    let purged = exports.purge();
    assert_eq!((purged.removed, purged.faults.len()), (3, 2), "{purged:?}");
    for obstacle in obstacles {
        let name = obstacle.to_str().unwrap();
        assert!(purged.faults.iter().any(|fault| fault.to_string().contains(name)), "{purged:?}");
        fs::remove_dir(obstacle).unwrap();
    }
    assert_eq!(exports.file_names().unwrap(), Vec::<String>::new());
    assert_eq!(fs::read(victim).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn purge_removes_secrets_without_a_usable_lock() {
    let (_host_dir, exports) = exports();
    let path = write(&exports, key("x", ""), "v").unwrap().path;
    let lock = exports.folder().join(".lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let purged = exports.purge();
    assert!(!path.exists());
    assert!(matches!(&purged.faults[..], [Error::InTheWay { path, .. }] if *path == lock), "{purged:?}");
}

#[test]
fn a_browsers_cookies_do_not_replace_those_beside_storage() {
    let (_host_dir, exports) = exports();
    let of = |value: &str, with_storage: bool| {
        let cookie = json!({"name": "n", "value": value, "domain": ".onlyfans.com", "hostOnly": false});
        let entry = json!({"name": "bcTokenSha", "value": value});
        let origin = json!({"origin": "https://onlyfans.com", "localStorage": [entry]});
        let origins = if with_storage { vec![origin] } else { vec![] };
        NewExport {
            key: key("onlyfans", ""),
            cookies: vec![Cookie::from_json(cookie).unwrap()],
            origins: stagepass_core::origin_storage::read(origins).unwrap(),
            user_agent: None,
            unkept: Vec::new(),
            expires_at: None,
        }
    };
    let kept = |exports: &Exports| {
        let path = exports.path(&key("onlyfans", ""));
        let held = Held::read(&path, "onlyfans").unwrap().unwrap();
        let origins = held.storage.map(|stored| stored.origins).unwrap_or_default();
        (held.file.cookies, origins)
    };
    let first = of("first", true);
    exports.write(&first).unwrap();
    let before = Fingerprint::of(&exports.read(&first.key).unwrap());
    // The export is as it was before the run.
    assert!(!exports.write_or_update(of("of the browser", false), Some(&before), |_| false).unwrap());
    assert_eq!(kept(&exports), (first.cookies, first.origins));

    let without = of("first", false);
    exports.write(&without).unwrap();
    let before = Fingerprint::of(&exports.read(&without.key).unwrap());
    let browsers = of("of the browser", false);
    let cookies = browsers.cookies.clone();
    assert!(exports.write_or_update(browsers, Some(&before), |_| false).unwrap());
    assert_eq!(kept(&exports), (cookies, vec![]));
}
