//! Writes an export row by row.

use super::line::{FORMAT, Line, RowLine, VERSION};
use crate::audit::{Anchor, Head, Mac, Row};
use crate::clock::now_ms;
use crate::error::Error;
use crate::proof::ServerKey;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use stagepass_core::visible::escaped_json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

/// An export being written. It takes all rows of the log in order, starting after the anchors, and
/// writes those of a time span: for each chain from the first row in the span to the last before
/// the first row after it. So the written rows of a chain are contiguous, and exports of
/// consecutive spans continue one another.
#[derive(Debug)]
pub(crate) struct Export<W> {
    out: W,
    hash: Sha256,
    span: Range<i64>,
    /// The last row to write for each chain; later ones were appended meanwhile.
    heads: BTreeMap<i64, i64>,
    /// The start of each chain that no row was read from yet.
    starts: BTreeMap<i64, (i64, Mac)>,
    part: Option<Part>,
    rows: u64,
}

/// The part of a chain being written.
#[derive(Debug)]
struct Part {
    chain: i64,
    after: i64,
    previous: Mac,
    rows: u64,
    mac: Mac,
    is_begun: bool,
    is_ended: bool,
}

impl Part {
    fn new(chain: i64, (after, previous): (i64, Mac)) -> Self {
        Self { chain, after, previous, rows: 0, mac: previous, is_begun: false, is_ended: false }
    }
}

impl<W: Write> Export<W> {
    pub(crate) fn begin(out: W, span: Range<i64>, heads: &[Head], anchors: &[Anchor]) -> io::Result<Self> {
        let mut starts: BTreeMap<_, _> = heads.iter().map(|head| (head.chain, (0, [0; 32]))).collect();
        starts.extend(anchors.iter().map(|anchor| (anchor.chain, (anchor.sequence, anchor.mac))));
        let heads = heads.iter().map(|head| (head.chain, head.sequence)).collect();
        let mut export = Self { out, hash: Sha256::new(), span, heads, starts, part: None, rows: 0 };
        let (format, version) = (FORMAT.to_owned(), VERSION);
        export.line(&Line::Export { format, version, exported_at: now_ms() })?;
        Ok(export)
    }

    /// The number of rows written.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes the next row of the log.
    pub(crate) fn take(&mut self, row: &Row) -> io::Result<()> {
        if self.part.as_ref().is_none_or(|part| part.chain != row.chain) {
            self.end_part()?;
            let start = self.starts.remove(&row.chain).unwrap_or((0, [0; 32]));
            self.part = Some(Part::new(row.chain, start));
        }
        let Some(part) = &mut self.part else { return Ok(()) };
        let at = row.entry.at;
        if self.heads.get(&row.chain).is_some_and(|head| row.sequence > *head) {
            return Ok(());
        }
        part.is_begun |= at >= self.span.start;
        if !part.is_begun {
            (part.after, part.previous, part.mac) = (row.sequence, row.mac, row.mac);
            return Ok(());
        }
        part.is_ended |= at >= self.span.end;
        if part.is_ended {
            return Ok(());
        }
        part.rows += 1;
        part.mac = row.mac;
        self.rows += 1;
        self.line(&Line::Row(RowLine::new(row)))
    }

    fn end_part(&mut self) -> io::Result<()> {
        let Some(Part { chain, after, previous, rows, mac, .. }) = self.part.take() else { return Ok(()) };
        self.line(&Line::Chain { chain, after, previous, rows, mac })
    }

    /// Writes the end with the log's faults and the server's signature, and returns the writer.
    pub(crate) fn finish(mut self, faults: &[String], key: &ServerKey) -> Result<W, io::Error> {
        self.end_part()?;
        for (chain, start) in std::mem::take(&mut self.starts) {
            self.part = Some(Part::new(chain, start));
            self.end_part()?;
        }
        for fault in faults {
            self.line(&Line::Fault { fault: fault.clone() })?;
        }
        let digest = self.hash.clone().finalize().into();
        let signature =
            key.sign_export(&digest).map_err(|error: Error| io::Error::other(error.to_string()))?;
        self.line(&Line::Signature {
            public_key: STANDARD.encode(key.public_key()),
            signature: STANDARD.encode(signature),
        })?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        // People may view the file, with its foreign texts, in a terminal. The texts stay exact:
        // secrets were hidden in them before they were signed.
        let mut text = escaped_json(&serde_json::to_string(line)?);
        text.push('\n');
        self.hash.update(&text);
        self.out.write_all(text.as_bytes())
    }
}
