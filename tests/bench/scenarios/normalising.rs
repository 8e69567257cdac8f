//! How long the extension's module takes in a real Chromium to read and check as many
//! cookies as a session may have: from the browser's list of cookies to the report in the
//! popup. No browser keeps that many for one site, so the module gets the stored ones
//! several times.

use super::announce;
use crate::Plan;
use crate::report::{Group, Report, Target};
use crate::sample::{Sample, Series};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::{Launch, Profile};
use stagepass_tests::browsers::granted::grant_origins;
use stagepass_tests::stage::main_job::{PLATFORM_ORIGINS, built_extension};
use std::time::{Duration, Instant};

/// Too short for a person to notice.
const ALLOWED_MS: f64 = 10.0;

/// Measures the build that `cargo xtask extension` has made.
pub(crate) async fn run(plan: Plan) -> Result<Report> {
    let mut report = Report::begin()?;
    announce("Chromium with the extension and its cookies");
    let (profile, extension) = (Profile::new()?, built_extension()?);
    let launch = Launch { extension: Some(&extension), ..Launch::new(&profile) };
    grant_origins(&launch, &[PLATFORM_ORIGINS]).await?;
    let browser = launch.start().await?;
    browser.client().send("Storage.setCookies", json!({"cookies": cookies()})).await?;
    let page =
        browser.open_tab(&format!("chrome-extension://{}/popup.html", browser.extension_id()?)).await?;
    prepare(&page).await?;
    let series = times(&page, plan.previews).await?;
    let title = format!("A preview of {MAX_COOKIES} cookies");
    report.add(Group::new(title, [("the module", &series)]).with(Target::p50_below_ms(ALLOWED_MS, &series)));
    browser.close().await?;
    Ok(report)
}

/// As large as platforms' cookies are, and as many as a browser keeps for one site.
fn cookies() -> Vec<Value> {
    let cookie = |number: usize| {
        json!({"name": format!("cookie_{number}"), "value": "v".repeat(64), "domain": ".instagram.com",
            "path": format!("/{}", number % 7), "secure": true, "httpOnly": number.is_multiple_of(2),
            "sameSite": "Lax", "expires": 4_000_000_000_u64})
    };
    (0..100).map(cookie).collect()
}

/// Loads the module into one of the extension's own pages, and makes the browser return
/// the cookies that it holds over and over, under other names.
async fn prepare(page: &Attachment) -> Result<()> {
    let script = format!(
        r#"(async () => {{
        const {{loadCore}} = await import("/background/core.js");
        globalThis.core = await loadCore();
        const {{id}} = await chrome.tabs.getCurrent();
        const stores = await chrome.cookies.getAllCookieStores();
        globalThis.store = stores.find(({{tabIds}}) => tabIds.includes(id)).id;
        const held = await chrome.cookies.getAll({{domain: "instagram.com", partitionKey: {{}}}});
        const given = Array.from({{length: {MAX_COOKIES}}}, (_, i) => {{
            const cookie = held[i % held.length];
            return {{...cookie, name: `${{cookie.name}}_${{i}}`}};
        }});
        chrome.cookies.getAll = async ({{domain}}) => (domain === "instagram.com" ? given : []);
        return (await core.preview("instagram", store)).report.taken;
    }})()"#
    );
    let taken = page.evaluate(&script).await?;
    ensure!(taken == json!(MAX_COOKIES), "{taken} cookies are taken");
    Ok(())
}

/// How long `count` previews took, one after the other, by the page's own clock.
async fn times(page: &Attachment, count: usize) -> Result<Series> {
    let script = format!(
        "(async () => {{ const times = []; for (let i = 0; i < {count}; i += 1) {{
            const start = performance.now(); await core.preview('instagram', store);
            times.push(performance.now() - start); }} return times; }})()"
    );
    let times = page.evaluate(&script).await?;
    let mut at = Instant::now();
    let mut sample = Sample::starting_at(at)?;
    for milliseconds in times.as_array().context("no times")? {
        let answered_at = at + Duration::from_secs_f64(milliseconds.as_f64().context("no time")? / 1e3);
        sample.record(at, answered_at);
        at = answered_at;
    }
    let mut series = Series::new()?;
    series.push(&sample)?;
    Ok(series)
}
