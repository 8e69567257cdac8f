//! The plugin for yt-dlp, loaded by the real one: it downloads what only a signed-in person may have,
//! and no other host gets a cookie.

mod bad_input;
mod downloaders;
mod hostile;
mod own_runs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_core::netscape;
use stagepass_tests::platform::proxy::Proxy;
use stagepass_tests::platform::{FANSLY, Platform, ROTATING_VIDEO_URL, VIDEO, VIDEO_URL};
use stagepass_tests::stage::host_request::ask_host;
use stagepass_tests::system::process::{clean_environment, our_program};
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::python::{Outcome, run};
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// Options for a run of its own: no settings of the machine, and one try.
pub(crate) const ALONE: [&str; 8] = [
    "--ignore-config",
    "--no-cache-dir",
    "--compat-options",
    "no-certifi",
    "--retries",
    "0",
    "--output",
    "%(id)s.%(ext)s",
];

/// A platform with an exported login, and a yt-dlp with the plugin.
pub(crate) struct Stage {
    pub(crate) platform: Arc<Platform>,
    pub(crate) proxy: Proxy,
    pub(crate) yt_dlp: YtDlp,
    pub(crate) home: TempDir,
}

impl Stage {
    /// The plugin is installed and a login exported.
    pub(crate) async fn set_up() -> Result<Self> {
        let platform = Arc::new(Platform::start().await?);
        let proxy = Proxy::start(&platform).await?;
        let stage = Self { platform, proxy, yt_dlp: YtDlp::prepare().await?, home: tempfile::tempdir()? };
        stage.export().await?;
        let installed = run(&mut stage.stagepass(&["install", "--yt-dlp"])?, PATIENCE).await?;
        assert!(installed.status.success(), "{}", installed.stderr);
        Ok(stage)
    }

    /// Exports a new login, as the browser does, and returns the cookie file.
    pub(crate) async fn export(&self) -> Result<PathBuf> {
        let file = self.home.path().join("login.txt");
        self.platform.sign_in_to_file(&file)?;
        let cookies = netscape::read(&fs::read_to_string(&file)?).cookies;
        fs::remove_file(file)?;
        let message = json!({"id": 1, "type": "export", "platform": "instagram", "cookies": cookies});
        let answer = ask_host(self.program(&our_program("stagepass-native-host")?), &message).await?;
        Ok(answer["path"].as_str().with_context(|| answer.to_string())?.into())
    }

    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(clean_environment(self.home.path())).stdin(Stdio::null());
        command.env("SSL_CERT_FILE", self.platform.authority_pem()).env("PYTHONUTF8", "1");
        command.current_dir(self.home.path());
        command
    }

    pub(crate) fn stagepass(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.program(&our_program("stagepass")?);
        command.args(arguments).env("STAGEPASS_YT_DLP", self.yt_dlp.program());
        Ok(command)
    }

    /// Plain yt-dlp, which finds the plugin by itself.
    pub(crate) fn plain(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(&self.yt_dlp.program());
        command.args(ALONE).args(["--proxy", &self.proxy.url()]).args(arguments);
        command
    }

    pub(crate) async fn run_plain(&self, arguments: &[&str]) -> Result<Outcome> {
        run(&mut self.plain(arguments), PATIENCE).await
    }

    /// Whether the video was downloaded; removes it.
    pub(crate) fn has_video(&self, name: &str) -> Result<bool> {
        let path = self.home.path().join(name);
        let is_there = path.exists();
        if is_there {
            assert_eq!(fs::read(&path)?, VIDEO);
            fs::remove_file(path)?;
        }
        Ok(is_there)
    }

    pub(crate) fn assert_no_secret(&self, outcome: &Outcome) -> Result<()> {
        let secrets = SecretSearch::new(&self.platform.secrets())?;
        assert!(
            !secrets.is_in([&*outcome.stdout, &*outcome.stderr].concat().as_bytes()),
            "a secret was shown"
        );
        Ok(())
    }
}

