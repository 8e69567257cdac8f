//! A host that a browser keeps running, with the test in place of the extension.

use crate::process::*;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The time limit of every command, whatever the browser does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A running host; dropping it ends the host, as a browser does.
pub(crate) struct Browser {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
}

impl Browser {
    /// Starts the host without sending anything.
    pub(crate) fn start(home: &Path) -> Self {
        Self::of(&mut browser_started(home))
    }

    /// Starts this command, which becomes the host.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = start(command);
        let mut stdout = child.stdout.take().unwrap();
        let (sender, messages) = channel();
        thread::spawn(move || {
            loop {
                let mut header = [0; 4];
                let Ok(()) = stdout.read_exact(&mut header) else { return };
                let mut content = vec![0; u32::from_ne_bytes(header) as usize];
                stdout.read_exact(&mut content).unwrap();
                let _ = sender.send(serde_json::from_slice(&content).unwrap());
            }
        });
        Self { stdin: child.stdin.take(), child, messages }
    }

    /// Starts a host that listens for a profile that hands over `platforms`.
    pub(crate) fn listening(home: &Path, profile: &str, platforms: &[&str]) -> Self {
        let mut browser = Self::start(home);
        let answer = browser.listen(profile, platforms);
        assert_eq!(answer["ok"], true, "{answer}");
        browser
    }

    /// Starts a host that listens for a profile that also hands over the storage of `platform`.
    pub(crate) fn listening_with_storage(home: &Path, platform: &str) -> Self {
        let mut browser = Self::start(home);
        let allowed = json!({"platform": platform, "label": "", "write_back": false, "storage": true});
        let answer = browser.announce("work", &[allowed]);
        assert_eq!(answer["ok"], true, "{answer}");
        browser
    }

    /// Sends `listen` and returns the answer.
    pub(crate) fn listen(&mut self, profile: &str, platforms: &[&str]) -> Value {
        let platforms: Vec<_> = platforms.iter().map(|platform| allowed(platform)).collect();
        self.announce(profile, &platforms)
    }

    /// Sends `listen` with these platforms and returns the answer.
    pub(crate) fn announce(&mut self, profile: &str, platforms: &[Value]) -> Value {
        self.send(&json!({"id": 1, "type": "listen", "browser": "Chromium", "profile": profile,
            "platforms": platforms}));
        self.receive()
    }

    pub(crate) fn send(&mut self, value: &Value) {
        self.send_bytes(&message(value));
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The host's next message.
    pub(crate) fn receive(&mut self) -> Value {
        self.messages.recv_timeout(PATIENCE).unwrap()
    }

    /// Whether the host has sent nothing more.
    pub(crate) fn is_silent(&self) -> bool {
        self.messages.try_recv().is_err()
    }

    /// Answers the host's next question with the platform's cookie of this value.
    pub(crate) fn answer_with(&mut self, value: &str) {
        let asked = self.receive();
        self.send(&hand_over(&asked, value));
    }

    /// Closes the port, as a browser does at its end, and waits for the host.
    pub(crate) fn close(&mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A platform of a `listen` message.
pub(crate) fn allowed(platform: &str) -> Value {
    json!({"platform": platform, "label": "", "write_back": false})
}

/// A good answer to the question `asked`.
pub(crate) fn hand_over(asked: &Value, value: &str) -> Value {
    let domain = format!(".{}.com", asked["platform"].as_str().unwrap());
    json!({"id": asked["id"], "type": "cookies", "ok": true, "hand_over": "h", "label": "", "expires": null,
        "write_back": false, "cookies": [{"name": "sessionid", "value": value, "domain": domain, "secure": true}]})
}

/// Runs a command in a thread, while the test acts as the browser.
pub(crate) fn command(home: &Path, arguments: &[&str]) -> JoinHandle<Output> {
    let mut command = program(home);
    command.args(arguments);
    beside(command)
}

/// Runs any command in a thread; it must end in time.
pub(crate) fn beside(mut command: Command) -> JoinHandle<Output> {
    thread::spawn(move || {
        let start = Instant::now();
        let output = run(&mut command, b"");
        assert!(start.elapsed() < PATIENCE, "{command:?} took {:?}", start.elapsed());
        output
    })
}

pub(crate) fn socket_folder(home: &Path) -> PathBuf {
    host_dir(home).join("run")
}

/// The files in the folder of sockets.
pub(crate) fn sockets(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(socket_folder(home)).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
