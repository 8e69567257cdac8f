//! How soon a program gets a platform's cookies from a running Firefox, and how many of them
//! are right: from the extension, or from the browser's files as other programs read them. And how soon
//! yt-dlp sends its first request with them.
//!
//! The browser's own cookie service decides what is right, for a tab without a container on
//! the platform itself.

use super::announce;
use crate::Plan;
use crate::profile::{self, CHANGED, PLATFORM_DOMAIN};
use crate::reader::{Reader, Verdict};
use crate::report::{Group, Report, Target};
use crate::sample::{Sample, Series};
use anyhow::{Context as _, Result, ensure};
use stagepass_core::{Platform, Site};
use stagepass_tests::platform::{FRONT_URL, VIDEO_URL};
use stagepass_tests::stage::bridge::{Bridged as _, FirefoxBridge, switch_on};
use stagepass_tests::stage::main_job::{Stage, built_extension};
use stagepass_tests::tools::browser_cookie3::BrowserCookie3;
use stagepass_tests::tools::python;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// The allowed median time.
const ALLOWED_MS: f64 = 100.0;
/// The time limit of one program.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with many cookies, and the programs that read them.
struct Peers {
    stage: Stage,
    bridge: FirefoxBridge,
    profile: PathBuf,
    yt_dlp: YtDlp,
    browser_cookie3: BrowserCookie3,
    /// Where yt-dlp puts its cookie file.
    folder: tempfile::TempDir,
}

/// A program with its arguments, and the cookie file that it writes; without a file, it prints.
struct Call {
    command: Command,
    file: Option<PathBuf>,
}

/// Measures the build that `cargo xtask extension` has made.
pub(crate) async fn run(plan: Plan) -> Result<Report> {
    let mut report = Report::begin()?;
    announce("Firefox with the extension and its cookies");
    let peers = Peers::set_up().await?;
    let mut readers: Vec<Reader> = Vec::new();
    for round in 0..plan.hand_overs {
        if round % 10 == 0 {
            announce(&format!("round {} of {}", round + 1, plan.hand_overs));
        }
        for (index, (name, call)) in peers.calls()?.into_iter().enumerate() {
            peers.change(&format!("{round}-{index}")).await?;
            let (took, verdict) = peers.measure(call).await.with_context(|| name.clone())?;
            if round == 0 {
                readers.push(Reader::new(name));
            }
            readers[index].add(took, verdict);
        }
    }
    report.add(group(plan, &peers, &readers).await?);
    report.add(peers.first_requests(plan).await?);
    peers.bridge.firefox.close().await?;
    Ok(report)
}

async fn group(plan: Plan, peers: &Peers, readers: &[Reader]) -> Result<Group> {
    let ours = readers.first().context("nothing was measured")?;
    let (worst, [.., longest]) = (ours.worst(), ours.times());
    let title = format!(
        "Cookies of {PLATFORM_DOMAIN} out of a running Firefox, {} runs each in turns",
        plan.hand_overs
    );
    let all = profile::count(&peers.bridge.firefox).await?;
    let remarks = [
        format!("the browser holds {all} cookies, of which {} are wanted here", worst.wanted()),
        format!(
            "{CHANGED} change right before each run; all others that outlast the browser are in its file"
        ),
        "right: the same domain, path, name and value; too many: of another container, partition or site"
            .to_owned(),
        "the counts are from each program's run with the fewest right".to_owned(),
    ];
    let group = Group::of_readers(title, readers)
        .with(Target::each_below_ms(ALLOWED_MS, longest))
        .with(Target::at_least(100.0, "these cookies right", worst.right as f64 / worst.wanted() as f64));
    Ok(remarks.into_iter().fold(group, Group::remarking))
}

impl Peers {
    async fn set_up() -> Result<Self> {
        let (yt_dlp, browser_cookie3) = (YtDlp::prepare().await?, BrowserCookie3::prepare().await?);
        let stage = Stage::set_up(&built_extension()?).await?;
        let bridge = FirefoxBridge::open(&stage, 0).await?;
        switch_on(&bridge.popup()).await?;
        bridge.firefox.close_popup().await?;
        profile::fill(&bridge.firefox).await?;
        let profile = bridge.firefox.profile().await?;
        let folder = tempfile::tempdir()?;
        let peers = Self { stage, bridge, profile, yt_dlp, browser_cookie3, folder };
        peers.change("at-first").await?;
        peers.bridge.firefox.settle_cookies().await?;
        Ok(peers)
    }

