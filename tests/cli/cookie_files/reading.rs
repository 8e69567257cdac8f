//! Lines that other programs may write: we read them as yt-dlp's jar, Python's and curl do,
//! or say why we don't keep them.

use super::SEED;
use anyhow::{Context as _, Result, ensure};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_core::cookie::MAX_EXPIRES;
use stagepass_core::netscape::{self, CookieFile, HEADER, LineFault};
use stagepass_tests::system::process::on_path;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;
use std::path::Path;
use std::process::Command;

const LINES: usize = 1500;

/// One line. `#` in its host is replaced by the line's number.
fn odd_line() -> impl Strategy<Value = String> {
    let domain = prop_oneof![
        6 => Just(".c#.example.org"),
        3 => Just("c#.example.org"),
        1 => Just(".C#.Example.ORG"),
        1 => Just("127.0.0.1"),
        1 => Just("localhost"),
        1 => Just("[::1]"),
        1 => Just("a b.example.org"),
        1 => Just(""),
    ];
    let dot = prop_oneof![14 => Just("as it is"), 1 => Just("TRUE"), 1 => Just("FALSE"), 1 => Just("true"), 1 => Just("")];
    let path =
        prop_oneof![14 => Just("/"), 1 => Just("/a/b c"), 1 => Just(""), 1 => Just("a"), 1 => Just("/é")];
    let secure = prop_oneof![4 => Just("TRUE"), 4 => Just("FALSE"), 1 => Just("yes"), 1 => Just("")];
    let expires = prop_oneof![
        16 => Just("1900000000"), 1 => Just("1900000000.733"), 2 => Just("0"), 1 => Just(""), 1 => Just("0.9"),
        1 => Just("253402300799"), 1 => Just("999999999999999999999"), 1 => Just("1000000000"),
        1 => Just("-1"), 1 => Just("-1000"), 1 => Just("1.9e9"), 1 => Just(" 1900000000"), 1 => Just("soon"),
        1 => Just("inf"), 1 => Just("nan"),
    ];
    let name = prop_oneof![
        20 => "[a-c]{1,3}", 1 => "[!-~]{1,6}", 1 => Just(String::new()), 1 => "\\PC{1,4}", 1 => Just("__Secure-n".to_owned()),
        1 => Just("__Host-n".to_owned()), 1 => Just(" n".to_owned()),
    ];
    let value = prop_oneof![
        20 => "[!-:<-~]{0,20}", 1 => "\\PC{0,8}", 1 => Just("\"a b\"".to_owned()), 1 => Just(" v ".to_owned()),
        1 => Just("v".repeat(5000)), 1 => Just("a\tb".to_owned()), 1 => Just("a;b".to_owned()),
    ];
    let prefix =
        prop_oneof![8 => Just(""), 2 => Just("#HttpOnly_"), 1 => Just("# "), 1 => Just("$"), 1 => Just(" ")];
    // Most lines have all fields.
    let form =
        prop_oneof![12 => Just("whole"), 1 => Just("no value"), 1 => Just("no path"), 1 => Just("short")];
    (prefix, domain, dot, path, secure, expires, name, value, form).prop_map(
        |(prefix, domain, dot, path, secure, expires, name, value, form)| {
            let dot = match dot {
                "as it is" if domain.starts_with('.') => "TRUE",
                "as it is" => "FALSE",
                other => other,
            };
            let fields = match form {
                "whole" => vec![domain, dot, path, secure, expires, &name, &value],
                "no value" => vec![domain, dot, path, secure, expires, &name],
                "no path" => vec![domain, dot, secure, expires, &name, &value],
                _ => vec![domain, dot, path],
            };
            format!("{prefix}{}", fields.join("\t"))
        },
    )
}

fn odd_lines() -> Result<Vec<String>> {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), random);
    (0..LINES)
        .map(|number| {
            let tree = odd_line().new_tree(&mut runner).map_err(|reason| anyhow::anyhow!("{reason}"))?;
            Ok(tree.current().replacen("#.", &format!("{number}."), 1))
        })
        .collect()
}

/// Prints the cookies that yt-dlp's jar and Python's read from each file: null where one of
/// them refuses it.
const JARS: &str = r#"
import contextlib, http.cookiejar, io, json, sys
from yt_dlp.cookies import YoutubeDLCookieJar

http.cookiejar._warn_unhandled_exception = lambda: None

def cookies(jar):
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            jar.load(ignore_discard=True, ignore_expires=True)
    except http.cookiejar.LoadError:
        return None
    return [[c.domain, c.path, c.secure, c.expires or 0, c.name, c.value] for c in jar]

folder, count = sys.argv[1], int(sys.argv[2])
for index in range(count):
    path = f"{folder}/{index}.txt"
    print(json.dumps([cookies(http.cookiejar.MozillaCookieJar(path)), cookies(YoutubeDLCookieJar(path))]))
