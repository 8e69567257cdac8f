//! The host's side of the bridge: listens for this user's programs, and relays their questions to
//! the extension and its answers back.

use super::sockets::SocketFolder;
use super::transport::{self, Listener, Stream};
use super::wire::{self, Hello, MAX_QUESTION_BYTES, Reply, Request};
use crate::error::Error;
use crate::frame::ToBrowser;
use crate::utc_time::UtcTime;
use serde_json::{Map, Value};
use stagepass_core::PublicSuffixes;
use stagepass_core::bridge::{Announcement, MAX_NAME_CHARS, Question, RelayedQuestion};
use stagepass_core::host::{Answer, AnswerError};
use stagepass_core::visible::printable_start;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tempfile::TempPath;
use tokio::io::AsyncReadExt;
use tokio::runtime::{self, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// How long the extension may take to answer. A command waits a little longer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(2500);
/// How long a program's connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(4);
/// How many connections are served at once; further ones wait.
const MAX_CONNECTIONS: usize = 8;
/// How long to wait after a fault of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The host's part in hand-over and write-back. There is no socket and no thread before the
/// extension sends `listen`.
// Decision: docs/decisions/bridge.md#the-browsers-own-host-listens
#[derive(Debug)]
pub(crate) struct Bridge {
    folder: SocketFolder,
    shared: Arc<Shared>,
    /// Removes the socket when it is dropped.
    socket: Option<TempPath>,
}

#[derive(Debug)]
struct Shared {
    to_browser: ToBrowser,
    since: UtcTime,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    announcement: Announcement,
    last_id: u32,
    /// The receiver of each answer, by id.
    waiting: HashMap<u32, oneshot::Sender<Box<Answer>>>,
}

impl Bridge {
    /// Does nothing until [`Self::listen`].
    pub(crate) fn new(host_dir: &Path, to_browser: ToBrowser) -> Self {
        let shared = Shared { to_browser, since: UtcTime::now(), state: Mutex::default() };
        Self { folder: SocketFolder::new(host_dir), shared: Arc::new(shared), socket: None }
    }

    /// Starts to listen; while it listens, only updates the announcement.
    pub(crate) fn listen(&mut self, announcement: Announcement) -> Result<(), Error> {
        self.shared.state().announcement = announcement;
        // Somebody may have removed the folder with the socket.
        if self.socket.as_ref().is_none_or(|socket| !socket.exists()) {
            let runtime = runtime().map_err(Error::io("listen in", &self.folder.path()))?;
            let (listener, socket) = {
                let _within = runtime.enter();
                self.folder.listen()?
            };
            let shared = Arc::clone(&self.shared);
            thread::Builder::new()
                .name("bridge".to_owned())
                .spawn(move || runtime.block_on(serve(listener, &shared)))
                .map_err(Error::io("listen at", &socket))?;
            self.socket = Some(socket);
        }
        Ok(())
    }

    /// Passes an answer of the extension to the program that waits for it, if one does.
    pub(crate) fn deliver(&self, answer: Answer) {
        let id = answer.head.id.as_u64().and_then(|id| u32::try_from(id).ok());
        let waiting = id.and_then(|id| self.shared.state().waiting.remove(&id));
        // The program may have disconnected.
        let _ = waiting.map(|waiting| waiting.send(Box::new(answer)));
    }
}

fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_current_thread().enable_all().max_blocking_threads(MAX_CONNECTIONS).build()
}

/// Serves until the process ends, when the browser closes the port.
async fn serve(listener: Listener, shared: &Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok(mut stream) = transport::accept(&listener).await else {
            sleep(PAUSE).await;
            continue;
        };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            // A program that is refused, disconnects or is too slow gets no reply.
            let _ = timeout(CONNECTION_TIMEOUT, converse(&mut stream, &shared)).await;
            transport::close(stream);
            drop(permit);
        });
    }
}

/// Answers one request of one of this user's programs.
async fn converse(stream: &mut Stream, shared: &Arc<Shared>) -> Result<(), Error> {
    let program = transport::program(stream).map_err(Error::BrokenFrame)?;
    let request: Request = wire::receive(stream, MAX_QUESTION_BYTES).await?;
    match request.question {
        None => {
            let announcement = shared.state().announcement.clone();
            wire::send(stream, &Reply::Ok(Hello { announcement, since: shared.since })).await?;
        }
        Some(question) => wire::send(stream, &shared.ask(question, shown_name(program)).await).await?,
    }
    // Waits until the program disconnects: closing a pipe earlier can discard the reply.
    let _ = stream.read(&mut [0]).await;
    Ok(())
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the extension and returns its answer, unchecked, or a refusal after the timeout.
    async fn ask(self: &Arc<Self>, question: Question, program: String) -> Reply<Map<String, Value>> {
        question
            .check(PublicSuffixes::built_in())
            .map_err(|fault| refusal("bad_request", fault.to_string()))?;
        let (expected, answer) = self.expect_answer();
        let id = expected.id;
        let relayed = RelayedQuestion { id, program, question };
        let shared = Arc::clone(self);
        // Use a thread: sending blocks if the browser doesn't read.
        let sent = async {
            let sending = tokio::task::spawn_blocking(move || {
                // A question whose program has been told of a timeout must have no effect later.
                shared.to_browser.send_if(|| shared.state().waiting.contains_key(&id), &relayed)
            });
            matches!(sending.await, Ok(Ok(()))).then_some(())?;
            answer.await.ok()
        };
        let answer = timeout(ANSWER_TIMEOUT, sent).await;
        let answer = answer.map_err(|_| refusal("no_answer", "the extension did not answer in time"))?;
        let broken = || refusal("bad_answer", "the extension's answer doesn't match this version");
        let answer = answer.ok_or_else(broken)?;
        match answer.error {
            None if answer.ok => Ok(answer.fields),
            Some(error) => Err(error),
            None => Err(broken()),
        }
    }

    fn expect_answer(&self) -> (Expected<'_>, oneshot::Receiver<Box<Answer>>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        state.last_id = state.last_id.wrapping_add(1);
        let id = state.last_id;
        state.waiting.insert(id, sender);
        (Expected { shared: self, id }, receiver)
    }
}

/// An answer that a program waits for, until this is dropped.
struct Expected<'a> {
    shared: &'a Shared,
    id: u32,
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.id);
    }
}

fn refusal(code: &str, message: impl Into<String>) -> AnswerError {
    AnswerError { code: code.to_owned(), message: message.into() }
}

/// The program's name as the system knows it. Programs can choose their names freely, so this is
/// shortened and made printable.
fn shown_name(program: Option<String>) -> String {
    let name = printable_start(&program.unwrap_or_default(), MAX_NAME_CHARS);
    if name.is_empty() { "unknown".to_owned() } else { name }
}
