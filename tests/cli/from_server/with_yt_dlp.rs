//! The real yt-dlp with sessions from a server, set up as docs/servers.md says: the plugin from the
//! sources, the command on `PATH`, and variables.

use super::stage::Stage;
use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;
use serde_json::json;
use stagepass_core::netscape;
use stagepass_tests::platform::proxy::Proxy;
use stagepass_tests::platform::{FANSLY, Platform, ROTATING_VIDEO_URL, VIDEO, VIDEO_URL};
use stagepass_tests::system::process::our_program;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::python::{Outcome, run};
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(90);
const PLUGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../native-host/src/yt_dlp_plugin/plugin.py");

/// A container, as far as it matters: a home with yt-dlp's plugin and the command, and no browser.
struct Container {
    stage: Stage,
    platform: Arc<Platform>,
    proxy: Proxy,
    yt_dlp: YtDlp,
}

impl Container {
    async fn set_up() -> Result<Self> {
        let platform = Arc::new(Platform::start().await?);
        let proxy = Proxy::start(&platform).await?;
        let stage = Stage::set_up().await?;
        let home = stage.home.path();
        let plugins = home.join(".config/yt-dlp/plugins/Stagepass/yt_dlp_plugins/extractor");
        fs::create_dir_all(&plugins)?;
        fs::copy(PLUGIN, plugins.join("stagepass.py"))?;
        fs::create_dir(home.join("bin"))?;
        symlink(our_program("stagepass")?, home.join("bin/stagepass"))?;
        let container = Self { platform, proxy, yt_dlp: YtDlp::prepare().await?, stage };
        container.capture().await?;
        Ok(container)
    }

    /// A new login, captured in the owner's browser.
    async fn capture(&self) -> Result<()> {
        let file = self.stage.home.path().join("login.txt");
        self.platform.sign_in_to_file(&file)?;
        let cookies = netscape::read(&fs::read_to_string(&file)?).cookies;
        fs::remove_file(file)?;
        self.stage.store_cookies(&json!(cookies)).await.map(drop)
    }

