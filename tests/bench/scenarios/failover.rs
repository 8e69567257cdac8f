//! How soon sessions are stored again after a PostgreSQL primary hangs and its standby is
//! promoted, and how soon `/readyz` answers in the meantime.

use super::announce;
use crate::Plan;
use crate::report::{Group, Report, Target};
use crate::stage::serve;
use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::json;
use stagepass_tests::services::cluster::Cluster;
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::server::Client;
use stagepass_tests::system::wait;
use std::time::{Duration, Instant};

/// Concurrent callers, each with its own connection.
const CALLERS: usize = 8;
/// How long storing may pause.
const ALLOWED_MS: f64 = 10_000.0;
/// How long `/readyz` may take.
const ALLOWED_READINESS_MS: f64 = 2_000.0;
/// How long to wait for them.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures several rounds, and reports the longest.
pub(crate) async fn run(plan: Plan) -> Result<Report> {
    let mut report = Report::begin()?;
    let mut longest = [Duration::ZERO; 2];
    for round in 1..=plan.rounds {
        announce(&format!("a primary hangs: round {round} of {}", plan.rounds));
        let took = standstill().await?;
        longest = [0, 1].map(|of| longest[of].max(took[of]));
    }
    let title =
        format!("Sessions stored by {CALLERS} callers after a PostgreSQL primary hung, promotion included");
    report.add(Group::new(title, []).with(Target::each_below_ms(ALLOWED_MS, longest[0])));
    let title = "Answers of /readyz in the meantime".to_owned();
    report.add(Group::new(title, []).with(Target::each_below_ms(ALLOWED_READINESS_MS, longest[1])));
    Ok(report)
}

/// The time from the primary's hang until each caller has stored something again, and the
/// longest that `/readyz` took in the meantime.
async fn standstill() -> Result<[Duration; 2]> {
    let primary = Cluster::start(&[]).await?;
    let database = primary.create_database().await?;
    let standby = primary.synchronous_standby().await?;
    let hosts = database.url_at(&[primary.host(), standby.host()]);
    let mut installation = Installation::on_postgres(database)?;
    installation.set("DATABASE_URL", hosts);
    // The defaults.
    installation.unset("STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT");
    installation.unset("STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT");
    let person = installation.add_person().await?;
    let server = serve(&installation).await?;
    let user = person.sign_in(&server).await?;
    let mut connections = Vec::new();
    for number in 0..CALLERS {
        connections.push(user.create_profile("instagram", &format!("creator{number}")).await?);
    }
    let store_all = || try_join_all(connections.iter().map(|connection| store(&user, connection)));
    store_all().await?;
    primary.freeze()?;
    let frozen_at = Instant::now();
    let going_on = async {
        tokio::try_join!(standby.promote(), store_all())?;
        Ok(frozen_at.elapsed())
    };
    let mut longest = Duration::ZERO;
    tokio::pin!(going_on);
    loop {
        let asked_at = Instant::now();
        tokio::select! {
            took = &mut going_on => return took.map(|took| [took, longest]),
            answer = user.get("/readyz") => answer?,
        };
        longest = longest.max(asked_at.elapsed());
    }
}

/// Stores a session, with as many tries as it takes.
async fn store(user: &Client, connection: &str) -> Result<()> {
    let cookie = json!({"name": "sessionid", "value": "v", "domain": ".instagram.com"});
    let session = json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie]});
    wait::until("a session to be stored", PATIENCE, async || {
        let answer = user.post("/api/credentials/store-platform-session", &session).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await
}
