//! Verifies that the audit log is complete and unchanged.

use super::{Anchor, CUT, ChainKey, Head, Mac, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// The most missing chains to list.
const MAX_GAPS: usize = 100;
/// The most faults to list.
const MAX_FAULTS: usize = 1000;

/// The heads of chains at some time, in a form to write down: `chain:sequence:signature`, separated
/// by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedHeads(BTreeMap<i64, (i64, Mac)>);

impl ExpectedHeads {
    /// The last row of a chain and its MAC, if the heads name it.
    pub(crate) fn of(&self, chain: i64) -> Option<(i64, Mac)> {
        self.0.get(&chain).copied()
    }

    /// All chains with their last rows.
    pub(crate) fn last_rows(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().map(|(chain, (sequence, _))| (*chain, *sequence))
    }
}

impl FromIterator<(i64, (i64, Mac))> for ExpectedHeads {
    fn from_iter<I: IntoIterator<Item = (i64, (i64, Mac))>>(heads: I) -> Self {
        Self(heads.into_iter().collect())
    }
}

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
        heads.map(Self).ok_or_else(|| "is not a head printed by `audit verify`".to_owned())
    }
}

/// The result.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The number of rows read.
    pub(crate) rows: u64,
    /// The number of earlier rows that were removed on purpose.
    pub(crate) removed: u64,
    /// The faults, in words; empty if the log verifies.
    pub(crate) faults: Vec<String>,
    /// Why some expected heads can no longer be checked, in words.
    pub(crate) unchecked: Vec<String>,
    /// The current heads.
    pub(crate) heads: ExpectedHeads,
}

/// Reads all rows in the order of chains and sequences. The heads are read before the rows: rows
/// after a head were appended meanwhile.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    key: &'a ChainKey,
    heads: BTreeMap<i64, Head>,
    anchors: BTreeMap<i64, Anchor>,
    expected: ExpectedHeads,
    /// The chains that at least one row was read from.
    seen: BTreeSet<i64>,
    /// The chain, the sequence and the MAC of the last row read.
    last: (i64, i64, Mac),
    rows: u64,
    faults: Vec<String>,
    /// How many faults are not listed.
    more_faults: u64,
    unchecked: Vec<String>,
}

impl<'a> Verifier<'a> {
    /// The log must still contain the rows of the `expected` heads.
    pub(crate) fn new(
        key: &'a ChainKey,
        heads: Vec<Head>,
        anchors: Vec<Anchor>,
        expected: ExpectedHeads,
    ) -> Self {
        let by_chain = |head: Head| (head.chain, head);
        let mut verifier = Self {
            key,
            heads: heads.into_iter().map(by_chain).collect(),
            anchors: BTreeMap::new(),
            expected,
            seen: BTreeSet::new(),
            last: (0, 0, [0; 32]),
            rows: 0,
            faults: Vec::new(),
            more_faults: 0,
            unchecked: Vec::new(),
        };
        let changed = verifier.heads.values().filter(|head| !head.is_genuine(key));
        for chain in changed.map(|head| head.chain).collect::<Vec<_>>() {
            verifier.fault(chain, "its head was changed");
        }
        for anchor in anchors {
            verifier.take_anchor(anchor);
        }
        verifier
    }

    /// A changed anchor is ignored.
    fn take_anchor(&mut self, anchor: Anchor) {
        let chain = anchor.chain;
        if !anchor.is_genuine(self.key) {
            self.fault(chain, "its anchor was changed");
            return;
        }
        if anchor.cuts > 0 {
            let what = format!("{} of the removed rows said that another chain had lost rows", anchor.cuts);
            self.fault(chain, what);
        }
        self.anchors.insert(chain, anchor);
    }

    /// The last row before the start of a chain.
    fn start(&self, chain: i64) -> (i64, Mac) {
        self.anchors.get(&chain).map_or((0, [0; 32]), |anchor| (anchor.sequence, anchor.mac))
    }

    /// Takes the next row.
    pub(crate) fn take(&mut self, row: &Row) {
        if row.chain != self.last.0 {
            self.end_last_chain();
            let (sequence, mac) = self.start(row.chain);
            self.last = (row.chain, sequence, mac);
            self.seen.insert(row.chain);
        }
        let (chain, before, previous) = self.last;
        if let Some(fault) = row.fault_after(self.key, before, &previous) {
            self.fault(chain, fault);
        }
        self.check_against_heads(chain, row.sequence, &row.mac);
        if row.entry.action == CUT {
            let (sequence, what) = (row.sequence, &row.entry.outcome);
            self.fault(chain, format!("row {sequence} says what a server found: {what}"));
        }
        self.last = (chain, row.sequence, row.mac);
        self.rows += 1;
    }

