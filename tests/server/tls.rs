//! https by the server itself: who can connect, what it refuses, and certificates that change while
//! it serves.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use reqwest::redirect::Policy;
use stagepass_tests::services::raw_connection::RawConnection;
use stagepass_tests::services::server::{self, EMAIL, PASSWORD, Server};
use stagepass_tests::system::certificate::Certificate;
use stagepass_tests::system::http::client_trusting;
use stagepass_tests::system::process::on_path;
use stagepass_tests::system::{private_file, wait};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

const TIMEOUT: Duration = Duration::from_secs(60);
const HOST: &str = "stagepass.example.org";
const PUBLIC: [&str; 2] = ["--public-url", "https://stagepass.example.org"];
/// Enough of a handshake to be recognised as one.
const HALF_A_HANDSHAKE: &[u8] = b"\x16\x03\x01\x02\x00\x01";

/// A server's data directory, with its certificate and key in it.
struct Stage(TempDir);

impl Stage {
    async fn new(certificate: &Certificate) -> Result<Self> {
        let stage = Self(server::new_data_dir().await?);
        certificate.write(&stage.certificate())?;
        certificate.write_key(&stage.key())?;
        Ok(stage)
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    fn command(&self, flags: &[&str]) -> Result<Command> {
        let mut command = server::command(self.0.path())?;
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
        command.arg("--tls-cert").arg(self.certificate()).arg("--tls-key").arg(self.key());
        Ok(command)
    }

    async fn start(&self, flags: &[&str]) -> Result<Server> {
        Server::start_command(self.0.path(), &mut self.command(flags)?).await
    }

    /// The message of a server that refuses to start with these files.
    async fn refusal(&self) -> Result<String> {
        refusal(&mut self.command(&[])?).await
    }
}

async fn refusal(command: &mut Command) -> Result<String> {
    let output = command.output().await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && !said.contains("planted") && !said.contains("BEGIN"), "{said}");
    Ok(said)
}

/// A connection of a client that trusts these authorities and speaks only one version.
async fn connect(
    server: &Server,
    authorities: &[&str],
    version: &'static SupportedProtocolVersion,
) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address()).await?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(HOST)?, stream).await?)
}

#[tokio::test]
async fn speaks_tls_1_2_and_1_3_to_clients_that_trust_its_certificate() -> Result<()> {
    let certificate = Certificate::generate(&[HOST])?;
    let stage = Stage::new(&certificate).await?;
    let server = stage.start(&PUBLIC).await?;
    for version in [&TLS12, &TLS13] {
        let mut stream = connect(&server, &[&certificate.authority_pem], version).await?;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        // Fails unless the server ends the connection as TLS requires.
        stream.read_to_string(&mut answer).await?;
        ensure!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("stagepass"), "{answer}");
    }
    let other = Certificate::generate(&[HOST])?;
    ensure!(connect(&server, &[&other.authority_pem], &TLS13).await.is_err());
    server.stop().await.map(drop)
}

/// Runs another program that speaks TLS.
async fn run(program: &str, arguments: &[&str]) -> Result<Output> {
    let path = on_path(&[program]).with_context(|| format!("{program} is not installed"))?;
    Ok(Command::new(path).args(arguments).stdin(Stdio::null()).output().await?)
}

/// What curl prints of an answer, or its exit code.
async fn curl(server: &Server, authority: &str, version: &str) -> Result<String, i32> {
    let address = server.address();
    let (_, port) = address.rsplit_once(':').unwrap_or_default();
    let (url, to) = (format!("https://{HOST}:{port}/healthz"), format!("{HOST}:{port}:{address}"));
    let flags = ["--disable", "--silent", "--fail", "--noproxy", "*", "--write-out", "%{http_code}"];
    let tls = ["--cacert", authority, "--tlsv1.2", "--tls-max", version, "--connect-to", &to, &url];
    let output = run("curl", &[&flags[..], &tls].concat()).await.map_err(|_| -1)?;
    let code = output.status.code().unwrap_or(-1);
    if code == 0 { Ok(String::from_utf8_lossy(&output.stdout).into_owned()) } else { Err(code) }
}

