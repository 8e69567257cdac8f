//! The `header` format against a real Chromium: it sends the cookies that we say, in the same order,
//! and so does curl with our lines.

use super::{CONTEXTS, COOKIES_IN_EACH, now, odd_cookies, state_of};
use anyhow::{Context as _, Result, ensure};
use secrecy::ExposeSecret as _;
use stagepass_core::playwright::{Difference, Loss, losses};
use stagepass_core::request_headers::{RequestHeader, Target, request_headers};
use stagepass_core::visible::printable_start;
use stagepass_core::{Cookie, PublicSuffixes, Session, Site};
use stagepass_tests::browsers::chromium::Hosts;
use stagepass_tests::platform::echo::{Echo, Header};
use stagepass_tests::system::process::on_path;
use stagepass_tests::tools::playwright::{NewContext, Playwright};
use std::fs;
use tokio::process::Command;

const HOSTS: [&str; 7] = [
    "example.org",
    "*.example.org",
    "github.io",
    "me.github.io",
    "intranet",
    "app.intranet",
    "xn--bcher-kva.example",
];
/// Places on these hosts, as URLs write their paths.
const VISITS: [(&str, &str); 10] = [
    ("example.org", "/"),
    ("example.org", "/a"),
    ("www.example.org", "/a/"),
    ("www.example.org", "/A/b"),
    ("a_b-c.example.org", "/b"),
    ("github.io", "/"),
    ("me.github.io", "/..a"),
    ("intranet", "/"),
    ("app.intranet", "/"),
    ("xn--bcher-kva.example", "/%41"),
];

/// The value of the cookie header that the server got, if any.
fn sent(page: &str) -> Result<Option<Vec<u8>>> {
    let headers: Vec<Header> = serde_json::from_str(page)?;
    headers.iter().find(|(name, _)| name == "cookie").map(|(_, value)| Ok(hex::decode(value)?)).transpose()
}

fn ours(cookies: &[Cookie], host: &str, path: &str) -> Result<Vec<RequestHeader>> {
    let site = Site::of_id("example.org", PublicSuffixes::built_in())?;
    Ok(request_headers(Session::from(cookies), None, &site, Target { host, path }, now()))
}

/// The cookies that a browser keeps, some of them for their own host alone.
fn restorable(cookies: &[Cookie]) -> Vec<Cookie> {
    let is_kept = |loss: &Loss| {
        matches!(loss, Loss::Cookie { difference: Difference::PublicSuffix | Difference::Lifetime, .. })
    };
    let lost: Vec<_> = losses(cookies.into(), now()).into_iter().filter(|loss| !is_kept(loss)).collect();
    let lost = super::named(&lost);
    let is_kept = |cookie: &&Cookie| !lost.contains(&printable_start(&cookie.name, 64));
    cookies.iter().filter(is_kept).cloned().collect()
}

#[tokio::test]
async fn a_real_chromium_sends_the_same_cookies_in_the_same_order() -> Result<()> {
    let echo = Echo::start(&HOSTS).await?;
    let sets: Vec<_> =
        odd_cookies(CONTEXTS * COOKIES_IN_EACH)?.chunks(COOKIES_IN_EACH).map(restorable).collect();
    let contexts = sets.iter().map(|set| {
        let urls = VISITS.map(|(host, path)| format!("https://{host}{path}")).to_vec();
        Ok(NewContext { state: state_of(set.into())?, urls, ..NewContext::default() })
    });
    let contexts = contexts.collect::<Result<Vec<_>>>()?;
    let hosts = Hosts::new(&HOSTS, echo.address(), echo.spki_sha256_base64());
    let opened = Playwright::prepare().await?.open(&hosts, &contexts).await?;
    let mut with_cookies = 0;
    for (set, opened) in sets.iter().zip(opened) {
        ensure!(opened.error.is_none(), "{:?}", opened.error);
        for ((host, path), page) in VISITS.iter().zip(&opened.pages) {
            let wanted = ours(set, host, path)?.pop().map(|header| header.value.expose_secret().to_owned());
            let sent = sent(&page.text)?.map(String::from_utf8).transpose()?;
            ensure!(sent == wanted, "{host}{path}: Chromium sent {sent:?}, and we {wanted:?}");
            with_cookies += usize::from(sent.is_some());
        }
    }
    ensure!(with_cookies > 3 * CONTEXTS, "only {with_cookies} requests had cookies");
    Ok(())
}

#[tokio::test]
async fn curl_sends_our_header_lines_as_they_are() -> Result<()> {
    let echo = Echo::start(&HOSTS).await?;
    let folder = tempfile::tempdir()?;
    let (lines, authority) = (folder.path().join("headers"), folder.path().join("ca.pem"));
    fs::write(&authority, echo.authority_pem())?;
    let cookies = odd_cookies(CONTEXTS * COOKIES_IN_EACH)?;
    let mut compared = 0;
    for set in cookies.chunks(COOKIES_IN_EACH) {
        let Some(header) = ours(set, "www.example.org", "/a")?.pop() else { continue };
        fs::write(&lines, format!("{}: {}\n", header.name, header.value.expose_secret()))?;
        let mut curl = Command::new(on_path(&["curl"]).context("curl is not installed")?);
        curl.args(["--disable", "--silent", "--show-error", "--header", &format!("@{}", lines.display())]);
        curl.arg("--cacert").arg(&authority).args(["--connect-to", &format!("::{}", echo.address())]);
        let output = curl.arg("https://www.example.org/a").output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let sent = sent(str::from_utf8(&output.stdout)?)?.context("no cookie header")?;
        ensure!(sent == header.value.expose_secret().as_bytes(), "{}", String::from_utf8_lossy(&sent));
        compared += 1;
    }
    ensure!(compared == CONTEXTS, "only {compared} headers");
    Ok(())
}
