//! The lines of an export.

use crate::audit::{Entry, Mac, Row};
use crate::clock::{parse_ms, render_ms};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

pub(super) const FORMAT: &str = "stagepass audit export";
pub(super) const VERSION: u32 = 1;
/// The longest line to read. Texts of a row have a few hundred characters at most.
pub(super) const MAX_LINE_BYTES: u64 = 64 * 1024;

/// A line. `Export` comes first, then the rows of each chain followed by its `Chain`, then the
/// log's faults, and finally the signature.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Line {
    Export {
        format: String,
        version: u32,
        #[serde(with = "time")]
        exported_at: i64,
    },
    Row(RowLine),
    Chain {
        chain: i64,
        /// The row before the first exported one; 0 at a chain's start.
        after: i64,
        /// That row's MAC.
        #[serde(with = "hex")]
        previous: Mac,
        rows: u64,
        /// The last row's MAC.
        #[serde(with = "hex")]
        mac: Mac,
    },
    Fault {
        fault: String,
    },
    Signature {
        /// A point of P-256, uncompressed, in base64.
        public_key: String,
        /// ECDSA with SHA-256 as r and s, in base64, over `stagepass audit export`, a zero
        /// byte, and the SHA-256 of all lines before.
        signature: String,
    },
}

/// A row of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowLine {
    pub(super) chain: i64,
    pub(super) sequence: i64,
    #[serde(with = "time")]
    pub(super) at: i64,
    pub(super) caller: String,
    pub(super) acting_for: Option<Uuid>,
    pub(super) action: String,
    pub(super) record: Option<String>,
    pub(super) outcome: String,
    #[serde(with = "hex")]
    pub(super) mac: Mac,
}

impl RowLine {
    pub(super) fn new(row: &Row) -> Self {
        let Row { chain, sequence, entry, mac } = row.clone();
        let Entry { at, caller, acting_for, action, record, outcome } = entry;
        Self { chain, sequence, at, caller, acting_for, action, record, outcome, mac }
    }

    pub(super) fn into_row(self) -> Row {
        let Self { chain, sequence, at, caller, acting_for, action, record, outcome, mac } = self;
        let entry = Entry { at, caller, acting_for, action, record, outcome };
        Row { chain, sequence, entry, mac }
    }
}

/// A time as the API writes it.
mod time {
    use super::{Deserialize as _, Deserializer, Serializer, parse_ms, render_ms};
    use serde::de::Error as _;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(super) fn serialize<S: Serializer>(time_ms: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&render_ms(*time_ms))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        parse_ms(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("not a time"))
    }
}
