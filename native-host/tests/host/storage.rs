//! Tests of exports with origin storage: the requests and the commands.

use crate::browser::text;
use crate::process::*;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Exports it, and returns the answer and the two files.
pub(crate) fn exported(home: &Path, request: &Value) -> (Value, PathBuf, PathBuf) {
    let answer = ask(home, std::slice::from_ref(request)).remove(0);
    assert_eq!(answer["ok"], true, "{answer}");
    let path = |field: &str| PathBuf::from(answer[field].as_str().unwrap());
    let (cookie_file, storage_file) = (path("path"), path("storage_path"));
    (answer, cookie_file, storage_file)
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn writes_a_storage_state_beside_the_cookie_file() {
    let home = tempfile::tempdir().unwrap();
    let (answer, cookie_file, storage_file) = exported(home.path(), &export_with_storage(PLANTED));
    assert_eq!((&answer["cookie_count"], &answer["entry_count"]), (&json!(1), &json!(2)));
    let command = answer["command"].as_str().unwrap();
    assert!(command.starts_with("yt-dlp --cookies ") && command.contains("onlyfans-default"), "{command}");
    let names = [&cookie_file, &storage_file].map(|path| path.file_name().unwrap().to_str().unwrap());
    assert_eq!(names, ["onlyfans-default-e3b0c442.txt", "onlyfans-default-e3b0c442.storage.json"]);
    assert!(fs::read_to_string(cookie_file).unwrap().contains(&format!("\tsess\t{PLANTED}\n")));
    assert_eq!(
        read_json(&storage_file),
        json!({
            "cookies": [{"name": "sess", "value": PLANTED, "domain": ".onlyfans.com", "path": "/",
                "expires": -1, "httpOnly": false, "secure": true, "sameSite": "None"}],
            "origins": [{"origin": "https://onlyfans.com",
                "localStorage": [{"name": "bcTokenSha", "value": PLANTED}],
                "sessionStorage": [{"name": "tab", "value": ""}]}],
            "userAgent": "Sample/1.0",
        })
    );
    let losses = answer["losses"].as_array().unwrap();
    assert!(losses.iter().any(|loss| loss.as_str().unwrap().contains("sessionStorage")), "{losses:?}");
}

#[test]
fn an_export_without_storage_removes_the_former_storage_file() {
    let home = tempfile::tempdir().unwrap();
    let (_, cookie_file, storage_file) = exported(home.path(), &export_with_storage(PLANTED));
    let mut request = export_with_storage("new");
    // An origin without entries is no storage.
    request["origins"] = json!([{"origin": "https://onlyfans.com"}]);
    let answer = ask(home.path(), &[request]).remove(0);
    assert_eq!((&answer["ok"], answer.get("storage_path")), (&json!(true), None));
    assert!(!storage_file.exists() && fs::read_to_string(cookie_file).unwrap().contains("new"));
}

#[test]
fn a_login_without_cookies_has_a_cookie_file_with_only_its_first_line() {
    let home = tempfile::tempdir().unwrap();
    let (answer, cookie_file, _) = exported(home.path(), &export_without_cookies(PLANTED));
    // yt-dlp has nothing to use.
    assert_eq!((&answer["cookie_count"], answer.get("command")), (&json!(0), None));
    // Nothing of the login is lost: it is in the storage file.
    assert_eq!(answer["losses"], json!([]));
    let first_line = "# Netscape HTTP Cookie File\n";
    assert_eq!(fs::read_to_string(cookie_file).unwrap(), first_line);

    let answers = ask(
        home.path(),
        &[json!({"id": 1, "type": "list"}), json!({"id": 2, "type": "verify", "platform": "fansly"})],
    );
    let listed = &answers[0]["exports"][0];
    assert_eq!((&listed["cookie_count"], &listed["entry_count"]), (&json!(0), &json!(1)));
    assert_eq!(listed["storage_path"], answer["storage_path"]);
    assert_eq!((&answers[1]["cookie_count"], &answers[1]["entry_count"]), (&json!(0), &json!(1)));
    assert_eq!(answers[1]["storage_path"], answer["storage_path"]);
    let printed = run(program(home.path()).args(["cookies", "fansly"]), b"");
    assert_eq!(text(&printed.stdout), first_line);
    for arguments in [["cookies", "fansly"], ["path", "fansly"]] {
        let output = run(program(home.path()).args(arguments), b"");
        let notes = text(&output.stderr);
        assert!(output.status.success() && notes.contains("fansly has no cookies"), "{arguments:?}: {notes}");
    }
}

#[test]
fn list_shows_the_number_of_entries() {
    let home = tempfile::tempdir().unwrap();
    exported(home.path(), &export_with_storage(PLANTED));
    export_file(home.path(), "x", "", PLANTED);
    let output = run(program(home.path()).arg("list"), b"");
    assert_nothing_planted(&output);
    let table = text(&output.stdout);
    let cells: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0][..4], ["PLATFORM", "LABEL", "COOKIES", "ENTRIES"]);
    assert_eq!((cells[1][0], cells[1][2]), ("onlyfans", "2"), "{table}");
    assert_eq!((cells[2][0], cells[2][2]), ("x", "-"), "{table}");
}

