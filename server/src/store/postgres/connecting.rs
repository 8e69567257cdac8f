//! Chooses among several hosts the one that accepts writes and has the newest history. It knows no
//! statement of the stores.

use super::PostgresFault;
use super::db_connection::{DbConnection, Terms};
use super::hosts::{Host, Hosts};
use super::lineage::Lineage;
use crate::store::StoreError;
use futures_util::future::join_all;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::timeout;

impl Hosts {
    /// Connects to the primary.
    pub(super) async fn connect(self: &Arc<Self>, terms: &Terms) -> Result<DbConnection, StoreError> {
        let mut faults = Vec::new();
        let found = self.find(&mut faults).await;
        let states: Vec<_> = found.iter().map(|host| Arc::clone(&host.state)).collect();
        let (late, prompt): (Vec<_>, Vec<_>) = found.into_iter().partition(|host| host.state.is_late());
        for hosts in [prompt, late] {
            let is_unsure = self.is_unsure.load(Ordering::Relaxed);
            let connected = if is_unsure {
                self.survey(&hosts, terms, &mut faults).await
            } else {
                self.first(&hosts, terms, &mut faults).await
            };
            if let Some(connection) = connected {
                // A silent host may be the new primary: ask it again.
                if is_unsure && !states.iter().any(|state| state.is_late()) {
                    self.is_unsure.store(false, Ordering::Relaxed);
                }
                return Ok(connection);
            }
        }
        // A database's answer is more useful than the report of a missing host.
        faults.sort_by_key(rank);
        let mut faults = faults.into_iter();
        Err(match faults.next() {
            Some(StoreError::Postgres(fault)) => fault.beside(faults.as_slice()).into(),
            other => other.unwrap_or(StoreError::Busy),
        })
    }

    /// Connects to the first suitable host.
    async fn first(
        self: &Arc<Self>,
        hosts: &[Host],
        terms: &Terms,
        faults: &mut Vec<StoreError>,
    ) -> Option<DbConnection> {
        for host in hosts {
            match self.connect_to(host, terms).await {
                Ok(connection) => return Some(connection),
                Err(fault) => faults.push(fault),
            }
        }
        None
    }

    /// Asks all hosts at once, since several may consider themselves the primary, and keeps the
    /// connection to the one with the newest history.
    async fn survey(
        self: &Arc<Self>,
        hosts: &[Host],
        terms: &Terms,
        faults: &mut Vec<StoreError>,
    ) -> Option<DbConnection> {
        let mut connections = Vec::new();
        for outcome in join_all(hosts.iter().map(|host| self.open(host, terms))).await {
            match outcome {
                Ok(connection) => connections.push(connection),
                Err(fault) => faults.push(fault),
            }
        }
        connections.sort_by_key(|connection| Reverse(connection.lineage().map(Lineage::timeline)));
        for connection in connections {
            match self.admit(&connection) {
                Ok(()) => return Some(connection),
                Err(fault) => faults.push(fault),
            }
        }
        None
    }

    /// Connects to a host that accepts writes and has no older history than the newest known one.
    async fn connect_to(self: &Arc<Self>, host: &Host, terms: &Terms) -> Result<DbConnection, StoreError> {
        let connection = self.open(host, terms).await?;
        self.admit(&connection)?;
        Ok(connection)
    }

    /// Refuses a connection to a host with an older history.
    fn admit(&self, connection: &DbConnection) -> Result<(), StoreError> {
        self.newest.admit(connection.lineage()).map_err(|fault| {
            let fault = fault.of_host(&connection.watch.host.name);
            tracing::warn!(%fault, "a PostgreSQL host is not used");
            StoreError::Postgres(fault)
        })
    }

    /// Connects to a host that accepts writes, whatever its history.
    async fn open(self: &Arc<Self>, host: &Host, terms: &Terms) -> Result<DbConnection, StoreError> {
        if host.state.open.load(Ordering::Relaxed) >= self.most_connections {
            let fault = "it still owes answers on earlier connections";
            return Err(PostgresFault::at_limit(fault.to_owned()).of_host(&host.name).into());
        }
        let making = DbConnection::make(self, host.clone(), terms);
        match timeout(self.handshake, making).await {
            Ok(Err(StoreError::Postgres(fault))) => Err(StoreError::Postgres(fault.of_host(&host.name))),
            Ok(made) => made,
            Err(_) => {
                self.note_timeout(&host.state);
                let text = format!("no connection was ready within {} s", self.handshake.as_secs_f32());
                let fault = PostgresFault::unfit(text).of_host(&host.name);
                tracing::warn!(%fault, "a PostgreSQL host does not answer");
                Err(StoreError::Postgres(fault))
            }
        }
    }
}

