//! The audit log: who did what to which record, when, and the outcome; never a value.
//!
//! Rows form chains. Each row carries an HMAC (RFC 2104, with SHA-256) over itself and the row
//! before it, and each chain has a signed head. A changed, missing or reordered row breaks its
//! chain; rows cut off at the end contradict the head; and an old head restored with them
//! contradicts a head that was kept elsewhere. Rows removed on purpose leave a signed [`Anchor`],
//! from which the rest verifies. Stores append each row in the transaction of the action that it
//! records.
//! Each connection that writes has its own chain, so that none waits for another.

mod anchor;
mod chain_key;
mod verifier;

pub(crate) use anchor::{Anchor, Removable};
pub(crate) use chain_key::{ChainKey, Mac};
pub(crate) use verifier::{ExpectedHeads, Verdict, Verifier};

use crate::bounded_text::bounded;
use crate::clock::now_ms;
use crate::masking;
use std::fmt;
use uuid::Uuid;

/// The longest text of a row that comes from outside, in characters.
const MAX_CHARS: usize = 256;

/// Who acted.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    User(Uuid),
    /// A service, by its token's name; `None` means the shared secret.
    Service(Option<String>),
    /// The operator at the server's command line.
    Operator,
    /// The server itself, about a problem it found.
    Server,
    /// The operator who sets up the vault or has it open.
    Vault,
    /// A caller who failed to authenticate.
    Anonymous,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Service(Some(name)) => write!(f, "service:{name}"),
            Self::Service(None) => f.write_str("service"),
            Self::Operator => f.write_str("operator"),
            Self::Server => f.write_str("server"),
            Self::Vault => f.write_str("vault"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// The content of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Milliseconds since the Unix epoch.
    pub(crate) at: i64,
    /// A [`Caller`].
    pub(crate) caller: String,
    /// The user for whom a service acted, if it named one.
    pub(crate) acting_for: Option<Uuid>,
    /// A verb of the Credentials API, or another word for the action.
    pub(crate) action: String,
    /// The table, and the record's id or name.
    pub(crate) record: Option<String>,
    /// `ok`, or the reason for the failure.
    pub(crate) outcome: String,
}

impl Entry {
    /// A successful action at this moment.
    pub(crate) fn new(caller: &Caller, action: &str) -> Self {
        Self {
            at: now_ms(),
            caller: bounded(caller, MAX_CHARS),
            acting_for: None,
            action: action.to_owned(),
            record: None,
            outcome: "ok".to_owned(),
        }
    }

    /// Sets the record that the action changed or read.
    pub(crate) fn on(self, table: &str, id: impl fmt::Display) -> Self {
        Self { record: Some(bounded(format_args!("{table}/{id}"), MAX_CHARS)), ..self }
    }

    /// The same action with another outcome.
    pub(crate) fn with_outcome(&self, outcome: impl fmt::Display) -> Self {
        // The outcome may quote another program, and so a secret.
        let outcome = outcome.to_string();
        Self { outcome: bounded(masking::hide(&outcome), MAX_CHARS), ..self.clone() }
    }
}

/// An entry at its position in a chain.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) chain: i64,
    /// Counted from 1.
    pub(crate) sequence: i64,
    pub(crate) entry: Entry,
    /// The MAC over this row and the one before it.
    pub(crate) mac: Mac,
}

impl Row {
    /// The fault of this row as the successor of the row with this sequence and MAC.
    fn fault_after(&self, key: &ChainKey, sequence: i64, mac: &Mac) -> Option<String> {
        let expected = sequence.saturating_add(1);
        if self.sequence < expected {
            return Some(format!("row {} is where no row belongs", self.sequence));
        }
        if self.sequence > expected {
            return Some(format!("rows {expected} to {} are missing", self.sequence - 1));
        }
        let is_its = self.follows(key, mac);
        (!is_its).then(|| format!("row {} was changed or moved", self.sequence))
    }

    /// Whether the row was written with this key after a row with this MAC.
    pub(crate) fn follows(&self, key: &ChainKey, previous: &Mac) -> bool {
        key.sign_row(previous, self.chain, self.sequence, &self.entry) == self.mac
    }
}

/// The action in a chain's first row that says that another chain lost rows.
const CUT: &str = "audit-log-cut";

/// The end of a chain.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) chain: i64,
    /// The last row's sequence.
    pub(crate) sequence: i64,
    /// The last row's MAC.
    pub(crate) mac: Mac,
    /// The signature over the other fields.
    pub(crate) signature: Mac,
}

impl Head {
    /// The head of a chain without rows.
    pub(crate) fn empty(key: &ChainKey, chain: i64) -> Self {
        Self::signed(key, chain, 0, [0; 32])
    }

    /// Whether it was made with this key. Nothing is appended to a false head: the next head would
    /// confirm it.
    pub(crate) fn is_genuine(&self, key: &ChainKey) -> bool {
        key.sign_head(self.chain, self.sequence, &self.mac) == self.signature
    }

    /// The entry for another chain that says that this chain lost rows after this known head.
    pub(crate) fn cut(&self) -> Entry {
        let outcome = format!("chain {} had {} rows and lost some of them", self.chain, self.sequence);
        Entry::new(&Caller::Server, CUT).on("audit_heads", self.chain).with_outcome(outcome)
    }

    fn signed(key: &ChainKey, chain: i64, sequence: i64, mac: Mac) -> Self {
        Self { chain, sequence, mac, signature: key.sign_head(chain, sequence, &mac) }
    }

    /// The next row, and the head after it.
    pub(crate) fn append(&self, key: &ChainKey, entry: Entry) -> (Row, Self) {
        let (chain, sequence) = (self.chain, self.sequence + 1);
        let mac = key.sign_row(&self.mac, chain, sequence, &entry);
        (Row { chain, sequence, entry, mac }, Self::signed(key, chain, sequence, mac))
    }

    /// The next rows, and the head after the last of them.
    pub(crate) fn append_all(
        &self,
        key: &ChainKey,
        entries: impl Iterator<Item = Entry>,
    ) -> (Vec<Row>, Self) {
        let mut head = self.clone();
        let mut rows = Vec::new();
        for entry in entries {
            let (row, next) = head.append(key, entry);
            rows.push(row);
            head = next;
        }
        (rows, head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_the_length_of_every_text_in_a_row() {
        let long = "a\u{1b}".repeat(10_000);
        let entry = Entry::new(&Caller::Service(Some(long.clone())), "reveal").on("users", &long);
        let entry = entry.with_outcome(&long);
        for text in [&entry.caller, entry.record.as_ref().unwrap(), &entry.outcome] {
            assert!(text.len() < 5 * MAX_CHARS && !text.contains('\u{1b}'), "{} bytes", text.len());
        }
    }
}
