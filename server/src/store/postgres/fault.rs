//! What went wrong in PostgreSQL or on the way to it, in words for the log.

use crate::masking;
use crate::store::{OverLimit, StoreError};
use std::error::Error as _;
use std::fmt;
use std::io;
use thiserror::Error;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// The codes of refusals that this program's own schema speaks.
const RETIRED_KEY: &str = "SP001";
const OVER_LIMIT: &str = "SP002";
const OWNER_GONE: &str = "SP003";
/// What the driver says where TLS fails; it has no type for that.
const TLS_FAILED: &str = "error performing TLS handshake";
const TLS_HINT: &str = "; have the operating system trust the server's certificate, or name it in \
                        SSL_CERT_FILE; or add sslmode=disable to DATABASE_URL where the network is trusted";

/// A fault without what a driver or a server would quote: details of theirs may
/// hold whole rows.
#[derive(Debug, Error)]
#[error("{text}")]
pub(crate) struct PostgresFault {
    text: String,
    code: Option<SqlState>,
    constraint: Option<String>,
    kind: Kind,
}

/// What a fault means for what was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It did not happen.
    Failed,
    /// Neither, since a host can't be used now.
    Unfit,
    /// The connection is lost: it may have happened or not.
    Lost,
    /// The same, since the answer did not come in time or is not to be relied on.
    Uncertain,
    /// No connection could be made, since there are as many as there may be.
    AtLimit,
}

impl PostgresFault {
    /// Whether PostgreSQL's disk has no room.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.code.as_ref() == Some(&SqlState::DISK_FULL)
    }

    /// Whether there is another row with what must be unique.
    pub(super) fn is_clash(&self) -> bool {
        self.code.as_ref() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// The same, of this column.
    pub(super) fn is_clash_of(&self, column: &str) -> bool {
        self.is_clash() && self.constraint.as_ref().is_some_and(|name| name.contains(column))
    }

    /// Whether something is sealed with a retired key; see the migration that refuses it.
    pub(in crate::store) fn is_retired_key(&self) -> bool {
        self.has_code(RETIRED_KEY)
    }

    /// The limit that would have been passed.
    pub(in crate::store) fn over_limit(&self) -> Option<OverLimit> {
        self.has_code(OVER_LIMIT).then(|| OverLimit::parse(&self.text)).flatten()
    }

    /// Whether something is an owner's whose user was deleted.
    pub(in crate::store) fn is_owner_gone(&self) -> bool {
        self.has_code(OWNER_GONE)
    }

    /// Whether it is no failure: another row has what must be unique, or the schema
    /// refuses something.
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

    /// No answer in time, or none to rely on.
    pub(super) fn uncertain(text: String) -> Self {
        Self { kind: Kind::Uncertain, ..Self::unfit(text) }
    }

    /// A host has as many of our connections as it may.
    pub(super) fn at_limit(text: String) -> Self {
        Self { kind: Kind::AtLimit, ..Self::unfit(text) }
    }

    /// The same fault, with the host that it is one of.
    pub(super) fn of_host(self, host: &str) -> Self {
        Self { text: format!("{host}: {}", self.text), ..self }
    }

    /// The same fault, with those of other hosts.
    pub(super) fn beside(self, others: &[StoreError]) -> Self {
        let others = others.iter().map(|other| format!("; {other}"));
        Self { text: others.fold(self.text, |text, other| text + &other), ..self }
    }

    /// Whether it may be over soon, as when a host is promoted: not a fault of TLS, of the
    /// settings or of the sign-in.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Lost | Kind::Unfit | Kind::Uncertain | Kind::AtLimit)
    }

    /// Whether the connection is lost: what was under way on it may have
    /// happened or not.
    pub(super) fn is_lost(&self) -> bool {
        self.kind == Kind::Lost
    }

    /// Whether what was under way may have happened or not: the connection is lost, or there
    /// was no answer in time, or none to rely on.
    pub(super) fn is_outcome_unknown(&self) -> bool {
        matches!(self.kind, Kind::Lost | Kind::Uncertain)
    }

    /// Whether no connection could be made, since there are as many as there may be.
    pub(super) fn is_at_limit(&self) -> bool {
        self.kind == Kind::AtLimit
    }

    /// Whether a database has said this.
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

/// An error with its causes, but of the server's own words only the message.
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
