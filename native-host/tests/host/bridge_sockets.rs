//! Tests of the bridge's sockets: their permissions, and links in their place.

use crate::bridge::*;
use crate::browser::*;
use crate::process::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::thread;

#[test]
fn the_socket_is_private_and_removed_with_the_browser() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(home.path());
    assert!(!socket_folder(home.path()).exists(), "it listens before `listen`");
    browser.listen("work", &["x"]);
    let [socket] = &sockets(home.path())[..] else { panic!() };
    let metadata = fs::symlink_metadata(socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(socket_folder(home.path())).unwrap().mode() & 0o777, 0o700);
    assert_one_socket_until_the_browser_closes(browser, home.path());
}

#[test]
fn serves_the_next_program_after_a_flood_of_junk_connections() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let [socket] = &sockets(home.path())[..] else { panic!() };
    for round in 0..300_u32 {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let content = match round % 4 {
            0 => u32::MAX.to_ne_bytes().to_vec(),
            1 => frame(b"{\"question\":{\"type\":\"run\"}}"),
            2 => frame(b"no json"),
            _ => vec![0; 100_000],
        };
        let _ = std::io::Write::write_all(&mut stream, &content);
    }
    assert_next_program_is_served(&mut browser, home.path());
}

#[test]
fn both_sides_refuse_a_link_in_place_of_the_folder() {
    let home = home_with_export();
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, socket_folder(home.path())).unwrap();
    let answer = Browser::start(home.path()).listen("work", &["x"]);
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("io")), "{answer}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    let notes = assert_export_is_used(home.path());
    assert!(notes.contains("a symbolic link"), "{notes}");
}

#[test]
fn does_not_follow_a_link_in_place_of_a_socket() {
    let home = home_with_export();
    // A real host with another folder.
    let other = tempfile::tempdir().unwrap();
    let browser = Browser::listening(other.path(), "work", &["x"]);
    let [socket] = &sockets(other.path())[..] else { panic!() };
    fs::create_dir(socket_folder(home.path())).unwrap();
    let link = socket_folder(home.path()).join(socket.file_name().unwrap());
    symlink(socket, &link).unwrap();
    assert_export_is_used(home.path());
    assert!(browser.is_silent() && fs::read_link(&link).is_ok());
}

#[test]
fn does_not_follow_a_link_in_place_of_the_export() {
    let home = tempfile::tempdir().unwrap();
    let path = export_file(home.path(), "x", "", OLD);
    let real = home.path().join("real.txt");
    fs::rename(&path, &real).unwrap();
    symlink(&real, &path).unwrap();
    let output = command(home.path(), &["cookies", "x"]).join().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(!text(&output.stderr).contains(OLD));
}

#[test]
fn the_host_makes_an_open_folder_private_and_commands_do_not_trust_one() {
    let home = home_with_export();
    fs::create_dir(socket_folder(home.path())).unwrap();
    let open = || fs::set_permissions(socket_folder(home.path()), fs::Permissions::from_mode(0o777)).unwrap();
    open();
    let browser = Browser::listening(home.path(), "work", &["x"]);
    assert_eq!(fs::metadata(socket_folder(home.path())).unwrap().mode() & 0o777, 0o700);
    open();
    let notes = assert_export_is_used(home.path());
    assert!(notes.contains("others can write to") && browser.is_silent(), "{notes}");
}

#[test]
fn names_a_path_too_long_for_a_socket_and_the_remedy() {
    let home = tempfile::tempdir().unwrap();
    let long = home.path().join("a".repeat(100));
    fs::create_dir(&long).unwrap();
    let answer = Browser::start(&long).listen("work", &["x"]);
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("too long") && message.contains("STAGEPASS_HOST_DIR"), "{message}");
}

#[test]
fn the_list_of_hand_overs_names_the_script_that_ran_the_command() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    // The script's name, of the maximum length, differs from the shell's.
    let script = home.path().join("nightly-fetch)1");
    fs::write(&script, "#!/bin/sh\n\"$@\"\nexit $?\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let mut asking = std::process::Command::new(&script);
    isolate(asking.args([PROGRAM, "cookies", "x"]), home.path());
    let asking = thread::spawn(move || run(&mut asking, b""));
    let asked = browser.receive();
    assert_eq!(asked["program"], "nightly-fetch)1 › stagepass");
    browser.send(&hand_over(&asked, FRESH));
    assert!(text(&asking.join().unwrap().stdout).contains(FRESH));
}
