//! `cargo xtask up`: builds and starts everything from a checkout. With `--demo` it runs the main job
//! from end to end by itself.

mod first_user;

use crate::system::{self, CHROMIUM, PYTHON, announce, cargo, run};
use crate::{extension, target_dir, workspace_root};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use etcetera::base_strategy::{BaseStrategy as _, choose_native_strategy};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SERVER: &str = "stagepass-server";
const NATIVE_HOST: &str = "stagepass-native-host";
/// The command for people; it registers the native host.
const COMMAND: &str = "stagepass";

/// Options of `cargo xtask up`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run the whole job once in a temporary browser profile: sign in at a sample
    /// platform, capture, export, download with yt-dlp
    #[arg(long)]
    demo: bool,
    /// With --demo: the folder for the screenshots [default: target/demo]
    #[arg(long, value_name = "DIR", requires = "demo")]
    screenshots: Option<PathBuf>,
    /// Build without optimisation: faster to build, slower to run
    #[arg(long)]
    debug: bool,
    /// The first user's e-mail address, instead of asking for it
    #[arg(long, value_name = "EMAIL", value_parser = first_user::check_email, conflicts_with = "demo")]
    email: Option<String>,
    /// The address that the server listens on
    #[arg(long, env = "STAGEPASS_LISTEN", default_value = "127.0.0.1:3001", conflicts_with = "demo")]
    listen: SocketAddr,
    /// The server's data directory [default: stagepass/ in your data directory]
    #[arg(long, env = "STAGEPASS_DATA_DIR", value_name = "DIR", conflicts_with = "demo")]
    data_dir: Option<PathBuf>,
}

/// Sets everything up, and serves until Ctrl-C.
///
/// # Errors
/// If something can't be built, installed or started; says what to do.
pub(crate) fn up(options: &Options) -> Result<()> {
    let root = workspace_root()?;
    if options.demo {
        return demo(root, options);
    }
    // Do this before the long build: a port in use is reported at once, and questions are asked
    // while the person is still there.
    drop(TcpListener::bind(options.listen).with_context(|| {
        format!("cannot listen on {}; choose another address with --listen", options.listen)
    })?);
    let data_dir = data_dir(options)?;
    let email = options.email.as_deref();
    let chosen = first_user::choose_if_fresh(&data_dir, email)?;
    let built = build(root, options, &[SERVER, NATIVE_HOST, COMMAND])?;
    announce("building the extension");
    let builds = extension::build(root, &root.join("dist"))?;
    let programs = install_programs(&built, &data_dir.join("bin"))?;
    announce("registering the native host with your browsers");
    // Failures with a browser are in its report; the rest still works.
    let _ = Command::new(programs.join(COMMAND)).arg("install").status();
    let server = programs.join(SERVER);
    let user = first_user::add_if_missing(&server, &data_dir, chosen, email)?;
    let fingerprint = fingerprint(&server, &data_dir)?;
    say(&next_steps(options, &data_dir, &builds, user.as_ref(), &fingerprint));
    serve(Command::new(server).arg("serve").env("STAGEPASS_LISTEN", options.listen.to_string()), &data_dir)
}

fn demo(root: &Path, options: &Options) -> Result<()> {
    system::ensure(&[CHROMIUM, PYTHON])?;
    let built = build(root, options, &[SERVER, NATIVE_HOST, COMMAND, "stagepass-demo"])?;
    announce("building the extension");
    let builds = extension::build(root, &root.join("dist"))?;
    let screenshots = options.screenshots.clone().unwrap_or_else(|| root.join("target/demo"));
    announce("the demo");
    run(Command::new(built.join("stagepass-demo"))
        .arg("--extension")
        .arg(builds.chromium)
        .arg("--screenshots")
        .arg(screenshots))
}

