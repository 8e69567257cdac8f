//! Sessions in a real Playwright: a context that is opened from our storage state holds what the
//! browser held, or the losses name what is different.

mod headers;
mod same_names;

use crate::cookie_files::{now, odd, odd_name, odd_path, odd_value};
use anyhow::{Context as _, Result, ensure};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_core::playwright::{Loss, StorageState, losses};
use stagepass_core::visible::printable_start;
use stagepass_core::{Cookie, OriginStorage, Session, netscape, origin_storage};
use stagepass_tests::browsers::chromium::Hosts;
use stagepass_tests::platform::{FRONT_URL, Platform};
use stagepass_tests::tools::playwright::{NewContext, Opened, Playwright};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// A browser keeps about 180 cookies of a registrable domain, so each context gets fewer.
const CONTEXTS: usize = 4;
const COOKIES_IN_EACH: usize = 125;
const ENTRIES_IN_EACH: usize = 50;

fn odd_domain() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => prop::sample::select(vec![
            ".example.org", "example.org", "www.example.org", ".WWW.Example.org", "a_b-c.example.org",
        ]),
        1 => prop::sample::select(vec![
            "127.0.0.1", "[::1]", "[2001:db8::1]", "[2001:DB8:0::1]", "localhost", ".localhost",
            "app.localhost", ".app.localhost", "intranet", ".intranet", "xn--bcher-kva.example",
            "-a.example", "co.uk", ".co.uk", ".com", ".github.io", "me.github.io", ".me.github.io",
            "1.2.3.256", "127.1", "a.1", "0x7f.0.0.1", "xn--a.example", "XN--BCHER-KVA.example",
        ]),
    ]
}

/// A cookie that the API accepts, as JSON; the index makes its name unique.
fn odd_cookie() -> impl Strategy<Value = Value> {
    let day = 86_400;
    let expiry = prop_oneof![
        2 => Just(None),
        2 => (1..390_i64).prop_map(move |days| Some(now() + days * day)),
        1 => (401..4000_i64).prop_map(move |days| Some(now() + days * day)),
        1 => prop::sample::select(vec![Some(1), Some(now() - 5), Some(253_402_300_799)]),
    ];
    let same_site = prop::sample::select(vec![None, Some("lax"), Some("strict"), Some("none")]);
    let prefix = prop_oneof![
        9 => Just(""),
        1 => prop::sample::select(vec!["__Http-", "__Host-Http-", "__Host-", "__Secure-", "__http-"]),
    ];
    let name = (prefix, odd_name()).prop_map(|(prefix, name)| format!("{prefix}{name}"));
    let path = prop_oneof![
        3 => odd_path(),
        1 => prop::sample::select(vec![
            "/a/../b", "/a/./b", "/..", "/.", "/%2e%2E/a", "/a b", "/ä", "/a\\b", "/%zz", "/a?b", "/a#b",
            "//a", "/.a", "/...", "/%41", "/a/.%2e", "/|^`{}[]'\"<>~!@$&()*+,=:",
        ])
        .prop_map(str::to_owned),
    ];
    (name, odd_value(), odd_domain(), path, expiry, any::<[bool; 2]>(), same_site).prop_map(
        |(name, value, domain, path, expires, [http_only, secure], same_site)| {
            json!({"name": name, "value": value, "domain": domain, "path": path, "expires": expires,
                "httpOnly": http_only, "secure": secure, "sameSite": same_site})
        },
    )
}

/// As many valid ones, each with a name of its own.
fn odd_cookies(count: usize) -> Result<Vec<Cookie>> {
    let mut cookies = Vec::new();
    for (index, mut json) in odd(&odd_cookie(), 4 * count)?.into_iter().enumerate() {
        json["name"] = format!("{}{index}", json["name"].as_str().unwrap_or_default()).into();
        cookies.extend(Cookie::from_json(json).ok());
    }
    ensure!(cookies.len() >= count, "only {} cookies are valid", cookies.len());
    cookies.truncate(count);
    Ok(cookies)
}

/// The storage of origins, each entry with a name of its own.
fn odd_origins(count: usize) -> Result<Vec<Vec<OriginStorage>>> {
    let text = || {
        prop_oneof![
            3 => "\\PC{0,20}",
            1 => any::<String>(),
            1 => prop::sample::select(vec![
                "", "__proto__", "constructor", "length", "key", "getItem", "setItem", "clear", "0", "\u{0}",
                "\u{0}nul\u{0}", "\\ud800", "\u{2028}\u{2029}", "\u{fffe}\u{ffff}", "\u{1f600}", "</script>",
            ])
            .prop_map(str::to_owned),
            1 => Just("v".repeat(5_000)),
        ]
    };
    let origin = prop::sample::select(vec![
        "https://example.org",
        "http://example.org",
        "https://example.org:8443",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "https://[::1]",
        "https://a_b.example",
        "https://xn--bcher-kva.example",
        "http://example.org:6666",
        "https://xn--a.example",
        "https://[2001:db8::1]:22",
    ]);
    let entries = prop::collection::vec((text(), text()), ENTRIES_IN_EACH);
    let storages = odd(&(origin, entries), count)?;
    let storage = |(origin, entries): (&str, Vec<(String, String)>)| {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        let entries: Vec<_> =
            entries.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        origin_storage::read(vec![json!({"origin": origin, "localStorage": entries})])
    };
    storages.into_iter().map(|given| Ok(storage(given)?)).collect()
}

fn state_of(session: Session<'_>) -> Result<Value> {
    Ok(serde_json::to_value(StorageState::new(session, now()))?)
}

async fn open(contexts: &[NewContext]) -> Result<Vec<Opened>> {
    Playwright::prepare().await?.open(&Hosts::default(), contexts).await
}

