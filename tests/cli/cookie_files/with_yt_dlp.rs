//! Our exports used by a real yt-dlp, which sends the cookies, accepts what a site sets, and
//! rewrites the file.

use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_core::netscape::{self, Dialect};
use stagepass_tests::platform::proxy::Proxy;
use stagepass_tests::platform::{ODD_VIDEO_URL, Platform, ROTATING_VIDEO_URL, VIDEO, VIDEO_URL};
use stagepass_tests::stage::host_request::ask_host;
use stagepass_tests::system::process::{clean_environment, our_program};
use stagepass_tests::tools::python::{Outcome, run};
use stagepass_tests::tools::yt_dlp::{Download, YtDlp};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(90);

/// A platform with an exported login, and yt-dlp.
struct Stage {
    platform: Arc<Platform>,
    proxy: Proxy,
    yt_dlp: YtDlp,
    home: TempDir,
}

impl Stage {
    async fn set_up() -> Result<Self> {
        let platform = Arc::new(Platform::start().await?);
        let proxy = Proxy::start(&platform).await?;
        Ok(Self { platform, proxy, yt_dlp: YtDlp::prepare().await?, home: tempfile::tempdir()? })
    }

    /// The cookies of a login, in the form in which a browser's extension sends them.
    fn sign_in(&self) -> Result<Vec<Value>> {
        let file = self.home.path().join("login.txt");
        self.platform.sign_in_to_file(&file)?;
        let cookies = netscape::read(&fs::read_to_string(&file)?).cookies;
        fs::remove_file(file)?;
        cookies.iter().map(|cookie| Ok(serde_json::to_value(cookie)?)).collect()
    }

    /// Exports cookies through the host, as a browser would, and returns its answer.
    async fn export(&self, cookies: &[Value]) -> Result<Value> {
        let message = json!({"id": 1, "type": "export", "platform": "instagram", "cookies": cookies});
        ask_host(self.program("stagepass-native-host", &[])?, &message).await
    }

    /// One of the commands for people.
    fn command(&self, arguments: &[&str]) -> Result<Command> {
        self.program("stagepass", arguments)
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(our_program(name)?);
        command.env_clear().envs(clean_environment(self.home.path())).args(arguments);
        command.env("STAGEPASS_HOST_DIR", self.home.path().join("host"));
        command.env("STAGEPASS_YT_DLP", self.yt_dlp.program());
        command.env("SSL_CERT_FILE", self.platform.authority_pem()).stdin(Stdio::null());
        Ok(command)
    }

    /// Downloads with the host's own command.
    async fn download_with_host(&self, url: &str, folder: &Path) -> Result<Outcome> {
        let options =
            ["--ignore-config", "--no-cache-dir", "--compat-options", "no-certifi", "--retries", "0"];
        let mut command = self.command(&["yt-dlp"])?;
        command.args(options).args(["--proxy", &self.proxy.url(), "--output", "%(id)s.%(ext)s", "--paths"]);
        run(command.arg(folder).arg(url), PATIENCE).await
    }

    /// Downloads with plain yt-dlp, which rewrites the cookie file.
    async fn download(&self, url: &str, cookies: &Path, folder: &Path) -> Result<Outcome> {
        let authority_pem = self.platform.authority_pem();
        let proxy = self.proxy.url();
        let download =
            Download { url, cookies: Some(cookies), proxy: &proxy, authority_pem: &authority_pem, folder };
        self.yt_dlp.download(&download).await
    }
}

fn path_of(answer: &Value) -> Result<PathBuf> {
    Ok(answer["path"].as_str().with_context(|| answer.to_string())?.into())
}

