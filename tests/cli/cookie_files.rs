//! Cookie files shared with yt-dlp, Python and curl: how they read what we write, with
//! thousands of odd sets of cookies, and how we read what they accept.

mod reading;
mod with_yt_dlp;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_core::netscape::{self, Dialect, Loss};
use stagepass_core::normalise::{BrowserSameSite, PartitionKey};
use stagepass_core::{BrowserCookie, Cookie, Platform, Site, normalise};
use stagepass_tests::stage::cookie_file::whole_file;
use stagepass_tests::system::process::on_path;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Sets that yt-dlp and Python read.
const SETS: usize = 3000;
/// Sets that curl reads, each in its own process.
const CURL_SETS: usize = 300;

pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Values that browsers really hold, and ones that they could.
pub(crate) fn odd_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[!-~]{1,40}",
        "\"[a-z ,]{0,9}\"",
        "[a-z]{1,3} {1,3}[a-z]{1,3}",
        "(TRUE|FALSE|#HttpOnly_|# |\\$|%09|\\\\t|0)[a-z]{0,3}",
        "\\PC{0,20}",
        "[\\x00-\\x20]{1,3}",
        Just("v".repeat(4090)),
    ]
}

pub(crate) fn odd_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-cA-C]{1,2}",
        1 => "[!-~]{1,12}",
        1 => "(__Secure-|__Host-|#|\\$|TRUE)[ab]",
        1 => "\\PC{1,6}",
    ]
}

pub(crate) fn odd_path() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("/".to_owned()),
        1 => "/[aA]?/?\"?",
        1 => "/[!-~]{0,12}",
        1 => "/\\PC{1,6}",
        1 => Just(format!("/{}", "p".repeat(1000))),
        1 => Just(String::new()),
    ]
}

fn odd_cookie() -> impl Strategy<Value = BrowserCookie> {
    let domain = prop_oneof![
        Just(".instagram.com"),
        Just("instagram.com"),
        Just("www.instagram.com"),
        Just(".i.instagram.com"),
        Just(".WWW.Instagram.com"),
        Just("a_b-c.instagram.com"),
    ];
    let now = now();
    let expiry = proptest::option::of(prop_oneof![
        (1..400_i64).prop_map(move |days| (now + days * 86_400) as f64 + 0.25),
        Just(now as f64 - 5.0),
        Just(3e15),
    ]);
    let partition = proptest::option::weighted(0.2, Just("https://instagram.com"));
    (odd_name(), odd_value(), domain, odd_path(), expiry, any::<[bool; 3]>(), partition).prop_map(
        |(name, value, domain, path, expiration_date, [host_only, http_only, secure], partition)| {
            BrowserCookie {
                name,
                value: value.into(),
                domain: domain.to_owned(),
                path,
                expiration_date,
                host_only,
                http_only,
                secure,
                same_site: BrowserSameSite::Lax,
                partition_key: partition.map(|site| PartitionKey { top_level_site: Some(site.to_owned()) }),
                first_party_domain: None,
            }
        },
    )
}

/// The seed for the sets, unless `COOKIE_SEED` names another one.
const SEED: [u8; 32] = *b"the same odd cookies in each run";

/// Random values of a strategy. `COOKIE_SEED=random` makes other values in each run, and prints
/// the seed that repeats them.
#[expect(clippy::print_stderr, reason = "a test's output is shown where it fails")]
pub(crate) fn odd<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, count: usize) -> Result<Vec<T>> {
    let mut seed = SEED;
    match std::env::var("COOKIE_SEED").as_deref() {
        Ok("random") => getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("{error}"))?,
        Ok(given) => hex::decode_to_slice(given, &mut seed)?,
        Err(_) => {}
    }
    eprintln!("COOKIE_SEED={}", hex::encode(seed));
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), random);
    let value = |_| strategy.new_tree(&mut runner).map(|tree| tree.current());
    (0..count).map(value).collect::<Result<_, _>>().map_err(|reason| anyhow::anyhow!("{reason}"))
}

/// Sets of cookies as a capture makes them.
fn odd_sets(count: usize) -> Result<Vec<Vec<Cookie>>> {
    let site = Site::Known(Platform::of_id("instagram").context("instagram is in the catalogue")?);
    let sets = odd(&proptest::collection::vec(odd_cookie(), 1..20), count)?;
    Ok(sets.into_iter().map(|set| normalise(set, Vec::new(), &site, now()).cookies).collect())
}

fn write_file(folder: &Path, index: usize, cookies: &[Cookie]) -> Result<Vec<Loss>> {
    let rendered = netscape::render(cookies, Dialect::HttpOnlyPrefix);
    fs::write(folder.join(format!("{index}.txt")), rendered.text.expose_secret())?;
    Ok(rendered.losses)
}