#[tokio::test]
async fn brings_cookies_with_every_request_handler_and_to_no_other_host() -> Result<()> {
    let stage = Stage::set_up().await?;
    for handler in [
        &[][..],
        &["--compat-options", "prefer-legacy-http-handler"],
        &["--impersonate", "chrome", "--no-check-certificates"],
    ] {
        let before = stage.platform.requests().len();
        let done = stage.run_plain(&[handler, &["-i", FANSLY.front_url, VIDEO_URL]].concat()).await?;
        assert!(stage.has_video("backstage.mp4")?, "{handler:?}: {}{}", done.stdout, done.stderr);
        stage.assert_no_secret(&done)?;
        let requests = stage.platform.requests().split_off(before);
        assert!(requests.iter().any(|request| request.host == "fansly.com"), "{handler:?}: {requests:?}");
        for request in requests {
            let is_own = request.host.ends_with("instagram.com");
            assert_eq!(request.has_cookies, is_own, "{handler:?}: {request:?}");
        }
    }
    // Without the plugin nobody is signed in.
    let mut off = stage.plain(&[VIDEO_URL]);
    let done = run(off.env("STAGEPASS_YT_DLP", "off"), PATIENCE).await?;
    assert!(!done.status.success() && !stage.has_video("backstage.mp4")?, "{}", done.stdout);
    Ok(())
}

#[tokio::test]
async fn a_zipapp_has_the_cookies_too() -> Result<()> {
    let stage = Stage::set_up().await?;
    let zipapp = stage.home.path().join("yt-dlp.pyz");
    stage.yt_dlp.zipapp(&zipapp).await?;
    let mut command = stage.program(&zipapp);
    command.args(ALONE).args(["--proxy", &stage.proxy.url(), VIDEO_URL]);
    let done = run(&mut command, PATIENCE).await?;
    assert!(stage.has_video("backstage.mp4")?, "{}{}", done.stdout, done.stderr);
    Ok(())
}

#[tokio::test]
async fn rotated_cookies_go_back_after_every_run() -> Result<()> {
    let stage = Stage::set_up().await?;
    for _ in 0..5 {
        let done = stage.run_plain(&[ROTATING_VIDEO_URL]).await?;
        assert!(stage.has_video("encore.mp4")?, "{}{}", done.stdout, done.stderr);
        assert!(done.stdout.contains("[stagepass] instagram has replaced cookies"), "{}", done.stdout);
        stage.assert_no_secret(&done)?;
    }
    Ok(())
}

#[tokio::test]
async fn information_files_and_verbose_output_have_no_cookies() -> Result<()> {
    let stage = Stage::set_up().await?;
    let information = ["--write-info-json", "--dump-single-json", "--no-simulate", "--verbose"];
    let done = stage.run_plain(&[&information[..], &[VIDEO_URL]].concat()).await?;
    assert!(stage.has_video("backstage.mp4")?, "{}{}", done.stdout, done.stderr);
    let printed: Value = serde_json::from_str(&done.stdout)?;
    assert_eq!((&printed["id"], printed.get("cookies")), (&json!("backstage"), None));
    stage.assert_no_secret(&done)?;
    let file = fs::read(stage.home.path().join("backstage.info.json"))?;
    assert!(!SecretSearch::new(&stage.platform.secrets())?.is_in(&file));
    Ok(())
}

#[tokio::test]
async fn does_nothing_beside_cookies_of_the_persons_own() -> Result<()> {
    let stage = Stage::set_up().await?;
    let empty = stage.home.path().join("own.txt");
    fs::write(&empty, "# Netscape HTTP Cookie File\n")?;
    let own = empty.to_str().context("a path in ASCII")?;
    for options in [&["--cookies", own][..], &["--add-headers", "Cookie: theme=dark"]] {
        let done = stage.run_plain(&[options, &[VIDEO_URL]].concat()).await?;
        assert!(!done.status.success() && !stage.has_video("backstage.mp4")?, "{options:?}: {}", done.stdout);
        assert!(!done.stdout.contains("[stagepass]"), "{}", done.stdout);
    }
    Ok(())
}

