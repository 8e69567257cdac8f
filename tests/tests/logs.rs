//! What a log never holds, however much is asked of it.

use anyhow::{Result, ensure};
use serde_json::json;
use stagepass_tests::installation::{Installation, Store};
use stagepass_tests::secret_search::SecretSearch;

/// The driver logs each statement and its parameters, through the crate `log`.
#[tokio::test]
async fn statements_and_parameters_of_postgresql_are_in_no_log_at_any_level() -> Result<()> {
    const USERNAME: &str = "planted-username-Tq4wX";
    let installation = Installation::new(Store::Postgres).await?;
    let person = installation.add_person().await?;
    let search = SecretSearch::new(&[USERNAME.into(), person.email().into(), person.password().into()])?;
    for level in ["error", "warn", "info", "debug", "trace"] {
        let filter = format!("{level},stagepass_server=trace,tokio_postgres={level},log={level}");
        let server = installation.serve_logging(&filter).await?;
        let user = person.sign_in(&server).await?;
        let connection = user.create_profile("instagram", USERNAME).await?;
        let reveal = json!({"creatorProfileId": connection});
        assert_eq!(server.service()?.post("/api/credentials/reveal", &reveal).await?.status, 200);
        let log = server.stop().await?;
        ensure!(!search.is_in(&log), "a parameter is in the log at {level}");
        let log = String::from_utf8(log)?;
        ensure!(log.contains("route=\"/api/credentials/reveal\""), "{log}");
        for statement in ["tokio_postgres", "SELECT ", "INSERT ", "$1"] {
            ensure!(!log.contains(statement), "{level}: {statement}: {log}");
        }
    }
    Ok(())
}
