//! `cargo xtask up`, as on a machine that never had Stagepass.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stagepass_tests::system::certificate::Certificate;
use stagepass_tests::system::process::{Program, clean_environment, our_program};
use stagepass_tests::system::wait;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, Command};

/// The programs are built already; the wasm module may not be.
const UP: Duration = Duration::from_secs(300);
const STOP: Duration = Duration::from_secs(30);

/// How soon a question follows an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// rpassword asks first and then switches echo off; no person types sooner.
const BEFORE_TYPING: Duration = Duration::from_secs(1);
const CTRL_C: &str = "\x03";

/// `up` with its own home.
fn up(home: &Path, listen: &str) -> Result<Command> {
    let mut command = Command::new(our_program("xtask")?);
    set_environment(&mut command, home)?;
    command.args(["up", "--debug", "--listen", listen]);
    Ok(command)
}

/// The same at a pseudo terminal, which util-linux's `script` creates.
fn up_at_a_terminal(home: &Path, listen: &str) -> Result<Command> {
    let mut command = Command::new("script");
    set_environment(&mut command, home)?;
    command.env("XTASK", our_program("xtask")?);
    // The terminal shows what is typed unless the program switches that off, as for a person.
    command.args(["--quiet", "--return", "--flush", "--echo", "always", "--command"]);
    command.arg(format!("exec \"$XTASK\" up --debug --listen {listen}")).arg("/dev/null");
    Ok(command)
}

/// Sets a separate home; cargo and the toolchain stay where they are.
fn set_environment(command: &mut Command, home: &Path) -> Result<()> {
    let real_home = std::env::home_dir().context("no home directory")?;
    let kept = |variable: &str, folder: &str| {
        (
            variable.to_owned(),
            std::env::var_os(variable).unwrap_or_else(|| real_home.join(folder).into_os_string()),
        )
    };
    command.env_clear().envs(clean_environment(home));
    // Stops at once instead of first telling clients to go elsewhere.
    command.env("STAGEPASS_DRAIN_TIME", "0");
    command.envs([kept("CARGO_HOME", ".cargo"), kept("RUSTUP_HOME", ".rustup")]);
    command.envs(std::env::vars_os().filter(|(name, _)| name == "CARGO_TARGET_DIR"));
    Ok(())
}

async fn run_until_it_listens(up: &mut Command) -> Result<(Program, String)> {
    let mut program = Program::spawn(up)?;
    // Without a terminal there are no questions.
    drop(program.take_stdin());
    program.wait_for_line("the server's address", UP, |line| line.contains(" listening url=")).await?;
    let said = String::from_utf8(program.stdout())?;
    Ok((program, said))
}

/// Waits until `question` appears for the `time`th time, and types `answer`.
async fn answer(
    program: &Program,
    keyboard: &mut ChildStdin,
    (question, time): (&str, usize),
    answer: &str,
) -> Result<()> {
    wait::until(question, ANSWER, async || {
        let said = String::from_utf8_lossy(&program.stdout()).matches(question).count();
        Ok((said == time).then_some(()))
    })
    .await?;
    tokio::time::sleep(BEFORE_TYPING).await;
    // The Enter key.
    keyboard.write_all(format!("{answer}\r").as_bytes()).await?;
    Ok(())
}

async fn login_status(listen: &str, email: &str, password: &str) -> Result<u16> {
    let login = json!({"email": email, "password": password});
    let url = format!("http://{listen}/auth/login");
    Ok(reqwest::Client::new().post(url).json(&login).send().await?.status().as_u16())
}