/// A cookie as the scripts below write it.
fn plain(cookie: &Cookie) -> Value {
    let domain = format!("{}{}", if cookie.is_host_only() { "" } else { "." }, cookie.host());
    let expires = cookie.expires.unwrap_or(0);
    json!([
        domain,
        !cookie.is_host_only(),
        cookie.path,
        cookie.secure,
        expires,
        cookie.name,
        cookie.value.expose_secret(),
        cookie.http_only
    ])
}

/// Prints the cookies that yt-dlp's jar and Python's read from each file.
const JARS: &str = r#"
import json, sys
from http.cookiejar import MozillaCookieJar
from yt_dlp.cookies import YoutubeDLCookieJar

def cookies(jar, knows_http_only):
    return sorted(
        [c.domain, c.domain_specified, c.path, c.secure, c.expires or 0, c.name, c.value or "",
         c.has_nonstandard_attr("HTTPOnly") if knows_http_only else None]
        for c in jar)

folder, count = sys.argv[1], int(sys.argv[2])
for index in range(count):
    path = f"{folder}/{index}.txt"
    mozilla = MozillaCookieJar(path)
    mozilla.load(ignore_discard=True, ignore_expires=True)
    youtube_dl = YoutubeDLCookieJar(path)
    youtube_dl.load()
    print(json.dumps([cookies(mozilla, True), cookies(youtube_dl, False)]))
"#;

#[tokio::test]
async fn yt_dlp_and_python_read_every_odd_set_without_a_warning() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let sets = odd_sets(SETS)?;
    let written = sets.iter().enumerate().map(|(index, cookies)| write_file(folder.path(), index, cookies));
    let all_losses = written.collect::<Result<Vec<_>>>()?;
    let total: usize = sets.iter().map(Vec::len).sum();
    ensure!(total > SETS, "the sets are almost empty: {total} cookies");

    let yt_dlp = YtDlp::prepare().await?;
    let outcome = yt_dlp.python(JARS, &[folder.path(), Path::new(&SETS.to_string())]).await?;
    assert_eq!(outcome.stderr, "", "yt-dlp warned");
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), SETS);
    let mut left_out = 0;
    for ((line, cookies), losses) in lines.into_iter().zip(&sets).zip(all_losses) {
        let [mozilla, youtube_dl]: [Vec<Value>; 2] = serde_json::from_str(line)?;
        let lost = losses.iter().filter(|loss| matches!(loss, Loss::NotLatin1(_))).count();
        left_out += lost;
        let written: Vec<_> = cookies.iter().filter(|cookie| is_latin1(cookie)).map(plain).collect();
        assert_eq!(written.len() + lost, cookies.len());
        assert_eq!(sorted(mozilla), sorted(written.clone()));
        // yt-dlp's jar does not keep the HttpOnly attribute.
        let without_http_only = written.into_iter().map(|mut cookie| {
            cookie[7] = Value::Null;
            cookie
        });
        assert_eq!(sorted(youtube_dl), sorted(without_http_only.collect()));
    }
    assert!(left_out > 0, "no set shows what yt-dlp can't send");
    Ok(())
}

/// Whether yt-dlp can send a cookie.
fn is_latin1(cookie: &Cookie) -> bool {
    let is_short = |text: &str| text.chars().all(|c| u32::from(c) < 256);
    is_short(&cookie.name) && is_short(cookie.value.expose_secret())
}

fn sorted(mut cookies: Vec<Value>) -> Vec<String> {
    let mut texts: Vec<_> = cookies.drain(..).map(|cookie| cookie.to_string()).collect();
    texts.sort();
    texts
}

#[test]
fn curl_reads_the_same_cookies_except_the_reported_ones() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let curl = on_path(&["curl"]).context("curl is not installed")?;
    let mut reported = 0;
    for (index, cookies) in odd_sets(CURL_SETS)?.iter().enumerate() {
        let losses = write_file(folder.path(), index, cookies)?;
        let jar = folder.path().join("jar.txt");
        let status = Command::new(&curl)
            .args(["--disable", "--silent", "--cookie"])
            .arg(folder.path().join(format!("{index}.txt")))
            .arg("--cookie-jar")
            .arg(&jar)
            .arg("file:///dev/null")
            .status()?;
        ensure!(status.success(), "curl: {status}");
        let lost: Vec<_> = losses
            .iter()
            .filter_map(|loss| match loss {
                Loss::TooLongForCurl(index) | Loss::ReplacedInCurl(index) => Some(*index),
                _ => None,
            })
            .collect();
        reported += lost.len();
        let kept = cookies
            .iter()
            .enumerate()
            .filter(|(index, cookie)| !lost.contains(index) && is_latin1(cookie))
            .map(|(_, cookie)| plain(cookie));
        let read = whole_file(&fs::read_to_string(&jar)?)?;
        assert_eq!(sorted(read.iter().map(plain).collect()), sorted(kept.collect()), "set {index}");
    }
    assert!(reported > 0, "no set shows what curl loses");
    Ok(())
}
