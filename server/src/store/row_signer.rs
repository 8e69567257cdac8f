//! MACs over rows that grant rights, so that write access to the database grants none.
//!
//! A MAC covers the table, the row's key and everything the right depends on, so it fits no other
//! row. Where a right is used, a row without a correct MAC is ignored, and the log and the audit
//! log report it. This module knows no database.

mod built_in_types;
mod rows;

pub(super) use rows::{Assignment, KeptToken, Membership, WriteBackPermission};

use super::{AuditLog, StoreError};
use crate::audit::{Caller, ChainKey, Entry, Mac};
use stagepass_core::visible::printable_start;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// How long the report of a broken row is not repeated.
const QUIET: Duration = Duration::from_secs(60);
/// The most rows to report in that time, so that many broken ones don't fill the log.
const MOST_REPORTED: usize = 100;
/// The longest row key in a report, in characters.
const MOST_CHARS: usize = 120;

/// A row that grants a right.
// Decision: docs/decisions/keys-and-audit.md#rows-that-grant-rights-carry-a-mac
pub(super) trait SignedRow {
    const TABLE: &'static str;
    /// The row's key.
    fn record(&self) -> String;
    /// The row's name in reports. Another program may have written any of its columns.
    fn label(&self) -> String {
        let record = printable_start(&self.record(), MOST_CHARS);
        format!("{}/{record}", Self::TABLE)
    }
    /// The columns that the right depends on, starting with the row's key.
    fn fields(&self) -> Fields;
    /// Whether a row that claims to be built in, and so has no MAC, is one of the program's own.
    fn built_in(&self) -> Option<bool> {
        None
    }
}

/// A row as it was found, with its MAC if it has one.
pub(super) type Kept<R> = (R, Option<Mac>);

/// A row that is not genuine.
#[derive(Debug)]
pub(super) struct BrokenRow {
    pub(super) table: &'static str,
    /// The row's name in reports.
    pub(super) label: String,
    /// The correct MAC, if the row's only fault is that it has none.
    pub(super) missing: Option<Mac>,
}

/// A row's columns in an unambiguous form: each follows its length.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend((bytes.len() as u64).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn id(self, id: Uuid) -> Self {
        self.bytes(id.as_bytes())
    }

    fn number(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn flag(self, flag: bool) -> Self {
        self.bytes(&[flag.into()])
    }

    /// An absent column has a mark that no length equals.
    fn optional<T>(mut self, value: Option<T>, put: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => put(self, value),
            None => {
                self.0.extend(u64::MAX.to_be_bytes());
                self
            }
        }
    }

    fn texts(self, texts: &[String]) -> Self {
        let counted = self.bytes(&(texts.len() as u64).to_be_bytes());
        texts.iter().fold(counted, |fields, text| fields.text(text))
    }
}

/// Signs rows, checks their MACs, and gathers reports about broken ones.
#[derive(Debug)]
pub(super) struct RowSigner {
    key: Arc<ChainKey>,
    reports: Mutex<Reports>,
}

#[derive(Debug, Default)]
struct Reports {
    /// The reported rows, and when.
    made: HashMap<String, Instant>,
    /// Entries that are not in the audit log yet.
    waiting: Vec<Entry>,
}

impl RowSigner {
    pub(super) fn new(key: Arc<ChainKey>) -> Self {
        Self { key, reports: Mutex::default() }
    }

    /// The key, which also chains the audit log.
    pub(super) fn key(&self) -> &Arc<ChainKey> {
        &self.key
    }

    pub(super) fn sign<R: SignedRow>(&self, row: &R) -> Mac {
        self.key.sign_fields(R::TABLE, &row.fields().0)
    }

    /// Whether this server, or another with its key, wrote the row.
    fn is_genuine<R: SignedRow>(&self, (row, mac): &Kept<R>) -> bool {
        row.built_in().unwrap_or_else(|| mac.is_some_and(|mac| self.sign(row).ct_eq(&mac).into()))
    }

