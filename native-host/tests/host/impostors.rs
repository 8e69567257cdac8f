//! Other programs at the socket: one that was there first, and another user's.

use crate::browser::*;
use crate::process::*;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::thread;

const OLD: &str = "the-exported-value";
/// The user that nobody is.
const NOBODY: &str = "65534";

/// What an impostor does with each program that connects, after reading its request.
type Trick = fn(UnixStream);

fn reply(mut stream: &UnixStream, content: &[u8]) {
    let _ = stream.write_all(&frame(content));
}

fn hello() -> Vec<u8> {
    let announcement = json!({"browser": "Chromium", "profile": "p",
        "platforms": [{"platform": "x", "label": "", "write_back": true}]});
    json!({"Ok": {"announcement": announcement, "since": "2030-01-01T00:00:00.000Z"}})
        .to_string()
        .into_bytes()
}

/// Says who it is, and where it is asked more, `then`.
fn after_hello(mut stream: UnixStream, then: impl FnOnce(&mut UnixStream)) {
    let mut header = [0; 4];
    let _ = stream.read_exact(&mut header);
    let mut request = vec![0; u32::from_ne_bytes(header) as usize];
    let _ = stream.read_exact(&mut request);
    if String::from_utf8_lossy(&request).contains("cookies") {
        then(&mut stream);
    } else {
        reply(&stream, &hello());
    }
}

const TRICKS: &[(&str, Trick)] = &[
    ("never answers", |stream| {
        thread::sleep(PATIENCE * 2);
        drop(stream);
    }),
    ("hangs up", drop),
    ("answers with junk", |mut stream| {
        let _ = stream.write_all(&[0xff; 4096]);
    }),
    ("never ends its answer", |mut stream| {
        let _ = stream.write_all(&u32::to_ne_bytes(1 << 20));
        while stream.write_all(b" ").is_ok() {
            thread::sleep(std::time::Duration::from_millis(10));
        }
    }),
    ("floods", |mut stream| while stream.write_all(&[b'['; 65_536]).is_ok() {}),
    ("is silent after its name", |stream| {
        after_hello(stream, |_| thread::sleep(PATIENCE * 2));
    }),
    ("hands over another site's cookies", |stream| {
        after_hello(stream, |stream| {
            let cookie = json!({"name": "n", "value": PLANTED, "domain": ".vimeo.com"});
            let given = json!({"Ok": {"hand_over": "h", "label": "", "expires": null, "write_back": true,
                "cookies": [cookie]}});
            reply(stream, given.to_string().as_bytes());
        });
    }),
    ("has a name that commands a terminal", |stream| {
        let name = String::from_utf8(hello()).unwrap().replace("Chromium", "\\u001b[2J");
        reply(&stream, name.as_bytes());
    }),
];

/// Listens in the browser's place, before any browser does.
fn impostor(home: &Path, trick: Trick) {
    let folder = socket_folder(home);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let listener = UnixListener::bind(folder.join("browser-AAAAAA.sock")).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || trick(stream.unwrap()));
        }
    });
}

#[test]
fn a_program_that_made_the_socket_first_gets_nothing_and_holds_nobody_up() {
    for (name, trick) in TRICKS {
        let home = tempfile::tempdir().unwrap();
        export_file(home.path(), "x", "", OLD);
        impostor(home.path(), *trick);
        let output = command(home.path(), &["cookies", "x"]).join().unwrap();
        assert_nothing_planted(&output);
        let notes = text(&output.stderr);
        assert!(output.status.success() && text(&output.stdout).contains(OLD), "{name}: {notes}");
        assert!(notes.contains("not fresh") && !notes.contains('\u{1b}'), "{name}: {notes}");
    }
}

#[test]
fn a_browser_is_heard_beside_an_impostor() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(host_dir(home.path())).unwrap();
    impostor(home.path(), |stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let asking = command(home.path(), &["cookies", "x"]);
    browser.answer_with("fresh");
    assert!(text(&asking.join().unwrap().stdout).contains("fresh"));
}

/// The command, run by another user of the machine.
pub(crate) fn as_nobody(program: &str) -> Command {
    let is_root = rustix::process::geteuid().is_root();
    let mut command = Command::new(if is_root { "setpriv" } else { "sudo" });
    if !is_root {
        // Another user is needed: without root, one must be able to become it.
        command.args(["--non-interactive", "setpriv"]);
    }
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--", program]);
    command
}

/// Opens every folder on the way to a file of the test's to all.
pub(crate) fn open_to_all(home: &Path, path: &Path, mode: u32) {
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(home)) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Connects to the socket `sys.argv[1]`, sends its standard input and prints
/// what comes back, or the error's name.
const CONNECT: &str = r#"
import socket, sys
stream = socket.socket(socket.AF_UNIX)
stream.settimeout(4)
try:
    stream.connect(sys.argv[1])
    stream.sendall(sys.stdin.buffer.read())
    print("got", stream.recv(4096))
except OSError as error:
    print(type(error).__name__)
"#;

fn connect(mut command: Command, socket: &Path) -> String {
    let question = frame(br#"{"question":{"type":"cookies","platform":"x"}}"#);
    let output = run(command.args(["-c", CONNECT]).arg(socket), &question);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn another_user_reaches_neither_the_socket_nor_what_is_behind_it() {
    let home = tempfile::tempdir().unwrap();
    let browser = Browser::listening(home.path(), "work", &["x"]);
    let [socket] = &sockets(home.path())[..] else { panic!() };
    // The socket's own folder is closed, whatever those above it are.
    open_to_all(home.path(), &socket_folder(home.path()), 0o700);
    let said = connect(as_nobody("/usr/bin/python3"), socket);
    assert_eq!(said.trim(), "PermissionError");
    // Even where every permission has been given away, the host looks who it is.
    open_to_all(home.path(), socket, 0o666);
    let said = connect(as_nobody("/usr/bin/python3"), socket);
    assert!(["got b''", "ConnectionResetError", "BrokenPipeError"].contains(&said.trim()), "{said}");
    assert!(browser.is_silent(), "another user's question went on to the browser");
}

#[test]
fn a_command_believes_nothing_in_another_users_folder() {
    let home = tempfile::tempdir().unwrap();
    let browser = Browser::listening(home.path(), "work", &["x"]);
    let [socket] = &sockets(home.path())[..] else { panic!() };
    open_to_all(home.path(), socket, 0o666);
    let mut program = as_nobody("/bin/sh");
    // The program itself may lie where nobody else can start it.
    let copy = home.path().join("host-program");
    fs::copy(PROGRAM, &copy).unwrap();
    open_to_all(home.path(), &copy, 0o755);
    program.args(["-c", "exec \"$0\" --host-dir \"$1\" cookies x"]).arg(&copy).arg(host_dir(home.path()));
    let output = run(&mut program, b"");
    let fault = text(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{fault}");
    assert!(fault.contains("another user's folder"), "{fault}");
    assert!(browser.is_silent());
}
