//! Finding out whether the audit log is whole.

use super::{CUT, ChainKey, Head, Mac, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// The most missing chains that are listed one by one.
const MAX_GAPS: usize = 100;

/// Heads of chains as they were at some time, in a form to be written down:
/// `chain:sequence:signature`, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedHeads(BTreeMap<i64, (i64, Mac)>);

impl fmt::Display for ExpectedHeads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (chain, (sequence, mac))) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{chain}:{sequence}:{}", hex::encode(mac))?;
        }
        Ok(())
    }
}

impl FromStr for ExpectedHeads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |head: &str| {
            let (chain, rest) = head.split_once(':')?;
            let (sequence, mac) = rest.split_once(':')?;
            let mac = <Mac>::try_from(hex::decode(mac).ok()?).ok()?;
            Some((chain.parse().ok()?, (sequence.parse().ok()?, mac)))
        };
        let heads: Option<_> = text.trim().split(',').map(parse).collect();
        heads.map(Self).ok_or_else(|| "is no head that `audit verify` has printed".to_owned())
    }
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// How many rows were read.
    pub(crate) rows: u64,
    /// What is wrong, in words; nothing where the log is whole.
    pub(crate) faults: Vec<String>,
    /// The heads now.
    pub(crate) heads: ExpectedHeads,
}

/// Reads all rows in the order of chains and sequences. The heads are read
/// before them: rows that come after a head were appended meanwhile.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    key: &'a ChainKey,
    heads: BTreeMap<i64, Head>,
    expected: ExpectedHeads,
    /// The chains of which a row was seen, and the last row's place.
    seen: BTreeSet<i64>,
    last: (i64, i64, Mac),
    rows: u64,
    faults: Vec<String>,
}

impl<'a> Verifier<'a> {
    /// `expected` are heads that must still be there.
    pub(crate) fn new(key: &'a ChainKey, heads: Vec<Head>, expected: ExpectedHeads) -> Self {
        let mut faults = Vec::new();
        for head in &heads {
            if !head.is_genuine(key) {
                faults.push(format!("chain {}: its head was changed", head.chain));
            }
        }
        let heads = heads.into_iter().map(|head| (head.chain, head)).collect();
        Self { key, heads, expected, seen: BTreeSet::new(), last: (0, 0, [0; 32]), rows: 0, faults }
    }

    /// Takes the next row.
    pub(crate) fn take(&mut self, row: &Row) {
        if row.chain != self.last.0 {
            self.end_chain();
            self.last = (row.chain, 0, [0; 32]);
            self.seen.insert(row.chain);
        }
        let (chain, before, previous) = self.last;
        if row.sequence != before.saturating_add(1) {
            self.fault(
                chain,
                format!(
                    "rows {} to {} are missing",
                    before.saturating_add(1),
                    row.sequence.saturating_sub(1)
                ),
            );
        } else if self.key.sign_row(&previous, chain, row.sequence, &row.entry) != row.mac {
            self.fault(chain, format!("row {} was changed or moved", row.sequence));
        }
        let head = self.heads.get(&chain).map(|head| (head.sequence, head.mac));
        for (sequence, mac) in [head, self.expected.0.get(&chain).copied()].into_iter().flatten() {
            if sequence == row.sequence && mac != row.mac {
                self.fault(chain, format!("row {sequence} is not the one that the head names"));
            }
        }
        if row.entry.action == CUT {
            let (sequence, what) = (row.sequence, &row.entry.outcome);
            self.fault(chain, format!("row {sequence} tells what a server has found: {what}"));
        }
        self.last = (chain, row.sequence, row.mac);
        self.rows += 1;
    }

    /// Holds the end of the chain that was read against its head.
    fn end_chain(&mut self) {
        let (chain, sequence, _) = self.last;
        if !self.seen.contains(&chain) {
            return;
        }
        match self.heads.get(&chain) {
            None => self.fault(chain, "its head is missing"),
            Some(head) if head.sequence > sequence => {
                let (from, to) = (sequence.saturating_add(1), head.sequence);
                self.fault(chain, format!("rows {from} to {to} are missing at the end"));
            }
            Some(_) => {}
        }
        if self.expected.0.get(&chain).is_some_and(|(expected, _)| *expected > sequence) {
            self.fault(chain, "it is shorter than it was");
        }
    }