    /// Checks a row that a head names against that head.
    fn check_against_heads(&mut self, chain: i64, sequence: i64, mac: &Mac) {
        let head = self.heads.get(&chain).map(|head| (head.sequence, head.mac));
        for head in [head, self.expected.of(chain)].into_iter().flatten() {
            if sequence == head.0 && *mac != head.1 {
                self.fault(chain, format!("row {sequence} is not the one that the head names"));
            }
        }
    }

    fn end_last_chain(&mut self) {
        let (chain, sequence, _) = self.last;
        if self.seen.contains(&chain) {
            self.end_chain(chain, sequence);
        }
    }

    /// Checks the last row of a chain against its heads and its start.
    fn end_chain(&mut self, chain: i64, sequence: i64) {
        let (removed, mac) = self.start(chain);
        let is_whole_gone = !self.seen.contains(&chain) && removed == 0;
        let head = self.heads.get(&chain).map(|head| head.sequence);
        let expected = self.expected.of(chain).map(|(expected, _)| expected);
        if is_whole_gone && head.max(expected).is_some_and(|named| named > 0) {
            return self.fault(chain, "all of its rows are missing");
        }
        match head {
            None if !is_whole_gone => self.fault(chain, "its head is missing"),
            Some(head) if head > sequence => {
                let from = sequence.saturating_add(1);
                self.fault(chain, format!("rows {from} to {head} are missing at the end"));
            }
            Some(head) if head < removed => {
                self.fault(
                    chain,
                    format!("an old head was restored: rows up to {removed} were removed after it"),
                );
            }
            _ => {}
        }
        if expected.is_some_and(|expected| expected > sequence) {
            self.fault(chain, "it is shorter than it was");
        }
        if let Some(expected) = expected.filter(|expected| *expected < removed) {
            let what = format!(
                "chain {chain}: the expected head names row {expected}, and the rows up to {removed} were removed"
            );
            self.unchecked.push(what);
        }
        if removed > 0 {
            self.check_against_heads(chain, removed, &mac);
        }
    }

    /// The result.
    pub(crate) fn finish(mut self) -> Verdict {
        self.end_last_chain();
        // Chains are numbered from 1 without gaps, and have a head from the start.
        let last = self.heads.last_key_value().map_or(0, |(chain, _)| *chain);
        let is_known = |chain: &i64| {
            self.heads.contains_key(chain) || self.seen.contains(chain) || self.anchors.contains_key(chain)
        };
        let gaps: Vec<_> = (1..last).filter(|chain| !is_known(chain)).take(MAX_GAPS).collect();
        for chain in gaps {
            self.fault(chain, "the chain and its head are missing");
        }
        let named = self.heads.keys().chain(self.expected.0.keys()).chain(self.anchors.keys());
        let unseen: BTreeSet<_> = named.copied().filter(|chain| !self.seen.contains(chain)).collect();
        for chain in unseen {
            self.end_chain(chain, self.start(chain).0);
        }
        if self.more_faults > 0 {
            self.faults.push(format!("and {} more", self.more_faults));
        }
        let heads = self.heads.into_iter().map(|(chain, head)| (chain, (head.sequence, head.mac)));
        Verdict {
            rows: self.rows,
            removed: self.anchors.values().map(|anchor| anchor.sequence.unsigned_abs()).sum(),
            faults: self.faults,
            unchecked: self.unchecked,
            heads: heads.collect(),
        }
    }

