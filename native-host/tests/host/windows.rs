//! Tests only for Windows: named pipes, the registry, and `.exe` programs.

use crate::bridge::*;
use crate::browser::*;
use crate::process::*;
use interprocess::os::windows::ToWtf16;
use interprocess::os::windows::named_pipe::{PipeListener, PipeListenerOptions, pipe_mode::Bytes};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;
use windows_permissions::constants::{SeObjectType, SecurityInformation};
use windows_permissions::utilities::current_process_sid;
use windows_permissions::wrappers::GetSecurityInfo;
use winreg::RegKey;
use winreg::enums::HKEY_CURRENT_USER;

/// The system's `ERROR_PIPE_BUSY`.
const PIPE_BUSY: i32 = 231;
const VIVALDI: &str = "Software\\Vivaldi\\NativeMessagingHosts\\app.stagepass.native_host";

pub(crate) fn our_sid() -> String {
    current_process_sid().unwrap().to_string()
}

/// The pipe that a file in the host's folder announces.
fn pipe_name(file: &Path) -> String {
    format!("\\\\.\\pipe\\app.stagepass.native_host.{}", file.file_stem().unwrap().to_str().unwrap())
}

/// Creates the pipe of that file, owned by `owner` and open to everybody.
pub(crate) fn make_pipe(file: &Path, owner: &str) -> PipeListener<Bytes, Bytes> {
    let descriptor = format!("O:{owner}D:(A;;GA;;;WD)");
    let descriptor = SecurityDescriptor::deserialize(&descriptor.to_wtf_16().unwrap()).unwrap();
    let options = PipeListenerOptions::new().path(pipe_name(file)).security_descriptor(Some(descriptor));
    options.create_duplex().unwrap()
}

/// Connects to the pipe of that file as soon as the host has a free instance.
fn open(file: &Path) -> File {
    loop {
        match OpenOptions::new().read(true).write(true).open(pipe_name(file)) {
            Err(fault) if fault.raw_os_error() == Some(PIPE_BUSY) => thread::sleep(Duration::from_millis(5)),
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn the_pipe_is_private_and_removed_with_the_browser() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(home.path());
    assert!(!socket_folder(home.path()).exists(), "it listens before it is told to");
    browser.listen("work", &["x"]);
    let [file] = &sockets(home.path())[..] else { panic!() };
    assert_eq!(fs::read(file).unwrap(), b"");
    let what = SecurityInformation::Owner | SecurityInformation::Dacl;
    let security = GetSecurityInfo(&open(file), SeObjectType::SE_KERNEL_OBJECT, what).unwrap();
    assert_eq!(security.owner().unwrap().to_string(), our_sid());
    let admitted = security.dacl().unwrap();
    assert_eq!(admitted.len(), 1);
    assert_eq!(admitted.get_ace(0).unwrap().sid().unwrap().to_string(), our_sid());
    assert_one_socket_until_the_browser_closes(browser, home.path());
}

#[test]
fn does_not_ask_another_users_pipe_and_removes_its_file() {
    let home = home_with_export();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let [file] = &sockets(home.path())[..] else { panic!() };
    browser.kill();
    // After the host's end, another user creates its pipe again.
    let squatter = make_pipe(file, "BA");
    let asked = thread::spawn(move || {
        let mut stream = squatter.accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0]).unwrap_or_default()
    });
    assert_export_is_used(home.path());
    assert_eq!(asked.join().unwrap(), 0, "it was told something");
    assert!(sockets(home.path()).is_empty());
}

#[test]
fn serves_the_next_program_after_a_flood_of_junk_connections() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let [file] = &sockets(home.path())[..] else { panic!() };
    for round in 0..300_u32 {
        let content = match round % 3 {
            0 => u32::MAX.to_ne_bytes().to_vec(),
            1 => frame(b"{\"question\":{\"type\":\"run\"}}"),
            _ => frame(b"no json"),
        };
        let _ = open(file).write_all(&content);
    }
    assert_next_program_is_served(&mut browser, home.path());
}

#[test]
fn programs_that_never_read_their_answers_block_nobody() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(home.path());
    // Larger than a pipe's buffer.
    let platform = |number: u32| json!({"platform": format!("p{number}"), "label": "l".repeat(1000), "write_back": false});
    let platforms: Vec<_> = (0..150).map(platform).chain([allowed("x")]).collect();
    browser.send(
        &json!({"id": 1, "type": "listen", "browser": "Chromium", "profile": "work", "platforms": platforms}),
    );
    assert_eq!(browser.receive()["ok"], true);
    let [file] = &sockets(home.path())[..] else { panic!() };
    let ask = |_| {
        let mut stream = open(file);
        stream.write_all(&frame(b"{\"question\":null}")).unwrap();
        stream
    };
    let _never_read: Vec<_> = (0..9).map(ask).collect();
    // By then the host has closed their connections.
    thread::sleep(PATIENCE * 2);
    let asking = command(home.path(), &["cookies", "x"]);
    browser.answer_with(FRESH);
    assert!(text(&asking.join().unwrap().stdout).contains(FRESH));
}