/// Builds programs and returns their folder.
fn build(root: &Path, options: &Options, programs: &[&str]) -> Result<PathBuf> {
    announce(&format!("building {} (a few minutes the first time)", programs.join(", ")));
    let mut command = cargo(root);
    command.args(["build", "--locked"]).args(programs.iter().flat_map(|program| ["--bin", program]));
    if !options.debug {
        command.arg("--release");
    }
    run(&mut command)?;
    Ok(target_dir()?.join(if options.debug { "debug" } else { "release" }))
}

fn data_dir(options: &Options) -> Result<PathBuf> {
    Ok(match &options.data_dir {
        Some(directory) => std::path::absolute(directory)?,
        None => choose_native_strategy()?.data_dir().join("stagepass"),
    })
}

/// Copies the programs to a permanent folder: browsers store the native host's path, which must
/// survive a `cargo clean`.
fn install_programs(built: &Path, to: &Path) -> Result<PathBuf> {
    // Private, because keys and the database go there too.
    stagepass_private_files::make_folder(to).with_context(|| to.display().to_string())?;
    for name in [SERVER, NATIVE_HOST, COMMAND] {
        let program = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        // A running program can't be overwritten, but its name can be reused.
        let new = to.join(format!("{program}.new"));
        fs::copy(built.join(&program), &new).with_context(|| new.display().to_string())?;
        fs::rename(&new, to.join(&program)).with_context(|| to.join(&program).display().to_string())?;
    }
    Ok(to.to_owned())
}

/// The fingerprint that the extension shows of this server when it connects.
fn fingerprint(server: &Path, data_dir: &Path) -> Result<String> {
    let mut command = Command::new(server);
    command.arg("fingerprint").env("STAGEPASS_DATA_DIR", data_dir).stderr(Stdio::inherit());
    let output = command.output().context("stagepass-server")?;
    ensure!(output.status.success(), "the server's fingerprint can't be read");
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn next_steps(
    options: &Options,
    data_dir: &Path,
    builds: &extension::Builds,
    user: Option<&first_user::FirstUser>,
    fingerprint: &str,
) -> String {
    let (chromium, firefox) = (builds.chromium.display(), builds.firefox.display());
    let sign_in = match user {
        Some(user) => user.sign_in_hint().to_string(),
        None => "the user you made before".to_owned(),
    };
    let listen = options.listen;
    // The server reads this variable by itself.
    let scheme = if std::env::var_os("STAGEPASS_TLS_CERT").is_some() { "https" } else { "http" };
    let data_dir = data_dir.display();
    // The server knows its default by itself.
    let elsewhere =
        options.data_dir.as_ref().map_or_else(String::new, |_| format!(" --data-dir \"{data_dir}\""));
    format!(
        "
Stagepass is ready.

  Server    {scheme}://{listen}, its data in {data_dir}
            fingerprint {fingerprint}
  Sign in   {sign_in}

Next:
  1. Chromium or Chrome: open chrome://extensions, switch on Developer mode,
     choose \"Load unpacked\" and take {chromium}
     Firefox: open about:debugging#/runtime/this-firefox, choose \"Load
     Temporary Add-on\" and take {firefox}/manifest.json
  2. Log in to a platform, click Stagepass in the toolbar, and connect to the server
     above. If the popup shows the fingerprint above, sign in, and click Capture session.
  3. Export for yt-dlp in the popup gives you a command to paste; your backend
     calls get-platform-session with the secret in
     {data_dir}/rbac-sync-webhook-secret

The programs are in {data_dir}/bin; in a shell:
  export PATH=\"{data_dir}/bin:$PATH\"
  stagepass-server{elsewhere} user set-password EMAIL     another password

Ctrl-C stops the server; cargo xtask up starts it again.
"
    )
}

/// Becomes the server, if the system supports that, so that signals reach it.
fn serve(command: &mut Command, data_dir: &Path) -> Result<()> {
    command.env("STAGEPASS_DATA_DIR", data_dir);
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(command)).context("the server could not be started");
    #[cfg(not(unix))]
    run(command)
}

#[expect(clippy::print_stdout, reason = "a person waits for the next steps")]
fn say(text: &str) {
    println!("{text}");
}
