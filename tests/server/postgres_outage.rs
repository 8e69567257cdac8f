//! Calls while PostgreSQL hangs, fails over, does not confirm, or has no connection left.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::services::cluster::Cluster;
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::postgres::connect;
use stagepass_tests::services::server::{Answer, Client, Server};
use stagepass_tests::system::wait;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than the first search for a primary.
const BEFORE_PROMOTION: Duration = Duration::from_secs(6);
const API: &str = "/api/credentials";
/// Long enough for every step on a busy machine, but less than it would take if each
/// connection had to find out by itself that its host hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds a connection that has written and waits for the standby.
const WAITING_FOR_STANDBY: &str = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

async fn post(client: &Client, verb: &str, body: &Value) -> Result<Answer> {
    let answer = timeout(PATIENCE, client.post(&format!("{API}/{verb}"), body)).await;
    answer.with_context(|| format!("{verb} got no answer"))?
}

async fn store(client: &Client, connection: &str) -> Result<Answer> {
    let cookie = json!({"name": "sessionid", "value": "v", "domain": ".instagram.com"});
    let session = json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie]});
    post(client, "store-platform-session", &session).await
}

/// The id of the stored session; `None` if the caller is asked to come back.
fn stored(answer: &Answer) -> Result<Option<String>> {
    if answer.status == 503 {
        ensure!(answer.headers.contains_key("retry-after"), "a 503 that does not say when to come back");
        return Ok(None);
    }
    ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
    Ok(Some(answer.body["id"].as_str().context("no id")?.to_owned()))
}

/// Stores until it succeeds.
async fn store_at_last(client: &Client, connection: &str) -> Result<String> {
    wait::until("the session to be stored", PATIENCE, async || stored(&store(client, connection).await?))
        .await
}

/// A task that stores one session after the other.
struct Storing {
    answered: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Result<()>>,
}