#[test]
fn install_points_the_registry_to_a_working_manifest() {
    let home = tempfile::tempdir().unwrap();
    let of_vivaldi = |name: &str| run(program(home.path()).args([name, "--browser", "vivaldi"]), b"");
    let installed = of_vivaldi("install");
    assert!(installed.status.success(), "{}", text(&installed.stdout));
    let key = RegKey::predef(HKEY_CURRENT_USER).open_subkey(VIVALDI).unwrap();
    let manifest: String = key.get_value("").unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    assert!(same_file::is_same_file(manifest["path"].as_str().unwrap(), HOST_PROGRAM).unwrap());

    let said = run(program(home.path()).args(["doctor", "--json", "--browser", "vivaldi"]), b"").stdout;
    let diagnosis: Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(
        (&diagnosis["working_browsers"], &diagnosis["faults"]),
        (&json!(1), &json!(0)),
        "{diagnosis:#}"
    );

    assert!(of_vivaldi("uninstall").status.success());
    assert!(RegKey::predef(HKEY_CURRENT_USER).open_subkey(VIVALDI).is_err());
}

/// A program reads and rewrites the file; on Windows a lock would prevent that.
#[test]
fn a_program_can_rewrite_its_private_file_which_is_removed_afterwards() {
    let home = tempfile::tempdir().unwrap();
    let export = export_file(home.path(), "x", "", OLD);
    let left = home.path().join("left.txt");
    fs::write(&left, "# Netscape HTTP Cookie File\n.x.com\tTRUE\t/\tTRUE\t1900000000\tsessionid\tnew\n")
        .unwrap();
    let stand_in = home.path().join("stand-in.bat");
    let (seen, left) = (home.path().join("seen.txt"), left.display());
    let script =
        format!("@echo off\r\ntype %2 > \"{}\"\r\ntype \"{left}\" > %2\r\nexit 7\r\n", seen.display());
    fs::write(&stand_in, script).unwrap();
    let mut command = program(home.path());
    command.args(["run", "--"]).arg(&stand_in).args(["--cookies", "{cookies}", "https://x.com/some/video"]);
    let output = run(&mut command, b"");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(fs::read_to_string(seen).unwrap().contains(OLD));
    assert!(fs::read_to_string(export).unwrap().contains("\tnew"));
    let runs = fs::read_dir(host_dir(home.path()).join("runs")).unwrap();
    let names = runs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".tmp")).count(), 0);
}

#[test]
fn only_on_linux_do_sessions_come_from_a_server() {
    let home = tempfile::tempdir().unwrap();
    let mut configured = program(home.path());
    configured.args(["cookies", "x"]).env("STAGEPASS_SERVER", "https://stagepass.example.org");
    configured.env("STAGEPASS_TOKEN_FILE", home.path().join("token"));
    configured.env("STAGEPASS_CONNECTIONS", "x=0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f");
    let mut login = program(home.path());
    login.arg("login");
    for mut command in [configured, login] {
        let output = run(&mut command, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("only on Linux can sessions come from a Stagepass server"), "{said}");
    }
}

#[test]
fn installs_the_plugin_for_yt_dlp_which_asks_this_program() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", OLD);
    let path = home.path().join(r"data\yt-dlp\plugins\Stagepass\yt_dlp_plugins\extractor\stagepass.py");
    let output = run(program(home.path()).args(["install", "--yt-dlp"]), b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let plugin = fs::read_to_string(&path).unwrap();
    let line = plugin.lines().find_map(|line| line.strip_prefix("PROGRAM = ")).unwrap();
    let named: Vec<String> = serde_json::from_str(line).unwrap();
    assert!(Path::new(&named[0]).is_file() && named[0].ends_with("stagepass.exe"), "{named:?}");
    assert_eq!((named[1].as_str(), Path::new(&named[2])), ("--host-dir", &*host_dir(home.path())));
    let question = json!({"version": 1, "question": "session", "platform": "x"}).to_string();
    let output = run(program(home.path()).arg("plugin"), question.as_bytes());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["cookie_file"].as_str().is_some_and(|file| file.contains(OLD)), "{}", text(&output.stderr));
    let file = told["cookie_file"].as_str().unwrap().replace(OLD, "rotated");
    let keep = json!({"version": 1, "question": "keep", "given": [told["given"]], "cookie_file": file,
        "signs_in": false});
    let output = run(program(home.path()).arg("plugin"), keep.to_string().as_bytes());
    assert_eq!(text(&output.stdout), "{}", "{}", text(&output.stderr));
    let listed = run(program(home.path()).args(["cookies", "x"]), b"");
    assert!(text(&listed.stdout).contains("rotated"), "{}", text(&listed.stderr));
    let output = run(program(home.path()).arg("uninstall"), b"");
    assert!(text(&output.stdout).contains("plugin for yt-dlp is removed"), "{}", text(&output.stdout));
    assert!(!path.exists());
}