    /// Our program, and those that it is compared to.
    fn calls(&self) -> Result<Vec<(String, Call)>> {
        let profile = self.profile.to_str().context("a path in ASCII")?;
        let ours = Call { command: self.stage.host_command(&["cookies", FRONT_URL])?, file: None };
        let theirs = self.browser_cookie3.command(&self.profile, PLATFORM_DOMAIN);
        let mut calls = vec![("stagepass cookies".to_owned(), ours)];
        for container in ["", "::none"] {
            let file = self.folder.path().join("cookies.txt");
            let browser = format!("firefox:{profile}{container}");
            let command = self.yt_dlp.save_cookies_command(&browser, &file, self.folder.path());
            let name = format!("yt-dlp --cookies-from-browser firefox:PROFILE{container}");
            calls.push((name, Call { command, file: Some(file) }));
        }
        calls.push(("browser_cookie3.firefox(…)".to_owned(), Call { command: theirs, file: None }));
        Ok(calls)
    }

    /// Makes the platform's page change some cookies.
    async fn change(&self, value: &str) -> Result<()> {
        let script = format!(
            "(() => {{ for (let i = 0; i < {CHANGED}; i += 1) document.cookie = \
             `changed_${{i}}={value}; domain={PLATFORM_DOMAIN}; path=/; secure; max-age=8640000`; }})()"
        );
        self.bridge.evaluate_in_page(&script).await.map(drop)
    }

    /// How long yt-dlp takes from its start to its first request at the platform.
    async fn first_requests(&self, plan: Plan) -> Result<Group> {
        announce("first requests of yt-dlp");
        let install = &mut self.stage.host_command(&["install", "--yt-dlp"])?;
        ensure!(python::run(install, PATIENCE).await?.status.success(), "the plugin can't be installed");
        let browser = format!("firefox:{}", self.profile.display());
        let ways: [(&str, &str, &[&str]); 3] = [
            ("yt-dlp without cookies", "off", &[]),
            ("yt-dlp with the plugin", "", &[]),
            ("yt-dlp --cookies-from-browser firefox:PROFILE", "", &["--cookies-from-browser", &browser]),
        ];
        let mut lines = [Series::new()?, Series::new()?, Series::new()?];
        for _ in 0..plan.hand_overs {
            for ((_, switch, options), series) in ways.iter().zip(&mut lines) {
                series.push(&self.first_request(switch, options).await?)?;
            }
        }
        let title =
            format!("From the start of yt-dlp to its first request, {} runs each in turns", plan.hand_overs);
        let [_, plugin, browser] = &lines;
        let target = Target::p50_at_most(1.0, "with --cookies-from-browser", (browser, plugin));
        Ok(Group::new(title, ways.iter().map(|way| way.0).zip(&lines)).with(target))
    }

    async fn first_request(&self, switch: &str, options: &[&str]) -> Result<Sample> {
        let platform = &self.stage.platform;
        let before = platform.requests().len();
        let mut command =
            self.stage.plain_yt_dlp_command(&self.yt_dlp, options, VIDEO_URL, self.folder.path());
        command
            .env("STAGEPASS_YT_DLP", switch)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let begin = Instant::now();
        let mut child = command.spawn()?;
        let mut sample = Sample::starting_at(begin)?;
        while platform.requests().len() == before {
            ensure!(begin.elapsed() < PATIENCE, "yt-dlp has sent no request");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sample.record(begin, Instant::now());
        child.kill().await?;
        Ok(sample)
    }

    /// How long it takes to get the cookies, and how many of them are right.
    async fn measure(&self, mut call: Call) -> Result<(Duration, Verdict)> {
        if let Some(file) = &call.file {
            remove_former(file)?;
        }
        let begin = Instant::now();
        let outcome = python::run(&mut call.command, PATIENCE).await?;
        let took = begin.elapsed();
        let text = match &call.file {
            // Without a URL, yt-dlp ends with a complaint about the missing URL.
            Some(file) => std::fs::read_to_string(file).with_context(|| outcome.stderr.clone())?,
            None => {
                ensure!(outcome.status.success(), "{}", outcome.stderr);
                outcome.stdout
            }
        };
        let site = Site::Known(Platform::of_id("instagram").context("a platform of the catalogue")?);
        let held = profile::of_site(&self.bridge.firefox, &site).await?;
        Ok((took, Verdict::of(&text, &held)))
    }
}

fn remove_former(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => Err(fault.into()),
        _ => Ok(()),
    }
}
