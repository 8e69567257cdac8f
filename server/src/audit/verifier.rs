//! Finding out whether the audit log is whole.

use super::{Anchor, CUT, ChainKey, Head, Mac, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// The most missing chains that are listed one by one.
const MAX_GAPS: usize = 100;
/// The most faults that are listed one by one.
const MAX_FAULTS: usize = 1000;

/// Heads of chains as they were at some time, in a form to be written down:
/// `chain:sequence:signature`, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedHeads(BTreeMap<i64, (i64, Mac)>);

impl ExpectedHeads {
    /// The last row of a chain and its MAC, where one is named.
    pub(crate) fn of(&self, chain: i64) -> Option<(i64, Mac)> {
        self.0.get(&chain).copied()
    }

    /// All chains with their last rows.
    pub(crate) fn places(&self) -> impl Iterator<Item = (i64, i64)> {
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
        heads.map(Self).ok_or_else(|| "is no head that `audit verify` has printed".to_owned())
    }
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// How many rows were read.
    pub(crate) rows: u64,
    /// How many rows were removed on purpose before these.
    pub(crate) removed: u64,
    /// What is wrong, in words; nothing where the log is whole.
    pub(crate) faults: Vec<String>,
    /// What can't be held against the expected heads any more, in words.
    pub(crate) unchecked: Vec<String>,
    /// The heads now.
    pub(crate) heads: ExpectedHeads,
}

/// Reads all rows in the order of chains and sequences. The heads are read
/// before them: rows that come after a head were appended meanwhile.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    key: &'a ChainKey,
    heads: BTreeMap<i64, Head>,
    anchors: BTreeMap<i64, Anchor>,
    expected: ExpectedHeads,
    /// The chains of which a row was seen, and the last row's place.
    seen: BTreeSet<i64>,
    last: (i64, i64, Mac),
    rows: u64,
    faults: Vec<String>,
    /// Those that are not listed.
    more_faults: u64,
    unchecked: Vec<String>,
}

impl<'a> Verifier<'a> {
    /// `expected` are heads that must still be there.
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

    /// One that was changed counts for nothing.
    fn take_anchor(&mut self, anchor: Anchor) {
        let chain = anchor.chain;
        if !anchor.is_genuine(self.key) {
            self.fault(chain, "its anchor was changed, which stands for the rows that were removed");
            return;
        }
        if anchor.cuts > 0 {
            let what = format!("{} of the removed rows told that another chain had lost rows", anchor.cuts);
            self.fault(chain, what);
        }
        self.anchors.insert(chain, anchor);
    }

    /// Where the rows of a chain begin: the last one before them.
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
        self.hold_against_heads(chain, row.sequence, &row.mac);
        if row.entry.action == CUT {
            let (sequence, what) = (row.sequence, &row.entry.outcome);
            self.fault(chain, format!("row {sequence} tells what a server has found: {what}"));
        }
        self.last = (chain, row.sequence, row.mac);
        self.rows += 1;
    }

    /// Whether a row is the one that a head names, where one does.
    fn hold_against_heads(&mut self, chain: i64, sequence: i64, mac: &Mac) {
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

    /// Holds the end of a chain, its last row, against its heads and its beginning.
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
                    format!("its head was put back: rows up to {removed} were removed after it"),
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
            self.hold_against_heads(chain, removed, &mac);
        }
    }

    /// Tells what was found.
    pub(crate) fn finish(mut self) -> Verdict {
        self.end_last_chain();
        // Chains are numbered from 1 without gaps, and have a head from their beginning.
        let last = self.heads.last_key_value().map_or(0, |(chain, _)| *chain);
        let is_known = |chain: &i64| {
            self.heads.contains_key(chain) || self.seen.contains(chain) || self.anchors.contains_key(chain)
        };
        let gaps: Vec<_> = (1..last).filter(|chain| !is_known(chain)).take(MAX_GAPS).collect();
        for chain in gaps {
            self.fault(chain, "it is missing, and its head is as well");
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
    /// The anchor once the first rows of chain 2 are removed.
    fn anchor(key: &ChainKey, rows: &[Row]) -> Anchor {
        let removable = Anchor::beginning(key, 2).removable(key, rows, i64::MAX, ("operator", 0));
        let Removable::UpTo(anchor) = removable else { panic!("{removable:?}") };
        anchor
    }

    #[test]
    fn the_rest_verifies_from_an_anchor_and_from_no_other() {
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
        assert_eq!(faults(&rest, &[one]), "chain 2: rows 2 to 2 are missing", "an old one put back");
        let of_other_chain = Anchor { chain: 1, ..two.clone() };
        assert!(faults(&rest, &[of_other_chain]).contains("chain 1: its anchor was changed"));
        let put_back = "chain 2: row 1 stands where there is no row";
        assert_eq!(faults(&rows, std::slice::from_ref(&two)), put_back);
        let beyond = [&rows[..3], &rows[6..]].concat();
        assert_eq!(faults(&beyond, &[two]), "chain 2: rows 3 to 3 are missing at the end");
    }

    #[test]
    fn a_head_written_down_is_held_against_an_anchor_or_said_to_be_too_old() {
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
    fn what_a_server_has_found_is_told_also_once_its_row_is_removed() {
        let key = key();
        let (row, head) = Head::empty(&key, 2).append(&key, Head::empty(&key, 1).cut());
        let anchor = anchor(&key, &[row]);
        let heads = [Head::empty(&key, 1), head];
        let verdict = verify_from(&key, &[], &heads, &[anchor], &ExpectedHeads::default());
        assert_eq!(verdict.faults, ["chain 2: 1 of the removed rows told that another chain had lost rows"]);
    }
}
