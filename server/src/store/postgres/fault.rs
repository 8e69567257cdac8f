//! Faults of PostgreSQL or of the way to it, in words for the log.

use crate::masking;
use crate::store::{OverLimit, StoreError};
use std::error::Error as _;
use std::fmt;
use std::io;
use thiserror::Error;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// The error codes of the schema's own refusals.
const RETIRED_KEY: &str = "SP001";
const OVER_LIMIT: &str = "SP002";
const OWNER_GONE: &str = "SP003";
/// The driver's message when TLS fails; it has no type for this.
const TLS_FAILED: &str = "error performing TLS handshake";
const TLS_HINT: &str = "; let the operating system trust the server's certificate, or name it in \
                        SSL_CERT_FILE; or add sslmode=disable to DATABASE_URL if the network is trusted";

/// A fault without quotations from the driver or server, whose details may contain whole rows.
#[derive(Debug, Error)]
#[error("{text}")]
pub(crate) struct PostgresFault {
    text: String,
    code: Option<SqlState>,
    constraint: Option<String>,
    kind: Kind,
}

/// What a fault means for the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The operation did not happen.
    Failed,
    /// The operation did not happen, because a host can't be used now.
    Unfit,
    /// The connection is lost: the operation may or may not have happened.
    Lost,
    /// The operation may or may not have happened, because the answer was late or unreliable.
    Uncertain,
    /// No connection could be opened, because the limit is reached.
    AtLimit,
}

impl PostgresFault {
    /// Whether PostgreSQL's disk is full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.code.as_ref() == Some(&SqlState::DISK_FULL)
    }

    /// Whether another row has the same unique value.
    pub(super) fn is_clash(&self) -> bool {
        self.code.as_ref() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether another row has the same unique value in this column.
    pub(super) fn is_clash_of(&self, column: &str) -> bool {
        self.is_clash() && self.constraint.as_ref().is_some_and(|name| name.contains(column))
    }

    /// Whether the text is sealed with a retired key; see the migration that refuses it.
    pub(in crate::store) fn is_retired_key(&self) -> bool {
        self.has_code(RETIRED_KEY)
    }

    /// The limit that would have been exceeded.
    pub(in crate::store) fn over_limit(&self) -> Option<OverLimit> {
        self.has_code(OVER_LIMIT).then(|| OverLimit::parse(&self.text)).flatten()
    }

    /// Whether the owner's user was deleted.
    pub(in crate::store) fn is_owner_gone(&self) -> bool {
        self.has_code(OWNER_GONE)
    }

    /// Whether it is a refusal and not a failure: another row has the unique value, or the schema
    /// refuses the change.
    pub(super) fn is_refusal(&self) -> bool {
        self.is_clash() || [RETIRED_KEY, OVER_LIMIT, OWNER_GONE].into_iter().any(|code| self.has_code(code))
    }

    fn has_code(&self, code: &str) -> bool {
        self.code.as_ref().is_some_and(|own| own.code() == code)
    }

    /// A host that can't be used.
    pub(super) fn unfit(text: String) -> Self {
        Self { text, code: None, constraint: None, kind: Kind::Unfit }
    }

    /// The answer was late or unreliable.
    pub(super) fn uncertain(text: String) -> Self {
        Self { kind: Kind::Uncertain, ..Self::unfit(text) }
    }

    /// A host has as many connections from this process as allowed.
    pub(super) fn at_limit(text: String) -> Self {
        Self { kind: Kind::AtLimit, ..Self::unfit(text) }
    }

    /// The same fault, with the host named first.
    pub(super) fn of_host(self, host: &str) -> Self {
        Self { text: format!("{host}: {}", self.text), ..self }
    }

    /// The same fault, with those of other hosts.
    pub(super) fn beside(self, others: &[StoreError]) -> Self {
        let others = others.iter().map(|other| format!("; {other}"));
        Self { text: others.fold(self.text, |text, other| text + &other), ..self }
    }

    /// Whether it may soon pass, as when a host is promoted: not a fault of TLS, settings or
    /// sign-in.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Lost | Kind::Unfit | Kind::Uncertain | Kind::AtLimit)
    }

    /// Whether the connection is lost, so that the operation may or may not have happened.
    pub(super) fn is_lost(&self) -> bool {
        self.kind == Kind::Lost
    }

    /// Whether the operation may or may not have happened: the connection is lost, or the answer
    /// was late or unreliable.
    pub(super) fn is_outcome_unknown(&self) -> bool {
        matches!(self.kind, Kind::Lost | Kind::Uncertain)
    }

    /// Whether no connection could be opened because the limit is reached.
    pub(super) fn is_at_limit(&self) -> bool {
        self.kind == Kind::AtLimit
    }

    /// Whether it comes from a database.
    pub(super) fn is_said(&self) -> bool {
        self.code.is_some()
    }
}

impl From<Error> for PostgresFault {
    fn from(error: Error) -> Self {
        let code = error.code().cloned();
        let ended = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
        let kind = match &code {
            Some(code) if ended.contains(code) => Kind::Lost,
            Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => Kind::AtLimit,
            None if error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>()) => {
                Kind::Lost
            }
            _ => Kind::Failed,
        };
        let mut text = Words(&error).to_string();
        let is_of_tls = text.starts_with(TLS_FAILED);
        if is_of_tls {
            text.push_str(TLS_HINT);
        }
        let kind = if is_of_tls { Kind::Failed } else { kind };
        let text = masking::hide(&text).into_owned();
        let constraint = error.as_db_error().and_then(|error| error.constraint()).map(str::to_owned);
        Self { text, code, constraint, kind }
    }
}

/// An error with its causes, but only the message of a server's error.
struct Words<'a>(&'a Error);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.0.as_db_error() {
            return write!(f, "{} {}: {}", error.severity(), error.code().code(), error.message());
        }
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
