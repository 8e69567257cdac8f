//! What Prometheus reads from a real server that has answered calls.

use anyhow::{Context as _, Result};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::json;
use stagepass_tests::services::server::{self, Client, Server};
use stagepass_tests::system::process::{Program, debian_program};
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

const REVEAL: &str = "/api/credentials/reveal";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn start() -> Result<(Server, TempDir)> {
    let directory = server::new_data_dir().await?;
    Ok((Server::start(directory.path()).await?, directory))
}

/// Makes a named token for these verbs.
async fn service_token(server: &Server, name: &str, verbs: &[&str]) -> Result<Client> {
    let mut command = server::command(server.directory())?;
    command.args(["service-token", "add", name]).args(verbs.iter().flat_map(|verb| ["--verb", verb]));
    let output = command.output().await?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout)?;
    let token = printed.split_whitespace().find(|word| word.starts_with("sp_svc_")).context("no token")?;
    Ok(server.service_with(token))
}

async fn fetch(
    client: &Client,
    change: impl FnOnce(&mut HeaderMap),
) -> Result<(StatusCode, HeaderMap, String)> {
    let mut headers = HeaderMap::new();
    change(&mut headers);
    let answer = client.request(Method::GET, "/metrics").headers(headers).send().await?;
    Ok((answer.status(), answer.headers().clone(), answer.text().await?))
}

async fn text(server: &Server) -> Result<String> {
    let (status, headers, text) = fetch(&server.anonymous(), |_| {}).await?;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(text)
}

