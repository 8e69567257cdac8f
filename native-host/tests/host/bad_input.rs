//! Tests that bad input gets an error answer or a clean end.

use crate::process::*;
use serde_json::{Value, json};
use stagepass_core::host::{MAX_ANSWER_BYTES, MAX_REQUEST_BYTES};
#[cfg(unix)]
use std::fs;

fn hello() -> Value {
    json!({"id": "h", "type": "hello"})
}

/// Sends the frame and a `hello` after it, and returns the first answer.
fn answer_before_hello(content: &[u8]) -> Value {
    let home = tempfile::tempdir().unwrap();
    let input = [frame(content), message(&hello())].concat();
    let output = run(&mut browser_started(home.path()), &input);
    assert_nothing_planted(&output);
    assert!(output.status.success());
    assert_eq!(output.stderr, b"");
    let [answer, next] = answers(&output.stdout).try_into().unwrap();
    assert_eq!((&next["id"], &next["ok"]), (&json!("h"), &json!(true)), "the connection is dead");
    assert_eq!(answer["ok"], false);
    answer
}

#[test]
fn answers_invalid_json_with_an_error_and_continues() {
    let truncated = format!("{{\"id\":\"1\",\"type\":\"export\",\"cookies\":[\"{PLANTED}");
    let deep = "[".repeat(1_000_000);
    for content in [
        b"".as_slice(),
        b" ",
        b"no json",
        truncated.as_bytes(),
        b"{\"id\":\"\xff\",\"type\":\"hello\"}",
        b"{\"id\":\"\\ud800\",\"type\":\"hello\"}",
        b"{} {}",
        deep.as_bytes(),
    ] {
        let answer = answer_before_hello(content);
        assert_eq!((&answer["id"], &answer["type"]), (&Value::Null, &Value::Null));
        assert_eq!(answer["error"]["code"], "bad_json");
    }
}

