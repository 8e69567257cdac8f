//! A thin client of the Chrome DevTools Protocol: JSON-RPC over the browser's single
//! WebSocket, with flattened sessions. It knows nothing about extensions.

use crate::system::wait;
use anyhow::{Context, Result, bail, ensure};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

mod page;

/// How long the browser may take to answer one command.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Answer = Result<Value, CdpError>;

/// Why a command got no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CdpError {
    /// The browser refused it.
    #[error("{0}")]
    Refused(String),
    /// The page went away before it answered; the target shows another one.
    #[error("the page is gone")]
    PageLeft,
    /// The target went away before it answered.
    #[error("the target is gone")]
    Detached,
    /// The browser went away.
    #[error("the browser is gone")]
    Disconnected,
    /// The browser did not answer in time.
    #[error("no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout,
}

/// Something the browser runs: a page, a popup, a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub id: String,
    /// `page`, `service_worker`, `other` and the like.
    pub kind: String,
    /// Its address.
    pub url: String,
}

/// A line from a target's console or the browser's log about it, or an uncaught exception.
#[derive(Clone, Debug)]
pub struct ConsoleEntry {
    /// `log`, `warning`, `error`, `exception` and the like.
    pub level: String,
    /// Its text.
    pub text: String,
}

/// The client of one browser; clones share it.
// Decision: docs/decisions/tooling.md#the-tests-have-their-own-chrome-devtools-client
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    outgoing: mpsc::UnboundedSender<Message>,
    next_id: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Who waits for the answer to a command, with the session it went to.
    waiting: HashMap<u64, (Option<String>, oneshot::Sender<Answer>)>,
    /// What was said in each session.
    console: HashMap<String, Vec<ConsoleEntry>>,
    is_closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Connects to the browser's WebSocket address.
    ///
    /// # Errors
    /// When nothing answers there.
    pub async fn open(url: &str) -> Result<Self> {
        let (socket, _) =
            tokio_tungstenite::connect_async(url).await.context("cannot connect to the browser")?;
        let (sink, stream) = socket.split();
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Shared { outgoing, next_id: AtomicU64::new(1), state: Mutex::default() };
        let client = Self(Arc::new(shared));
        tokio::spawn(write(queue, sink));
        tokio::spawn(client.clone().read(stream));
        Ok(client)
    }

    /// Sends a command to the browser itself.
    ///
    /// # Errors
    /// A [`CdpError`] with the command's name.
    pub async fn send(&self, method: &str, params: Value) -> Result<Value> {
        self.send_to(None, method, params).await
    }

    async fn send_to(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let answer = self.post(session, method, params);
        let answer = match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(answer) => answer.unwrap_or(Err(CdpError::Disconnected)),
            Err(_) => Err(CdpError::Timeout),
        };
        answer.with_context(|| method.to_owned())
    }

    /// Sends a command; the answer comes through the channel.
    fn post(&self, session: Option<&str>, method: &str, params: Value) -> oneshot::Receiver<Answer> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (sender, answer) = oneshot::channel();
        let mut state = self.0.state();
        // Dropping the sender tells the receiver that the browser is gone.
        if !state.is_closed {
            state.waiting.insert(id, (session.map(str::to_owned), sender));
            let _ = self.0.outgoing.send(Message::text(command.to_string()));
        }
        answer
    }

    async fn read(self, mut stream: SplitStream<Socket>) {
        while let Some(Ok(message)) = stream.next().await {
            let Ok(text) = message.to_text() else { continue };
            if let Ok(message) = serde_json::from_str::<Value>(text) {
                self.take_in(&message);
            }
        }
        let mut state = self.0.state();
        state.is_closed = true;
        state.waiting.clear();
    }

    fn take_in(&self, message: &Value) {
        let mut state = self.0.state();
        if let Some(id) = message["id"].as_u64() {
            let Some((_, sender)) = state.waiting.remove(&id) else { return };
            let _ = sender.send(answer(message));
            return;
        }
        let params = &message["params"];
        if message["method"] == "Target.detachedFromTarget" {
            let gone = params["sessionId"].as_str();
            for (_, (_, sender)) in state.waiting.extract_if(|_, (session, _)| session.as_deref() == gone) {
                let _ = sender.send(Err(CdpError::Detached));
            }
        } else if let (Some(session), Some(entry)) = (
            message["sessionId"].as_str(),
            console_entry(message["method"].as_str().unwrap_or_default(), params),
        ) {
            state.console.entry(session.to_owned()).or_default().push(entry);
        }
    }

    /// Everything that the browser runs.
    ///
    /// # Errors
    /// A [`CdpError`].
    pub async fn targets(&self) -> Result<Vec<Target>> {
        // The empty filter lets every kind pass; the default one hides some.
        let answer = self.send("Target.getTargets", json!({"filter": [{}]})).await?;
        let text = |info: &Value, field: &str| info[field].as_str().unwrap_or_default().to_owned();
        let infos = answer["targetInfos"].as_array().context("Target.getTargets lists targets")?;
        Ok(infos
            .iter()
            .map(|info| Target {
                id: text(info, "targetId"),
                kind: text(info, "type"),
                url: text(info, "url"),
            })
            .collect())
    }

    /// Waits for a target that `is_meant` accepts.
    ///
    /// # Errors
    /// After `timeout`, naming `what`.
    pub async fn wait_for_target(
        &self,
        what: &str,
        timeout: Duration,
        is_meant: impl Fn(&Target) -> bool,
    ) -> Result<Target> {
        wait::until(what, timeout, async || {
            Ok(self.targets().await?.into_iter().find(|target| is_meant(target)))
        })
        .await
    }

    /// Attaches to a target and begins to collect what it says.
    ///
    /// # Errors
    /// When the target is gone.
    pub async fn attach(&self, target: Target) -> Result<Attachment> {
        let params = json!({"targetId": target.id, "flatten": true});
        let answer = self.send("Target.attachToTarget", params).await?;
        let id = answer["sessionId"].as_str().context("attaching gives a session")?.to_owned();
        let session = Attachment { client: self.clone(), id, target };
        session.send("Runtime.enable", json!({})).await?;
        // Not every kind of target has a log.
        let _ = session.send("Log.enable", json!({})).await;
        Ok(session)
    }

    /// Opens a tab at `url` and attaches to it once it has loaded.
    ///
    /// # Errors
    /// When the page can't be loaded.
    pub async fn open_tab(&self, url: &str) -> Result<Attachment> {
        let answer = self.send("Target.createTarget", json!({"url": "about:blank"})).await?;
        let id = answer["targetId"].as_str().context("a new tab has an id")?.to_owned();
        let session = self.attach(Target { id, kind: "page".to_owned(), url: url.to_owned() }).await?;
        session.navigate(url).await?;
        Ok(session)
    }
}

