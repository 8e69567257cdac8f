//! Cookies with one name on several domains and paths, also where hosts get in each other's way: all
//! that is in the state arrives, and all that is not is named.

use super::{list, open, state_of, texts};
use crate::cookie_files::{now, odd};
use anyhow::{Result, ensure};
use proptest::prelude::*;
use serde_json::{Value, json};
use stagepass_core::Cookie;
use stagepass_core::playwright::{Difference, Loss, losses};
use stagepass_tests::tools::playwright::NewContext;
use std::collections::BTreeMap;

const CONTEXTS: usize = 5;
const NAMES: usize = 30;
const COOKIES_OF_A_NAME: usize = 5;

/// Some of them public suffixes, addresses and hosts without a domain around them.
const HOSTS: [&str; 10] = [
    "example.org",
    "www.example.org",
    "WWW.Example.com",
    "127.0.0.1",
    "[::1]",
    "localhost",
    "intranet",
    "co.uk",
    "github.io",
    "xn--bcher-kva.example",
];

/// A cookie that the API accepts, as JSON without a name.
fn cookie_at(host: &'static str) -> impl Strategy<Value = Value> {
    let prefixes = if is_address(host) { vec![""] } else { vec!["", ".", "a."] };
    let domain = prop::sample::select(prefixes).prop_map(move |prefix| format!("{prefix}{host}"));
    let host_only = prop::sample::select(vec![None, Some(true), Some(false)]);
    let path = prop::sample::select(vec!["/", "/a"]);
    let expires = prop_oneof![3 => Just(None), 1 => Just(Some(now() + 86_400)), 1 => Just(Some(now() - 5))];
    let same_site = prop::sample::select(vec!["lax", "lax", "none"]);
    let value = prop::sample::select(vec!["v", "", "\"quoted\"", "a,b", "a=b", "ü"]);
    (domain, host_only, path, expires, any::<[bool; 2]>(), same_site, value).prop_map(
        |(domain, host_only, path, expires, [http_only, secure], same_site, value)| {
            json!({"value": value, "domain": domain, "hostOnly": host_only, "path": path,
                "expires": expires, "httpOnly": http_only, "secure": secure, "sameSite": same_site})
        },
    )
}

fn is_address(host: &str) -> bool {
    host.ends_with(|last: char| !last.is_ascii_alphabetic())
}

/// Sets of cookies, of which several have each name.
fn odd_sets() -> Result<Vec<Vec<Cookie>>> {
    let of_a_name = prop::sample::select(HOSTS.to_vec())
        .prop_flat_map(|host| prop::collection::vec(cookie_at(host), COOKIES_OF_A_NAME));
    let groups = odd(&of_a_name, CONTEXTS * NAMES)?;
    let set = |groups: &[Vec<Value>]| {
        let named = groups.iter().enumerate().flat_map(|(index, group)| {
            let name = json!(format!("n{index}"));
            group.iter().map(move |cookie| {
                let mut cookie = cookie.clone();
                cookie["name"] = name.clone();
                Ok(Cookie::from_json(cookie)?)
            })
        });
        named.collect()
    };
    groups.chunks(NAMES).map(set).collect()
}

fn by_name(cookies: &[Value]) -> BTreeMap<String, Vec<Value>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for cookie in cookies {
        groups
            .entry(cookie["name"].as_str().unwrap_or_default().to_owned())
            .or_default()
            .push(cookie.clone());
    }
    groups
}

#[tokio::test]
async fn cookies_with_one_name_all_arrive_or_are_named() -> Result<()> {
    let sets = odd_sets()?;
    let contexts =
        sets.iter().map(|set| Ok(NewContext { state: state_of(set.into())?, ..NewContext::default() }));
    let contexts = contexts.collect::<Result<Vec<_>>>()?;
    let (mut exact, mut differing) = (0, 0);
    for ((set, context), opened) in sets.iter().zip(&contexts).zip(open(&contexts).await?) {
        ensure!(opened.error.is_none(), "{:?}", opened.error);
        let (given, arrived) = (by_name(&list(&context.state, "cookies")?), by_name(&opened.cookies));
        let lost = losses(set.into(), now());
        for index in 0..NAMES {
            let name = format!("n{index}");
            let of_name = |loss: &&Loss| loss.cookie() == Some(&name);
            let is_kept_differently = |loss: &Loss| {
                matches!(
                    loss,
                    Loss::Cookie { difference: Difference::PublicSuffix | Difference::Lifetime, .. }
                )
            };
            let (changed, left_out): (Vec<_>, Vec<_>) =
                lost.iter().filter(of_name).partition(|loss| is_kept_differently(loss));
            let given = given.get(&name).map_or(&[][..], Vec::as_slice);
            let arrived = arrived.get(&name).map_or(&[][..], Vec::as_slice);
            ensure!(given.len() + left_out.len() == COOKIES_OF_A_NAME, "{given:?}, and {left_out:?}");
            ensure!(given.len() == arrived.len(), "{given:?} became {arrived:?}");
            let same = texts(given).intersection(&texts(arrived)).count();
            ensure!(same + changed.len() == given.len(), "{given:?} became {arrived:?} with {changed:?}");
            exact += same;
            differing += changed.len() + left_out.len();
        }
    }
    ensure!(exact > 100 && differing > 100, "{exact} exact, {differing} named");
    Ok(())
}
