//! Reading exports, and finding out whether they are whole and follow one another.

use super::line::{FORMAT, Line, MAX_LINE_BYTES, VERSION};
use crate::audit::{ChainKey, ExpectedHeads, Mac, Row};
use crate::clock::render_ms;
use crate::proof::{self, fingerprint_of};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{self, BufRead, Read as _};

/// The most faults that are listed.
const MAX_FAULTS: usize = 1000;

/// What was found in all files together.
#[derive(Debug)]
pub(crate) struct ExportsVerdict {
    pub(crate) rows: u64,
    /// What is wrong; nothing where the files are whole and follow one another.
    pub(crate) faults: Vec<String>,
    /// What each file holds, in words.
    pub(crate) parts: Vec<String>,
    /// Where the chains end.
    pub(crate) heads: ExpectedHeads,
}

/// Exports that are read one after the other.
#[derive(Debug)]
pub(crate) struct Exports<'a> {
    /// That of the server which must have signed them.
    fingerprint: String,
    /// The key of the log, where it is known: then each row is checked by itself as well.
    key: Option<&'a ChainKey>,
    expected: ExpectedHeads,
    /// Where the files so far end each chain.
    ends: BTreeMap<i64, (i64, Mac)>,
    /// Whether there was a file before the one that is read.
    goes_on: bool,
    /// The expected places that were found and compared.
    compared: BTreeSet<(i64, i64)>,
    rows: u64,
    faults: Vec<String>,
    parts: Vec<String>,
}

/// The file that is being read.
struct File {
    name: String,
    hash: Sha256,
    exported_at: i64,
    rows: u64,
    /// The chain whose rows are read, from its first row here on.
    chain: Option<Reading>,
    /// The chains that were read, and of which rows.
    chains: BTreeMap<i64, (i64, i64)>,
}

/// The rows of a chain up to the one that was read last.
struct Reading {
    chain: i64,
    first: i64,
    last: i64,
    rows: u64,
    mac: Mac,
    /// What it follows stands after the rows.
    first_row: Box<Row>,
}