    /// Tells what was found.
    pub(crate) fn finish(mut self) -> Verdict {
        self.end_chain();
        // Chains are numbered from 1 without gaps, and have a head from their beginning.
        let last = self.heads.last_key_value().map_or(0, |(chain, _)| *chain);
        let is_known = |chain: &i64| self.heads.contains_key(chain) || self.seen.contains(chain);
        let gaps: Vec<_> = (1..last).filter(|chain| !is_known(chain)).take(MAX_GAPS).collect();
        for chain in gaps {
            self.fault(chain, "it is missing, and its head is as well");
        }
        let headed = self.heads.values().filter(|head| head.sequence > 0).map(|head| head.chain);
        let expected = self.expected.0.iter().filter(|(_, (sequence, _))| *sequence > 0);
        let expected = expected.map(|(chain, _)| *chain);
        let missing: BTreeSet<_> =
            headed.chain(expected).filter(|chain| !self.seen.contains(chain)).collect();
        for chain in missing {
            self.fault(chain, "all of its rows are missing");
        }
        let heads = self.heads.into_iter().map(|(chain, head)| (chain, (head.sequence, head.mac)));
        Verdict { rows: self.rows, faults: self.faults, heads: ExpectedHeads(heads.collect()) }
    }

    fn fault(&mut self, chain: i64, what: impl fmt::Display) {
        self.faults.push(format!("chain {chain}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Caller, Entry};
    use super::*;

    fn key() -> ChainKey {
        ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap()
    }

    /// Two chains of three rows, and their heads.
    fn log(key: &ChainKey) -> (Vec<Row>, Vec<Head>) {
        let mut rows = Vec::new();
        let heads = [1, 2].map(|chain| {
            (0..3).fold(Head::empty(key, chain), |head, number| {
                let entry = Entry::new(&Caller::Operator, "reveal").on("platform_connections", number);
                let (row, head) = head.append(key, entry);
                rows.push(row);
                head
            })
        });
        (rows, heads.to_vec())
    }

    fn verify(key: &ChainKey, rows: &[Row], heads: &[Head], expected: &ExpectedHeads) -> Verdict {
        let mut verifier = Verifier::new(key, heads.to_vec(), expected.clone());
        rows.iter().for_each(|row| verifier.take(row));
        verifier.finish()
    }

    #[test]
    fn a_whole_log_is_whole_and_its_heads_can_be_written_down() {
        let key = key();
        let (rows, heads) = log(&key);
        let verdict = verify(&key, &rows, &heads, &ExpectedHeads::default());
        assert_eq!((verdict.rows, verdict.faults), (6, vec![]));
        let expected: ExpectedHeads = verdict.heads.to_string().parse().unwrap();
        assert_eq!(expected, verdict.heads);
        assert_eq!(verify(&key, &rows, &heads, &expected).faults, Vec::<String>::new());
        assert!("1:2".parse::<ExpectedHeads>().is_err());
    }

    #[test]
    fn whatever_is_changed_removed_or_reordered_is_found() {
        let key = key();
        let (rows, heads) = log(&key);
        let faults = |rows: &[Row], heads: &[Head]| {
            verify(&key, rows, heads, &ExpectedHeads::default()).faults.join("; ")
        };
        let mut changed = rows.clone();
        changed[1].entry.outcome = "forbidden".to_owned();
        assert_eq!(faults(&changed, &heads), "chain 1: row 2 was changed or moved");
        let mut moved = rows.clone();
        let first = moved[0].entry.clone();
        moved[0].entry = std::mem::replace(&mut moved[1].entry, first);
        assert!(faults(&moved, &heads).contains("chain 1: row 1 was changed or moved"));
        let mut removed = rows.clone();
        removed.remove(4);
        assert_eq!(faults(&removed, &heads), "chain 2: rows 2 to 2 are missing");
        assert_eq!(faults(&rows[..5], &heads), "chain 2: rows 3 to 3 are missing at the end");
        assert_eq!(faults(&rows[..3], &heads), "chain 2: all of its rows are missing");
        assert_eq!(faults(&rows, &heads[..1]), "chain 2: its head is missing");
        let without_the_first = "chain 1: it is missing, and its head is as well";
        assert_eq!(faults(&rows[3..], &heads[1..]), without_the_first);
        let mut forged = heads.clone();
        forged[1].sequence = 2;
        forged[1].mac = rows[4].mac;
        assert_eq!(faults(&rows[..5], &forged), "chain 2: its head was changed");
    }

    #[test]
    fn rows_cut_off_together_with_their_head_contradict_the_one_written_down() {
        let key = key();
        let (rows, heads) = log(&key);
        let written_down = verify(&key, &rows, &heads, &ExpectedHeads::default()).heads;
        let (_, earlier) =
            rows[..5][3..].iter().fold((None::<Row>, Head::empty(&key, 2)), |(_, head), row| {
                let (row, head) = head.append(&key, row.entry.clone());
                (Some(row), head)
            });
        let put_back = [heads[0].clone(), earlier];
        assert_eq!(
            verify(&key, &rows[..5], &put_back, &ExpectedHeads::default()).faults,
            Vec::<String>::new(),
            "by itself it looks whole"
        );
        let verdict = verify(&key, &rows[..5], &put_back, &written_down);
        assert_eq!(verdict.faults, ["chain 2: it is shorter than it was"]);
        let verdict = verify(&key, &rows[..3], &heads[..1], &written_down);
        assert_eq!(verdict.faults, ["chain 2: all of its rows are missing"]);
    }
}