/// Which of several faults to report first.
fn rank(fault: &StoreError) -> u8 {
    match fault {
        StoreError::Postgres(fault) if fault.is_at_limit() => 0,
        StoreError::Postgres(fault) if fault.is_said() => 2,
        StoreError::Postgres(_) => 3,
        // Stagepass's own refusals, such as a privileged role.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::UsageLimits;
    use crate::store::postgres::testing::TestDatabase;
    use crate::store::postgres::tls;
    use crate::store::postgres::url::PostgresUrl;
    use futures_util::FutureExt as _;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;
    use tokio::net::TcpListener;

    /// A host that accepts connections and stays silent, and the number of its connections.
    async fn silent_host() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                held.push(socket);
            }
        });
        (host, count)
    }

    #[tokio::test]
    async fn asks_a_slow_host_after_the_others() {
        let (silent, count) = silent_host().await;
        let database = TestDatabase::create().await;
        let mut settings = database.settings_after(&format!("{silent},"));
        settings.handshake = Duration::from_secs(2);
        let hosts = Arc::new(Hosts::new(&settings, tls().unwrap()));
        let terms = Terms::new(&settings, UsageLimits::default());
        let mut connections = Vec::new();
        for _ in 0..5 {
            connections.push(hosts.connect(&terms).await.unwrap());
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(connections.iter().all(|connection| connection.watch.host.name != silent));
        let host = &connections[0].watch.host;
        hosts.note_timeout(&host.state);
        assert!(connections.iter().all(DbConnection::is_usable), "only a new one was not accepted");
        hosts.note_given_up(&host.state);
        assert!(!connections.iter().any(DbConnection::is_usable));
        assert!(hosts.connect(&terms).await.unwrap().is_usable());
    }

    #[tokio::test]
    async fn limits_the_connections_to_a_host_that_owes_answers() {
        let database = TestDatabase::create().await;
        let mut settings = database.settings();
        settings.connections = 1;
        let hosts = Arc::new(Hosts::new(&settings, tls().unwrap()));
        let terms = Terms::new(&settings, UsageLimits::default());
        let owing = hosts.connect(&terms).await.unwrap();
        let sleeping = owing.client.batch_execute("SELECT pg_sleep(3600)");
        assert!(sleeping.now_or_never().is_none());
        // The caller is gone, but PostgreSQL continues with the statement.
        drop(owing);
        let other = hosts.connect(&terms).await.unwrap();
        let fault = hosts.connect(&terms).await.unwrap_err();
        assert!(matches!(&fault, StoreError::Postgres(fault) if fault.is_at_limit()), "{fault}");
        let end =
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'
            AND datname = current_database()";
        database.superuser().await.batch_execute(end).await.unwrap();
        while hosts.connect(&terms).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(other);
    }

    #[tokio::test]
    async fn gives_each_of_several_silent_hosts_its_time_and_no_more() {
        let (one, two) = (silent_host().await, silent_host().await);
        let database = TestDatabase::create().await;
        let mut settings = database.settings();
        let url = format!("postgres://u:p@{},{}/d", one.0, two.0);
        settings.url = PostgresUrl::parse(&url.into()).unwrap();
        settings.handshake = Duration::from_millis(100);
        let hosts = Arc::new(Hosts::new(&settings, tls().unwrap()));
        let terms = Terms::new(&settings, UsageLimits::default());
        for tries in 1..=2 {
            let fault = hosts.connect(&terms).await.unwrap_err().to_string();
            assert!(
                fault.contains(&one.0) && fault.contains("no connection was ready within 0.1 s"),
                "{fault}"
            );
            // Slow hosts are asked too if there is no other.
            assert_eq!([&one, &two].map(|host| host.1.load(Ordering::Relaxed)), [tries; 2]);
        }
    }
}