#[test]
fn answers_invalid_requests_with_an_error_and_continues() {
    let long = "x".repeat(2 * MAX_ANSWER_BYTES);
    for (content, id, kind, code) in [
        (json!(PLANTED), json!(null), json!(null), "bad_request"),
        (json!(null), json!(null), json!(null), "bad_request"),
        (json!([hello()]), json!(null), json!(null), "bad_request"),
        (json!({}), json!(null), json!(null), "bad_request"),
        (json!({"type": "hello"}), json!(null), json!("hello"), "bad_request"),
        (json!({"id": [PLANTED], "type": "hello"}), json!(null), json!("hello"), "bad_request"),
        (json!({"id": long, "type": "hello"}), json!(null), json!("hello"), "bad_request"),
        (json!({"id": 1, "type": {"a": PLANTED}}), json!(1), json!(null), "bad_request"),
        (json!({"id": 1, "type": long}), json!(1), json!(null), "bad_request"),
        (json!({"id": 1, "type": "run", "program": PLANTED}), json!(1), json!("run"), "unknown_type"),
    ] {
        let answer = answer_before_hello(content.to_string().as_bytes());
        assert_eq!((&answer["id"], &answer["type"], &answer["error"]["code"]), (&id, &kind, &json!(code)));
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn refuses_a_bad_export_completely_and_never_quotes_a_value() {
    let good = json!({"name": "a", "value": PLANTED, "domain": "instagram.com"});
    for (bad, reason) in [
        (json!(PLANTED), "cookies[1]: must be an object"),
        (json!({"name": "a", "value": PLANTED}), "cookies[1]: domain required"),
        (
            json!({"name": "a", "value": [PLANTED], "domain": "instagram.com"}),
            "cookies[1]: value must be a string",
        ),
        (
            json!({"name": "a", "value": format!("{PLANTED}\t"), "domain": "instagram.com"}),
            "cookies[1]: value holds a control character",
        ),
        (
            json!({"name": "a", "value": format!("{PLANTED}\n.b.org"), "domain": "instagram.com"}),
            "cookies[1]: value holds a control character",
        ),
        (
            json!({"name": "a", "value": PLANTED.repeat(400), "domain": "instagram.com"}),
            "cookies[1]: name and value are longer than 4096 bytes together",
        ),
        (
            json!({"name": "a", "value": PLANTED, "domain": "instagram.com", "expires": 1e20}),
            "cookies[1]: expires is after the year 9999. Is it in milliseconds? It must be in seconds",
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut request = export("instagram", "", "v");
        request["cookies"] = json!([good, bad]);
        let answer = ask(home.path(), &[request]).remove(0);
        assert_eq!(
            answer["error"],
            json!({"code": "bad_request", "message": reason}),
            "the answer to a bad cookie"
        );
        assert!(!host_dir(home.path()).exists(), "something was written");
    }
}

#[test]
fn a_platform_or_label_never_leads_out_of_the_folder() {
    let home = tempfile::tempdir().unwrap();
    for platform in ["", "../x", "a/b", "A", "a b", "a\0b", &"a".repeat(65)] {
        let answer = ask(home.path(), &[export(platform, "", PLANTED)]).remove(0);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("platform must have 1 to 64"), "{platform:?}: {message}");
    }
    // The platform `..` has no cookies of its own, so this request is built by hand.
    let mut dots = export("x", "", PLANTED);
    dots["platform"] = json!("..");
    assert_eq!(ask(home.path(), &[dots])[0]["error"]["code"], "bad_request");
    for label in ["../../../etc/passwd", "/etc/passwd", "..", "a\\b", "$(reboot)", "'; rm -rf /"] {
        let path = export_file(home.path(), "x", label, PLANTED);
        assert_eq!(path.parent().unwrap(), host_dir(home.path()).join("exports"), "{label:?}");
    }
}

#[test]
fn ends_cleanly_after_half_a_frame() {
    let home = tempfile::tempdir().unwrap();
    let whole = message(&export("instagram", "", PLANTED));
    for length in [0, 1, 3, 4, 5, whole.len() - 1] {
        let output = run(&mut browser_started(home.path()), &whole[..length]);
        assert!(output.status.success(), "{length}");
        assert_eq!(output.stdout, b"", "{length}");
        assert_nothing_planted(&output);
    }
    assert!(!host_dir(home.path()).exists());
}

#[test]
fn sends_earlier_answers_before_a_broken_frame_ends_the_program() {
    let home = tempfile::tempdir().unwrap();
    let input = [message(&hello()), vec![9, 0]].concat();
    let output = run(&mut browser_started(home.path()), &input);
    assert!(output.status.success());
    assert_eq!(answers(&output.stdout)[0]["ok"], true);
}

#[cfg(unix)]
#[test]
fn refuses_a_frame_longer_than_64_mib_without_allocating_it() {
    let home = tempfile::tempdir().unwrap();
    for length in [MAX_REQUEST_BYTES as u32 + 1, u32::MAX] {
        // The program fits into 40 MiB of address space; the frame would not.
        let mut command = browser_started_after("ulimit -v 40960", home.path());
        let input = [message(&hello()), length.to_ne_bytes().to_vec()].concat();
        let output = run_with_open_input(&mut command, &input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let [hello, refusal] = answers(&output.stdout).try_into().unwrap();
        assert_eq!((&hello["ok"], &refusal["ok"]), (&json!(true), &json!(false)));
        assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&Value::Null, &json!("too_large")));
    }
}

#[test]
fn accepts_a_frame_of_exactly_64_mib() {
    let home = tempfile::tempdir().unwrap();
    let mut content = hello().to_string().into_bytes();
    content.resize(MAX_REQUEST_BYTES, b' ');
    let output = run(&mut browser_started(home.path()), &frame(&content));
    assert_eq!(answers(&output.stdout)[0]["ok"], true);
}

/// Sends the frame and a `hello` after it to a program that has 300 MB of
/// address space, and returns the first answer.
#[cfg(unix)]
fn answer_within_300_mb(content: &[u8]) -> Value {
    let home = tempfile::tempdir().unwrap();
    let mut command = browser_started_after("ulimit -v 300000", home.path());
    let output = run(&mut command, &[frame(content), message(&hello())].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [answer, next] = answers(&output.stdout).try_into().unwrap();
    assert_eq!((&next["id"], &next["ok"]), (&json!("h"), &json!(true)), "the connection is dead");
    answer
}

#[cfg(unix)]
#[test]
fn a_frame_of_64_mib_needs_at_most_a_few_times_its_size() {
    let filled = |start: &str, part: &str, end: &str| {
        let parts = (MAX_REQUEST_BYTES - start.len() - end.len()) / part.len();
        [start, &part.repeat(parts), end].concat()
    };
    for (start, part, end) in [
        ("[0", ",0", "]"),
        ("[[0]", ",[0]", "]"),
        ("[[]", ",[]", "]"),
        (r#"[{"":0}"#, r#",{"":0}"#, "]"),
        (r#"{"":0"#, r#","":0"#, "}"),
        (r#"{"id":1,"type":"export","platform":"x","cookies":[{}"#, ",{}", "]}"),
        (r#"{"id":1,"type":"export","platform":"x","cookies":[{"name":[0"#, ",0", "]}]}"),
    ] {
        let answer = answer_within_300_mb(filled(start, part, end).as_bytes());
        assert_eq!(answer["error"]["code"], "too_large", "{start}");
    }
    for (start, part, end) in [
        (r#"{"id":1,"type":"list","label":"\n"#, "x", "\"}"),
        (r#"{"id":1,"type":"delete","platform":""#, "\\u00e9", "\"}"),
    ] {
        let answer = answer_within_300_mb(filled(start, part, end).as_bytes());
        assert_eq!(answer["id"], 1, "{start}");
    }
}

#[cfg(unix)]
#[test]
fn accepts_the_largest_session_with_every_character_escaped() {
    let value = "\\u0076".repeat(4000);
    let cookies: Vec<_> = (0..1000)
        .map(|index| {
            format!(
                r#"{{"name":"n{index}","value":"{value}","domain":".x.com","path":"/","expirationDate":1900000000.5,
                "httpOnly":true,"secure":true,"sameSite":"lax","hostOnly":false,"session":false,"storeId":"0",
                "partitionKey":{{"topLevelSite":"https://x.com","hasCrossSiteAncestor":false}}}}"#
            )
        })
        .collect();
    let cookies = cookies.join(",");
    let request = format!(r#"{{"id":1,"type":"export","platform":"x","cookies":[{cookies}]}}"#);
    let answer = answer_within_300_mb(request.as_bytes());
    assert_eq!((&answer["ok"], &answer["cookie_count"]), (&json!(true), &json!(1000)), "{answer}");
}

// Not on Windows: Wine takes minutes for the thousands of files.
#[cfg(unix)]
#[test]
fn answers_with_exactly_1_mib_and_with_an_error_beyond() {
    let home = tempfile::tempdir().unwrap();
    let first = export_file(home.path(), "x", "", "v");
    let text = fs::read(&first).unwrap();
    let list = |id: &str| json!({"id": id, "type": "list"});
    let length = |answer: &Value| answer.to_string().len();
    let one = length(&ask(home.path(), &[list("")])[0]);
    // Files without a sidecar have entries of the same length.
    let copy = |index: usize| first.with_file_name(format!("x-label-{index:08x}.txt"));
    fs::write(copy(0), &text).unwrap();
    let two = length(&ask(home.path(), &[list("")])[0]);
    let entry = two - one;
    let more = (MAX_ANSWER_BYTES - two) / entry;
    for index in 1..=more {
        fs::write(copy(index), &text).unwrap();
    }
    let rest = MAX_ANSWER_BYTES - two - more * entry;
    let output = run(
        &mut browser_started(home.path()),
        &[message(&list(&"i".repeat(rest))), message(&list(&"i".repeat(rest + 1)))].concat(),
    );
    let lengths_and_answers = answers(&output.stdout);
    assert_eq!(&output.stdout[..4], u32::try_from(MAX_ANSWER_BYTES).unwrap().to_ne_bytes());
    assert_eq!(lengths_and_answers[0]["exports"].as_array().unwrap().len(), more + 2);
    assert_eq!(lengths_and_answers[1]["error"]["code"], "too_large");
    assert_eq!(lengths_and_answers[1]["id"], "i".repeat(rest + 1));
}

#[test]
fn ends_when_the_browser_closes_its_end() {
    let home = tempfile::tempdir().unwrap();
    let mut child = start(&mut browser_started(home.path()));
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let _ = std::io::Write::write_all(&mut stdin, &message(&hello()));
    assert!(child.wait().unwrap().success());
}
