//! What `SIGHUP` does: the files that were given are read anew, as far as what they hold
//! can change while the server serves. What can't be read, or makes no sense, leaves what
//! was before.

use super::signals::Hangups;
use crate::app::App;
use crate::config::{Anew, Sources};
use crate::identity::{Provider, ServiceSecrets, TokenSigner};
use crate::telemetry::LogFilter;
use std::sync::Arc;

/// Reads the files at each signal.
pub(super) async fn at_each(mut hangups: Hangups, sources: Sources, app: Arc<App>, log: LogFilter) {
    let sources = Arc::new(sources);
    loop {
        hangups.next().await;
        let sources = Arc::clone(&sources);
        // A file may be on a disk that does not answer.
        if let Ok(anew) = tokio::task::spawn_blocking(move || sources.read()).await {
            apply(anew, &app, &log);
        }
    }
}

fn apply(anew: Anew, app: &App, log: &LogFilter) {
    let mut read = Vec::new();
    if let Some(secrets) = anew.service_secrets {
        app.identity.service_secrets.replace(ServiceSecrets::new(secrets));
        read.push("service secrets");
    }
    match &*app.identity.provider {
        Provider::Embedded(embedded) => {
            if let Some(secret) = anew.jwt_secret {
                embedded.tokens.replace(TokenSigner::new(&secret));
                read.push("the secret of access tokens");
            }
        }
        Provider::Directus(directus) => {
            if let Some(given) = anew.directus {
                directus.replace_secrets(given.settings.admin_token, given.secret.as_ref());
                read.push("the secrets for Directus");
            }
        }
    }
    if let Some(filter) = anew.log_filter {
        log.replace(filter);
        read.push("the log's filter");
    }
    for fault in anew.faults {
        tracing::warn!(fault, "SIGHUP: a file makes no sense, and what was before stays");
    }
    let read = if read.is_empty() { "nothing that can change".to_owned() } else { read.join(", ") };
    tracing::info!(read, "SIGHUP: read anew; encryption keys and the database's URL take a restart");
}
