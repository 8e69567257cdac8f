//! Cookies of every kind that a browser keeps are captured as the browser holds them.

use crate::main_job::{assert_served_as_held, cookies_in_browser};
use crate::storage_choice::drawn;
use anyhow::Result;
use proptest::prelude::*;
use serde_json::{Value, json};
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server,
};

/// A browser keeps about 180 cookies of a registrable domain.
const ASKED_FOR: usize = 160;
const FEWEST_KEPT: usize = 100;

/// Cookies of which the browser refuses some.
fn odd_cookie() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        4 => "[a-cA-C]{1,2}",
        2 => "[!-~]{1,12}",
        1 => "(__Secure-|__Host-|__Http-|#|\\$|TRUE)[ab]",
        1 => "\\PC{1,6}",
    ];
    let value = prop_oneof![
        Just(String::new()),
        "[!-~]{1,40}",
        "\"[a-z ,]{0,9}\"",
        "[a-z]{1,3} {1,3}[a-z]{1,3}",
        "\\PC{0,20}",
        Just("v".repeat(3_000)),
    ];
    let domain = prop::sample::select(vec![
        None,
        Some(".instagram.com"),
        Some("www.instagram.com"),
        Some(".www.instagram.com"),
    ]);
    let path = prop_oneof![3 => Just("/".to_owned()), 1 => "/[!-~]{0,12}", 1 => "/\\PC{1,6}"];
    let expires = prop::option::of(60..34_000_000_i64);
    let same_site = prop::sample::select(vec![None, Some("Lax"), Some("Strict"), Some("None")]);
    (name, value, domain, path, expires, any::<[bool; 2]>(), same_site).prop_map(
        |(name, value, domain, path, expires, [http_only, secure], same_site)| {
            let mut cookie = json!({"name": name, "value": value, "url": "https://www.instagram.com/",
                "path": path, "httpOnly": http_only, "secure": secure});
            let expires = expires.map(|seconds| jiff::Timestamp::now().as_second() + seconds);
            let optional =
                [("domain", json!(domain)), ("expires", json!(expires)), ("sameSite", json!(same_site))];
            for (member, given) in optional.into_iter().filter(|(_, given)| !given.is_null()) {
                cookie[member] = given;
            }
            cookie
        },
    )
}

/// The same ones in each run, each with a name of its own.
fn odd_cookies() -> Result<Vec<Value>> {
    let mut cookies = drawn(odd_cookie(), ASKED_FOR)?;
    for (index, cookie) in cookies.iter_mut().enumerate() {
        cookie["name"] = format!("{}{index}", cookie["name"].as_str().unwrap_or_default()).into();
    }
    Ok(cookies)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_cookie_that_the_browser_held_is_served_exactly_or_named() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = stage.sign_in_at_platform(&browser).await?;
    for cookie in odd_cookies()? {
        // The browser refuses some, with or without an error.
        let _ = tab.send("Network.setCookie", cookie).await;
    }
    let held = cookies_in_browser(&browser).await?.len();
    assert!(held > FEWEST_KEPT, "the browser holds only {held}");
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    look_at_popup(&popup, "captured-odd-cookies").await?;
    let worker = popup::service_worker(&browser).await?;
    let kept = assert_served_as_held(&stage, &browser, &worker).await?;
    assert!(kept > FEWEST_KEPT, "only {kept} of {held} are kept");
    Ok(())
}