async fn stop(mut program: Program) -> Result<()> {
    program.terminate()?;
    let status = program.wait(STOP).await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[tokio::test]
async fn up_starts_everything_and_shows_the_new_password_once() -> Result<()> {
    let home = tempfile::tempdir()?;
    let chromium = home.path().join(".config/chromium");
    fs::create_dir_all(&chromium)?;
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();

    let (program, said) = run_until_it_listens(&mut up(home.path(), &listen)?).await?;
    let lines: Vec<_> = said.lines().map(str::trim).collect();
    let email_at = lines.iter().position(|line| line.contains("creator@localhost")).context(said.clone())?;
    let password = lines[email_at + 1].split(' ').next().context("no password")?;
    assert_eq!(password.len(), 20, "{said}");

    // Its output is true: the server answers, the user signs in, the browser knows the host.
    assert_eq!(login_status(&listen, "creator@localhost", password).await?, 200);
    let data_dir = home.path().join(".local/share/stagepass");
    let mode = fs::metadata(&data_dir)?.permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "{mode:o}");
    let manifest = chromium.join("NativeMessagingHosts/app.stagepass.native_host.json");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(manifest)?)?;
    let host = manifest["path"].as_str().context("no path")?;
    assert!(Path::new(host).starts_with(data_dir.join("bin")), "{host}");
    let to_path = format!("export PATH=\"{}/bin:$PATH\"", data_dir.display());
    assert!(lines.contains(&to_path.as_str()), "{said}");
    let version = Command::new(host).arg("--version").output().await?;
    assert!(version.status.success());
    let extension =
        lines.iter().find_map(|line| line.strip_suffix("/dist/chromium")).context(said.clone())?;
    let extension =
        Path::new(extension.rsplit(' ').next().unwrap_or_default()).join("dist/chromium/manifest.json");
    assert!(extension.is_file(), "{}", extension.display());
    stop(program).await?;

    // Once more, with a certificate: the user exists, and the password is not shown.
    let issued = Certificate::generate(&["localhost"])?;
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| home.path().join(name));
    issued.write(&certificate)?;
    issued.write_key(&key)?;
    let mut again = up(home.path(), &listen)?;
    again.env("STAGEPASS_TLS_CERT", certificate).env("STAGEPASS_TLS_KEY", key);
    let (program, said) = run_until_it_listens(&mut again).await?;
    assert!(said.contains("the user you made before") && !said.contains(password), "{said}");
    assert!(said.contains(&format!("https://{listen}")) && !said.contains("http://"), "{said}");
    stop(program).await
}

#[tokio::test]
async fn up_asks_at_a_terminal_until_the_answers_are_valid() -> Result<()> {
    let home = tempfile::tempdir()?;
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let (email, too_short, password) = ("artist@example.com", "sh0rt!", "correct horse battery");
    let mut program = Program::spawn(&mut up_at_a_terminal(home.path(), &listen)?)?;
    let mut keyboard = program.take_stdin().context("the keyboard is piped")?;

    let (for_email, for_password, again) =
        ("Your e-mail address", "A password of 8 characters", "The password again");
    answer(&program, &mut keyboard, (for_email, 1), "artist@").await?;
    answer(&program, &mut keyboard, (for_email, 2), email).await?;
    answer(&program, &mut keyboard, (for_password, 1), too_short).await?;
    answer(&program, &mut keyboard, (for_password, 2), password).await?;
    answer(&program, &mut keyboard, (again, 1), "correct horse buttery").await?;
    answer(&program, &mut keyboard, (for_password, 3), password).await?;
    answer(&program, &mut keyboard, (again, 2), password).await?;
    program.wait_for_port(listen.parse()?, UP).await?;
    assert_eq!(login_status(&listen, email, password).await?, 200);

    // The questions come before the build. The terminal shows what is typed, except passwords.
    let said = String::from_utf8(program.stdout())?;
    let (asked, builds) = (said.rfind(again), said.find("building stagepass-server"));
    assert!(asked.is_some() && asked < builds, "{said}");
    assert!(said.contains(&format!("{email}, with the password you chose")), "{said}");
    assert!(said.contains("artist@\r\n"), "what is typed is shown: {said}");
    for secret in [too_short, "correct", "horse", "battery", "buttery"] {
        assert!(!said.contains(secret), "{said}");
    }
    keyboard.write_all(CTRL_C.as_bytes()).await?;
    let status = program.wait(STOP).await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_reported_at_once() -> Result<()> {
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