#[tokio::test]
async fn a_login_survives_odd_cookies_that_yt_dlp_writes_into_our_export() -> Result<()> {
    let stage = Stage::set_up().await?;
    let path = path_of(&stage.export(&stage.sign_in()?).await?)?;
    let folder = tempfile::tempdir()?;
    let done = stage.download(ODD_VIDEO_URL, &path, folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    let rewritten = fs::read_to_string(&path)?;
    for odd in ["\t253402300799\tasp\t1\n", "\t\tbare\n"] {
        assert!(rewritten.contains(odd), "yt-dlp has not written {odd:?}");
    }

    let printed = run(&mut stage.command(&["cookies", "instagram"])?, PATIENCE).await?;
    assert!(printed.status.success(), "{}", printed.stderr);
    assert!(printed.stdout.contains("\t253402300799\tasp\t1\n") && !printed.stdout.contains("bare"));
    assert!(printed.stderr.contains("the cookie has no name"), "{}", printed.stderr);
    // The login still works, even after the platform rotates the cookies.
    for url in [VIDEO_URL, ROTATING_VIDEO_URL] {
        let folder = tempfile::tempdir()?;
        let done = stage.download_with_host(url, folder.path()).await?;
        assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    }
    assert_eq!(netscape::read(&fs::read_to_string(&path)?).left_out, [], "the host writes only valid lines");
    Ok(())
}

#[tokio::test]
async fn yt_dlp_runs_without_the_one_cookie_that_it_cannot_send() -> Result<()> {
    let stage = Stage::set_up().await?;
    let mut cookies = stage.sign_in()?;
    let city = json!({"name": "city", "value": "東京", "domain": ".instagram.com", "path": "/", "httpOnly": false,
        "secure": true, "hostOnly": false});
    cookies.push(city.clone());
    let answer = stage.export(&cookies).await?;
    let loss = "the cookie city has characters that yt-dlp can't send, so it is not in the file";
    assert_eq!(answer["losses"][0], loss);

    let folder = tempfile::tempdir()?;
    let done = stage.download_with_host(VIDEO_URL, folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read(folder.path().join("backstage.mp4"))?, VIDEO);

    // With that cookie, yt-dlp would send no request at all.
    let file = stage.home.path().join("with-city.txt");
    let before = stage.platform.requests().len();
    let text = fs::read_to_string(path_of(&answer)?)?;
    fs::write(&file, format!("{text}.instagram.com\tTRUE\t/\tTRUE\t0\tcity\t東京\n"))?;
    let done = stage.download(VIDEO_URL, &file, folder.path()).await?;
    assert!(!done.status.success() && stage.platform.requests().len() == before, "{}", done.stderr);
    Ok(())
}

/// Prints whether Python's jar, on which yt-dlp's is built, sends each cookie to its host.
const SENT: &str = r#"
import json, sys, urllib.request
from yt_dlp.cookies import YoutubeDLCookieJar
jar = YoutubeDLCookieJar(sys.argv[1])
jar.load()
sent = []
for cookie in sorted(jar, key=lambda cookie: cookie.name):
    request = urllib.request.Request(f"http://{cookie.domain}:8080/")
    jar.add_cookie_header(request)
    sent.append([cookie.name, request.has_header("Cookie")])
print(json.dumps(sent))
"#;

#[tokio::test]
async fn python_sends_every_cookie_of_a_file_except_the_reported_ones() -> Result<()> {
    let hosts =
        [("a", "127.0.0.1"), ("b", "[::1]"), ("c", "example.org"), ("d", "localhost"), ("e", "intranet")];
    let cookie = |(name, domain)| {
        Ok(stagepass_core::Cookie::from_json(json!({"name": name, "value": "v", "domain": domain}))?)
    };
    let cookies = hosts.into_iter().map(cookie).collect::<Result<Vec<_>>>()?;
    let rendered = netscape::render(&cookies, Dialect::HttpOnlyPrefix);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cookies.txt");
    fs::write(&file, rendered.text.expose_secret())?;
    let outcome = YtDlp::prepare().await?.python(SENT, &[&file]).await?;
    let sent: Vec<(String, bool)> = serde_json::from_str(&outcome.stdout)?;
    assert_eq!(sent.len(), cookies.len());
    let unsent: Vec<_> = sent.into_iter().filter(|(_, is_sent)| !is_sent).map(|(name, _)| name).collect();
    let told: Vec<_> = rendered
        .losses
        .iter()
        .filter_map(|loss| match loss {
            netscape::Loss::HostWithoutDot(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(unsent, told);
    assert_eq!(told, ["b", "d", "e"]);
    Ok(())
}
