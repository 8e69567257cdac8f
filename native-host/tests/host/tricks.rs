//! Tests with another program of this user at the socket that was there first.

use crate::browser::*;
use crate::process::*;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::thread;

const OLD: &str = "the-exported-value";
/// What an impostor does with each program that connects, after reading its request.
type Trick = fn(Box<dyn Stream>);

/// A connection over a socket or a named pipe.
trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

fn reply(stream: &mut dyn Stream, content: &[u8]) {
    let _ = stream.write_all(&frame(content));
}

fn hello() -> Vec<u8> {
    let announcement = json!({"browser": "Chromium", "profile": "p",
        "platforms": [{"platform": "x", "label": "", "write_back": true}]});
    json!({"Ok": {"announcement": announcement, "since": "2130-01-01T00:00:00.000Z"}})
        .to_string()
        .into_bytes()
}

/// Answers with a hello; for a question it calls `then`.
fn after_hello(mut stream: Box<dyn Stream>, then: impl FnOnce(&mut dyn Stream)) {
    let mut header = [0; 4];
    let _ = stream.read_exact(&mut header);
    let mut request = vec![0; u32::from_ne_bytes(header) as usize];
    let _ = stream.read_exact(&mut request);
    if String::from_utf8_lossy(&request).contains("cookies") {
        then(&mut *stream);
    } else {
        reply(&mut *stream, &hello());
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
    ("has a name that commands a terminal", |mut stream| {
        let name = String::from_utf8(hello()).unwrap().replace("Chromium", "\\u001b[2J");
        reply(&mut *stream, name.as_bytes());
    }),
    ("has a name that turns the direction of writing", |mut stream| {
        let name = String::from_utf8(hello()).unwrap().replace("Chromium", "\\u202emuimorhC");
        reply(&mut *stream, name.as_bytes());
    }),
];

/// Listens in the browser's place, before any browser does.
fn impostor(home: &Path, trick: Trick) {
    let folder = socket_folder(home);
    fs::create_dir(&folder).unwrap();
    let mut accept = listen(&folder);
    thread::spawn(move || {
        loop {
            let stream = accept();
            thread::spawn(move || trick(stream));
        }
    });
}

#[cfg(unix)]
fn listen(folder: &Path) -> impl FnMut() -> Box<dyn Stream> + Send + use<> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(folder.join("browser-AAAAAA.sock")).unwrap();
    move || Box::new(listener.accept().unwrap().0)
}

#[cfg(windows)]
fn listen(folder: &Path) -> impl FnMut() -> Box<dyn Stream> + Send + use<> {
    use crate::windows::{make_pipe, our_sid};
    // A unique name, because all pipes of the computer share one namespace.
    let file = tempfile::Builder::new().prefix("browser-").suffix(".pipe").tempfile_in(folder).unwrap();
    let path = file.into_temp_path().keep().unwrap();
    let listener = make_pipe(&path, &our_sid());
    move || Box::new(listener.accept().unwrap())
}

#[test]
fn a_program_that_created_the_socket_first_gets_nothing_and_blocks_nobody() {
    for (name, trick) in TRICKS {
        let home = tempfile::tempdir().unwrap();
        export_file(home.path(), "x", "", OLD);
        impostor(home.path(), *trick);
        let output = command(home.path(), &["cookies", "x"]).join().unwrap();
        assert_nothing_planted(&output);
        let notes = text(&output.stderr);
        assert!(output.status.success() && text(&output.stdout).contains(OLD), "{name}: {notes}");
        assert!(notes.contains("from an export made") && !notes.contains('\u{1b}'), "{name}: {notes}");
    }
}

#[test]
fn asks_a_browser_despite_an_impostor() {
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

#[test]
fn a_browser_with_a_connection_time_in_the_future_is_not_the_newest() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(host_dir(home.path())).unwrap();
    // It claims a connection time in the future.
    impostor(home.path(), |stream| {
        after_hello(stream, |stream| {
            let cookie = json!({"name": "n", "value": "of-the-future", "domain": ".x.com"});
            let given = json!({"Ok": {"hand_over": "h", "label": "", "expires": null, "write_back": true,
                "cookies": [cookie]}});
            reply(stream, given.to_string().as_bytes());
        });
    });
    let mut browser = Browser::listening(home.path(), "work", &["x"]);
    let asking = command(home.path(), &["cookies", "x"]);
    browser.answer_with("fresh");
    assert!(text(&asking.join().unwrap().stdout).contains("fresh"));
    browser.close();
    let printed = command(home.path(), &["cookies", "x"]).join().unwrap();
    assert!(text(&printed.stdout).contains("of-the-future"));
}