/// What openssl says about a handshake.
async fn openssl(server: &Server, authority: &str, flags: &[&str]) -> Result<(bool, String)> {
    let to = ["s_client", "-connect", server.address(), "-servername", HOST, "-alpn", "h2,http/1.1"];
    let checks = ["-verify_return_error", "-verify_hostname", HOST, "-CAfile", authority];
    let output = run("openssl", &[&to[..], &checks, flags].concat()).await?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok((output.status.success(), said))
}

#[tokio::test]
async fn curl_and_openssl_accept_its_tls_and_it_refuses_older_versions() -> Result<()> {
    // curl's code for a certificate that no trusted authority issued.
    const UNTRUSTED: i32 = 60;
    let certificate = Certificate::generate(&[HOST])?;
    let stage = Stage::new(&certificate).await?;
    let [trusted, other] = ["trusted.pem", "other.pem"].map(|name| stage.0.path().join(name));
    fs::write(&trusted, &certificate.authority_pem)?;
    fs::write(&other, Certificate::generate(&[HOST])?.authority_pem)?;
    let [trusted, other] = [trusted.to_str(), other.to_str()].map(Option::unwrap_or_default);
    let server = stage.start(&PUBLIC).await?;
    for (flag, version) in [("-tls1_2", "1.2"), ("-tls1_3", "1.3")] {
        let answer = curl(&server, trusted, version).await;
        ensure!(answer.as_ref().is_ok_and(|answer| answer.ends_with("200")), "{version}: {answer:?}");
        let (is_done, said) = openssl(&server, trusted, &[flag]).await?;
        ensure!(is_done && said.contains("Verify return code: 0 (ok)"), "{said}");
        ensure!(said.contains(&format!("New, TLSv{version}, Cipher is ")), "{said}");
        ensure!(said.contains("ALPN protocol: http/1.1"), "{said}");
    }
    assert_eq!(curl(&server, other, "1.3").await, Err(UNTRUSTED));
    let (is_done, said) = openssl(&server, other, &[]).await?;
    ensure!(!is_done && said.contains("verify error"), "{said}");
    // The refusal is the server's own: openssl itself would speak it at this level.
    let (is_done, said) = openssl(&server, trusted, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]).await?;
    ensure!(!is_done && said.contains("alert handshake failure"), "{said}");
    server.stop().await.map(drop)
}

#[tokio::test]
async fn files_that_can_t_be_used_stop_the_start() -> Result<()> {
    let (certificate, other) = (Certificate::generate(&[HOST])?, Certificate::generate(&[HOST])?);
    let stage = Stage::new(&certificate).await?;
    other.write_key(&stage.key())?;
    let said = stage.refusal().await?;
    ensure!(said.contains("is not the key of the certificate that STAGEPASS_TLS_CERT names"), "{said}");

    private_file::write(stage.key(), "planted")?;
    let said = stage.refusal().await?;
    ensure!(said.contains("STAGEPASS_TLS_KEY: ") && said.contains("has no private key in PEM"), "{said}");

    certificate.write_key(&stage.key())?;
    fs::set_permissions(stage.key(), Permissions::from_mode(0o644))?;
    let said = stage.refusal().await?;
    ensure!(said.contains("STAGEPASS_TLS_KEY: ") && said.contains("everyone can read it"), "{said}");

    fs::set_permissions(stage.key(), Permissions::from_mode(0o600))?;
    fs::write(stage.certificate(), "planted")?;
    let said = stage.refusal().await?;
    ensure!(said.contains("STAGEPASS_TLS_CERT: ") && said.contains("has no certificate in PEM"), "{said}");

    fs::remove_file(stage.certificate())?;
    let said = stage.refusal().await?;
    ensure!(said.contains("STAGEPASS_TLS_CERT: ") && said.contains("No such file"), "{said}");

    certificate.write(&stage.certificate())?;
    stage.start(&[]).await?.stop().await.map(drop)
}