"#;

/// Whether we reject a cookie that another program reads for a reason other than its line's
/// form.
fn is_unfit(ours: &CookieFile) -> bool {
    let is_unfit = |fault: &LineFault| matches!(fault, LineFault::Nameless | LineFault::Cookie(_));
    ours.cookies.is_empty() && matches!(&ours.left_out[..], [line] if is_unfit(&line.fault))
}

/// Our reading of a file of one cookie, as the script prints it.
fn ours(file: &CookieFile) -> Vec<Value> {
    let plain = |cookie: &stagepass_core::Cookie| {
        json!([
            cookie.domain.to_ascii_lowercase(),
            cookie.path,
            cookie.secure,
            cookie.expires.unwrap_or(0),
            cookie.name,
            cookie.value.expose_secret()
        ])
    };
    file.cookies.iter().map(plain).collect()
}

/// Their reading, reduced to what we keep.
fn as_kept(mut cookie: Value) -> Value {
    // A request's path begins with a slash, so any other path matches no request.
    if !cookie[1].as_str().is_some_and(|path| path.starts_with('/')) {
        cookie[1] = json!("/");
    }
    // Here a session cookie's expiry is 0; other programs write -1.
    let expires = cookie[3].as_f64().unwrap_or_default();
    if expires > MAX_EXPIRES as f64 {
        cookie[3] = json!(MAX_EXPIRES);
    } else if expires == -1.0 {
        cookie[3] = json!(0);
    }
    cookie
}

#[tokio::test]
async fn we_read_what_yt_dlp_and_python_read_or_say_why_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lines = odd_lines()?;
    for (index, line) in lines.iter().enumerate() {
        fs::write(folder.path().join(format!("{index}.txt")), format!("{HEADER}\n{line}\n"))?;
    }
    let yt_dlp = YtDlp::prepare().await?;
    let outcome = yt_dlp.python(JARS, &[folder.path(), Path::new(&LINES.to_string())]).await?;
    let (mut alike, mut unfit) = (0, 0);
    let answers: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(answers.len(), LINES, "{}", outcome.stderr);
    // Unlike curl and us, Python only accepts a flag in capitals as true.
    for (line, answer) in lines.iter().zip(answers).filter(|(line, _)| !line.contains("\ttrue\t")) {
        let read = netscape::read(&format!("{HEADER}\n{line}\n"));
        let theirs: [Option<Vec<Value>>; 2] = serde_json::from_str(answer)?;
        for theirs in theirs.into_iter().flatten().filter(|theirs| !theirs.is_empty()) {
            if is_unfit(&read) {
                unfit += 1;
                continue;
            }
            let theirs: Vec<_> = theirs.into_iter().map(as_kept).collect();
            assert_eq!(ours(&read), theirs, "{line:?}: {:?}", read.left_out);
            alike += 1;
        }
    }
    assert!(alike > LINES / 3 && unfit > 0, "{alike} alike, {unfit} unfit");
    Ok(())
}

#[test]
fn we_read_what_curl_reads_or_say_why_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let curl = on_path(&["curl"]).context("curl is not installed")?;
    // Each line has its own host, which identifies its cookie. Two tabs
    // count as one in some releases of curl.
    let is_clear = |line: &String| line.to_lowercase().contains(".example.org") && !line.contains("\t\t");
    let lines: Vec<_> = odd_lines()?.into_iter().filter(is_clear).collect();
    let (file, jar) = (folder.path().join("lines.txt"), folder.path().join("jar.txt"));
    fs::write(&file, format!("{HEADER}\n{}\n", lines.join("\n")))?;
    let status = Command::new(&curl)
        .args(["--disable", "--silent", "--cookie"])
        .arg(&file)
        .arg("--cookie-jar")
        .arg(&jar)
        .arg("file:///dev/null")
        .status()?;
    ensure!(status.success(), "curl: {status}");
    let mut alike = 0;
    for written in fs::read_to_string(&jar)?.lines().filter(|line| line.contains(".example.org")) {
        let theirs = ours(&netscape::read(written));
        let host = written.trim_start_matches("#HttpOnly_").trim_start_matches('.').split('\t').next();
        let host = host.context("no host")?;
        let is_its_line = |line: &&String| {
            line.to_lowercase().split('\t').next().is_some_and(|domain| domain.ends_with(host))
        };
        let line = lines.iter().find(is_its_line).with_context(|| format!("no line of {host}"))?;
        let read = netscape::read(line);
        if !is_unfit(&read) {
            assert_eq!(ours(&read), theirs, "{line:?}: {:?}", read.left_out);
            alike += 1;
        }
    }
    assert!(alike > lines.len() / 4, "{alike} of {} alike", lines.len());
    Ok(())
}
