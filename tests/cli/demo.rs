//! The demo, as `cargo xtask up --demo` runs it on a machine without a display.

use anyhow::{Context as _, Result};
use stagepass_tests::stage::main_job::built_extension;
use stagepass_tests::system::process::{Program, our_program};
use std::fs;
use std::time::Duration;
use tokio::process::Command;

/// yt-dlp may have to be fetched.
const DEMO: Duration = Duration::from_secs(300);
/// Smaller than any picture of the popup, but larger than an empty one.
const PICTURE_BYTES: u64 = 4096;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What the demo prints at each step.
const STEPS: [&str; 10] = [
    "a server listens at http://127.0.0.1:",
    "a sample platform answers over TLS",
    "has the extension and the native host",
    "signed in at the platform with its own form (no display here",
    "connected to the server and signed in",
    "a backend now gets ",
    "the native host wrote ",
    "without the file is refused: ERROR",
    "the platform's video",
    "everything is removed again",
];

#[tokio::test]
async fn the_demo_does_the_main_job_and_keeps_pictures() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let screenshots = folder.path().join("pictures");
    let mut command = Command::new(our_program("stagepass-demo")?);
    command.env_remove("DISPLAY");
    command.arg("--extension").arg(built_extension()?).arg("--screenshots").arg(&screenshots);
    let mut program = Program::spawn(&mut command)?;
    let status = program.wait(DEMO).await?;
    let (said, complaints) = (String::from_utf8(program.stdout())?, String::from_utf8(program.stderr())?);
    assert!(status.success(), "{said}{complaints}");

    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), STEPS.len(), "{said}");
    for (number, (line, step)) in (1..).zip(lines.iter().zip(STEPS)) {
        assert!(
            line.starts_with(&format!("{number:2}. ")) && line.contains(step),
            "{number}. {step}: {said}"
        );
    }
    let exported = lines[6].rsplit(' ').next().context("no path")?;
    assert!(!fs::exists(exported)?, "{exported} is left behind");

    let mut pictures = fs::read_dir(&screenshots)?
        .map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()))
        .collect::<Result<Vec<_>>>()?;
    pictures.sort();
    assert_eq!(pictures, ["1-server.png", "2-preview.png", "3-captured.png", "4-exported.png"]);
    for picture in pictures {
        let bytes = fs::read(screenshots.join(&picture))?;
        assert!(bytes.starts_with(PNG) && bytes.len() as u64 > PICTURE_BYTES, "{picture}: {}", bytes.len());
    }
    Ok(())
}