#[tokio::test]
async fn plain_http_to_other_machines_must_be_allowed() -> Result<()> {
    let directory = server::new_data_dir().await?;
    // No machine has this address (RFC 5737), so an allowed server fails to listen there.
    let said = async |allowed: &str| {
        let mut command = server::command(directory.path())?;
        command.args(["serve", "--listen", "192.0.2.1:3001"]).env("STAGEPASS_ALLOW_PLAIN_HTTP", allowed);
        refusal(&mut command).await
    };
    let refused = said("false").await?;
    ensure!(refused.contains("STAGEPASS_LISTEN is 192.0.2.1:3001, where other machines"), "{refused}");
    let allowed = said("true").await?;
    ensure!(allowed.contains("cannot listen on 192.0.2.1:3001"), "{allowed}");
    let unclear = said("perhaps").await?;
    ensure!(unclear.contains("--allow-plain-http"), "{unclear}");
    Ok(())
}

#[tokio::test]
async fn a_plain_request_is_told_that_the_port_speaks_https() -> Result<()> {
    let stage = Stage::new(&Certificate::generate(&[HOST])?).await?;
    let server = stage.start(&[]).await?;
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut plain = RawConnection::open(server.address()).await?;
        plain.send(request.as_bytes()).await?;
        let answer = plain.answer().await?;
        ensure!(answer.status == 400 && answer.says_close(), "{}", answer.head);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        ensure!(String::from_utf8(answer.body)?.starts_with("This port speaks https"));
        ensure!(plain.ends().await?, "the connection stays open");
    }
    server.stop().await.map(drop)
}

#[tokio::test]
async fn a_slow_handshake_is_cut_off_and_delays_neither_others_nor_the_stop() -> Result<()> {
    let certificate = Certificate::generate(&[HOST])?;
    let stage = Stage::new(&certificate).await?;
    let begin = async |server: &Server, sent: &[u8]| -> Result<TcpStream> {
        let mut slow = TcpStream::connect(server.address()).await?;
        slow.write_all(sent).await?;
        Ok(slow)
    };
    let server = stage.start(&["--idle-timeout", "2"]).await?;
    let mut held = Vec::new();
    for sent in [&b""[..], &HALF_A_HANDSHAKE[..1], HALF_A_HANDSHAKE] {
        held.push(begin(&server, sent).await?);
    }
    connect(&server, &[&certificate.authority_pem], &TLS13).await?;
    for mut slow in held {
        let mut answer = Vec::new();
        let end = timeout(Duration::from_secs(40), slow.read_to_end(&mut answer));
        end.await.context("the connection stays open")??;
    }
    server.stop().await?;
    let server = stage.start(&["--log", "warn,stagepass_server::serve=info"]).await?;
    let _held = [begin(&server, b"").await?, begin(&server, HALF_A_HANDSHAKE).await?];
    connect(&server, &[&certificate.authority_pem], &TLS13).await?;
    let log = String::from_utf8(server.stop().await?)?;
    ensure!(log.contains("stopped") && !log.contains("gave up waiting"), "{log}");
    Ok(())
}