/// Each sample by its name and labels.
fn samples(text: &str) -> Result<BTreeMap<&str, f64>> {
    let lines = text.strip_suffix("# EOF\n").context("the end marker is missing")?.lines();
    lines
        .filter(|line| !line.starts_with("# "))
        .map(|line| {
            let (sample, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
            Ok((sample, value.parse().with_context(|| line.to_owned())?))
        })
        .collect()
}

#[tokio::test]
async fn requests_are_counted_and_timed_by_route_and_never_by_made_up_values() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, anonymous) = (server.user().await?, server.anonymous());
    let id = user.create_profile("instagram", "planted-name").await?;
    for _ in 0..3 {
        user.get(&format!("/api/platform-connections/{id}?planted-query=1")).await?;
    }
    anonymous.get("/api/platform-connections").await?;
    anonymous.get("/planted-path").await?;
    let planted = Method::from_bytes(b"PLANTED-METHOD")?;
    anonymous.send(anonymous.request(planted, "/healthz")).await?;

    let text = text(&server).await?;
    let samples = samples(&text)?;
    for (labels, count) in [
        (r#"method="GET",route="/api/platform-connections/{id}",status="200""#, 3.0),
        (r#"method="GET",route="/api/platform-connections",status="401""#, 1.0),
        (r#"method="POST",route="/api/credentials/create-profile",status="200""#, 1.0),
        (r#"method="GET",route="other",status="404""#, 1.0),
        (r#"method="other",route="/healthz",status="405""#, 1.0),
    ] {
        assert_eq!(
            samples.get(&*format!("http_requests_total{{{labels}}}")),
            Some(&count),
            "{labels}\n{text}"
        );
    }
    let durations = "http_request_duration_seconds";
    let route = r#"route="/api/platform-connections/{id}""#;
    assert_eq!(samples[&*format!("{durations}_count{{{route}}}")], 3.0);
    assert_eq!(samples[&*format!(r#"{durations}_bucket{{le="+Inf",{route}}}"#)], 3.0);
    let sum = samples[&*format!("{durations}_sum{{{route}}}")];
    assert!(sum > 0.0 && sum < 90.0, "{sum}");
    for made_up in ["planted", "PLANTED", &id] {
        assert!(!text.contains(made_up), "{made_up}\n{text}");
    }
    Ok(())
}

#[tokio::test]
async fn reveals_are_counted_by_service_verb_and_outcome() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, shared) = (server.user().await?, server.service()?);
    let named = service_token(&server, "nightly \"downloads\"", &["reveal"]).await?;
    let known = json!({"creatorProfileId": user.create_profile("x", "a").await?});
    let unknown = json!({"creatorProfileId": UNKNOWN});
    for (client, body, status) in [
        (&shared, &known, 200),
        (&shared, &known, 200),
        (&shared, &unknown, 404),
        (&named, &known, 200),
        (&server.service_with("wrong"), &known, 401),
    ] {
        assert_eq!(client.post(REVEAL, body).await?.status, status);
    }
    let wanted = json!({"creator_profile_id": UNKNOWN, "platform": "x"});
    assert_eq!(named.post("/api/credentials/get-platform-session", &wanted).await?.status, 403);
    let update = json!({"creatorProfileId": known["creatorProfileId"], "credentials": {}});
    assert_eq!(shared.post("/api/credentials/store", &update).await?.status, 200);

    let text = text(&server).await?;
    let samples = samples(&text)?;
    let reveals: BTreeMap<_, _> =
        samples.into_iter().filter(|(sample, _)| sample.starts_with("reveals_total")).collect();
    let expected = [
        (r#"service="shared",verb="reveal",outcome="revealed""#, 2.0),
        (r#"service="shared",verb="reveal",outcome="refused""#, 1.0),
        (r#"service="nightly \"downloads\"",verb="reveal",outcome="revealed""#, 1.0),
        (r#"service="nightly \"downloads\"",verb="get-platform-session",outcome="refused""#, 1.0),
    ]
    .map(|(labels, count)| (format!("reveals_total{{{labels}}}"), count));
    assert_eq!(reveals, expected.iter().map(|(sample, count)| (sample.as_str(), *count)).collect());
    Ok(())
}

#[tokio::test]
async fn metrics_include_the_store_the_connections_and_the_build() -> Result<()> {
    let (server, _directory) = start().await?;
    server.anonymous().get("/readyz").await?;
    let text = text(&server).await?;
    let samples = samples(&text)?;
    assert_eq!(samples[r#"store_operation_duration_seconds_count{operation="check"}"#], 1.0);
    // The connection that asks.
    let before = samples["http_connections_open"];
    assert!(before >= 1.0, "{before}");
    let open = server.address();
    let held = [tokio::net::TcpStream::connect(open).await?, tokio::net::TcpStream::connect(open).await?];
    // They are accepted in order, so before the connection that asks now.
    let text = self::text(&server).await?;
    assert!(self::samples(&text)?["http_connections_open"] >= 3.0, "{text}");
    drop(held);
    assert!(text.contains("http_connections_refused_total 0\n"), "{text}");
    let version =
        std::process::Command::new(stagepass_tests::system::process::our_program("stagepass-server")?)
            .arg("--version")
            .output()?;
    let version = String::from_utf8(version.stdout)?.trim().replace("stagepass-server ", "");
    assert!(text.contains(&format!("stagepass_build_info{{version=\"{version}\"}} 1\n")), "{text}");
    Ok(())
}

#[tokio::test]
async fn metrics_are_only_for_this_machine_and_permitted_services() -> Result<()> {
    let (server, _directory) = start().await?;
    let monitoring = service_token(&server, "monitoring", &["metrics"]).await?;
    let other = service_token(&server, "downloads", &["reveal"]).await?;
    assert_eq!(fetch(&server.anonymous(), |_| {}).await?.0, 200);
    // Behind a proxy on this machine, everybody's connections come from here.
    for (client, status) in [
        (&server.anonymous(), 401),
        (&server.user().await?, 401),
        (&other, 403),
        (&monitoring, 200),
        (&server.service()?, 200),
    ] {
        for name in ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host"] {
            let forwarded = |headers: &mut HeaderMap| {
                headers.insert(name, "127.0.0.1".parse().unwrap());
            };
            let (answered, _, text) = fetch(client, forwarded).await?;
            assert_eq!(answered, status, "{name}: {text}");
            assert_eq!(text.contains("http_requests_total"), status == 200, "{name}");
        }
    }
    assert_eq!(monitoring.post(REVEAL, &json!({"creatorProfileId": UNKNOWN})).await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn with_a_proxy_on_this_machine_no_caller_counts_as_local() -> Result<()> {
    for flags in [
        &["--public-url", "https://stagepass.example.org"][..],
        &["--trusted-proxies", "127.0.0.1"],
        &["--trusted-proxies", "10.0.0.0/8,127.0.0.0/8"],
    ] {
        let directory = server::new_data_dir().await?;
        let mut command = server::command(directory.path())?;
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
        let server = Server::start_command(directory.path(), &mut command).await?;
        for host in [server.address(), "localhost", "127.0.0.1"] {
            let ask = |headers: &mut HeaderMap| {
                headers.insert("host", host.parse().unwrap());
            };
            assert_eq!(fetch(&server.anonymous(), ask).await?.0, 401, "{flags:?} {host}");
        }
        assert_eq!(fetch(&server.service()?, |_| {}).await?.0, 200, "{flags:?}");
    }
    Ok(())
}

#[tokio::test]
async fn prometheus_own_tool_accepts_the_text_format() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, named) = (server.user().await?, service_token(&server, "a \"b\" \\c", &["reveal"]).await?);
    let id = user.create_profile("instagram", "name").await?;
    assert_eq!(named.post(REVEAL, &json!({"creatorProfileId": id})).await?.status, 200);
    server.anonymous().get("/readyz").await?;
    let asking = |headers: &mut HeaderMap| {
        headers.insert("accept", "text/plain".parse().unwrap());
    };
    let (status, headers, text) = fetch(&server.anonymous(), asking).await?;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(headers["vary"], "Accept");
    for counted in [
        r#"http_requests_total{method="POST""#,
        r#"reveals_total{service="a \"b\" \\c""#,
        "stagepass_build_info{",
    ] {
        assert!(text.contains(counted), "{counted}\n{text}");
    }
    let mut promtool = tokio::process::Command::new(debian_program("promtool")?);
    let mut program = Program::spawn(promtool.args(["check", "metrics"]))?;
    let mut stdin = program.take_stdin().context("stdin is piped")?;
    stdin.write_all(text.as_bytes()).await?;
    drop(stdin);
    let status = program.wait(Duration::from_secs(60)).await?;
    let said = [program.stdout(), program.stderr()].concat();
    assert!(status.success(), "{}\n{text}", String::from_utf8_lossy(&said));
    // The tool does find faults: this is the other form.
    let mut program = Program::spawn(&mut promtool)?;
    let mut stdin = program.take_stdin().context("stdin is piped")?;
    stdin.write_all(self::text(&server).await?.as_bytes()).await?;
    drop(stdin);
    assert!(!program.wait(Duration::from_secs(60)).await?.success());
    Ok(())
}
