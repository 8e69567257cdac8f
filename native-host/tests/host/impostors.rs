//! Tests with another user's programs at the socket.

use crate::browser::*;
use crate::process::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const OLD: &str = "the-exported-value";
/// The user `nobody`.
pub(crate) const NOBODY: &str = "65534";

/// The command, run by root.
pub(crate) fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", program]);
    command
}

/// Makes `nobody` the owner of a path.
pub(crate) fn give_to(user: &str, path: &Path) {
    assert!(as_root("chown").arg(user).arg(path).status().unwrap().success());
}

/// The command, run by another user.
pub(crate) fn as_nobody(program: &str) -> Command {
    let is_root = rustix::process::geteuid().is_root();
    let mut command = Command::new(if is_root { "setpriv" } else { "sudo" });
    if !is_root {
        // Only root, or a user who can become root, can run it as another user.
        command.args(["--non-interactive", "setpriv"]);
    }
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--", program]);
    command
}

/// Makes every folder above a test's file accessible to all.
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
fn another_user_reaches_neither_the_socket_nor_the_host() {
    let home = tempfile::tempdir().unwrap();
    let browser = Browser::listening(home.path(), "work", &["x"]);
    let [socket] = &sockets(home.path())[..] else { panic!() };
    // The socket's folder is private, whatever the folders above it are.
    open_to_all(home.path(), &socket_folder(home.path()), 0o700);
    let said = connect(as_nobody("/usr/bin/python3"), socket);
    assert_eq!(said.trim(), "PermissionError");
    // Even without these permissions, the host checks the user.
    open_to_all(home.path(), socket, 0o666);
    let said = connect(as_nobody("/usr/bin/python3"), socket);
    assert!(["got b''", "ConnectionResetError", "BrokenPipeError"].contains(&said.trim()), "{said}");
    assert!(browser.is_silent(), "another user's question went on to the browser");
}

/// The host's program, run by another user on this one's folder.
fn program_as_nobody(home: &Path, arguments: &[&str]) -> Command {
    let mut program = as_nobody("/bin/sh");
    // The program itself may be in a folder that others can't access.
    let copy = home.join("host-program");
    if !copy.exists() {
        fs::copy(PROGRAM, &copy).unwrap();
        open_to_all(home, &copy, 0o755);
    }
    program.args(["-c", "dir=$1; shift; exec \"$0\" --host-dir \"$dir\" \"$@\""]);
    program.arg(&copy).arg(host_dir(home)).args(arguments);
    program
}

#[test]
fn a_command_trusts_nothing_in_another_users_folder() {
    let home = tempfile::tempdir().unwrap();
    let browser = Browser::listening(home.path(), "work", &["x"]);
    let [socket] = &sockets(home.path())[..] else { panic!() };
    open_to_all(home.path(), socket, 0o666);
    let output = run(&mut program_as_nobody(home.path(), &["cookies", "x"]), b"");
    let fault = text(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{fault}");
    assert!(fault.contains("belongs to another user"), "{fault}");
    assert!(browser.is_silent());
}

/// In a shared folder, such as one below `/tmp`, anybody can create `exports` first. Here this user
/// does, and the other user's host refuses it.
#[test]
fn refuses_another_users_exports() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", PLANTED);
    open_to_all(home.path(), &path, 0o644);
    fs::set_permissions(host_dir(home.path()), fs::Permissions::from_mode(0o1777)).unwrap();
    for arguments in
        [&["cookies", "x"][..], &["path", "x"], &["list"], &["run", "--", "true", "https://x.com/1"]]
    {
        let output = run(&mut program_as_nobody(home.path(), arguments), b"");
        assert_nothing_planted(&output);
        let fault = text(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {fault}");
        assert!(fault.contains("belongs to another user"), "{arguments:?}: {fault}");
    }
}

#[test]
fn trusts_an_export_in_an_open_folder_only_after_the_host_has_made_it_private() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o777)).unwrap();
    let verify = json!({"id": 1, "type": "verify", "platform": "x"});
    let list = json!({"id": 2, "type": "list"});
    for answer in ask(home.path(), &[verify, list]) {
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("others can write to"), "{message}");
    }
    assert!(!command(home.path(), &["cookies", "x"]).join().unwrap().status.success());
    export_file(home.path(), "x", "", "newer");
    assert!(text(&command(home.path(), &["cookies", "x"]).join().unwrap().stdout).contains("newer"));
    // The user's own exports can be purged in this state.
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(command(home.path(), &["uninstall", "--purge"]).join().unwrap().status.success());
    assert!(!path.exists());
}
