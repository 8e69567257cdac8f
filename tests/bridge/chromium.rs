//! A real Chromium whose worker sleeps and is stopped, and whose native host dies.

use crate::steps::{self, SOON, private_files, value_of};
use anyhow::{Result, ensure};
use rustix::process::Pid;
use stagepass_tests::browsers::popup;
use stagepass_tests::platform::VIDEO_URL;
use stagepass_tests::stage::bridge::{BridgeStage, printed_cookies};
use stagepass_tests::stage::main_job::{self, Stage};
use stagepass_tests::system::process::Program;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::system::wait;
use stagepass_tests::tools::python::Outcome;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_browsers_current_cookies() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    steps::hands_over_the_browsers_current_cookies(&bridge.stage, &bridge).await?;
    assert_no_trace(&bridge).await
}

/// Neither the extension nor any file keeps a value that was handed over.
async fn assert_no_trace(bridge: &BridgeStage) -> Result<()> {
    bridge.stage.ensure_no_trace(&popup::service_worker(&bridge.browser).await?).await?;
    let secrets = SecretSearch::new(&bridge.stage.platform.secrets())?;
    assert_eq!(secrets.files_in(bridge.stage.host_dir())?, Vec::<PathBuf>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn yt_dlp_uses_fresh_cookies_and_rotated_cookies_are_written_back() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    steps::downloads_and_writes_back_rotated_cookies(&bridge.stage, &bridge).await
}

#[tokio::test(flavor = "multi_thread")]
async fn yt_dlp_gets_no_secret_arguments_and_an_interrupt_leaves_nothing_behind() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    let stage = &bridge.stage;
    bridge.switch_on().await?;
    let yt_dlp = YtDlp::prepare().await?;
    let folder = tempfile::tempdir()?;
    let slow = ["--limit-rate", "1K", "--buffer-size", "512", "--no-resize-buffer"];
    let mut command = stage.host_yt_dlp_command(&yt_dlp, &slow, VIDEO_URL, folder.path())?;
    let mut running = Program::spawn(&mut command)?;
    running.wait_for_line("the download to begin", SOON, |line| line.contains("Destination")).await?;

    let files = private_files(stage)?;
    let [file] = &files[..] else { panic!("{files:?}") };
    assert_eq!(fs::metadata(file)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(stage.host_dir().join("runs"))?.permissions().mode() & 0o777, 0o700);
    let secrets = SecretSearch::new(&stage.platform.secrets())?;
    assert_eq!(secrets.files_in(stage.host_dir())?, Vec::<PathBuf>::new(), "cookies go through pipes only");
    let arguments = command_lines_with(&stage.host_dir().join("plugin").display().to_string())?;
    assert!(!arguments.is_empty() && !arguments.iter().any(|arguments| secrets.is_in(arguments)));

    running.interrupt()?;
    let status = running.wait(SOON).await?;
    assert!(!status.success());
    assert!(!file.exists(), "the private file is still there");
    // yt-dlp was asked to end, and ended by itself.
    let said = String::from_utf8_lossy(&running.stderr()).into_owned();
    assert!(said.contains("Interrupted by user"), "{said}");
    Ok(())
}

/// The arguments of every process that names `text` in them.
fn command_lines_with(text: &str) -> Result<Vec<Vec<u8>>> {
    let processes = fs::read_dir("/proc")?.flatten();
    // A process may end during the search.
    let arguments = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    Ok(arguments.filter(|arguments| String::from_utf8_lossy(arguments).contains(text)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_a_dead_host_and_a_restarted_browser_reconnect() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    main_job::export(&bridge.popup).await?;
    let BridgeStage { stage, browser, tab, popup } = bridge;
    drop(popup);
    let is_old =
        |outcome: &Outcome| outcome.status.success() && outcome.stderr.contains("an export made moments ago");

    // While the port is open, the browser does not stop the worker for being idle, but it can be stopped.
    popup::put_worker_to_sleep(&browser).await?;
    let asked = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(is_old(&asked), "{}", asked.stderr);
    drop(popup::service_worker(&browser).await?);
    stage.wait_until_connected().await?;

    for host in listening_hosts(&stage)? {
        rustix::process::kill_process(host, rustix::process::Signal::KILL)?;
    }
    let asked = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(asked.stderr.is_empty() || is_old(&asked), "{}", asked.stderr);
    stage.wait_until_connected().await?;

    drop(tab);
    browser.close().await?;
    let asked = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(is_old(&asked), "{}", asked.stderr);
    // Nobody opens the popup.
    let _browser = stage.open_browser().await?;
    stage.wait_until_connected().await?;
    let fresh = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert_eq!(fresh.stderr, "");
    assert!(value_of(&printed_cookies(&fresh)?, "sessionid").is_ok());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_is_reloaded_as_after_an_update_reconnects() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    let BridgeStage { stage, browser, tab: _tab, popup } = bridge;
    drop(popup);
    let before = listening_hosts(&stage)?;
    popup::service_worker(&browser).await?.evaluate("setTimeout(() => chrome.runtime.reload()); 0").await?;
    wait::until("another host", SOON, async || {
        Ok(listening_hosts(&stage).is_ok_and(|hosts| hosts != before).then_some(()))
    })
    .await?;
    stage.wait_until_connected().await?;
    let fresh = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert_eq!(fresh.stderr, "");
    Ok(())
}

/// The hosts that the stage's browser has started.
fn listening_hosts(stage: &Stage) -> Result<Vec<Pid>> {
    let host_dir = format!("STAGEPASS_HOST_DIR={}", stage.host_dir().display());
    let has = |file: &Path, wanted: &dyn Fn(&str) -> bool| {
        let text = fs::read(file).unwrap_or_default();
        text.split(|byte| *byte == 0).any(|part| wanted(&String::from_utf8_lossy(part)))
    };
    let is_host = |folder: &Path| {
        has(&folder.join("cmdline"), &|argument| argument.starts_with("chrome-extension://"))
            && has(&folder.join("cmdline"), &|argument| argument.ends_with("/stagepass-native-host"))
            && has(&folder.join("environ"), &|variable| variable == host_dir)
    };
    let folders = fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).filter(|folder| is_host(folder));
    let ids = folders.filter_map(|folder| folder.file_name()?.to_str()?.parse().ok());
    let hosts: Vec<_> = ids.filter_map(Pid::from_raw).collect();
    ensure!(!hosts.is_empty(), "no host runs");
    Ok(hosts)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_a_program_gets_the_reason_and_the_export() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    main_job::export(&bridge.popup).await?;
    bridge.tab.evaluate("document.querySelector('#logout').click()").await?;
    let signed_out = "document.querySelector('#status')?.textContent === 'Signed out'";
    bridge.tab.wait_for("to be signed out", SOON, signed_out).await?;
    let asked = bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?;
    let notes = &asked.stderr;
    assert!(
        notes.contains("not signed in: sessionid") && notes.contains("an export made moments ago"),
        "{notes}"
    );
    assert!(value_of(&printed_cookies(&asked)?, "sessionid").is_ok());
    Ok(())
}
