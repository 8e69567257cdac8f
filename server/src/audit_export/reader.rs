//! Reads exports, and checks that they are complete and continue one another.

use super::line::{FORMAT, Line, MAX_LINE_BYTES, VERSION};
use crate::audit::{ChainKey, ExpectedHeads, Mac, Row};
use crate::clock::render_ms;
use crate::proof::{self, fingerprint_of};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{self, BufRead, Read as _};

/// The most faults to list.
const MAX_FAULTS: usize = 1000;

/// The result for all files together.
#[derive(Debug)]
pub(crate) struct ExportsVerdict {
    pub(crate) rows: u64,
    /// The faults; empty if the files are complete and continue one another.
    pub(crate) faults: Vec<String>,
    /// The contents of each file, in words.
    pub(crate) parts: Vec<String>,
    /// Where the chains end.
    pub(crate) heads: ExpectedHeads,
}

/// Exports, read one after another.
#[derive(Debug)]
pub(crate) struct Exports<'a> {
    /// The fingerprint of the server that must have signed them.
    fingerprint: String,
    /// The key of the log, if known: then each row is checked individually as well.
    key: Option<&'a ChainKey>,
    expected: ExpectedHeads,
    /// Where the files so far end each chain.
    ends: BTreeMap<i64, (i64, Mac)>,
    /// Whether the current file continues an earlier one.
    is_continuation: bool,
    /// The expected rows that were found and compared.
    compared: BTreeSet<(i64, i64)>,
    rows: u64,
    faults: Vec<String>,
    parts: Vec<String>,
}

/// The file being read.
struct File {
    name: String,
    hash: Sha256,
    exported_at: i64,
    rows: u64,
    /// The chain being read, from its first row here on.
    chain: Option<Reading>,
    /// The chains that were read, and the range of their rows.
    chains: BTreeMap<i64, (i64, i64)>,
}

/// The rows of a chain that were read so far.
struct Reading {
    chain: i64,
    first: i64,
    last: i64,
    rows: u64,
    mac: Mac,
    /// The file names the row before it only after the rows.
    first_row: Box<Row>,
}

impl<'a> Exports<'a> {
    /// The files must contain the rows of the `expected` heads.
    pub(crate) fn new(fingerprint: String, key: Option<&'a ChainKey>, expected: ExpectedHeads) -> Self {
        Self {
            fingerprint,
            key,
            expected,
            ends: BTreeMap::new(),
            is_continuation: false,
            compared: BTreeSet::new(),
            rows: 0,
            faults: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Reads the next file. Only a failure to read it is an error.
    pub(crate) fn take(&mut self, name: &str, from: impl BufRead) -> io::Result<()> {
        self.read(name, from)?;
        self.is_continuation = true;
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
                self.fault(name, "its end is missing: it was cut off");
                return Ok(());
            }
            let line = text.ends_with(b"\n").then(|| serde_json::from_slice(&text).ok()).flatten();
            let Some(line) = line else {
                let what = if number == 1 {
                    "is not a file written by `audit export`".to_owned()
                } else {
                    format!("line {number} is invalid: it was cut off or changed")
                };
                self.fault(name, what);
                return Ok(());
            };
            if (number == 1) != matches!(line, Line::Export { .. }) {
                self.fault(name, "is not a file written by `audit export`");
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

    /// Takes a line; false if reading further is pointless.
    fn line(&mut self, file: &mut File, line: Line) -> bool {
        match line {
            Line::Export { format, version, exported_at } => {
                if format != FORMAT || version != VERSION {
                    self.fault(
                        &file.name,
                        "has a version that this program does not know; use a newer program",
                    );
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
                self.fault(&file.name, format!("chain {chain}: its rows are not contiguous"));
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
        self.check_against_expected(&file.name, chain, (sequence, mac));
    }

    /// Takes the line that describes a chain after its rows.
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
                self.check_against_expected(&file.name, chain, (reading.first, reading.first_row.mac));
                (is_right, (reading.last, reading.mac))
            }
        };
        if !is_right {
            self.fault(&file.name, format!("chain {chain}: rows are missing, or were changed or moved"));
        }
        self.join(&file.name, chain, (after, previous));
        self.check_against_expected(&file.name, chain, (after, previous));
        self.ends.insert(chain, end);
        file.chains.insert(chain, (after, end.0));
    }

    /// Checks that a file continues the files before it. A chain that none of them has must begin
    /// with its first row.
    fn join(&mut self, name: &str, chain: i64, start: (i64, Mac)) {
        let begun = self.ends.get(&chain).copied();
        let Some(end) = begun.or(self.is_continuation.then_some((0, [0; 32]))) else { return };
        if start.0 > end.0 {
            let (from, to) = (end.0.saturating_add(1), start.0);
            self.fault(name, format!("chain {chain}: rows {from} to {to} are in none of the files"));
        } else if start.0 < end.0 {
            let what = format!(
                "chain {chain}: it starts at row {}, but the file before it ends with row {}; give each file \
                 once and in order",
                start.0.saturating_add(1),
                end.0
            );
            self.fault(name, what);
        } else if start.1 != end.1 {
            self.fault(name, format!("chain {chain}: it does not continue from row {}", end.0));
        }
    }

    fn check_against_expected(&mut self, name: &str, chain: i64, (sequence, mac): (i64, Mac)) {
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

    /// The result.
    pub(crate) fn finish(mut self) -> ExportsVerdict {
        for (chain, sequence) in self.expected.last_rows().collect::<Vec<_>>() {
            if !self.compared.contains(&(chain, sequence)) {
                let what = format!("row {sequence}, named by the expected head, is in none of the files");
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