#[test]
fn delete_and_purge_remove_the_storage_file() {
    let home = tempfile::tempdir().unwrap();
    let delete = || json!({"id": 1, "type": "delete", "platform": "onlyfans"});
    let (_, cookie_file, storage_file) = exported(home.path(), &export_with_storage(PLANTED));
    assert_eq!(ask(home.path(), &[delete()])[0]["deleted"], true);
    assert!(!cookie_file.exists() && !storage_file.exists());

    // Somebody has removed the cookie file alone.
    exported(home.path(), &export_with_storage(PLANTED));
    fs::remove_file(&cookie_file).unwrap();
    assert_eq!(ask(home.path(), &[delete()])[0]["deleted"], true);
    assert!(!storage_file.exists());
    assert_eq!(ask(home.path(), &[delete()])[0]["deleted"], false);

    exported(home.path(), &export_with_storage(PLANTED));
    assert!(run(program(home.path()).args(["uninstall", "--purge"]), b"").status.success());
    assert!(!cookie_file.parent().unwrap().exists());
}

#[test]
fn lists_and_removes_a_storage_file_whose_cookie_file_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let (_, cookie_file, storage_file) = exported(home.path(), &export_with_storage(PLANTED));
    fs::remove_file(&cookie_file).unwrap();
    let answers = ask(
        home.path(),
        &[
            json!({"id": 1, "type": "list"}),
            json!({"id": 2, "type": "verify", "platform": "onlyfans"}),
            json!({"id": 3, "type": "delete", "platform": "onlyfans"}),
            json!({"id": 4, "type": "list"}),
        ],
    );
    let listed = &answers[0]["exports"][0];
    assert_eq!((&listed["platform"], &listed["label"]), (&json!("onlyfans"), &json!("")));
    assert_eq!((&listed["path"], &listed["cookie_count"]), (&Value::Null, &Value::Null));
    assert_eq!(listed["storage_path"], json!(storage_file));
    // Somebody removed the login, so it is not used any more.
    assert_eq!(answers[1]["error"]["code"], "not_found");
    assert_eq!((&answers[2]["deleted"], &answers[3]["exports"]), (&json!(true), &json!([])));

    exported(home.path(), &export_with_storage(PLANTED));
    fs::remove_file(&cookie_file).unwrap();
    let table = text(&run(program(home.path()).arg("list"), b"").stdout);
    assert!(table.contains(storage_file.to_str().unwrap()), "{table}");
    let printed = run(program(home.path()).args(["cookies", "onlyfans", "--format", "json"]), b"");
    assert!(text(&printed.stderr).contains("no cookies of onlyfans"), "{}", text(&printed.stderr));
    assert_nothing_planted(&printed);
}