/// The outcome in the answer to a command.
fn answer(message: &Value) -> Answer {
    match message.get("error") {
        // -32001: the session is unknown, since its target is gone.
        Some(error) if error["code"] == -32001 => Err(CdpError::Detached),
        Some(error) => Err(refusal(error["message"].as_str().unwrap_or_default())),
        None => Ok(message["result"].clone()),
    }
}

fn refusal(message: &str) -> CdpError {
    /// What Chromium says when a navigation takes the page away during a command.
    const PAGE_LEFT: [&str; 3] = [
        "Inspected target navigated or closed",
        "Execution context was destroyed.",
        "Cannot find default execution context",
    ];
    if PAGE_LEFT.contains(&message) { CdpError::PageLeft } else { CdpError::Refused(message.to_owned()) }
}

async fn write(mut queue: mpsc::UnboundedReceiver<Message>, mut sink: SplitSink<Socket, Message>) {
    while let Some(message) = queue.recv().await {
        if sink.send(message).await.is_err() {
            return;
        }
    }
}

fn console_entry(method: &str, params: &Value) -> Option<ConsoleEntry> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match method {
        "Runtime.consoleAPICalled" => {
            let part = |part: &Value| text(part.get("value").unwrap_or(&part["description"]));
            let parts: Vec<_> = params["args"].as_array()?.iter().map(part).collect();
            Some(ConsoleEntry { level: text(&params["type"]), text: parts.join(" ") })
        }
        "Runtime.exceptionThrown" => Some(ConsoleEntry {
            level: "exception".to_owned(),
            text: exception_text(&params["exceptionDetails"]),
        }),
        "Log.entryAdded" => Some(ConsoleEntry {
            level: text(&params["entry"]["level"]),
            text: text(&params["entry"]["text"]),
        }),
        _ => None,
    }
}

fn exception_text(details: &Value) -> String {
    let text = details["exception"]["description"].as_str().or(details["text"].as_str());
    text.unwrap_or("an exception without text").to_owned()
}

/// An attachment to one target; dropping it detaches.
#[derive(Debug)]
pub struct Attachment {
    client: Client,
    id: String,
    target: Target,
}

impl Attachment {
    /// The target that it is attached to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Sends a command to the target.
    ///
    /// # Errors
    /// A [`CdpError`] with the command's name.
    pub async fn send(&self, method: &str, params: Value) -> Result<Value> {
        self.client.send_to(Some(&self.id), method, params).await
    }

    /// The value of a JavaScript expression, awaited where it is a promise.
    ///
    /// # Errors
    /// An exception that it throws, or a [`CdpError`].
    pub async fn evaluate(&self, expression: &str) -> Result<Value> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.send("Runtime.evaluate", params).await?;
        match answer.get("exceptionDetails") {
            Some(details) => bail!("JavaScript failed: {}", exception_text(details)),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// Waits until a JavaScript condition holds, awaited where it is a promise. The target may load
    /// another page meanwhile; the condition is about the one it ends at.
    ///
    /// # Errors
    /// After `timeout`, naming `what`; exceptions and other [`CdpError`]s.
    pub async fn wait_for(&self, what: &str, timeout: Duration, condition: &str) -> Result<()> {
        let condition = format!("(async () => Boolean(await ({condition})))()");
        wait::until(what, timeout, async || match self.evaluate(&condition).await {
            Err(error) if matches!(error.downcast_ref(), Some(CdpError::PageLeft)) => Ok(None),
            holds => Ok((holds? == Value::Bool(true)).then_some(())),
        })
        .await
    }

    /// What the target has said since it was attached to.
    #[must_use]
    pub fn console(&self) -> Vec<ConsoleEntry> {
        self.client.0.state().console.get(&self.id).cloned().unwrap_or_default()
    }

    /// Waits until the target has gone away.
    ///
    /// # Errors
    /// After `timeout`.
    pub async fn wait_until_gone(&self, timeout: Duration) -> Result<()> {
        wait::until(&format!("{} to go away", self.target.url), timeout, async || {
            let targets = self.client.targets().await?;
            Ok(targets.iter().all(|target| target.id != self.target.id).then_some(()))
        })
        .await
    }

    /// Closes the target.
    ///
    /// # Errors
    /// When it does not close.
    pub async fn close(self) -> Result<()> {
        let answer = self.client.send("Target.closeTarget", json!({"targetId": self.target.id})).await?;
        ensure!(answer["success"] != false, "{} cannot be closed", self.target.url);
        self.wait_until_gone(ANSWER_TIMEOUT).await
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // An attached service worker never sleeps; nobody waits for the answer.
        drop(self.client.post(None, "Target.detachFromTarget", json!({"sessionId": self.id})));
    }
}
