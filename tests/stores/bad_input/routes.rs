//! Routes: methods that a path does not have, unknown paths, ids and parameters in paths, and
//! host names that are not this server's.

use super::stage::{LISTS, Stage, start};
use super::verbs::{NO_UUIDS, verbs};
use crate::{API, UNKNOWN, refusal};
use anyhow::{Context as _, Result};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Client;
use std::collections::BTreeSet;

/// Every path and its methods.
fn paths(stage: &Stage) -> Vec<(String, &'static [&'static str])> {
    let mut paths: Vec<(String, &'static [&'static str])> =
        verbs(stage).iter().map(|verb| (format!("{API}/{}", verb.name), &["POST"][..])).collect();
    paths.extend(LISTS.map(|list| (list.to_owned(), &["GET", "HEAD"][..])));
    paths.push((format!("{}/{}", LISTS[0], stage.connection), &["GET", "HEAD", "DELETE"]));
    paths.push((format!("{}/{}", LISTS[2], stage.download), &["DELETE"]));
    paths.push((format!("{}/{}", LISTS[3], stage.capture_request), &["DELETE"]));
    paths
}

#[apply(on_each_store)]
#[tokio::test]
async fn an_unsupported_method_is_refused_with_the_allowed_ones(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::from_bytes(b"REVEAL")?,
    ];
    for (path, known) in paths(&stage) {
        for method in methods.iter().filter(|method| !known.contains(&method.as_str())) {
            for client in [&stage.anonymous, &stage.user, &stage.service] {
                let answer = client.send(client.request(method.clone(), &path)).await?;
                assert_eq!(refusal(&answer), (405, "Method not allowed"), "{method} {path}");
                let allowed: BTreeSet<_> =
                    answer.headers["allow"].to_str()?.split(',').map(str::trim).collect();
                assert_eq!(allowed, known.iter().copied().collect(), "{method} {path}");
            }
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn an_unknown_path_is_not_found(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    let mut unknown: Vec<_> = [
        "//",
        "/api",
        "/api/",
        "/api/credentials/",
        "/api/credentials/no-such-verb",
        "/api/credentials/reveal/more",
        "/api/Credentials/reveal",
        "/api/credentials//reveal",
        "/api/credentials/reveal%2F",
        "/api/credentials/%00",
        "/api/credentials/%FF",
    ]
    .map(str::to_owned)
    .into();
    for (path, _) in paths(&stage) {
        unknown.push(format!("{path}/"));
        unknown.push(format!("{path}x/y"));
        unknown.push(format!("/v1{path}"));
    }
    for path in unknown {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            for client in [&stage.anonymous, &stage.user, &stage.service] {
                let answer = client.send(client.request(method.clone(), &path)).await?;
                assert_eq!(refusal(&answer), (404, "Not found"), "{method} {path}");
            }
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

/// The calls whose paths have an id.
const BY_ID: [(Method, &str); 4] = [
    (Method::GET, LISTS[0]),
    (Method::DELETE, LISTS[0]),
    (Method::DELETE, LISTS[2]),
    (Method::DELETE, LISTS[3]),
];

async fn call(client: &Client, method: &Method, list: &str, id: &str) -> Result<(u16, String)> {
    let answer = client.send(client.request(method.clone(), &format!("{list}/{id}"))).await?;
    let (status, error) = refusal(&answer);
    Ok((status, error.to_owned()))
}

#[apply(on_each_store)]
#[tokio::test]
async fn malformed_unknown_and_foreign_ids_in_paths_are_refused(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for (method, list) in BY_ID {
        for id in NO_UUIDS.iter().map(|id| id.replace(' ', "%20")).chain(["%FF".to_owned(), "%00".to_owned()])
        {
            let expected = (400, "id must be a UUID".to_owned());
            assert_eq!(call(&stage.user, &method, list, &id).await?, expected, "{method} {list}/{id}");
        }
        let expected = (404, "Not found".to_owned());
        for unknown in [UNKNOWN, &stage.other_id, &stage.session] {
            assert_eq!(call(&stage.user, &method, list, unknown).await?, expected, "{method} {list}");
        }
    }
    for (method, list, id) in [
        (Method::GET, LISTS[0], &stage.connection),
        (Method::DELETE, LISTS[0], &stage.connection),
        (Method::DELETE, LISTS[2], &stage.download),
        (Method::DELETE, LISTS[3], &stage.capture_request),
    ] {
        let expected = (403, "Forbidden".to_owned());
        assert_eq!(call(&stage.other, &method, list, id).await?, expected, "{method} {list}");
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn out_of_range_pages_are_refused(store: Store) -> Result<()> {
    let stage = start(store).await?;
    for list in LISTS {
        for (query, words) in [
            ("page=0", "page must be 1 to 1000000"),
            ("page=-1", "page must be 1 to 1000000"),
            ("page=1000001", "page must be 1 to 1000000"),
            ("page=", "page must be 1 to 1000000"),
            ("page=1e3", "page must be 1 to 1000000"),
            ("page=99999999999999999999", "page must be 1 to 1000000"),
            ("page=%FF", "page must be 1 to 1000000"),
            ("pageSize=0", "pageSize must be 1 to 100"),
            ("pageSize=101", "pageSize must be 1 to 100"),
            ("pageSize=all", "pageSize must be 1 to 100"),
            ("page=1&page=2", "query string is malformed"),
        ] {
            let answer = stage.user.get(&format!("{list}?{query}")).await?;
            assert_eq!(refusal(&answer), (400, words), "{list}?{query}");
        }
        // The last possible page is empty.
        let last = stage.user.get(&format!("{list}?page=1000000&pageSize=100")).await?;
        assert_eq!((last.status.as_u16(), &last.body["data"]), (200, &json!([])), "{list}");
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_foreign_host_name_is_misdirected(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for (path, methods) in paths(&stage) {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:3001", "", "[::2]"] {
            let method = Method::from_bytes(methods[methods.len() - 1].as_bytes())?;
            if method == Method::HEAD {
                continue;
            }
            let request = stage.user.request(method.clone(), &path).header("host", host);
            let answer = stage.user.send(request).await?;
            let words = "This server does not answer to that host name";
            assert_eq!(refusal(&answer), (421, words), "{method} {path} {host}");
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

/// Sends a request without a body exactly as written, and returns the answer's
/// status and error text.
async fn send_as_written(stage: &Stage, target: &str, hosts: &[&str]) -> Result<(u16, String)> {
    let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    let answer =
        stage.exchange(&format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let body: Value = serde_json::from_str(body)?;
    Ok((status, body["error"].as_str().unwrap_or_default().to_owned()))
}

#[apply(on_each_store)]
#[tokio::test]
async fn every_host_name_in_a_request_is_checked(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let misdirected = (421, "This server does not answer to that host name".to_owned());
    let unauthorized = (401, "Unauthorized".to_owned());
    let list = LISTS[0];
    for hosts in [["localhost", "localhost"], ["localhost", "evil.example"], ["evil.example", "localhost"]] {
        let expected = (400, "Duplicate Host header".to_owned());
        assert_eq!(send_as_written(&stage, list, &hosts).await?, expected, "{hosts:?}");
    }
    for (target, host, expected) in [
        (list.to_owned(), "localhost", &unauthorized),
        (format!("http://localhost{list}"), "127.0.0.1", &unauthorized),
        (format!("http://[::1]:3001{list}"), "localhost", &unauthorized),
        (format!("http://evil.example{list}"), "localhost", &misdirected),
        (format!("http://localhost@evil.example{list}"), "localhost", &misdirected),
        (format!("http://localhost{list}"), "evil.example", &misdirected),
    ] {
        assert_eq!(&send_as_written(&stage, &target, &[host]).await?, expected, "{target} {host}");
    }
    assert_eq!(send_as_written(&stage, list, &[]).await?, misdirected);
    Ok(())
}
