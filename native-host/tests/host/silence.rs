//! Tests with a silent side: a browser that doesn't read, programs that ask nothing, a folder that
//! was removed.

use crate::browser::*;
use crate::process::*;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

fn read_frame(from: &mut impl Read) -> Option<Value> {
    let mut header = [0; 4];
    from.read_exact(&mut header).ok()?;
    let mut content = vec![0; u32::from_ne_bytes(header) as usize];
    from.read_exact(&mut content).ok()?;
    Some(serde_json::from_slice(&content).unwrap())
}

#[test]
fn does_not_send_abandoned_questions_to_a_browser_that_reads_again() {
    let home = tempfile::tempdir().unwrap();
    let mut host = start(&mut browser_started(home.path()));
    let (mut stdin, mut stdout) = (host.stdin.take().unwrap(), host.stdout.take().unwrap());
    let platforms = json!([{"platform": "x", "label": "", "write_back": true}]);
    let listen = json!({"id": 1, "type": "listen", "browser": "B", "profile": "p", "platforms": platforms});
    stdin.write_all(&message(&listen)).unwrap();
    assert_eq!(read_frame(&mut stdout).unwrap()["ok"], true);

    // The first question fills the pipe, which the browser doesn't read.
    let [socket] = &sockets(home.path())[..] else { panic!() };
    let cookie = json!({"name": "n", "value": "v".repeat(4000), "domain": ".x.com"});
    let replacements = vec![json!({"cookie": cookie, "was": "v".repeat(4000)}); 48];
    let question =
        json!({"type": "write_back", "platform": "x", "hand_over": "h", "replacements": replacements});
    let mut asking: Vec<_> = (0..6).map(|_| UnixStream::connect(socket).unwrap()).collect();
    for stream in &mut asking {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&message(&json!({"question": question}))).unwrap();
    }
    for stream in &mut asking {
        assert_eq!(read_frame(stream).unwrap()["Err"]["code"], "no_answer");
    }

    let (sender, frames) = channel();
    thread::spawn(move || {
        while let Some(frame) = read_frame(&mut stdout) {
            let _ = sender.send(frame);
        }
    });
    let mut reached = 0;
    while let Ok(frame) = frames.recv_timeout(Duration::from_millis(500)) {
        reached += usize::from(frame["type"] == "write_back");
    }
    assert_eq!(reached, 1, "only the one that was half written comes");
    stdin.write_all(&message(&json!({"id": 2, "type": "hello"}))).unwrap();
    assert_eq!(frames.recv_timeout(PATIENCE).unwrap()["type"], "hello");
    drop(stdin);
    host.wait().unwrap();
}

#[test]
fn silent_programs_block_others_only_for_a_while_which_is_reported() {
    let home = tempfile::tempdir().unwrap();
    export_file(home.path(), "x", "", "exported");
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let [socket] = &sockets(home.path())[..] else { panic!() };
    let silent: Vec<_> = (0..8).map(|_| UnixStream::connect(socket).unwrap()).collect();
    let output = command(home.path(), &["cookies", "x"]).join().unwrap();
    let notes = text(&output.stderr);
    assert!(text(&output.stdout).contains("exported"), "{notes}");
    assert!(notes.contains("could not be asked: it did not answer in time"), "{notes}");
    drop(silent);
    let asking = command(home.path(), &["cookies", "x"]);
    browser.answer_with("fresh");
    assert!(text(&asking.join().unwrap().stdout).contains("fresh"));
}

#[test]
fn the_next_listen_recreates_a_removed_socket_folder() {
    let home = tempfile::tempdir().unwrap();
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    fs::remove_dir_all(socket_folder(home.path())).unwrap();
    assert_eq!(browser.listen("work", &["x"])["ok"], true);
    let asking = command(home.path(), &["cookies", "x"]);
    browser.answer_with("fresh");
    assert!(text(&asking.join().unwrap().stdout).contains("fresh"));
    browser.close();
    assert!(sockets(home.path()).is_empty());
}