fn texts(cookies: &[Value]) -> BTreeSet<String> {
    cookies.iter().map(Value::to_string).collect()
}

fn list(state: &Value, member: &str) -> Result<Vec<Value>> {
    Ok(state[member].as_array().with_context(|| format!("no {member}"))?.clone())
}

/// The names of the cookies that differ in a restored browser.
fn named(losses: &[Loss]) -> BTreeSet<String> {
    losses.iter().filter_map(|loss| loss.cookie().map(str::to_owned)).collect()
}

#[tokio::test]
async fn every_odd_cookie_arrives_exactly_or_is_named() -> Result<()> {
    let all = odd_cookies(CONTEXTS * COOKIES_IN_EACH)?;
    let sets: Vec<_> = all.chunks(COOKIES_IN_EACH).collect();
    let contexts =
        sets.iter().map(|set| Ok(NewContext { state: state_of((*set).into())?, ..NewContext::default() }));
    let contexts = contexts.collect::<Result<Vec<_>>>()?;
    let (mut exact, mut differing) = (0, 0);
    for ((set, context), opened) in sets.iter().zip(&contexts).zip(open(&contexts).await?) {
        ensure!(opened.error.is_none(), "{:?}", opened.error);
        let named = named(&losses((*set).into(), now()));
        let arrived = texts(&opened.cookies);
        for cookie in *set {
            let wanted = json!({
                "name": cookie.name, "value": cookie.value.expose_secret(),
                "domain": format!("{}{}", if cookie.is_host_only() { "" } else { "." },
                    cookie.host().to_ascii_lowercase()),
                "path": cookie.path, "expires": cookie.expires.unwrap_or(-1), "httpOnly": cookie.http_only,
                "secure": cookie.secure, "sameSite": match cookie.same_site {
                    None => "Lax".to_owned(),
                    Some(same_site) => format!("{same_site:?}"),
                },
            });
            let is_named = named.contains(&printable_start(&cookie.name, 64));
            let has_arrived = arrived.contains(&wanted.to_string());
            ensure!(has_arrived != is_named, "{wanted} {}", if is_named { "is named" } else { "is missing" });
            *if is_named { &mut differing } else { &mut exact } += 1;
        }
        let given = texts(&list(&context.state, "cookies")?).len();
        ensure!(arrived.len() == given, "{} of {given} cookies", arrived.len());
    }
    ensure!(exact > CONTEXTS * COOKIES_IN_EACH / 3 && differing > 50, "{exact} exact, {differing} named");
    Ok(())
}

#[tokio::test]
async fn every_odd_entry_arrives_exactly() -> Result<()> {
    let all = odd_origins(16)?;
    let contexts = all.iter().map(|origins| {
        let state = state_of(Session { cookies: &[], origins })?;
        Ok(NewContext { origins: vec![origins[0].origin.clone()], state, ..NewContext::default() })
    });
    let contexts = contexts.collect::<Result<Vec<_>>>()?;
    let mut arrived = 0;
    for (origins, opened) in all.iter().zip(open(&contexts).await?) {
        ensure!(opened.error.is_none(), "{origins:?}: {:?}", opened.error);
        let held: BTreeMap<_, _> = opened.storage[0].iter().cloned().collect();
        let wanted: BTreeMap<_, _> = origins[0]
            .local_storage
            .iter()
            .map(|entry| (entry.name.clone(), entry.value.expose_secret().to_owned()))
            .collect();
        ensure!(held == wanted, "{}: {held:?} instead of {wanted:?}", origins[0].origin);
        arrived += held.len();
    }
    ensure!(arrived >= 500, "only {arrived} entries");
    Ok(())
}

#[tokio::test]
async fn a_context_is_signed_in_without_a_login() -> Result<()> {
    let platform = Platform::start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("login.txt");
    platform.sign_in_to_file(&file)?;
    let cookies = netscape::read(&fs::read_to_string(&file)?).cookies;
    let urls = vec![FRONT_URL.to_owned()];
    let signed_in = NewContext { state: state_of((&cookies).into())?, urls, ..NewContext::default() };
    let signed_out = NewContext { state: state_of(Session::default())?, ..signed_in.clone() };
    let playwright = Playwright::prepare().await?;
    let opened = playwright.open(&Hosts::of_platform(&platform), &[signed_in, signed_out]).await?;
    let shown: Vec<_> = opened.iter().map(|opened| opened.pages[0].text.as_str()).collect();
    ensure!(shown[0].contains("Signed in as stage.artist"), "{shown:?}");
    ensure!(shown[1].contains("Signed out"), "{shown:?}");
    Ok(())
}

#[tokio::test]
async fn playwright_ignores_what_a_storage_file_has_besides() -> Result<()> {
    let entry = |name: &str| json!([{"name": name, "value": "v"}]);
    let origins = origin_storage::read(vec![
        json!({"origin": "https://example.org", "localStorage": entry("l"), "sessionStorage": entry("s")}),
    ])?;
    let session = Session { cookies: &[], origins: &origins };
    let state = serde_json::to_value(StorageState::with_session_storage(session, Some("Sample/1.0"), now()))?;
    ensure!(
        state["userAgent"] == "Sample/1.0" && state["origins"][0]["sessionStorage"] == entry("s"),
        "{state}"
    );
    let origins = vec!["https://example.org".to_owned()];
    let opened = open(&[NewContext { state, origins, ..NewContext::default() }]).await?;
    ensure!(opened[0].error.is_none(), "{:?}", opened[0].error);
    assert_eq!(opened[0].storage[0], [("l".to_owned(), "v".to_owned())]);
    Ok(())
}
