//! The audit log: who did what to which record, when, and how it ended; never
//! a value.
//!
//! Rows form chains: each carries an HMAC (RFC 2104, with SHA-256) over itself
//! and the row before, and each chain a head, which is signed as well. A row
//! that is changed, missing or out of order breaks its chain; rows cut off the
//! end contradict the head; and a head put back with them contradicts one that
//! was written down elsewhere. Rows that were removed on purpose leave a signed
//! [`Anchor`], from which the rest verifies. Stores append rows in the transaction that does
//! what they tell of. One chain belongs to one connection that writes, so that
//! nobody waits for another.

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

/// Who did something.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    User(Uuid),
    /// A service, by its token's name; none is that of the shared secret.
    Service(Option<String>),
    /// Somebody at the server's own command line.
    Operator,
    /// The server itself, about what it has found.
    Server,
    /// Whoever sets the vault up or has it open.
    Vault,
    /// Somebody who failed to say who he is.
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

/// What a row tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Milliseconds since the Unix epoch.
    pub(crate) at: i64,
    /// A [`Caller`].
    pub(crate) caller: String,
    /// The user that a service acted for, where it named one.
    pub(crate) acting_for: Option<Uuid>,
    /// A verb of the Credentials API, or another word for what was done.
    pub(crate) action: String,
    /// The table and the record's id or name.
    pub(crate) record: Option<String>,
    /// `ok`, or why not.
    pub(crate) outcome: String,
}

impl Entry {
    /// Of something that is done just now, with success.
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

    /// The record that it was done to.
    pub(crate) fn on(self, table: &str, id: impl fmt::Display) -> Self {
        Self { record: Some(bounded(format_args!("{table}/{id}"), MAX_CHARS)), ..self }
    }

    /// The same, with another end.
    pub(crate) fn with_outcome(&self, outcome: impl fmt::Display) -> Self {
        // It may be said in another program's words.
        let outcome = outcome.to_string();
        Self { outcome: bounded(masking::hide(&outcome), MAX_CHARS), ..self.clone() }
    }
}

/// An entry in its place in a chain.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) chain: i64,
    /// From 1.
    pub(crate) sequence: i64,
    pub(crate) entry: Entry,
    /// Over the row and the one before.
    pub(crate) mac: Mac,
}

impl Row {
    /// What is wrong with it as the row after the one with this sequence and MAC.
    fn fault_after(&self, key: &ChainKey, sequence: i64, mac: &Mac) -> Option<String> {
        let expected = sequence.saturating_add(1);
        if self.sequence < expected {
            return Some(format!("row {} stands where there is no row", self.sequence));
        }
        if self.sequence > expected {
            return Some(format!("rows {expected} to {} are missing", self.sequence - 1));
        }
        let is_its = self.follows(key, mac);
        (!is_its).then(|| format!("row {} was changed or moved", self.sequence))
    }

    /// Whether it was written with this key, after a row with this MAC.
    pub(crate) fn follows(&self, key: &ChainKey, previous: &Mac) -> bool {
        key.sign_row(previous, self.chain, self.sequence, &self.entry) == self.mac
    }
}

/// What a row tells of that begins a chain since another one was cut.
const CUT: &str = "audit-log-cut";

/// Where a chain ends.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) chain: i64,
    /// The last row's.
    pub(crate) sequence: i64,
    /// The last row's.
    pub(crate) mac: Mac,
    /// Over the other fields.
    pub(crate) signature: Mac,
}

impl Head {
    /// The head of a chain that has no row yet.
    pub(crate) fn empty(key: &ChainKey, chain: i64) -> Self {
        Self::signed(key, chain, 0, [0; 32])
    }

    /// Whether it was made with this key. Nothing is appended to one that was
    /// not: the next head would vouch for it.
    pub(crate) fn is_genuine(&self, key: &ChainKey) -> bool {
        key.sign_head(self.chain, self.sequence, &self.mac) == self.signature
    }

    /// Where this head is known, but its chain does not go on from it any more: what
    /// another chain is to say of that.
    pub(crate) fn cut(&self) -> Entry {
        let outcome = format!("chain {} had {} rows, and has lost some of them", self.chain, self.sequence);
        Entry::new(&Caller::Server, CUT).on("audit_heads", self.chain).with_outcome(outcome)
    }

    fn signed(key: &ChainKey, chain: i64, sequence: i64, mac: Mac) -> Self {
        Self { chain, sequence, mac, signature: key.sign_head(chain, sequence, &mac) }
    }

    /// The row that comes next, and the head that it makes.
    pub(crate) fn append(&self, key: &ChainKey, entry: Entry) -> (Row, Self) {
        let (chain, sequence) = (self.chain, self.sequence + 1);
        let mac = key.sign_row(&self.mac, chain, sequence, &entry);
        (Row { chain, sequence, entry, mac }, Self::signed(key, chain, sequence, mac))
    }

    /// The rows that come next, and the head that the last of them makes.
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
    fn no_text_of_a_row_is_long_whatever_it_tells_of() {
        let long = "a\u{1b}".repeat(10_000);
        let entry = Entry::new(&Caller::Service(Some(long.clone())), "reveal").on("users", &long);
        let entry = entry.with_outcome(&long);
        for text in [&entry.caller, entry.record.as_ref().unwrap(), &entry.outcome] {
            assert!(text.len() < 5 * MAX_CHARS && !text.contains('\u{1b}'), "{} bytes", text.len());
        }
    }
}
