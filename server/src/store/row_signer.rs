//! MACs over rows that grant rights, so that nobody gains one by writing to the database.
//!
//! A MAC covers the table, the row's key and everything the right depends on, so it is
//! good for no other row. Where a right is used, a row without a correct MAC counts as
//! absent, and the log and the audit log say so. This module knows no database.

mod built_in_types;
mod rows;

pub(super) use rows::{Assignment, KeptToken, Membership};

use super::{AuditLog, StoreError};
use crate::audit::{Caller, ChainKey, Entry, Mac};
use stagepass_core::visible::printable_start;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// How long a broken row is not reported again.
const QUIET: Duration = Duration::from_secs(60);
/// Rows that are reported in that time, so that many broken ones don't fill the log.
const MOST_REPORTED: usize = 100;
/// Characters of a row's key in a report.
const MOST_CHARS: usize = 120;

/// A row that grants a right.
pub(super) trait SignedRow {
    const TABLE: &'static str;
    /// The row's key.
    fn record(&self) -> String;
    /// What reports call the row, of which somebody else may have written every column.
    fn label(&self) -> String {
        let record = printable_start(&self.record(), MOST_CHARS);
        format!("{}/{record}", Self::TABLE)
    }
    /// What the right depends on, the row's key above all.
    fn fields(&self) -> Fields;
    /// Of a row that claims to be built in, and so has no MAC: whether it is one of those
    /// that the program brings.
    fn built_in(&self) -> Option<bool> {
        None
    }
}

/// A row as it was found, with its MAC where it has one.
pub(super) type Kept<R> = (R, Option<Mac>);

/// A row that is not genuine.
#[derive(Debug)]
pub(super) struct BrokenRow {
    pub(super) table: &'static str,
    /// What reports call it.
    pub(super) label: String,
    /// Its MAC, where that is all that it lacks.
    pub(super) missing: Option<Mac>,
}

/// Columns of a row in an unambiguous form: each has its length before it.
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

    /// One that is absent has no length, which is not the length of an empty one.
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

/// Signs rows, checks their MACs, and remembers which broken ones to report.
#[derive(Debug)]
pub(super) struct RowSigner {
    key: Arc<ChainKey>,
    reports: Mutex<Reports>,
}

#[derive(Debug, Default)]
struct Reports {
    /// The rows that were reported, and when.
    made: HashMap<String, Instant>,
    /// What the audit log does not say yet.
    waiting: Vec<Entry>,
}

impl RowSigner {
    pub(super) fn new(key: Arc<ChainKey>) -> Self {
        Self { key, reports: Mutex::default() }
    }

    /// The key, with which the audit log is chained as well.
    pub(super) fn key(&self) -> &Arc<ChainKey> {
        &self.key
    }

    pub(super) fn sign<R: SignedRow>(&self, row: &R) -> Mac {
        self.key.sign_fields(R::TABLE, &row.fields().0)
    }

    /// Whether this server, or another one with its key, has written the row.
    fn is_genuine<R: SignedRow>(&self, (row, mac): &Kept<R>) -> bool {
        row.built_in().unwrap_or_else(|| mac.is_some_and(|mac| self.sign(row).ct_eq(&mac).into()))
    }

    /// What is wrong with a row, which was read or can't be.
    pub(super) fn judge<R: SignedRow, E>(&self, read: Result<Kept<R>, E>) -> Option<BrokenRow> {
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

    /// The row, unless it is broken: then [`report_broken`](Self::report_broken) reports it.
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
            "a row that grants rights was changed by something else than Stagepass, and counts as absent; `audit verify` lists all such rows"
        );
        let entry = Entry::new(&Caller::Server, "row-forged");
        let entry = entry.with_outcome("counts as absent: its MAC is not the server's");
        reports.waiting.push(Entry { record: Some(row.clone()), ..entry });
        reports.made.insert(row, Instant::now());
    }

    /// Reports to the audit log what was found broken since the last time.
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
    fn different_fields_never_have_the_same_form() {
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
    fn a_mac_is_good_for_its_own_row_its_own_table_and_its_own_key() {
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
    fn a_broken_row_is_reported_once_and_at_most_100_rows_are() {
        let signer = signer();
        for number in (0..150).chain(0..150) {
            assert!(signer.check((member(number), None)).is_none());
        }
        let waiting = mem::take(&mut signer.reports().waiting);
        let rows: HashSet<_> = waiting.iter().map(|entry| entry.record.clone()).collect();
        assert_eq!((rows.len(), waiting.len()), (MOST_REPORTED, MOST_REPORTED));
    }
}
