//! Starts the program and exchanges frames with it, with a time limit.

use serde_json::{Value, json};
use stagepass_core::host::CHROMIUM_EXTENSION_ID;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The command for people.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_stagepass");
/// The program that browsers start.
pub(crate) const HOST_PROGRAM: &str = env!("CARGO_BIN_EXE_stagepass-native-host");
/// Part of cookie values; must never appear in output other than cookie files.
pub(crate) const PLANTED: &str = "pl4nted-s3cret";
const DEADLINE: Duration = Duration::from_secs(60);

/// The command with a separate environment, independent of this user's.
pub(crate) fn program(home: &Path) -> Command {
    isolated(PROGRAM, home)
}

/// The program that browsers start, in the same environment.
pub(crate) fn host_program(home: &Path) -> Command {
    isolated(HOST_PROGRAM, home)
}

fn isolated(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    isolate(&mut command, home);
    command
}

/// A shell that runs `setup` (such as `umask 000`) and then becomes the program as started by a
/// browser.
#[cfg(unix)]
pub(crate) fn browser_started_after(setup: &str, home: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{setup}; exec \"$0\" \"$@\"")).arg(HOST_PROGRAM).arg(origin());
    isolate(&mut command, home);
    command
}

/// The program as Chromium starts it.
pub(crate) fn browser_started(home: &Path) -> Command {
    let mut command = host_program(home);
    command.arg(origin());
    command
}

/// Gives a command a separate environment, independent of this user's.
pub(crate) fn isolate(command: &mut Command, home: &Path) {
    command.env_clear().env("STAGEPASS_HOST_DIR", host_dir(home));
    if cfg!(windows) {
        command
            .env("USERPROFILE", home)
            .env("APPDATA", home.join("data"))
            .env("LOCALAPPDATA", home.join("local"));
    } else {
        command.env("HOME", home);
    }
    // Windows can't start programs without this variable.
    for name in ["PATH", "SYSTEMROOT"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
}

pub(crate) fn host_dir(home: &Path) -> std::path::PathBuf {
    home.join("host")
}

pub(crate) fn origin() -> String {
    format!("chrome-extension://{CHROMIUM_EXTENSION_ID}/")
}

/// Runs the command with this input to its end.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    finish(start(command), Some(input))
}

/// Runs the command, whose output goes elsewhere, to its end.
#[cfg(target_os = "linux")]
pub(crate) fn run_to_end(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    child.wait_with_output().unwrap()
}

/// Runs the command with this input and leaves the input open: the program must end by itself.
#[cfg(unix)]
pub(crate) fn run_with_open_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = start(command);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    let output = finish(child, None);
    drop(stdin);
    output
}

pub(crate) fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(mut child: Child, input: Option<&[u8]>) -> Output {
    let stdin = child.stdin.take();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let input = input.map(<[u8]>::to_vec).unwrap_or_default();
    let writer = thread::spawn(move || {
        // The program may end before it has read everything; the test decides whether it may.
        stdin.map(|mut stdin| stdin.write_all(&input))
    });
    let read_all = |from: &mut dyn Read| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    };
    let stdout = thread::spawn(move || read_all(&mut stdout));
    let stderr = thread::spawn(move || read_all(&mut stderr));
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the program hangs");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let _ = writer.join();
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

pub(crate) fn frame(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [&length.to_ne_bytes(), content].concat()
}

pub(crate) fn message(value: &Value) -> Vec<u8> {
    frame(value.to_string().as_bytes())
}

/// The answers in an output, which must consist of complete frames.
pub(crate) fn answers(mut stdout: &[u8]) -> Vec<Value> {
    let mut answers = Vec::new();
    while let Some((header, rest)) = stdout.split_first_chunk::<4>() {
        let length = u32::from_ne_bytes(*header) as usize;
        assert!(length <= 1024 * 1024, "an answer of {length} bytes");
        answers.push(serde_json::from_slice(&rest[..length]).unwrap());
        stdout = &rest[length..];
    }
    assert_eq!(stdout, b"", "stray bytes on stdout");
    answers
}

/// Sends these messages and returns the answers; the program must end successfully.
pub(crate) fn ask(home: &Path, messages: &[Value]) -> Vec<Value> {
    ask_of(&mut browser_started(home), messages)
}

pub(crate) fn ask_of(command: &mut Command, messages: &[Value]) -> Vec<Value> {
    let output = run(command, &messages.iter().flat_map(message).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_nothing_planted(&output);
    answers(&output.stdout)
}

pub(crate) fn assert_nothing_planted(output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.contains(PLANTED), "a cookie's value came out: {text}");
    }
}

pub(crate) fn export(platform: &str, label: &str, value: &str) -> Value {
    json!({"id": "e", "type": "export", "platform": platform, "label": label, "expires": 1_900_000_000, "cookies": [
        {"name": "sessionid", "value": value, "domain": format!(".{platform}.com"), "path": "/",
         "expires": 1_900_000_000, "httpOnly": true, "secure": true, "sameSite": "lax", "hostOnly": false},
        {"name": "theme", "value": "dark", "domain": format!("www.{platform}.com"), "path": "/",
         "httpOnly": false, "secure": false, "hostOnly": true},
    ]})
}

/// Exports a session and returns the cookie file's path.
pub(crate) fn export_file(home: &Path, platform: &str, label: &str, value: &str) -> std::path::PathBuf {
    let answer = ask(home, &[export(platform, label, value)]).remove(0);
    assert_eq!(answer["ok"], true, "{answer}");
    answer["path"].as_str().unwrap().into()
}

/// An export with origin storage: one cookie and one entry, both with this value.
pub(crate) fn export_with_storage(value: &str) -> Value {
    json!({"id": "s", "type": "export", "platform": "onlyfans", "label": "", "user_agent": "Sample/1.0",
        "cookies": [{"name": "sess", "value": value, "domain": ".onlyfans.com", "secure": true,
            "sameSite": "none"}],
        "origins": [{"origin": "https://onlyfans.com",
            "localStorage": [{"name": "bcTokenSha", "value": value}],
            "sessionStorage": [{"name": "tab", "value": ""}]}]})
}

/// A session that is in origin storage alone.
pub(crate) fn export_without_cookies(token: &str) -> Value {
    let session = json!({"id": "1", "accountId": "7", "token": token}).to_string();
    json!({"id": "f", "type": "export", "platform": "fansly", "label": "", "cookies": [],
        "user_agent": "Sample/1.0",
        "origins": [{"origin": "https://fansly.com",
            "localStorage": [{"name": "session_active_session", "value": session}]}]})
}