impl Storing {
    fn start(client: Client, connection: String) -> Self {
        let (answered, is_over) = <(Arc<Mutex<Vec<String>>>, Arc<AtomicBool>)>::default();
        let (ids, ends) = (Arc::clone(&answered), Arc::clone(&is_over));
        let task = tokio::spawn(async move {
            while !ends.load(Ordering::Relaxed) {
                match stored(&store(&client, &connection).await?)? {
                    Some(id) => ids.lock().unwrap_or_else(PoisonError::into_inner).push(id),
                    None => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
            Ok(())
        });
        Self { answered, is_over, task }
    }

    fn count(&self) -> usize {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until more is stored, not counting what may have been under way.
    async fn go_on(&self) -> Result<()> {
        let before = self.count();
        wait::until("storing to continue", PATIENCE, async || {
            ensure!(!self.task.is_finished(), "storing has ended");
            Ok((self.count() > before + 2).then_some(()))
        })
        .await
    }

    /// The ids of all sessions whose storing was answered with success.
    async fn end(self) -> Result<Vec<String>> {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await??;
        Ok(std::mem::take(&mut *self.answered.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The sessions in a cluster.
async fn sessions(cluster: &Cluster, database: &str) -> Result<BTreeSet<String>> {
    let superuser = connect(&cluster.superuser_url_of(database)).await?;
    let rows = superuser.query("SELECT id::text FROM stagepass.platform_sessions", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Two servers, a primary with its standby, and several tasks that store one session after the other.
struct Failover {
    primary: Cluster,
    standby: Cluster,
    database: String,
    installation: Installation,
    /// A server that knows only the primary.
    stranded: Server,
    /// A server that knows both.
    server: Server,
    user: Client,
    connections: Vec<String>,
}

impl Failover {
    async fn start() -> Result<Self> {
        let primary = Cluster::start(&[]).await?;
        let database = primary.create_database().await?;
        let name = database.name().to_owned();
        let standby = primary.synchronous_standby().await?;
        let both = database.url_at(&[primary.host(), standby.host()]);
        let mut installation = Installation::on_postgres(database)?;
        installation.set("STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT", "5");
        installation.set("STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT", "5");
        // On a fast machine one user stores more than the rate limit allows.
        installation.set("STAGEPASS_USER_RATE_LIMIT", "0");
        let person = installation.add_person().await?;
        let stranded = installation.serve().await?;
        installation.set("DATABASE_URL", both);
        let server = installation.serve().await?;
        let user = person.sign_in(&server).await?;
        let mut connections = Vec::new();
        for number in 0..4 {
            connections.push(user.create_profile("instagram", &format!("creator{number}")).await?);
        }
        Ok(Self { primary, standby, database: name, installation, stranded, server, user, connections })
    }

    /// Thaws the old primary, which accepts no write, and returns the server that starts then.
    async fn thaw(&mut self) -> Result<Server> {
        self.primary.thaw()?;
        let answer = store(&self.user.at(&self.stranded), &self.connections[0]).await?;
        ensure!(stored(&answer)?.is_none(), "the old primary has confirmed a write");
        // From then on it would confirm every write.
        wait_for_standby(&self.primary, "").await?;
        connect(&self.primary.superuser_url()).await?.batch_execute("CREATE TABLE writable ()").await?;
        // Even on a busy machine, the server hears from both hosts before it chooses.
        self.installation.set("STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT", "60");
        self.installation.serve().await
    }
}

async fn all_continue(storing: &[Storing]) -> Result<()> {
    for storing in storing {
        storing.go_on().await?;
    }
    Ok(())
}

#[tokio::test]
async fn stores_survive_a_hanging_primary_and_no_answered_store_is_lost() -> Result<()> {
    let mut failover = Failover::start().await?;
    let Failover { primary, standby, installation, stranded, user, connections, .. } = &failover;
    let storing: Vec<_> =
        connections.iter().map(|connection| Storing::start(user.clone(), connection.clone())).collect();
    all_continue(&storing).await?;

    primary.freeze()?;
    assert_eq!(not_ready(stranded).await?.body["error"], "Database does not answer");
    // A server that starts before the standby is promoted waits for the promotion.
    let promoting = async {
        tokio::time::sleep(BEFORE_PROMOTION).await;
        standby.promote().await
    };
    let (meanwhile, ()) = tokio::try_join!(installation.serve(), promoting)?;
    all_continue(&storing).await?;
    let mut later = vec![store_at_last(&user.at(&meanwhile), &connections[0]).await?];

    let afterwards = failover.thaw().await?;
    let Failover { primary, standby, database, installation, server, user, connections, .. } = &failover;
    let servers = [server, &meanwhile, &afterwards];
    for connection in connections {
        for server in servers {
            later.push(store_at_last(&user.at(server), connection).await?);
        }
    }

    let mut answered = Vec::new();
    for storing in storing {
        storing.go_on().await?;
        answered.extend(storing.end().await?);
    }
    answered.extend(later.iter().cloned());
    let (kept, of_old) = (sessions(standby, database).await?, sessions(primary, database).await?);
    let lost = answered.iter().filter(|id| !kept.contains(*id)).count();
    assert_eq!(lost, 0, "of {} answered stores", answered.len());
    assert!(later.iter().all(|id| !of_old.contains(id)), "the old primary has taken a write");
    // Commands are not fooled either.
    installation.verify_audit_log().await?;
    let reading = json!({"creator_profile_id": connections[3], "platform": "instagram"});
    for server in servers {
        assert_eq!(post(&server.service()?, "get-platform-session", &reading).await?.status, 200);
    }
    Ok(())
}

/// The answer of a server that is not ready, long before it gives up a call to the database.
async fn not_ready(server: &Server) -> Result<Answer> {
    wait::until("a server that is not ready", PATIENCE, async || {
        let answer = timeout(PATIENCE / 4, server.anonymous().get("/readyz")).await??;
        Ok((answer.status == 503).then_some(answer))
    })
    .await
}

/// Makes each commit wait for a standby with this name; empty for no standby.
async fn wait_for_standby(cluster: &Cluster, name: &str) -> Result<()> {
    let superuser = connect(&cluster.superuser_url()).await?;
    superuser.batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'")).await?;
    superuser.batch_execute("SELECT pg_reload_conf()").await?;
    wait::until("the setting", PATIENCE, async || {
        let setting = superuser.query_one("SHOW synchronous_standby_names", &[]).await?;
        Ok((setting.get::<_, &str>(0) == name).then_some(()))
    })
    .await
}

/// A server in a cluster of its own, with a user who has a connection.
struct Stage {
    server: Server,
    user: Client,
    connection: String,
    installation: Installation,
    cluster: Cluster,
}

impl Stage {
    async fn new(cluster: &[&str], settings: &[(&'static str, &str)]) -> Result<Self> {
        let cluster = Cluster::start(cluster).await?;
        let mut installation = Installation::on_postgres(cluster.create_database().await?)?;
        for (variable, value) in settings {
            installation.set(variable, *value);
        }
        let person = installation.add_person().await?;
        let server = installation.serve().await?;
        let user = person.sign_in(&server).await?;
        let connection = user.create_profile("instagram", "fitcreator99").await?;
        Ok(Self { server, user, connection, installation, cluster })
    }
}

#[tokio::test]
async fn a_database_timeout_is_answered_with_503_and_can_be_retried() -> Result<()> {
    let stage = Stage::new(&[], &[("STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT", "1")]).await?;
    let Stage { user, connection, server, .. } = &stage;
    wait_for_standby(&stage.cluster, "nobody").await?;
    // In a batch, alone, and in the audit log row that a reveal needs.
    assert_eq!(stored(&store(user, connection).await?)?, None);
    let create = json!({"platform": "instagram", "platform_username": "b", "credentials": {}});
    assert_eq!(stored(&post(user, "create-profile", &create).await?)?, None);
    let reveal = json!({"creatorProfileId": connection});
    assert_eq!(stored(&post(&server.service()?, "reveal", &reveal).await?)?, None);
    wait_for_standby(&stage.cluster, "").await?;
    store_at_last(user, connection).await?;
    assert_eq!(post(&server.service()?, "reveal", &reveal).await?.status, 200);
    stage.installation.verify_audit_log().await?;
    Ok(())
}

#[tokio::test]
async fn a_commit_with_a_cancelled_wait_for_its_standby_is_not_a_success() -> Result<()> {
    let stage = Stage::new(&[], &[("STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT", "60")]).await?;
    let Stage { user, connection, server, cluster, .. } = &stage;
    let superuser = connect(&cluster.superuser_url()).await?;
    wait_for_standby(&stage.cluster, "nobody").await?;
    let service = server.service()?;
    let create = json!({"platform": "instagram", "platform_username": "b", "credentials": {}});
    let reveal = json!({"creatorProfileId": connection});
    for verb in ["store-platform-session", "create-profile", "reveal"] {
        let call = async {
            match verb {
                "store-platform-session" => store(user, connection).await,
                "create-profile" => post(user, verb, &create).await,
                _ => post(&service, verb, &reveal).await,
            }
        };
        let cancel = async {
            wait::until("a commit that waits", PATIENCE, async || {
                let cancelled = format!("SELECT pg_cancel_backend(pid) FROM ({WAITING_FOR_STANDBY}) waiting");
                Ok((!superuser.query(&cancelled, &[]).await?.is_empty()).then_some(()))
            })
            .await
        };
        let (answer, cancelled) = tokio::join!(call, cancel);
        cancelled?;
        assert_eq!(stored(&answer?)?, None, "{verb}");
    }
    wait_for_standby(&stage.cluster, "").await?;
    store_at_last(user, connection).await?;
    stage.installation.verify_audit_log().await?;
    Ok(())
}

/// Takes all connections that the database still has.
async fn take_all(url: &str) -> Result<Vec<tokio_postgres::Client>> {
    let mut taken = Vec::new();
    loop {
        match connect(url).await {
            Ok(client) => taken.push(client),
            Err(error) if format!("{error:?}").contains("too many") => return Ok(taken),
            Err(error) if format!("{error:?}").contains("reserved") => return Ok(taken),
            Err(error) => return Err(error),
        }
    }
}

/// Writes and reads on behalf of many callers, each of whom must succeed.
async fn call_at_once(stage: &Stage) -> Result<()> {
    let reveal = json!({"creatorProfileId": stage.connection});
    let service = stage.server.service()?;
    let calls: Vec<_> = (0..40)
        .map(|number| {
            let (user, service, reveal) = (stage.user.clone(), service.clone(), reveal.clone());
            let create = json!({"platform": "instagram", "platform_username": format!("creator{number}"),
                "credentials": {}});
            tokio::spawn(async move {
                let done =
                    [post(&user, "create-profile", &create).await?, post(&service, "reveal", &reveal).await?];
                anyhow::Ok(done.map(|answer| answer.status.as_u16()))
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await??, [200, 200]);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_keeps_to_its_connection_limit() -> Result<()> {
    let stage = Stage::new(&[], &[("STAGEPASS_POSTGRES_CONNECTIONS", "3")]).await?;
    call_at_once(&stage).await?;
    let superuser = connect(&stage.cluster.superuser_url()).await?;
    // Open connections are not closed while they are useful.
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stagepass-server'";
    assert_eq!(superuser.query_one(count, &[]).await?.get::<_, i64>(0), 3);
    Ok(())
}

#[tokio::test]
async fn at_the_databases_limit_calls_share_the_connections_that_exist() -> Result<()> {
    let stage = Stage::new(&["max_connections=12", "superuser_reserved_connections=4"], &[]).await?;
    let Stage { user, connection, server, installation, cluster, .. } = &stage;
    let url = installation.postgres()?.url();
    let superuser = connect(&cluster.superuser_url()).await?;
    // The server keeps what it has so far, and one more.
    let mut others = take_all(&url).await?;
    others.pop();
    let service = server.service()?;
    let reveal = json!({"creatorProfileId": connection});
    call_at_once(&stage).await?;

    // Without any: all of its connections end, and others take them before it can.
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE application_name = 'stagepass-server'";
    while !superuser.query(end, &[]).await?.is_empty() {
        others.extend(take_all(&url).await?);
    }
    assert_eq!(stored(&store(user, connection).await?)?, None);
    assert_eq!(stored(&post(&service, "reveal", &reveal).await?)?, None);
    drop(others);
    store_at_last(user, connection).await?;
    wait::until("a reveal", PATIENCE, async || {
        Ok((post(&service, "reveal", &reveal).await?.status == 200).then_some(()))
    })
    .await
}

#[tokio::test]
async fn migrations_and_commands_may_take_longer_than_a_round_trip_but_not_forever() -> Result<()> {
    let stage = Stage::new(&[], &[("STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT", "1")]).await?;
    let Stage { installation, cluster, .. } = &stage;
    let mut superuser = connect(&cluster.superuser_url_of(installation.postgres()?.name())).await?;
    let watcher = connect(&cluster.superuser_url()).await?;
    let is_blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND clock_timestamp() - query_start > interval '1.5 s'";
    let blocked = async || {
        let blocked = async || Ok(watcher.query_opt(is_blocked, &[]).await?.map(drop));
        wait::until("it to wait for longer than a round trip", PATIENCE, blocked).await
    };
    for (lock, command) in [
        // This lock lets one process at a time migrate.
        ("SELECT pg_advisory_xact_lock(1398030690, 0)", None),
        ("LOCK TABLE stagepass.users", Some(&["audit", "verify"][..])),
        ("LOCK TABLE stagepass.platform_connections", Some(&["rotate-keys"])),
    ] {
        let transaction = superuser.transaction().await?;
        transaction.batch_execute(lock).await?;
        let unlock = async {
            blocked().await?;
            Ok(transaction.commit().await?)
        };
        let run = async {
            match command {
                Some(command) => installation.succeed(command).await.map(drop),
                None => installation.serve().await.map(drop),
            }
        };
        tokio::try_join!(run, unlock)?;
    }

    let transaction = superuser.transaction().await?;
    transaction.batch_execute("LOCK TABLE stagepass.users").await?;
    let freeze = async {
        blocked().await?;
        cluster.freeze()
    };
    let ended = async { timeout(PATIENCE, installation.run(&["audit", "verify"])).await? };
    let (output, ()) = tokio::try_join!(ended, freeze)?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && said.contains("no longer answers"), "{said}");
    cluster.thaw()
}