/// A program that embeds yt-dlp; it may forget to close it.
const EMBEDDED: &str = "
import sys
from yt_dlp import YoutubeDL

def download(url, proxy):
    options = {'proxy': proxy, 'quiet': True, 'compat_opts': {'no-certifi'}, 'outtmpl': '%(id)s.%(ext)s'}
    YoutubeDL(options).download([url])

for url in sys.argv[2:]:
    download(url, sys.argv[1])
";

#[tokio::test]
async fn a_program_that_embeds_yt_dlp_has_the_cookies_too() -> Result<()> {
    let stage = Stage::set_up().await?;
    let mut command = stage.program(&stage.yt_dlp.python_program());
    command.args(["-c", EMBEDDED, &stage.proxy.url(), ROTATING_VIDEO_URL]);
    for _ in 0..2 {
        let done = run(&mut command, PATIENCE).await?;
        assert!(done.status.success() && stage.has_video("encore.mp4")?, "{}{}", done.stdout, done.stderr);
        stage.assert_no_secret(&done)?;
    }
    Ok(())
}

/// Opens the cookie jar for 500 hosts.
const MANY_HOSTS: &str = "
from yt_dlp import YoutubeDL
with YoutubeDL({'quiet': True}) as ydl:
    for number in range(500):
        ydl.cookiejar.get_cookies_for_url(f'https://host-{number}.example/')
    print(len(ydl.cookiejar.get_cookies_for_url('https://www.instagram.com/')))
";

#[tokio::test]
async fn many_hosts_cost_one_question() -> Result<()> {
    let stage = Stage::set_up().await?;
    let log = stage.home.path().join("started");
    let script = format!(
        "#!/bin/sh\necho >> {}\nexec {} \"$@\"\n",
        log.display(),
        our_program("stagepass")?.display()
    );
    bad_input::replace_program(&stage, &script)?;
    let mut command = stage.program(&stage.yt_dlp.python_program());
    let done = run(command.args(["-c", MANY_HOSTS]), PATIENCE).await?;
    assert!(done.status.success() && !done.stdout.starts_with('0'), "{}{}", done.stdout, done.stderr);
    // Which hosts, the session, and what is left.
    assert_eq!(fs::read_to_string(log)?.lines().count(), 3);
    Ok(())
}

#[tokio::test]
async fn doctor_lets_yt_dlp_load_the_plugin() -> Result<()> {
    let stage = Stage::set_up().await?;
    let step = async || -> Result<(String, String)> {
        let done = run(&mut stage.stagepass(&["doctor", "--json"])?, PATIENCE).await?;
        let found: Value = serde_json::from_str(&done.stdout)?;
        let sections = found["sections"].as_array().context("sections")?;
        let all = sections.iter().filter_map(|section| section["findings"].as_array()).flatten();
        let mut plugin = all.filter(|finding| finding["step"] == "plugin");
        let plugin = plugin.next().with_context(|| done.stdout.clone())?;
        let text = |name: &str| plugin[name].as_str().unwrap_or_default().to_owned();
        Ok((text("verdict"), format!("{} {}", text("detail"), text("advice"))))
    };
    let (verdict, said) = step().await?;
    assert!(verdict == "ok" && said.contains("works Platforms may restrict accounts"), "{said}");
    bad_input::replace_program(&stage, "#!/bin/sh\nexit 2\n")?;
    let (verdict, said) = step().await?;
    assert!(verdict == "fault" && said.contains("gave no answer"), "{said}");
    bad_input::replace_plugin(&stage, |text| text.replace("VERSION = 1", "VERSION = 0"))?;
    let (verdict, said) = step().await?;
    assert!(verdict == "fault" && said.contains("stagepass install --yt-dlp"), "{said}");
    let removed = run(&mut stage.stagepass(&["uninstall"])?, PATIENCE).await?;
    assert!(removed.stdout.contains("plugin for yt-dlp is removed"), "{}", removed.stdout);
    let (verdict, said) = step().await?;
    assert!(verdict == "note" && said.contains("not installed"), "{said}");
    Ok(())
}
