//! The last step: starts the program as a browser does, sends it `hello` and disconnects. Ends in
//! time, whatever the program does.

use super::first_line;
use crate::request::TYPES;
use crate::signals::Signals;
use serde_json::{Value, json};
use stagepass_core::host::{Answer, MAX_ANSWER_BYTES};
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout_at};

pub(super) const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long the whole trial may take.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_SAID_BYTES: usize = 4096;
const ID: &str = "doctor";

/// The variables that a desktop sets for the programs that it starts. Others come from a shell, and
/// a browser may not have them.
const INHERITED: &[&str] = if cfg!(windows) {
    &["APPDATA", "LOCALAPPDATA", "PATH", "SYSTEMROOT", "TEMP", "TMP", "USERNAME", "USERPROFILE"]
} else {
    &["HOME", "LANG", "LOGNAME", "TMPDIR", "USER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]
};

/// Why a browser can't use the program.
#[derive(Debug, Error)]
pub(super) enum TrialFault {
    #[error("it can't be started: {0}")]
    Start(io::Error),
    #[error("it did not answer within {} seconds", PATIENCE.as_secs())]
    Silent,
    #[error("it ended without an answer ({status}{said})")]
    Ended {
        status: ExitStatus,
        /// The output on standard error.
        said: String,
    },
    #[error("its output is not a frame; a browser would disconnect")]
    NoFrame,
    #[error("its answer is not that of a Stagepass host")]
    NoAnswer,
    #[error("it refuses: {0}")]
    Refused(String),
    #[error("it writes more than its answer to standard output; a browser would disconnect")]
    Surplus,
    #[error("it keeps running after the browser disconnects")]
    Stays,
    #[error("it answers, but then fails ({0})")]
    EndsBadly(ExitStatus),
}

/// The program's answer to `hello`.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) version: String,
    capabilities: Vec<String>,
}

impl Greeting {
    /// The requests of this version's extension that the program doesn't support.
    pub(super) fn missing_capabilities(&self) -> Vec<&'static str> {
        let is_known = |kind: &&str| self.capabilities.iter().any(|known| known == kind);
        TYPES.iter().copied().filter(|kind| !is_known(kind)).collect()
    }
}

/// Starts the program with these arguments, and tries `hello`.
// Decision: docs/decisions/bridge.md#doctor-starts-what-the-manifest-names
pub(super) fn run(
    program: &Path,
    arguments: &[OsString],
    signals: &mut Signals,
) -> Result<Greeting, TrialFault> {
    let trial = async {
        // Dropping the child ends it in every case.
        let mut child = spawn(program, arguments).map_err(TrialFault::Start)?;
        let (Some(stdin), Some(mut stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(TrialFault::Start(io::ErrorKind::BrokenPipe.into()));
        };
        let deadline = Instant::now() + PATIENCE;
        let said = tokio::spawn(first_line_of(stderr));
        let mut stdin = Some(stdin);
        match within(deadline, TrialFault::Silent, greet(&mut stdin, &mut stdout)).await? {
            Some(greeting) => {
                drop(stdin);
                within(deadline, TrialFault::Stays, await_end(&mut child, &mut stdout)).await?;
                Ok(greeting)
            }
            None => {
                drop(stdin);
                let status = within(deadline, TrialFault::Silent, wait(&mut child)).await?;
                let said = timeout_at(deadline, said).await.ok().and_then(Result::ok).unwrap_or_default();
                let said = if said.is_empty() { said } else { format!("; {said}") };
                Err(TrialFault::Ended { status, said })
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(TrialFault::Start)?.block_on(signals.end_or(trial))
}

fn spawn(program: &Path, arguments: &[OsString]) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().kill_on_drop(true);
    for name in INHERITED {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    if cfg!(unix) {
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    }
    if let Some(folder) = program.parent() {
        command.current_dir(folder);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Sends `hello`; `None` if the program ends without an answer.
async fn greet(
    stdin: &mut Option<ChildStdin>,
    stdout: &mut ChildStdout,
) -> Result<Option<Greeting>, TrialFault> {
    let message = json!({"id": ID, "type": "hello"}).to_string().into_bytes();
    let length = u32::try_from(message.len()).map_err(|_| TrialFault::NoAnswer)?;
    if let Some(stdin) = stdin {
        // If the program has already ended, the missing answer shows it.
        let _ = stdin.write_all(&[&length.to_ne_bytes(), message.as_slice()].concat()).await;
    }
    let header = read_up_to(stdout, 4).await;
    let Ok(header) = <[u8; 4]>::try_from(header.as_slice()) else {
        return if header.is_empty() { Ok(None) } else { Err(TrialFault::NoFrame) };
    };
    let length = u32::from_ne_bytes(header) as usize;
    if length > MAX_ANSWER_BYTES {
        return Err(TrialFault::NoFrame);
    }
    let content = read_up_to(stdout, length).await;
    if content.len() < length {
        return Err(TrialFault::NoFrame);
    }
    greeting_in(&content).map(Some)
}

fn greeting_in(content: &[u8]) -> Result<Greeting, TrialFault> {
    let answer: Answer = serde_json::from_slice(content).map_err(|_| TrialFault::NoAnswer)?;
    if answer.head.id != ID || answer.head.kind != "hello" {
        return Err(TrialFault::NoAnswer);
    }
    if let Some(error) = answer.error.filter(|_| !answer.ok) {
        return Err(TrialFault::Refused(first_line(error.message.as_bytes())));
    }
    let version = answer.fields.get("version").and_then(Value::as_str).ok_or(TrialFault::NoAnswer)?;
    let capabilities = answer.fields.get("capabilities").and_then(Value::as_array);
    let capabilities = capabilities.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    Ok(Greeting { version: first_line(version.as_bytes()), capabilities: capabilities.collect() })
}

/// After its input was closed, the program must end successfully and write nothing more.
async fn await_end(child: &mut Child, stdout: &mut ChildStdout) -> Result<(), TrialFault> {
    if !read_up_to(stdout, 1).await.is_empty() {
        return Err(TrialFault::Surplus);
    }
    let status = wait(child).await?;
    if status.success() { Ok(()) } else { Err(TrialFault::EndsBadly(status)) }
}

async fn wait(child: &mut Child) -> Result<ExitStatus, TrialFault> {
    child.wait().await.map_err(TrialFault::Start)
}

async fn within<T>(
    deadline: Instant,
    too_late: TrialFault,
    step: impl Future<Output = Result<T, TrialFault>>,
) -> Result<T, TrialFault> {
    timeout_at(deadline, step).await.unwrap_or(Err(too_late))
}

/// Reads to the end, and at most `max_bytes`. A read error counts as the end.
async fn read_up_to(from: &mut (impl AsyncRead + Unpin), max_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.take(max_bytes as u64).read_to_end(&mut bytes).await;
    bytes
}

/// The first line. Reads everything, because a full pipe would block the program.
async fn first_line_of(mut from: impl AsyncRead + Unpin) -> String {
    let line = first_line(&read_up_to(&mut from, MAX_SAID_BYTES).await);
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    line
}
