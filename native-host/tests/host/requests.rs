//! Tests of each request and its answer.

use crate::process::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[test]
fn hello_returns_the_version_and_the_known_requests() {
    let home = tempfile::tempdir().unwrap();
    let answer = ask(home.path(), &[json!({"id": "1", "type": "hello"})]).remove(0);
    assert_eq!(
        answer,
        json!({"id": "1", "type": "hello", "ok": true, "version": env!("CARGO_PKG_VERSION"),
            "capabilities": ["hello", "export", "list", "delete", "verify", "listen"]})
    );
}

#[test]
fn export_writes_the_file_and_returns_the_command_to_use_it() {
    let home = tempfile::tempdir().unwrap();
    let answer = ask(home.path(), &[export("instagram", "Work", PLANTED)]).remove(0);
    let quote = if cfg!(windows) { "\"" } else { "" };
    let path = host_dir(home.path()).join("exports").join("instagram-work-104ab921.txt");
    assert_eq!(
        answer,
        json!({
            "id": "e", "type": "export", "ok": true,
            "path": path, "cookie_count": 2, "expires_at": "2030-03-17T17:46:40.000Z",
            "command": format!("yt-dlp --cookies {quote}{}{quote}", path.display()),
            "losses": ["the SameSite attribute of 1 cookies is not in the file"],
        })
    );
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        format!(
            "# Netscape HTTP Cookie File\n\
             #HttpOnly_.instagram.com\tTRUE\t/\tTRUE\t1900000000\tsessionid\t{PLANTED}\n\
             www.instagram.com\tFALSE\t/\tFALSE\t0\ttheme\tdark\n"
        )
    );
}

#[test]
fn an_export_without_label_and_expiry_expires_at_null() {
    let home = tempfile::tempdir().unwrap();
    let cookies = json!([{"name": "n", "value": PLANTED, "domain": "a.org"}]);
    let request = json!({"id": 4, "type": "export", "platform": "a.org", "cookies": cookies});
    let answer = ask(home.path(), &[request]).remove(0);
    assert_eq!(
        (&answer["id"], &answer["expires_at"], &answer["losses"]),
        (&json!(4), &Value::Null, &json!([]))
    );
    assert!(Path::new(answer["path"].as_str().unwrap()).ends_with("exports/a.org-default-e3b0c442.txt"));
}

#[test]
fn accepts_a_label_as_long_as_an_account_name_on_the_server() {
    let home = tempfile::tempdir().unwrap();
    let longest = "ä".repeat(1024);
    let answers = ask(
        home.path(),
        &[
            export("x", &longest, PLANTED),
            json!({"id": 1, "type": "verify", "platform": "x", "label": longest}),
            json!({"id": 2, "type": "list"}),
            export("x", &format!("{longest}ä"), PLANTED),
        ],
    );
    assert_eq!((&answers[0]["ok"], &answers[1]["cookie_count"]), (&json!(true), &json!(2)));
    assert_eq!(answers[2]["exports"][0]["label"], longest);
    assert_eq!(answers[3]["error"]["code"], "bad_request");
}

#[cfg(unix)]
#[test]
fn the_command_is_quoted_for_the_shell() {
    let home = tempfile::Builder::new().prefix("it's a $(home)").tempdir().unwrap();
    let answer = ask(home.path(), &[export("x", "", PLANTED)]).remove(0);
    let shown = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "yt() {{ printf %s \"$3\"; }}; {}",
            answer["command"].as_str().unwrap().replacen("yt-dlp", "yt x", 1)
        ))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), answer["path"].as_str().unwrap());
}

