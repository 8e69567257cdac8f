//! `cargo xtask up`, as on a machine where Stagepass never was.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stagepass_tests::process::{Program, clean_environment, our_program};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// The programs are built already; the wasm module may not be.
const UP: Duration = Duration::from_secs(300);
const STOP: Duration = Duration::from_secs(30);

/// `up` with a home of its own; cargo and the toolchain stay where they are.
fn up(home: &Path, listen: &str) -> Result<Command> {
    let real_home = std::env::home_dir().context("whoever runs this has a home")?;
    let kept = |variable: &str, folder: &str| {
        (
            variable.to_owned(),
            std::env::var_os(variable).unwrap_or_else(|| real_home.join(folder).into_os_string()),
        )
    };
    let mut command = Command::new(our_program("xtask")?);
    command.env_clear().envs(clean_environment(home));
    command.envs([kept("CARGO_HOME", ".cargo"), kept("RUSTUP_HOME", ".rustup")]);
    command.envs(std::env::vars_os().filter(|(name, _)| name == "CARGO_TARGET_DIR"));
    command.args(["up", "--debug", "--listen", listen]);
    Ok(command)
}

async fn run_until_it_listens(home: &Path, listen: &str) -> Result<(Program, String)> {
    let mut program = Program::spawn(&mut up(home, listen)?)?;
    // No terminal, no answers.
    drop(program.take_stdin());
    program.wait_for_line("the server's address", UP, |line| line.contains(" listening url=")).await?;
    let said = String::from_utf8(program.stdout())?;
    Ok((program, said))
}

async fn stop(mut program: Program) -> Result<()> {
    program.terminate()?;
    let status = program.wait(STOP).await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[tokio::test]
async fn brings_everything_up_and_tells_the_made_up_password_once() -> Result<()> {
    let home = tempfile::tempdir()?;
    let chromium = home.path().join(".config/chromium");
    fs::create_dir_all(&chromium)?;
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();

    let (program, said) = run_until_it_listens(home.path(), &listen).await?;
    let lines: Vec<_> = said.lines().map(str::trim).collect();
    let email_at = lines.iter().position(|line| line.contains("creator@localhost")).context(said.clone())?;
    let password = lines[email_at + 1].split(' ').next().context("no password")?;
    assert_eq!(password.len(), 20, "{said}");

    // What it says works: the server answers, the user signs in, the browser knows the host.
    let login = json!({"email": "creator@localhost", "password": password});
    let answer =
        reqwest::Client::new().post(format!("http://{listen}/auth/login")).json(&login).send().await?;
    assert_eq!(answer.status(), 200);
    let manifest = chromium.join("NativeMessagingHosts/app.stagepass.native_host.json");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(manifest)?)?;
    let host = manifest["path"].as_str().context("no path")?;
    assert!(Path::new(host).starts_with(home.path().join(".local/share/stagepass/bin")), "{host}");
    let version = Command::new(host).arg("--version").output().await?;
    assert!(version.status.success());
    let extension =
        lines.iter().find_map(|line| line.strip_suffix("/dist/chromium")).context(said.clone())?;
    let extension =
        Path::new(extension.rsplit(' ').next().unwrap_or_default()).join("dist/chromium/manifest.json");
    assert!(extension.is_file(), "{}", extension.display());
    stop(program).await?;

    // Again: the user is there, and nobody is told the password.
    let (program, said) = run_until_it_listens(home.path(), &listen).await?;
    assert!(said.contains("the user you made before") && !said.contains(password), "{said}");
    stop(program).await
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_at_once() -> Result<()> {
    let home = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let output = up(home.path(), &taken.local_addr()?.to_string())?.output().await?;
    let message = String::from_utf8(output.stderr)?;
    assert!(
        !output.status.success() && message.contains("choose another address with --listen"),
        "{message}"
    );
    assert!(fs::read_dir(home.path())?.next().is_none(), "nothing is left behind");
    Ok(())
}