    fn fault(&mut self, chain: i64, what: impl fmt::Display) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(format!("chain {chain}: {what}"));
        } else {
            self.more_faults += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Caller, Entry, Removable};
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
        verify_from(key, rows, heads, &[], expected)
    }

    fn verify_from(
        key: &ChainKey,
        rows: &[Row],
        heads: &[Head],
        anchors: &[Anchor],
        expected: &ExpectedHeads,
    ) -> Verdict {
        let mut verifier = Verifier::new(key, heads.to_vec(), anchors.to_vec(), expected.clone());
        rows.iter().for_each(|row| verifier.take(row));
        verifier.finish()
    }

    #[test]
    fn accepts_an_unchanged_log_and_prints_its_heads() {
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
    fn finds_changed_removed_and_reordered_rows() {
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
        let without_the_first = "chain 1: the chain and its head are missing";
        assert_eq!(faults(&rows[3..], &heads[1..]), without_the_first);
        let mut forged = heads.clone();
        forged[1].sequence = 2;
        forged[1].mac = rows[4].mac;
        assert_eq!(faults(&rows[..5], &forged), "chain 2: its head was changed");
    }

    #[test]
    fn a_head_kept_elsewhere_reveals_rows_cut_off_with_their_head() {
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
            "the log alone looks complete"
        );
        let verdict = verify(&key, &rows[..5], &put_back, &written_down);
        assert_eq!(verdict.faults, ["chain 2: it is shorter than it was"]);
        let verdict = verify(&key, &rows[..3], &heads[..1], &written_down);
        assert_eq!(verdict.faults, ["chain 2: all of its rows are missing"]);
    }
    /// The anchor after the first rows of chain 2 were removed.
    fn anchor(key: &ChainKey, rows: &[Row]) -> Anchor {
        let removable = Anchor::beginning(key, 2).removable(key, rows, i64::MAX, ("operator", 0));
        let Removable::UpTo(anchor) = removable else { panic!("{removable:?}") };
        anchor
    }

    #[test]
    fn the_rest_verifies_only_from_its_own_anchor() {
        let key = key();
        let (rows, heads) = log(&key);
        let nothing = ExpectedHeads::default();
        let faults = |rows: &[Row], anchors: &[Anchor]| {
            verify_from(&key, rows, &heads, anchors, &nothing).faults.join("; ")
        };
        let (one, two, all) =
            (anchor(&key, &rows[3..4]), anchor(&key, &rows[3..5]), anchor(&key, &rows[3..]));
        let rest = [&rows[..3], &rows[5..]].concat();
        assert_eq!(faults(&rest, std::slice::from_ref(&two)), "");
        assert_eq!(verify_from(&key, &rest, &heads, std::slice::from_ref(&two), &nothing).removed, 2);
        assert_eq!(faults(&rows[..3], std::slice::from_ref(&all)), "");
        assert_eq!(faults(&rest, &[]), "chain 2: rows 1 to 2 are missing");
        assert_eq!(faults(&rest, &[one]), "chain 2: rows 2 to 2 are missing", "an old anchor was restored");
        let of_other_chain = Anchor { chain: 1, ..two.clone() };
        assert!(faults(&rest, &[of_other_chain]).contains("chain 1: its anchor was changed"));
        let put_back = "chain 2: row 1 is where no row belongs";
        assert_eq!(faults(&rows, std::slice::from_ref(&two)), put_back);
        let beyond = [&rows[..3], &rows[6..]].concat();
        assert_eq!(faults(&beyond, &[two]), "chain 2: rows 3 to 3 are missing at the end");
    }

    #[test]
    fn checks_an_expected_head_against_an_anchor_or_reports_it_as_too_old() {
        let key = key();
        let (rows, heads) = log(&key);
        let verify_with = |anchor: &Anchor, sequence: i64, mac: Mac| {
            let expected = ExpectedHeads([(2, (sequence, mac))].into());
            let rest = [&rows[..3], &rows[usize::try_from(3 + anchor.sequence).unwrap()..]].concat();
            let verdict = verify_from(&key, &rest, &heads, std::slice::from_ref(anchor), &expected);
            (verdict.faults.join("; "), verdict.unchecked.join("; "))
        };
        let two = anchor(&key, &rows[3..5]);
        assert_eq!(verify_with(&two, 3, rows[5].mac), (String::new(), String::new()));
        assert_eq!(verify_with(&two, 2, rows[4].mac), (String::new(), String::new()));
        assert_eq!(verify_with(&two, 2, rows[3].mac).0, "chain 2: row 2 is not the one that the head names");
        let too_old = "chain 2: the expected head names row 1, and the rows up to 2 were removed";
        assert_eq!(verify_with(&two, 1, rows[3].mac), (String::new(), too_old.to_owned()));
        assert_eq!(verify_with(&two, 4, rows[3].mac).0, "chain 2: it is shorter than it was");
    }

    #[test]
    fn reports_lost_rows_even_after_the_row_that_says_so_was_removed() {
        let key = key();
        let (row, head) = Head::empty(&key, 2).append(&key, Head::empty(&key, 1).cut());
        let anchor = anchor(&key, &[row]);
        let heads = [Head::empty(&key, 1), head];
        let verdict = verify_from(&key, &[], &heads, &[anchor], &ExpectedHeads::default());
        assert_eq!(verdict.faults, ["chain 2: 1 of the removed rows said that another chain had lost rows"]);
    }
}