    fn program(&self, program: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<Command> {
        let configured = self.stage.stagepass(&[])?;
        let mut command = Command::new(program);
        command.env_clear().args(arguments).current_dir(self.stage.home.path());
        command.envs(configured.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
        let path = std::env::var("PATH").context("no PATH")?;
        command.env("PATH", format!("{}:{path}", self.stage.home.path().join("bin").display()));
        command.env("SSL_CERT_FILE", self.platform.authority_pem()).env("PYTHONUTF8", "1");
        Ok(command)
    }

    /// Plain yt-dlp.
    async fn download(&self, arguments: &[&str]) -> Result<Outcome> {
        let alone = ["--ignore-config", "--no-cache-dir", "--compat-options", "no-certifi", "--retries", "0"];
        let proxy = self.proxy.url();
        let ours = ["--proxy", &proxy, "--output", "%(id)s.%(ext)s"];
        self.run(self.program(&self.yt_dlp.program(), &[&alone[..], &ours, arguments].concat())?).await
    }

    async fn run(&self, mut command: Command) -> Result<Outcome> {
        let outcome = run(&mut command, PATIENCE).await?;
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        self.stage.assert_silent(&said)?;
        assert!(!SecretSearch::new(&self.platform.secrets())?.is_in(said.as_bytes()), "a secret came out");
        Ok(outcome)
    }

    /// Whether the video was downloaded; removes it.
    fn has_video(&self, name: &str) -> Result<bool> {
        let path = self.stage.home.path().join(name);
        let is_there = path.exists();
        if is_there {
            assert_eq!(fs::read(&path)?, VIDEO);
            fs::remove_file(path)?;
        }
        Ok(is_there)
    }
}

#[tokio::test]
async fn plain_yt_dlp_downloads_with_the_servers_session_and_gives_it_back() -> Result<()> {
    let container = Container::set_up().await?;
    let stage = &container.stage;
    assert_eq!(stage.user.allow_write_back(&stage.connection, true).await?.status, 200);
    let captured = stage.served_value("sessionid").await?;
    let done = container.download(&["-i", FANSLY.front_url, ROTATING_VIDEO_URL]).await?;
    assert!(container.has_video("encore.mp4")?, "{}{}", done.stdout, done.stderr);
    let note =
        format!("instagram has replaced cookies; the Stagepass server {} has them", stage.server.url());
    assert!(done.stdout.contains(&note), "{}{}", done.stdout, done.stderr);
    assert_ne!(stage.served_value("sessionid").await?, captured);
    // Only the newest session is signed in, and it has come back.
    let done = container.download(&[VIDEO_URL]).await?;
    assert!(container.has_video("backstage.mp4")?, "{}{}", done.stdout, done.stderr);
    for request in container.platform.requests() {
        assert_eq!(request.has_cookies, request.host.ends_with("instagram.com"), "{request:?}");
    }
    Ok(())
}

/// The server takes replaced cookies once a minute, and the platform accepts only the newest.
#[tokio::test]
async fn twenty_runs_each_begin_with_the_newest_session_and_the_server_gets_the_last() -> Result<()> {
    let container = Container::set_up().await?;
    let stage = &container.stage;
    assert_eq!(stage.user.allow_write_back(&stage.connection, true).await?.status, 200);
    for number in 0..20 {
        let done = container.download(&[ROTATING_VIDEO_URL]).await?;
        assert!(container.has_video("encore.mp4")?, "run {number}: {}{}", done.stdout, done.stderr);
    }
    let newest = || async {
        let printed = run(&mut stage.stagepass(&["cookies", "instagram"])?, PATIENCE).await?;
        let cookies = netscape::read(&printed.stdout).cookies;
        let cookie = cookies.into_iter().find(|cookie| cookie.name == "sessionid").context("no session")?;
        anyhow::Ok(cookie.value.expose_secret().to_owned())
    };
    let last = newest().await?;
    // Each command tries to give it to the server.
    let begin = Instant::now();
    while stage.served_value("sessionid").await? != last {
        assert!(begin.elapsed() < PATIENCE, "the server has not taken the last");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(newest().await?, last);
    }
    let listed = stage.user.get("/api/platform-sessions").await?.body;
    assert_eq!(
        (&listed["data"][0]["status"], &listed["data"][0]["renewed_by"]),
        (&json!("active"), &json!("service:downloader"))
    );
    let done = container.download(&[VIDEO_URL]).await?;
    assert!(container.has_video("backstage.mp4")?, "{}{}", done.stdout, done.stderr);
    Ok(())
}

#[tokio::test]
async fn without_the_servers_session_yt_dlp_says_why_and_goes_on() -> Result<()> {
    let container = Container::set_up().await?;
    container.stage.installation.succeed(&["service-token", "revoke", "downloader"]).await?;
    let done = container.download(&["-i", VIDEO_URL, FANSLY.front_url]).await?;
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains("doesn't know the token") && !container.has_video("backstage.mp4")?, "{said}");
    let hosts: Vec<_> = container.platform.requests().into_iter().map(|request| request.host).collect();
    assert!(hosts.contains(&"fansly.com".to_owned()), "{hosts:?}");
    Ok(())
}

/// Downloads as MeTube does: what there is in one process, the download in another, with its options,
/// and without closing anything.
const LIKE_METUBE: &str = "
import multiprocessing, os, sys
import yt_dlp

url, proxy, folder = sys.argv[1:]
own = {'proxy': proxy, 'compat_opts': {'no-certifi'}, 'cachedir': False}

def download():
    options = {
        'quiet': True, 'verbose': False, 'no_color': True, 'format': 'bestvideo+bestaudio/best',
        'paths': {'home': folder, 'temp': os.path.join(folder, 'temp')},
        'outtmpl': {'default': '%(id)s.%(ext)s', 'chapter': '%(title)s - %(section_number)s.%(ext)s'},
        'socket_timeout': 30, 'ignore_no_formats_error': True,
        'progress_hooks': [lambda status: None], 'postprocessor_hooks': [lambda status: None], **own}
    sys.exit(yt_dlp.YoutubeDL(params=options).download([url]))

if __name__ == '__main__':
    options = {'quiet': True, 'no_color': True, 'extract_flat': True, 'ignore_no_formats_error': True,
               'noplaylist': True, 'paths': {'home': folder, 'temp': folder}, **own}
    found = yt_dlp.YoutubeDL(params=options).extract_info(url, download=False)
    process = multiprocessing.Process(target=download)
    process.start()
    process.join()
    print(found['id'], process.exitcode)
";

#[tokio::test]
async fn a_server_that_embeds_yt_dlp_as_metube_does_downloads_too() -> Result<()> {
    let container = Container::set_up().await?;
    let folder = container.stage.home.path().to_string_lossy().into_owned();
    let proxy = container.proxy.url();
    assert_eq!(container.stage.user.allow_write_back(&container.stage.connection, true).await?.status, 200);
    let arguments = ["-c", LIKE_METUBE, ROTATING_VIDEO_URL, &proxy, &folder];
    let done = container.run(container.program(&container.yt_dlp.python_program(), &arguments)?).await?;
    assert!(done.status.success() && done.stdout.ends_with("encore 0\n"), "{}{}", done.stdout, done.stderr);
    assert!(container.has_video("encore.mp4")?, "{}{}", done.stdout, done.stderr);
    // What the second process replaced is there for the next run.
    let done = container.download(&[VIDEO_URL]).await?;
    assert!(container.has_video("backstage.mp4")?, "{}{}", done.stdout, done.stderr);
    Ok(())
}