#[test]
fn list_delete_and_verify_follow_an_export() {
    let home = tempfile::tempdir().unwrap();
    let request = |kind: &str| json!({"id": kind, "type": kind, "platform": "instagram", "label": "Wörk"});
    let answers = ask(
        home.path(),
        &[
            json!({"id": 0, "type": "list"}),
            request("verify"),
            request("delete"),
            export("instagram", "Wörk", PLANTED),
            json!({"id": 1, "type": "list"}),
            request("verify"),
            request("delete"),
            request("delete"),
            json!({"id": 2, "type": "list"}),
        ],
    );
    assert_eq!(answers[0]["exports"], json!([]));
    assert_eq!(answers[1]["error"]["code"], "not_found");
    assert_eq!(answers[2]["deleted"], false);
    let listed = &answers[4]["exports"][0];
    assert_eq!(
        (
            &listed["platform"],
            &listed["label"],
            &listed["path"],
            &listed["cookie_count"],
            &listed["expires_at"]
        ),
        (
            &json!("instagram"),
            &json!("Wörk"),
            &answers[3]["path"],
            &json!(2),
            &json!("2030-03-17T17:46:40.000Z")
        )
    );
    let exported_at = listed["exported_at"].as_str().unwrap();
    assert!(exported_at.len() == 24 && exported_at.ends_with('Z'), "{exported_at}");
    assert_eq!((&answers[5]["ok"], &answers[5]["cookie_count"]), (&json!(true), &json!(2)));
    assert_eq!((&answers[6]["deleted"], &answers[7]["deleted"]), (&json!(true), &json!(false)));
    assert_eq!(answers[8]["exports"], json!([]));
    let left: Vec<_> = fs::read_dir(host_dir(home.path()).join("exports"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".lock"]);
}

#[test]
fn verify_names_a_bad_line_without_its_value() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "instagram", "", PLANTED);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("1900000000", PLANTED)).unwrap();
    let verify = json!({"id": 1, "type": "verify", "platform": "instagram", "label": ""});
    let answer = &ask(home.path(), std::slice::from_ref(&verify))[0];
    let broken = "line 2: expires must be a number of seconds";
    assert_eq!((&answer["cookie_count"], &answer["left_out"]), (&json!(1), &json!([broken])));
    // Without any cookie left, the file is not valid.
    fs::write(&path, text.replace("1900000000", PLANTED).replace("\t0\t", "\tsoon\t")).unwrap();
    let error = &ask(home.path(), &[verify])[0]["error"];
    assert_eq!(error["code"], "bad_file");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("line 2: expires") && message.contains(path.to_str().unwrap()), "{message}");
}

/// Writes an export of me.github.io as if it were one of all of github.io.
fn old_export_of_a_public_suffix(home: &Path) {
    let cookies = json!([{"name": "n", "value": PLANTED, "domain": "me.github.io"}]);
    let request = json!({"id": 1, "type": "export", "platform": "me.github.io", "cookies": cookies});
    let answer = ask(home, &[request]).remove(0);
    let new = Path::new(answer["path"].as_str().unwrap());
    let old = new.with_file_name("github.io-default-e3b0c442.txt");
    let sidecar = new.with_extension("json");
    let text = fs::read_to_string(&sidecar).unwrap().replace("me.github.io", "github.io");
    fs::write(&sidecar, text).unwrap();
    fs::rename(sidecar, old.with_extension("json")).unwrap();
    fs::rename(new, old).unwrap();
}

#[test]
fn refuses_to_export_a_public_suffix_but_reads_and_deletes_an_old_export_of_one() {
    let home = tempfile::tempdir().unwrap();
    for platform in ["com", "co.uk", "github.io"] {
        let cookies = json!([{"name": "n", "value": PLANTED, "domain": format!(".example.{platform}"), "hostOnly": false}]);
        let request = json!({"id": 1, "type": "export", "platform": platform, "cookies": cookies});
        let answer = ask(home.path(), &[request]).remove(0);
        assert_eq!(answer["error"]["code"], "bad_request", "{answer}");
        let words = answer["error"]["message"].as_str().unwrap();
        assert!(words.contains(&format!("platform can't be {platform}, a public suffix")), "{words}");
    }

    old_export_of_a_public_suffix(home.path());
    let request = |kind: &str| json!({"id": 2, "type": kind, "platform": "github.io"});
    let answers = ask(home.path(), &[request("list"), request("verify")]);
    assert_eq!(answers[0]["exports"][0]["platform"], "github.io");
    assert_eq!(answers[1]["ok"], true, "{}", answers[1]);
    let cookies = |target: &str| run(program(home.path()).args(["cookies", target]), b"");
    let printed = String::from_utf8(cookies("github.io").stdout).unwrap();
    assert!(printed.contains("me.github.io") && printed.contains(PLANTED), "{printed}");
    // No site finds this export any more.
    for url in ["https://me.github.io/", "https://you.github.io/"] {
        assert_eq!(cookies(url).status.code(), Some(1), "{url}");
    }
    assert_eq!(ask(home.path(), &[request("delete")])[0]["deleted"], true);
}
