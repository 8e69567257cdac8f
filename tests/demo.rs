//! The main job, once and by itself: a throw-away Chromium with the extension, a sample platform
//! under a real platform's name, the server, the native host and yt-dlp. It says what happens at
//! each step.

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::popup;
use stagepass_tests::platform::{LOGIN_URL, VIDEO, VIDEO_URL};
use stagepass_tests::stage::main_job::{self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage};
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Does Stagepass's main job once, with real components except for the platform.
#[derive(Debug, Parser)]
struct Options {
    /// The built extension for Chromium
    #[arg(long, value_name = "DIR")]
    extension: PathBuf,
    /// The folder for screenshots of the popup
    #[arg(long, value_name = "DIR")]
    screenshots: PathBuf,
}

/// Says what happens, and keeps pictures.
struct Narrator {
    screenshots: PathBuf,
    step: usize,
}

impl Narrator {
    #[expect(clippy::print_stdout, reason = "this program's purpose is to say what happens")]
    fn say(&mut self, what: &str) {
        self.step += 1;
        println!("{:2}. {what}", self.step);
    }

    async fn picture(&self, popup: &Attachment, name: &str) -> Result<()> {
        popup.screenshot(&self.screenshots.join(format!("{name}.png"))).await
    }
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "people read what a command prints")]
async fn main() -> ExitCode {
    // Ctrl-C drops what runs, so that browser and server end with this program.
    let ended = tokio::select! {
        ended = run(Options::parse()) => ended,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<()> {
    std::fs::create_dir_all(&options.screenshots)?;
    let screenshots = std::path::absolute(options.screenshots)?;
    let mut narrator = Narrator { screenshots, step: 0 };
    let display = std::env::var("DISPLAY").ok().filter(|name| !name.is_empty());
    let stage = Stage::set_up_on(&options.extension, display.as_deref()).await?;
    narrator.say(&format!("a server listens at {}", stage.server.url()));
    narrator.say(&format!("a sample platform answers over TLS under the name of {}", host_of(LOGIN_URL)));
    stage.install_native_host().await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    narrator.say(
        "a throw-away Chromium profile has the extension and the native host; its prompt for the two \
         sites was answered beforehand",
    );

    let browser = stage.open_browser().await?;
    let _tab = stage.sign_in_at_platform(&browser).await?;
    let window = if display.is_none() { " (no display here: the browser has no window)" } else { "" };
    narrator.say(&format!("signed in at the platform with its own form{window}"));
    let popup = popup::open(&browser).await?;
    main_job::wait_for_view(&popup, "server").await?;
    narrator.picture(&popup, "1-server").await?;
    main_job::sign_in_to_server(&popup, stage.server.url()).await?;
    main_job::wait_for_view(&popup, "ready").await?;
    narrator.say("in the popup: connected to the server and signed in");
    narrator.picture(&popup, "2-preview").await?;

    let code = main_job::capture(&popup, "stage.artist").await?;
    popup.evaluate("scrollTo(0, 0)").await?;
    narrator.picture(&popup, "3-captured").await?;
    ensure!(code == "captured", "the capture came to {code}");
    let served = stage.served_session("json").await?;
    let count = served["cookies"].as_array().context("no cookies")?.len();
    narrator.say(&format!(
        "clicked Capture session: a backend now gets {count} cookies from get-platform-session"
    ));
    let code = main_job::export(&popup).await?;
    narrator.picture(&popup, "4-exported").await?;
    ensure!(code == "exported", "the export came to {code}");
    let path = main_job::exported_path(&popup).await?;
    narrator.say(&format!("clicked Export for yt-dlp: the native host wrote {}", path.display()));
    download(&stage, &mut narrator, &path).await?;
    drop(popup);
    browser.close().await?;
    narrator.say(&format!(
        "everything is removed again; screenshots of the popup: {}",
        narrator.screenshots.display()
    ));
    Ok(())
}

async fn download(stage: &Stage, narrator: &mut Narrator, cookies: &Path) -> Result<()> {
    let yt_dlp = YtDlp::prepare().await?;
    let folder = tempfile::tempdir()?;
    let refused = stage.download(&yt_dlp, None, folder.path()).await?;
    ensure!(!refused.status.success(), "the platform shows its video to anybody");
    let reason = refused.stderr.lines().find(|line| line.contains("ERROR")).unwrap_or("no reason given");
    narrator.say(&format!("yt-dlp {VIDEO_URL} without the file is refused: {reason}"));
    let done = stage.download(&yt_dlp, Some(cookies), folder.path()).await?;
    ensure!(done.status.success(), "yt-dlp: {}", done.stderr);
    let video = std::fs::read(folder.path().join("backstage.mp4"))?;
    ensure!(video == VIDEO, "another video came");
    narrator.say(&format!("yt-dlp --cookies … downloads it: {} bytes, the platform's video", video.len()));
    Ok(())
}

fn host_of(url: &str) -> &str {
    url.trim_start_matches("https://").split('/').next().unwrap_or(url)
}
