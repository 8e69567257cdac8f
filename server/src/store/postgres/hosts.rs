//! The PostgreSQL hosts, and what this process has learned about them. A host that did not answer
//! in time is asked last for a while. The connections made here only probe hosts.

use super::lineage::NewestLineage;
use super::url::{PostgresUrl, UrlHost};
use super::{PostgresFault, PostgresSettings};
use crate::store::StoreError;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout};
use tokio_postgres::Config;
use tokio_postgres::config::Host as HostName;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a host that did not answer is asked after all others.
// Decision: docs/decisions/storage.md#a-silent-postgresql-host-is-avoided-as-a-whole
const ASKED_LAST: Duration = Duration::from_secs(30);

/// The hosts of a URL, and what this process has learned about them.
#[derive(Debug)]
pub(super) struct Hosts {
    url: PostgresUrl,
    tls: Tls,
    pub(super) handshake: Duration,
    /// The most connections to one host, including abandoned ones that have not ended.
    pub(super) most_connections: usize,
    known: Mutex<HashMap<String, Arc<HostState>>>,
    pub(super) newest: NewestLineage,
    /// Whether another host may have become the primary since the last connection was opened.
    pub(super) is_unsure: AtomicBool,
}

/// The TLS connector; its `Debug` form would list all root certificates.
struct Tls(MakeRustlsConnect);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// The state of a host.
#[derive(Debug, Default)]
pub(super) struct HostState {
    timed_out_at: Mutex<Option<Instant>>,
    /// When work on a connection was last abandoned.
    gave_up_at: Mutex<Option<Instant>>,
    /// The number of open connections.
    pub(super) open: AtomicUsize,
}

impl HostState {
    /// Whether work on a connection was abandoned since then.
    pub(super) fn gave_up_since(&self, then: Instant) -> bool {
        read(&self.gave_up_at).is_some_and(|at| at >= then)
    }

    pub(super) fn is_late(&self) -> bool {
        read(&self.timed_out_at).is_some_and(|at| at.elapsed() < ASKED_LAST)
    }
}

fn read(time: &Mutex<Option<Instant>>) -> Option<Instant> {
    *time.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set_to_now(time: &Mutex<Option<Instant>>) {
    *time.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// An address to connect to.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// The name for messages, which also identifies the host.
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) state: Arc<HostState>,
}

impl Hosts {
    pub(super) fn new(settings: &PostgresSettings, tls: MakeRustlsConnect) -> Self {
        Self {
            url: settings.url.clone(),
            tls: Tls(tls),
            handshake: settings.handshake,
            most_connections: 2 * settings.connections,
            known: Mutex::default(),
            newest: NewestLineage::default(),
            is_unsure: AtomicBool::new(true),
        }
    }

    /// Whether a host still answers: it accepts another connection or says why not.
    pub(super) async fn probe(&self, host: &Host) -> bool {
        match timeout(self.handshake, host.config.connect(self.tls())).await {
            // Dropping the new connection closes it.
            Ok(Ok(_)) => true,
            Ok(Err(error)) => error.code().is_some(),
            Err(_) => false,
        }
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.0.clone()
    }

    /// Another host may be the primary now.
    pub(super) fn doubt(&self) {
        self.is_unsure.store(true, Ordering::Relaxed);
    }

    /// A host did not answer in time on a connection: its other connections are not reused.
    pub(super) fn note_given_up(&self, host: &HostState) {
        set_to_now(&host.gave_up_at);
        self.note_timeout(host);
    }

    /// A host did not answer in time. If only a new connection was not accepted, existing ones can
    /// still be used.
    pub(super) fn note_timeout(&self, host: &HostState) {
        set_to_now(&host.timed_out_at);
        self.doubt();
    }

    pub(super) fn newest(&self) -> &NewestLineage {
        &self.newest
    }

    /// The addresses of all hosts. A name may have several, each of which is a host.
    pub(super) async fn find(&self, faults: &mut Vec<StoreError>) -> Vec<Host> {
        let mut found = Vec::new();
        for looked_up in join_all(self.url.hosts().into_iter().map(|host| self.look_up(host))).await {
            match looked_up {
                Ok(hosts) => found.extend(hosts),
                Err(fault) => faults.push(StoreError::Postgres(fault)),
            }
        }
        found
    }

    async fn look_up(&self, UrlHost { host, address, port }: UrlHost) -> Result<Vec<Host>, PostgresFault> {
        let mut config = self.url.without_hosts();
        config.port(port);
        let name = match host {
            Some(HostName::Tcp(name)) => {
                config.host(&name);
                name
            }
            #[cfg(unix)]
            Some(HostName::Unix(path)) => {
                config.host_path(&path);
                return Ok(vec![self.host(format!("{}:{port}", path.display()), config)]);
            }
            None => String::new(),
        };
        let addresses = match address {
            Some(address) => vec![address],
            None => self.addresses(&name, port).await?,
        };
        let at = |address| {
            let mut config = config.clone();
            config.hostaddr(address);
            self.host(SocketAddr::new(address, port).to_string(), config)
        };
        Ok(addresses.into_iter().map(at).collect())
    }

    async fn addresses(&self, name: &str, port: u16) -> Result<Vec<IpAddr>, PostgresFault> {
        match timeout(self.handshake, lookup_host((name, port))).await {
            Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
            Ok(Err(error)) => {
                Err(PostgresFault::unfit(format!("{name}: can't look up its address: {error}")))
            }
            Err(_) => Err(PostgresFault::unfit(format!("{name}: looking up its address took too long"))),
        }
    }

    fn host(&self, name: String, config: Config) -> Host {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let state = Arc::clone(known.entry(name.clone()).or_default());
        Host { name, config, state }
    }
}
