//! The commands' side of the bridge: finds the connected browsers and asks them for cookies.
//!
//! The peer is untrusted: replies are checked, and waits time out.

use super::sockets::{self, SocketFolder};
use super::transport;
use super::wire::{self, Hello, MAX_HELLO_BYTES, MAX_REPLY_BYTES, Reply, Request};
use crate::complain;
use crate::error::Error;
use crate::utc_time::UtcTime;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stagepass_core::PublicSuffixes;
use stagepass_core::bridge::{Allowed, Announcement, BridgeFault, HandOver, Question, WrittenBack};
use stagepass_core::host::AnswerError;
use stagepass_core::visible::printable_start;
use std::cmp::Reverse;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a host may take to introduce itself. It does so without asking the extension.
const HELLO_TIMEOUT: Duration = Duration::from_millis(1000);
/// How long an answer of the extension may take.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(3000);

/// The most characters shown of another program's message.
const MAX_SHOWN_CHARS: usize = 500;

/// Why a browser did not answer.
#[derive(Debug, Error)]
pub(crate) enum AskFault {
    #[error("it did not answer in time")]
    NoAnswer,
    #[error("it closed the connection, or another program answers in its place")]
    Broken,
    #[error("the extension's answer doesn't match this version")]
    BadAnswer,
    #[error("it gave the cookies of another label")]
    OtherLabel,
    #[error(transparent)]
    BadHandOver(#[from] BridgeFault),
    /// The message of the extension or the host.
    #[error("{0}")]
    Refused(String),
}

/// A browser that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    /// Which browser this is, and what it hands over.
    pub(crate) announcement: Announcement,
    /// When it connected.
    pub(crate) since: UtcTime,
    socket: PathBuf,
}

/// The connected browsers, the newest first. Removes dead sockets.
// Decision: docs/decisions/bridge.md#the-browser-that-connected-last-is-asked
pub(crate) fn connected(host_dir: &Path) -> Result<Vec<Connected>, Error> {
    let sockets = SocketFolder::new(host_dir).sockets()?;
    let mut found = run(async move {
        let mut asking: JoinSet<_> = sockets.into_iter().map(introduce).collect();
        let mut found = Vec::new();
        while let Some(introduced) = asking.join_next().await {
            found.extend(introduced.ok().flatten());
        }
        found
    })
    .map_err(Error::io("ask the browsers in", host_dir))?;
    // A time in the future, from a wrong clock, would keep a browser first.
    found.sort_by_key(|browser: &Connected| {
        (browser.since.is_in_future(), Reverse(browser.since), browser.socket.clone())
    });
    Ok(found)
}

async fn introduce(socket: PathBuf) -> Option<Connected> {
    let hello: Result<Hello, _> = ask(&socket, None, HELLO_TIMEOUT).await;
    if let Err(fault @ AskFault::NoAnswer) = &hello {
        complain(&format_args!("note: a browser that is connected could not be asked: {fault}"));
    }
    let hello = hello.ok()?;
    hello.announcement.check().ok()?;
    Some(Connected { announcement: hello.announcement, since: hello.since, socket })
}

impl Connected {
    /// The current session in the browser of one of its announced platforms, with its origin storage if
    /// `storage` and the person allowed that; waits until `deadline` at most.
    // Decision: docs/decisions/bridge.md#storage-is-handed-over-only-if-it-is-allowed-and-asked-for
    pub(crate) fn session(
        &self,
        allowed: &Allowed,
        storage: bool,
        deadline: Instant,
    ) -> Result<HandOver, AskFault> {
        let Allowed { platform, label, .. } = allowed;
        let storage = storage && allowed.storage;
        let question = Question::Cookies { platform: platform.clone(), storage };
        let left = deadline.saturating_duration_since(Instant::now());
        let mut hand_over: HandOver = self.ask(question, left.min(ANSWER_TIMEOUT))?;
        hand_over.check(platform, PublicSuffixes::built_in())?;
        // The label was chosen by, and names the export that rotated cookies go into.
        if hand_over.label != *label {
            return Err(AskFault::OtherLabel);
        }
        if !storage {
            hand_over.origins.clear();
        }
        Ok(hand_over)
    }

    /// Writes rotated cookies back into the browser; waits until `deadline` at most.
    pub(crate) fn write_back(&self, question: Question, deadline: Instant) -> Result<WrittenBack, AskFault> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.ask(question, left.min(ANSWER_TIMEOUT))
    }

    fn ask<T: DeserializeOwned>(&self, question: Question, within: Duration) -> Result<T, AskFault> {
        run(ask(&self.socket, Some(question), within)).unwrap_or(Err(AskFault::Broken))
    }
}

/// Asks the host at `socket`.
async fn ask<T: DeserializeOwned>(
    socket: &Path,
    question: Option<Question>,
    within: Duration,
) -> Result<T, AskFault> {
    let max_bytes = if question.is_some() { MAX_REPLY_BYTES } else { MAX_HELLO_BYTES };
    let conversation = async {
        let mut stream = transport::connect(socket).await.map_err(|fault| {
            if fault.kind() == transport::NOBODY_LISTENS {
                sockets::remove_dead(socket);
            }
            AskFault::Broken
        })?;
        wire::send(&mut stream, &Request { question }).await.map_err(|_| AskFault::Broken)?;
        let reply: Reply<Value> =
            wire::receive(&mut stream, max_bytes).await.map_err(|_| AskFault::Broken)?;
        // The message goes to a terminal, so it must not contain control characters.
        let shown = |refusal: AnswerError| printable_start(&refusal.message, MAX_SHOWN_CHARS);
        let answer = reply.map_err(|refusal| AskFault::Refused(shown(refusal)))?;
        serde_json::from_value(answer).map_err(|_| AskFault::BadAnswer)
    };
    timeout(within, conversation).await.unwrap_or(Err(AskFault::NoAnswer))
}

fn run<T>(future: impl Future<Output = T>) -> io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}