impl<'a> Exports<'a> {
    /// `expected` are heads whose rows must be in the files.
    pub(crate) fn new(fingerprint: String, key: Option<&'a ChainKey>, expected: ExpectedHeads) -> Self {
        Self {
            fingerprint,
            key,
            expected,
            ends: BTreeMap::new(),
            goes_on: false,
            compared: BTreeSet::new(),
            rows: 0,
            faults: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Reads the next file. An error is one of reading.
    pub(crate) fn take(&mut self, name: &str, from: impl BufRead) -> io::Result<()> {
        self.read(name, from)?;
        self.goes_on = true;
        Ok(())
    }

    fn read(&mut self, name: &str, mut from: impl BufRead) -> io::Result<()> {
        let mut file = File {
            name: name.to_owned(),
            hash: Sha256::new(),
            exported_at: 0,
            rows: 0,
            chain: None,
            chains: BTreeMap::new(),
        };
        let mut number = 0_u64;
        loop {
            number += 1;
            let mut text = Vec::new();
            from.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text)?;
            if text.is_empty() {
                self.fault(name, "it has no end: it was cut off");
                return Ok(());
            }
            let line = text.ends_with(b"\n").then(|| serde_json::from_slice(&text).ok()).flatten();
            let Some(line) = line else {
                let what = if number == 1 {
                    "is no file that `audit export` wrote".to_owned()
                } else {
                    format!("line {number} can't be read: it was cut off or changed")
                };
                self.fault(name, what);
                return Ok(());
            };
            if (number == 1) != matches!(line, Line::Export { .. }) {
                self.fault(name, "is no file that `audit export` wrote");
                return Ok(());
            }
            if let Line::Signature { public_key, signature } = &line {
                let is_at_end = from.fill_buf()?.is_empty();
                self.end(file, (public_key, signature), is_at_end);
                return Ok(());
            }
            file.hash.update(&text);
            if !self.line(&mut file, line) {
                return Ok(());
            }
        }
    }

    /// Takes a line; false where there is no sense in reading on.
    fn line(&mut self, file: &mut File, line: Line) -> bool {
        match line {
            Line::Export { format, version, exported_at } => {
                if format != FORMAT || version != VERSION {
                    self.fault(&file.name, "is of another version than this program knows: use a newer one");
                    return false;
                }
                file.exported_at = exported_at;
            }
            Line::Row(row) => self.row(file, row.into_row()),
            Line::Chain { chain, after, previous, rows, mac } => {
                self.end_chain(file, chain, (after, previous), (rows, mac));
            }
            Line::Fault { fault } => self.fault(&file.name, format!("when it was exported: {fault}")),
            Line::Signature { .. } => {}
        }
        true
    }

    fn row(&mut self, file: &mut File, row: Row) {
        file.rows += 1;
        let (chain, sequence, mac) = (row.chain, row.sequence, row.mac);
        let Some(reading) = file.chain.as_mut().filter(|reading| reading.chain == chain) else {
            if file.chain.is_some() || file.chains.contains_key(&chain) {
                self.fault(&file.name, format!("chain {chain}: its rows don't stand together"));
            }
            let first_row = Box::new(row);
            file.chain = Some(Reading { chain, first: sequence, last: sequence, rows: 1, mac, first_row });
            return;
        };
        let is_next = sequence == reading.last.saturating_add(1);
        let is_changed = self.key.is_some_and(|key| !row.follows(key, &reading.mac));
        (reading.last, reading.mac, reading.rows) = (sequence, mac, reading.rows + 1);
        if !is_next || is_changed {
            self.fault(&file.name, format!("chain {chain}: row {sequence} was changed or moved"));
        }
        self.hold_against_expected(&file.name, chain, (sequence, mac));
    }

    /// Takes what is said of a chain after its rows.
    fn end_chain(
        &mut self,
        file: &mut File,
        chain: i64,
        (after, previous): (i64, Mac),
        (rows, mac): (u64, Mac),
    ) {
        let reading = file.chain.take();
        let (is_right, end) = match &reading {
            None => (rows == 0 && previous == mac, (after, previous)),
            Some(reading) => {
                let follows = self.key.is_none_or(|key| reading.first_row.follows(key, &previous));
                let is_right = reading.chain == chain
                    && follows
                    && reading.first == after.saturating_add(1)
                    && (reading.rows, reading.mac) == (rows, mac);
                self.hold_against_expected(&file.name, chain, (reading.first, reading.first_row.mac));
                (is_right, (reading.last, reading.mac))
            }
        };
        if !is_right {
            self.fault(&file.name, format!("chain {chain}: rows are missing, or were changed or moved"));
        }
        self.join(&file.name, chain, (after, previous));
        self.hold_against_expected(&file.name, chain, (after, previous));
        self.ends.insert(chain, end);
        file.chains.insert(chain, (after, end.0));
    }

    /// Whether a file goes on where those before it end. A chain that was in none of them
    /// had no rows by then.
    fn join(&mut self, name: &str, chain: i64, start: (i64, Mac)) {
        let begun = self.ends.get(&chain).copied();
        let Some(end) = begun.or(self.goes_on.then_some((0, [0; 32]))) else { return };
        if start.0 > end.0 {
            let (from, to) = (end.0.saturating_add(1), start.0);
            self.fault(name, format!("chain {chain}: rows {from} to {to} are in no file"));
        } else if start.0 < end.0 {
            let what = format!(
                "chain {chain}: it begins at row {}, but the file before ends with row {}: give the files in \
                 their order, and none twice",
                start.0.saturating_add(1),
                end.0
            );
            self.fault(name, what);
        } else if start.1 != end.1 {
            self.fault(name, format!("chain {chain}: it does not go on from row {}", end.0));
        }
    }

    fn hold_against_expected(&mut self, name: &str, chain: i64, (sequence, mac): (i64, Mac)) {
        let Some((_, head)) = self.expected.of(chain).filter(|(expected, _)| *expected == sequence) else {
            return;
        };
        self.compared.insert((chain, sequence));
        if head != mac {
            self.fault(name, format!("chain {chain}: row {sequence} is not the one that the head names"));
        }
    }

    /// Takes the signature.
    fn end(&mut self, file: File, (public_key, signature): (&str, &str), is_at_end: bool) {
        let decoded = (STANDARD.decode(public_key), STANDARD.decode(signature));
        let digest = file.hash.finalize().into();
        let (Ok(public_key), Ok(signature)) = decoded else {
            return self.fault(&file.name, "its signature can't be read");
        };
        let is_right = proof::verify_export(&public_key, &digest, &signature);
        let signer = fingerprint_of(&public_key);
        if !is_right || !is_at_end || file.chain.is_some() {
            self.fault(&file.name, "its signature does not match: it was changed after it was exported");
        }
        if signer != self.fingerprint {
            let what = format!("is signed by another server, whose fingerprint is {signer}");
            self.fault(&file.name, what);
        }
        self.rows += file.rows;
        let chains = file.chains.iter().filter(|(_, (after, last))| last > after);
        let chains = chains.map(|(chain, (after, last))| {
            format!("chain {chain} rows {} to {last}", after.saturating_add(1))
        });
        let chains: Vec<_> = chains.collect();
        let holds = if chains.is_empty() { "no rows".to_owned() } else { chains.join(", ") };
        self.parts.push(format!("{}: exported {}; {holds}", file.name, render_ms(file.exported_at)));
    }

    /// Tells what was found.
    pub(crate) fn finish(mut self) -> ExportsVerdict {
        for (chain, sequence) in self.expected.places().collect::<Vec<_>>() {
            if !self.compared.contains(&(chain, sequence)) {
                let what = format!("row {sequence}, which the head names, is in none of the files");
                self.fault(format_args!("chain {chain}"), what);
            }
        }
        let heads = self.ends.into_iter().collect();
        ExportsVerdict { rows: self.rows, faults: self.faults, parts: self.parts, heads }
    }

    fn fault(&mut self, name: impl Display, what: impl Display) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(format!("{name}: {what}"));
        }
    }
}