#[test]
fn names_what_it_does_not_take_of_a_storage_state() {
    let home = tempfile::tempdir().unwrap();
    let mut request = export_with_storage("fine");
    request["origins"][0]["indexedDB"] = json!([{"name": PLANTED, "version": 1, "stores": []}]);
    let (answer, _, storage_file) = exported(home.path(), &request);
    let losses = answer["losses"].to_string();
    assert!(losses.contains("indexedDB") && losses.contains("is not kept (origins[0])"), "{losses}");

    // A storage state that Playwright has written in its place.
    let mut state = read_json(&storage_file);
    state["origins"][0]["indexedDB"] = request["origins"][0]["indexedDB"].clone();
    state["cookies"][0]["partitionKey"] = json!("https://onlyfans.com");
    fs::write(&storage_file, state.to_string()).unwrap();
    let output = run(program(home.path()).args(["cookies", "onlyfans", "--format", "json"]), b"");
    assert_nothing_planted(&output);
    let notes = text(&output.stderr);
    assert!(output.status.success() && notes.contains(storage_file.to_str().unwrap()), "{notes}");
    assert!(
        notes.contains("\"indexedDB\" is unknown") && notes.contains("\"partitionKey\" is not kept"),
        "{notes}"
    );
}

#[test]
fn names_a_bad_storage_file_without_its_values() {
    for (bad, place) in [
        (format!("{{\n\"cookies\": \"{PLANTED}\"}}"), "line 2, column"),
        (format!(r#"{{"cookies": [{{"name": "{PLANTED}"}}], "origins": []}}"#), "cookies[0]: value required"),
        (
            format!(r#"{{"cookies": [], "origins": [{{"origin": "{PLANTED}"}}]}}"#),
            "origins[0]: origin must be",
        ),
        (
            format!(
                r#"{{"cookies": [], "origins": [{{"origin": "https://example.org", "localStorage": [
                    {{"name": "n", "value": "{PLANTED}"}}]}}]}}"#
            ),
            "origins[0]: this origin does not belong to onlyfans",
        ),
        (
            format!(r#"{{"cookies": [], "origins": [], "userAgent": "{PLANTED}\nX: y"}}"#),
            "user_agent must have",
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (_, _, storage_file) = exported(home.path(), &export_with_storage("fine"));
        fs::write(&storage_file, bad).unwrap();
        let answers = ask(
            home.path(),
            &[json!({"id": 1, "type": "verify", "platform": "onlyfans"}), json!({"id": 2, "type": "list"})],
        );
        let error = &answers[0]["error"];
        let message = error["message"].as_str().unwrap();
        assert!(error["code"] == "bad_file" && message.contains(place), "{message}");
        assert!(message.contains(storage_file.to_str().unwrap()), "{message}");
        let listed = &answers[1]["exports"][0];
        assert_eq!((&listed["cookie_count"], &listed["entry_count"]), (&json!(1), &Value::Null));
        // The cookies are still of use.
        let output = run(program(home.path()).args(["cookies", "onlyfans", "--format", "json"]), b"");
        assert_nothing_planted(&output);
        assert!(text(&output.stderr).contains("is not a valid storage file"), "{}", text(&output.stderr));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&printed["cookies"][0]["value"], printed.get("origins")), (&json!("fine"), None));
    }
}

#[test]
fn refuses_storage_that_breaks_a_rule_and_writes_nothing() {
    let entry = json!({"name": "n", "value": PLANTED});
    let entries =
        |count: usize| vec![json!({"origin": "https://onlyfans.com", "localStorage": vec![&entry; count]})];
    let many: Vec<_> =
        (0..21).map(|index| json!({"origin": format!("https://h{index}.onlyfans.com")})).collect();
    for (origins, message) in [
        (json!({}), "origins must be an array"),
        (
            json!([{"origin": "https://example.org", "localStorage": [&entry]}]),
            "origins[0]: this origin does not belong to onlyfans",
        ),
        (json!(entries(2)), "origins[0].localStorage[1]: an earlier entry has the same name"),
        (json!(many), "origins: at most 20 origins are allowed"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut request = export_with_storage(PLANTED);
        request["origins"] = origins;
        let answer = ask(home.path(), &[request]).remove(0);
        assert_eq!(answer["error"], json!({"code": "bad_request", "message": message}));
        assert!(!host_dir(home.path()).exists(), "something was written");
    }
}
