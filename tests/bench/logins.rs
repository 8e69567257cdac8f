//! Logins to the vault: more at once than fit into the queue, again and again; and one after
//! another.

use crate::exchange::Exchange;
use crate::load::{Timing, Workload};
use crate::sample::{Sample, Series};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures_util::future::try_join_all;
use reqwest::{Method, header};
use serde_json::{Value, json};
use stagepass_tests::services::request_text::{address_of, write_request};
use stagepass_tests::services::server::Client;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const PASSWORD: &str = "correct horse battery staple";
const WRONG_PASSWORD: &str = "correct horse battery stable";
/// How many log in at once, and how many of them guess the password.
pub(crate) const CROWD: u64 = 20;
const GUESSING: u64 = 2;
/// How long a refused caller waits before the next try.
const PAUSE: Duration = Duration::from_millis(500);
/// One less than the wrong passwords allowed in a minute; after that, right ones are
/// refused, too.
const GUESSES: usize = 4;

/// Where a login comes from: wrong passwords from this machine and from elsewhere are
/// counted separately.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Here,
    Elsewhere,
}

/// Logins to a server's vault, and the crowd's outcomes.
#[derive(Debug)]
pub(crate) struct Logins {
    client: Client,
    address: SocketAddr,
    let_in: AtomicU64,
    wrong: AtomicU64,
    refused: AtomicU64,
}

impl Logins {
    /// Sets up the vault.
    pub(crate) async fn set_up(client: Client) -> Result<Self> {
        let passwords = json!({"password": PASSWORD, "confirm": PASSWORD});
        let answer = client.post("/api/auth/setup", &passwords).await?;
        ensure!(answer.status == 200, "{}", answer.body);
        let address = address_of(&client.request(Method::GET, "/").build()?)?;
        let none = || AtomicU64::new(0);
        Ok(Self { client, address, let_in: none(), wrong: none(), refused: none() })
    }

    fn request(&self, password: &str, origin: Origin) -> Result<Vec<u8>> {
        let request =
            self.client.request(Method::POST, "/api/auth/login").json(&json!({"password": password}));
        write_request(
            &match origin {
                Origin::Here => request,
                // In the form in which a proxy passes it on.
                Origin::Elsewhere => request.header(header::VIA, "1.1 proxy"),
            }
            .build()?,
        )
    }

    /// How long logins with the right and with a wrong password take, `count` of each, in turns.
    pub(crate) async fn one_by_one(&self, count: usize) -> Result<[Series; 2]> {
        let [mut right, mut wrong] = [Series::new()?, Series::new()?];
        for number in 0..count {
            let origin = [Origin::Here, Origin::Elsewhere][number / GUESSES % 2];
            right.push(&self.one(PASSWORD, 200, origin).await?)?;
            wrong.push(&self.one(WRONG_PASSWORD, 401, origin).await?)?;
        }
        // From now on right passwords work again.
        self.one(PASSWORD, 200, Origin::Here).await?;
        Ok([right, wrong])
    }

    /// One login. While the limit refuses all logins, it waits.
    async fn one(&self, password: &str, expected: u16, origin: Origin) -> Result<Sample> {
        let request = self.request(password, origin)?;
        loop {
            let mut exchange = Exchange::connect(self.address).await?;
            let called_at = Instant::now();
            let (status, body) = exchange.send(&request).await?;
            if status == 429 {
                let body: Value = serde_json::from_slice(body)?;
                let seconds = body["retry_after_seconds"].as_u64().context("no retry_after_seconds")?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                continue;
            }
            ensure!(status == expected, "a login was answered with {status}");
            let mut sample = Sample::starting_at(called_at)?;
            sample.record(called_at, Instant::now());
            return Ok(sample);
        }
    }

    /// Makes the crowd log in until `stopped`; signals when the first of them is refused.
    fn storm(&self, full: &mpsc::Sender<()>, stopped: oneshot::Receiver<()>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::select! {
                // Callers that are still waiting hang up.
                _ = stopped => {}
                ended = try_join_all((0..CROWD).map(|number| self.keep_logging_in(number, full))) => {
                    ended?;
                }
            }
            // A login that one of them began has ended before the next one starts.
            let request = self.request(PASSWORD, Origin::Here)?;
            while Exchange::connect(self.address).await?.send(&request).await?.0 == 429 {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        })
    }

    async fn keep_logging_in(&self, number: u64, full: &mpsc::Sender<()>) -> Result<()> {
        let is_guessing = number < GUESSING;
        let (password, origin) =
            if is_guessing { (WRONG_PASSWORD, Origin::Elsewhere) } else { (PASSWORD, Origin::Here) };
        let request = self.request(password, origin)?;
        let mut exchange = Exchange::connect(self.address).await?;
        loop {
            let status = exchange.send(&request).await?.0;
            let count = match status {
                200 => &self.let_in,
                401 => &self.wrong,
                429 => &self.refused,
                _ => bail!("a login was answered with {status}"),
            };
            count.fetch_add(1, Ordering::Relaxed);
            if status == 429 {
                // The receiver may be gone.
                full.send(()).ok();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// The crowd's outcomes, in words.
    pub(crate) fn outcomes(&self) -> String {
        let [let_in, wrong, refused] =
            [&self.let_in, &self.wrong, &self.refused].map(|count| count.load(Ordering::Relaxed));
        format!("{let_in} let in, {wrong} wrong, {refused} refused")
    }
}

/// Another workload, while the crowd logs in.
pub(crate) struct InStorm<W> {
    pub(crate) logins: Arc<Logins>,
    pub(crate) workload: W,
}

impl<W: Workload> Workload for InStorm<W> {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        std::thread::scope(|scope| {
            let (full, is_full) = mpsc::channel();
            let (stop, stopped) = oneshot::channel();
            let storm = scope.spawn(move || self.logins.storm(&full, stopped));
            // Fails when the storm has ended, which then says why.
            let sample = is_full.recv().map(|()| self.workload.run(callers, timing));
            drop(stop);
            storm.join().map_err(|_| anyhow!("the storm panicked"))??;
            sample?
        })
    }
}
