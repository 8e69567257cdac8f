//! A command's side: which browsers are there, and asking one of them.
//!
//! Whatever listens at a socket, nothing of it is believed that does not hold,
//! and nothing is waited for beyond its time.

use super::place::{self, Place};
use super::transport;
use super::wire::{self, Hello, MAX_HELLO_BYTES, MAX_REPLY_BYTES, Reply, Request};
use crate::complain;
use crate::error::Error;
use crate::utc_time::UtcTime;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stagepass_core::PublicSuffixes;
use stagepass_core::bridge::{Announcement, BridgeFault, HandOver, Question, WrittenBack};
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

/// How long a host may take to say who it is: it needs nobody for that.
const HELLO_TIMEOUT: Duration = Duration::from_millis(1000);
/// How long an answer of the extension's may take.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(3000);

/// How much is shown of another program's words.
const MAX_SHOWN_CHARS: usize = 500;

/// Why a browser gave nothing.
#[derive(Debug, Error)]
pub(crate) enum AskFault {
    #[error("it did not answer in time")]
    NoAnswer,
    #[error("it broke off, or another program answers in its place")]
    Broken,
    #[error("the extension's answer is not one of this version's")]
    BadAnswer,
    #[error(transparent)]
    BadHandOver(#[from] BridgeFault),
    /// In the extension's or the host's own words.
    #[error("{0}")]
    Refused(String),
}

/// A browser that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    /// Which one it is, and what it hands over.
    pub(crate) announcement: Announcement,
    /// Since when it is connected.
    pub(crate) since: UtcTime,
    socket: PathBuf,
}

/// The browsers that are connected, the newest connection first. Sockets that
/// nobody listens at any more are taken away.
pub(crate) fn connected(host_dir: &Path) -> Result<Vec<Connected>, Error> {
    let sockets = Place::new(host_dir).sockets()?;
    let mut found = run(async move {
        let mut asking: JoinSet<_> = sockets.into_iter().map(introduce).collect();
        let mut found = Vec::new();
        while let Some(introduced) = asking.join_next().await {
            found.extend(introduced.ok().flatten());
        }
        found
    })
    .map_err(Error::io("ask the browsers in", host_dir))?;
    // A time that is still to come would win for as long as the browser runs.
    found.sort_by_key(|browser: &Connected| {
        (browser.since.is_to_come(), Reverse(browser.since), browser.socket.clone())
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
    /// The platform's cookies, as the browser has them now; until `deadline` at most.
    pub(crate) fn cookies(&self, platform: &str, deadline: Instant) -> Result<HandOver, AskFault> {
        let question = Question::Cookies { platform: platform.to_owned() };
        let left = deadline.saturating_duration_since(Instant::now());
        let given: HandOver = self.ask(question, left.min(ANSWER_TIMEOUT))?;
        given.check(platform, PublicSuffixes::built_in())?;
        Ok(given)
    }

    /// Puts replaced cookies back into the browser; until `deadline` at most.
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
    let most = if question.is_some() { MAX_REPLY_BYTES } else { MAX_HELLO_BYTES };
    let conversation = async {
        let mut stream = transport::connect(socket).await.map_err(|fault| {
            if fault.kind() == transport::NOBODY_LISTENS {
                place::remove_dead(socket);
            }
            AskFault::Broken
        })?;
        wire::send(&mut stream, &Request { question }).await.map_err(|_| AskFault::Broken)?;
        let reply: Reply<Value> = wire::receive(&mut stream, most).await.map_err(|_| AskFault::Broken)?;
        // It goes to a terminal.
        let shown = |refusal: AnswerError| printable_start(&refusal.message, MAX_SHOWN_CHARS);
        let answer = reply.map_err(|refusal| AskFault::Refused(shown(refusal)))?;
        serde_json::from_value(answer).map_err(|_| AskFault::BadAnswer)
    };
    timeout(within, conversation).await.unwrap_or(Err(AskFault::NoAnswer))
}

fn run<T>(future: impl Future<Output = T>) -> io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}