#[tokio::test]
async fn on_this_machine_too_the_session_cookie_needs_https() -> Result<()> {
    let certificate = Certificate::generate(&["localhost"])?;
    let stage = Stage::new(&certificate).await?;
    let server = stage.start(&[]).await?;
    let http = client_trusting(&[&certificate.authority_pem])?.redirect(Policy::none());
    let http = http.resolve("localhost", server.address().parse()?).build()?;
    let port = server.address().rsplit(':').next().context("a port")?;
    let sign_in = async |scheme: &str| {
        let request = http.post(format!("https://localhost:{port}/app/sign-in"));
        let request = request.header("origin", format!("{scheme}://localhost:{port}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(format!("email={}&password={PASSWORD}", EMAIL.replace('@', "%40"))).send().await
    };
    let answer = sign_in("https").await?;
    let cookie = answer.headers().get("set-cookie").context("no cookie")?.to_str()?;
    let is_secure = cookie.starts_with("__Host-stagepass_session=") && cookie.contains("; Secure;");
    ensure!(answer.status() == 303 && is_secure, "{}", answer.status());
    assert_eq!(sign_in("http").await?.status(), 403);
    // It still is this machine that calls.
    assert_eq!(http.get(format!("https://localhost:{port}/metrics")).send().await?.status(), 200);
    server.stop().await.map(drop)
}

/// Calls until it is over, and returns the number of answered calls, all of them.
async fn call_until(is_over: Arc<AtomicBool>, http: reqwest::Client, url: String) -> Result<u32> {
    let mut answered = 0;
    while !is_over.load(Ordering::Relaxed) {
        let answer = http.get(&url).send().await.with_context(|| format!("call {answered}"))?;
        ensure!(answer.status() == 200, "call {answered}: {}", answer.status());
        answered += 1;
    }
    Ok(answered)
}

/// Waits until new connections get this certificate.
async fn until_it_serves(certificate: &Certificate, server: &Server, authorities: &[&str]) -> Result<()> {
    wait::until("the new certificate", TIMEOUT, async || {
        Ok((served(server, authorities).await? == certificate.der).then_some(()))
    })
    .await
}

async fn served(server: &Server, authorities: &[&str]) -> Result<CertificateDer<'static>> {
    let stream = connect(server, authorities, &TLS13).await?;
    let chain = stream.get_ref().1.peer_certificates().context("no certificate")?;
    Ok(chain.first().context("no certificate")?.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_under_load_and_no_request_fails() -> Result<()> {
    const CLIENTS: usize = 6;
    let (one, two) = (Certificate::generate(&[HOST])?, Certificate::generate(&[HOST])?);
    let authorities = [one.authority_pem.as_str(), two.authority_pem.as_str()];
    let stage = Stage::new(&one).await?;
    let server = stage.start(&[&PUBLIC[..], &["--log", "info"]].concat()).await?;
    let (is_over, address) = (Arc::new(AtomicBool::new(false)), server.address().parse::<SocketAddr>()?);
    let clients = (0..CLIENTS).map(|client| {
        // Half of them keep their connections, the others make a new one for each call.
        let kept = if client % 2 == 0 { usize::MAX } else { 0 };
        let http = client_trusting(&authorities)?.resolve(HOST, address).pool_max_idle_per_host(kept);
        let url = format!("https://{HOST}:{}/healthz", address.port());
        anyhow::Ok(tokio::spawn(call_until(Arc::clone(&is_over), http.build()?, url)))
    });
    let clients = clients.collect::<Result<Vec<_>>>()?;
    until_it_serves(&one, &server, &authorities).await?;

    // The files change one after the other: until they fit together, the former pair is in use.
    two.write(&stage.certificate())?;
    wait_for_log(&server, "the former one stays in use").await?;
    ensure!(served(&server, &authorities).await? == one.der);
    two.write_key(&stage.key())?;
    until_it_serves(&two, &server, &authorities).await?;

    replace(&one, &stage)?;
    server.program().hang_up()?;
    wait_for_log(&server, "access tokens, the certificate for https").await?;
    ensure!(served(&server, &authorities).await? == one.der);

    is_over.store(true, Ordering::Relaxed);
    for answered in try_join_all(clients).await? {
        ensure!(answered? > 0, "a client was never answered");
    }
    server.stop().await.map(drop)
}

/// Replaces both files as certificate tools do, each in one step.
fn replace(certificate: &Certificate, stage: &Stage) -> Result<()> {
    let new = |path: &Path| path.with_extension("new");
    certificate.write(&new(&stage.certificate()))?;
    certificate.write_key(&new(&stage.key()))?;
    for path in [stage.certificate(), stage.key()] {
        fs::rename(new(&path), path)?;
    }
    Ok(())
}

async fn wait_for_log(server: &Server, text: &str) -> Result<()> {
    wait::until(text, TIMEOUT, async || {
        Ok(String::from_utf8_lossy(&server.program().stderr()).contains(text).then_some(()))
    })
    .await
}