    /// What is wrong with a row that was read, or could not be read; `None` if it is genuine.
    pub(super) fn fault_of<R: SignedRow, E>(&self, read: Result<Kept<R>, E>) -> Option<BrokenRow> {
        let table = R::TABLE;
        let Ok(kept) = read else {
            return Some(BrokenRow {
                table,
                label: format!("{table}: a row that can't be read"),
                missing: None,
            });
        };
        if self.is_genuine(&kept) {
            return None;
        }
        let (row, mac) = kept;
        let is_unsigned = mac.is_none() && row.built_in().is_none();
        Some(BrokenRow { table, label: row.label(), missing: is_unsigned.then(|| self.sign(&row)) })
    }

    /// The row, or `None` if it is broken: then [`report_broken`](Self::report_broken) reports it.
    pub(super) fn check<R: SignedRow>(&self, kept: Kept<R>) -> Option<R> {
        if self.is_genuine(&kept) {
            return Some(kept.0);
        }
        self.note_broken(kept.0.label());
        None
    }

    fn note_broken(&self, row: String) {
        let mut reports = self.reports();
        reports.made.retain(|_, at| at.elapsed() < QUIET);
        if reports.made.contains_key(&row) || reports.made.len() >= MOST_REPORTED {
            return;
        }
        tracing::warn!(
            row,
            "another program changed a row that grants rights, so Stagepass ignores it; `audit verify` lists all such rows"
        );
        let entry = Entry::new(&Caller::Server, "row-forged");
        let entry = entry.with_outcome("ignored: its MAC is not the server's");
        reports.waiting.push(Entry { record: Some(row.clone()), ..entry });
        reports.made.insert(row, Instant::now());
    }

    /// Records in the audit log which broken rows were found since the last time.
    pub(super) async fn report_broken(&self, log: &impl AuditLog) -> Result<(), StoreError> {
        while let Some(entry) = self.next_waiting() {
            let appended = log.append(entry.clone()).await;
            if appended.is_err() {
                self.reports().waiting.push(entry);
                return appended;
            }
        }
        Ok(())
    }

    fn next_waiting(&self) -> Option<Entry> {
        self.reports().waiting.pop()
    }

    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::mem;

    fn signer() -> RowSigner {
        RowSigner::new(Arc::new(ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap()))
    }

    fn member(number: u128) -> Membership {
        Membership { project_id: Uuid::from_u128(1), user_id: Uuid::from_u128(number) }
    }

    #[test]
    fn different_fields_have_different_forms() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let forms = [
            Fields::default().text("ab").text("c"),
            Fields::default().text("a").text("bc"),
            Fields::default().text("abc"),
            Fields::default().text("abc").text(""),
            Fields::default().text("abc").optional(None, Fields::number),
            Fields::default().texts(&texts(&["a", "b"])).texts(&texts(&["c"])),
            Fields::default().texts(&texts(&["a"])).texts(&texts(&["b", "c"])),
            Fields::default().texts(&texts(&["a", "b", "c"])).texts(&[]),
        ];
        for (index, form) in forms.iter().enumerate() {
            assert!(forms[..index].iter().all(|other| other.0 != form.0), "{index}");
        }
    }

    #[test]
    fn a_mac_is_valid_only_for_its_own_row_table_and_key() {
        let signer = signer();
        let mac = signer.sign(&member(2));
        assert!(signer.is_genuine(&(member(2), Some(mac))));
        assert!(!signer.is_genuine(&(member(3), Some(mac))));
        assert!(!signer.is_genuine(&(member(2), None)));
        assert!(!super::tests::signer().is_genuine(&(member(2), Some(mac))));
        let fields = member(2).fields().0;
        assert_ne!(
            signer.key.sign_fields("projects", &fields),
            signer.key.sign_fields(Membership::TABLE, &fields)
        );
    }

    #[test]
    fn reports_each_broken_row_once_and_at_most_100_rows() {
        let signer = signer();
        for number in (0..150).chain(0..150) {
            assert!(signer.check((member(number), None)).is_none());
        }
        let waiting = mem::take(&mut signer.reports().waiting);
        let rows: HashSet<_> = waiting.iter().map(|entry| entry.record.clone()).collect();
        assert_eq!((rows.len(), waiting.len()), (MOST_REPORTED, MOST_REPORTED));
    }
}
