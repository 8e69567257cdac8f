//! `stagepass yt-dlp` at a terminal, where a key press reaches every running
//! program.

use anyhow::Result;
use rustix::process::Signal;
use stagepass_core::netscape::HEADER;
use stagepass_tests::system::process::our_program;
use stagepass_tests::system::terminal::Terminal;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::process::Command;

/// Takes its time to end, and says how often it was interrupted in the meantime.
const PATIENT: &str = r#"#!/usr/bin/env python3
import signal, sys, time
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
print("ready", flush=True)
deadline = time.monotonic() + 60
while not count and time.monotonic() < deadline:
    time.sleep(0.01)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    time.sleep(0.01)
print(f"interrupted {count} times", flush=True)
sys.exit(101)
"#;

/// Runs that script at a terminal, and waits until it is ready.
async fn start(home: &Path) -> Result<Terminal> {
    let exports = home.join("host/exports");
    fs::create_dir_all(&exports)?;
    fs::set_permissions(&exports, fs::Permissions::from_mode(0o700))?;
    let cookie = ".x.com\tTRUE\t/\tTRUE\t0\tauth_token\tvalue";
    let export = exports.join("x-default-e3b0c442.txt");
    fs::write(&export, format!("{HEADER}\n{cookie}\n"))?;
    fs::set_permissions(&export, fs::Permissions::from_mode(0o600))?;
    let script = home.join("patient");
    fs::write(&script, PATIENT)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;

    let mut command = Command::new(our_program("stagepass")?);
    command.arg("yt-dlp").arg("https://x.com/a").env("STAGEPASS_YT_DLP", &script);
    command.env("STAGEPASS_HOST_DIR", home.join("host"));
    let terminal = Terminal::start(command)?;
    terminal.wait_for("ready").await?;
    Ok(terminal)
}

/// It was interrupted once, the host waited for it, and nothing is left.
async fn assert_interrupted_once(terminal: &mut Terminal, home: &Path) -> Result<()> {
    let (status, shown) = terminal.end().await?;
    assert_eq!(status.code(), Some(101), "{shown}");
    assert!(shown.contains("interrupted 1 times"), "{shown}");
    let left: Vec<_> = fs::read_dir(home.join("host/runs"))?.flatten().collect();
    assert_eq!(left.len(), 1, "more than the lock is left: {left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_reaches_yt_dlp_once_and_the_host_waits_for_it() -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut terminal = start(home.path()).await?;
    terminal.press_ctrl_c().await?;
    assert_interrupted_once(&mut terminal, home.path()).await
}

/// Sent as `timeout --foreground -s INT` and other supervisors do.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_sent_only_to_the_host_reaches_yt_dlp_once() -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut terminal = start(home.path()).await?;
    terminal.signal_alone(Signal::INT)?;
    assert_interrupted_once(&mut terminal, home.path()).await
}
