//! Handles `SIGHUP`: rereads the files behind settings that can change while the server serves. A
//! file that can't be read or is invalid changes nothing.

use super::service_manager::{self, State};
use super::signals::Hangups;
use super::tls::Tls;
use crate::app::App;
use crate::config::{Reread, Sources};
use crate::identity::{Provider, ServiceSecrets, TokenSigner};
use crate::telemetry::LogFilter;
use std::sync::Arc;

/// Rereads the files at each signal.
pub(super) async fn at_each(
    mut hangups: Hangups,
    sources: Sources,
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    log: LogFilter,
) {
    let sources = Arc::new(sources);
    loop {
        hangups.next().await;
        service_manager::tell(State::Reloading);
        let sources = Arc::clone(&sources);
        // The disk of a file may not respond.
        if let Ok(reread) = tokio::task::spawn_blocking(move || sources.read()).await {
            apply(reread, &app, tls.as_deref(), &log);
        }
        service_manager::tell(State::Ready);
    }
}

// Decision: docs/decisions/keys-and-audit.md#sighup-rereads-only-what-nothing-else-depends-on
fn apply(reread: Reread, app: &App, tls: Option<&Tls>, log: &LogFilter) {
    let mut read = Vec::new();
    if let Some(secrets) = reread.service_secrets {
        app.identity.service_secrets.replace(ServiceSecrets::new(secrets));
        read.push("service secrets");
    }
    match &*app.identity.provider {
        Provider::Embedded(embedded) => {
            if let Some(secret) = reread.jwt_secret {
                embedded.tokens.replace(TokenSigner::new(&secret));
                read.push("the secret of access tokens");
            }
        }
        Provider::Directus(directus) => {
            if let Some(given) = reread.directus {
                directus.replace_secrets(given.settings.admin_token, given.secret.as_ref());
                read.push("the secrets for Directus");
            }
        }
    }
    if let (Some(tls), Some(pair)) = (tls, reread.tls) {
        tls.replace(pair);
        read.push("the certificate for https");
    }
    if let Some(filter) = reread.log_filter {
        log.replace(filter);
        read.push("the log's filter");
    }
    for fault in reread.faults {
        tracing::warn!(fault, "SIGHUP: a file is invalid, so its old content stays in force");
    }
    let read = if read.is_empty() { "nothing to reload".to_owned() } else { read.join(", ") };
    tracing::info!(read, "SIGHUP: reloaded; encryption keys and the database URL need a restart");
}
