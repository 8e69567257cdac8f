//! The calls to measure: what is sent, and for which records.

use crate::exchange::Exchange;
use crate::load::{Caller, Timing, Workload, drive};
use crate::sample::Sample;
use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use stagepass_tests::services::request_text::{address_of, write_request};
use std::net::SocketAddr;
use std::sync::Arc;

const ID_BYTES: usize = 36;
/// 2⁶⁴ divided by the golden ratio: steps of this size visit a range evenly and in an order
/// that no cache can guess (Weyl's sequence).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A record's id, as text.
pub(crate) type Id = [u8; ID_BYTES];

/// Parses a record's id.
pub(crate) fn parse_id(text: &str) -> Result<Id> {
    text.as_bytes().try_into().context("the id is not a UUID")
}

/// One call that can be made for any of many records.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    address: SocketAddr,
    path: String,
    /// The bytes that go over the wire.
    request: Vec<u8>,
    id_at: usize,
    ids: Arc<[Id]>,
}

impl Calls {
    /// `request` must be for the first of `ids`, and name it once.
    pub(crate) fn new(request: &reqwest::Request, ids: Arc<[Id]>) -> Result<Self> {
        let address = address_of(request)?;
        let path = request.url().path().to_owned();
        let request = write_request(request)?;
        let first = ids.first().context("no records")?;
        let id_at = memmem::find(&request, first).context("a request that names no record")?;
        Ok(Self { address, path, request, id_at, ids })
    }

    /// The path of the call.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The same calls to another server.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The answer to one of the calls.
    pub(crate) async fn answer(&self) -> Result<Vec<u8>> {
        let mut exchange = Exchange::connect(self.address).await?;
        Ok(exchange.call(&self.request).await?.to_owned())
    }
}

/// The same call again and again.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    address: SocketAddr,
    request: Vec<u8>,
}

impl Call {
    /// One that sends `request`.
    pub(crate) fn new(request: &reqwest::Request) -> Result<Self> {
        Ok(Self { address: address_of(request)?, request: write_request(request)? })
    }
}

impl Workload for Call {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        drive(timing, async || {
            let mut connected = Vec::new();
            for _ in 0..callers {
                connected.push((Exchange::connect(self.address).await?, self.request.clone()));
            }
            Ok(connected)
        })
    }
}

impl Caller for (Exchange, Vec<u8>) {
    async fn call(&mut self) -> Result<()> {
        self.0.call(&self.1).await.map(drop)
    }
}

impl Workload for Calls {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        let share = self.ids.len() / callers;
        ensure!(share > 0, "fewer records than callers");
        drive(timing, async || {
            let mut connected = Vec::new();
            for number in 0..callers {
                connected.push(self.caller(number * share..(number + 1) * share).await?);
            }
            Ok(connected)
        })
    }
}

impl Calls {
    /// A caller with its own records, so that no two callers change the same one.
    async fn caller(&self, records: std::ops::Range<usize>) -> Result<HttpCaller> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)?;
        let ids = Arc::clone(&self.ids);
        let exchange = Exchange::connect(self.address).await?;
        let (request, id_at) = (self.request.clone(), self.id_at);
        Ok(HttpCaller { exchange, request, id_at, ids, records, place: u64::from_ne_bytes(random) })
    }
}

struct HttpCaller {
    exchange: Exchange,
    request: Vec<u8>,
    id_at: usize,
    ids: Arc<[Id]>,
    records: std::ops::Range<usize>,
    /// Its position among its records, as a fraction of 2⁶⁴.
    place: u64,
}

impl Caller for HttpCaller {
    async fn call(&mut self) -> Result<()> {
        self.place = self.place.wrapping_add(STEP);
        let offset = (u128::from(self.place) * self.records.len() as u128) >> 64;
        let id = &self.ids[self.records.start + offset as usize];
        self.request[self.id_at..self.id_at + ID_BYTES].copy_from_slice(id);
        self.exchange.call(&self.request).await.map(drop)
    }
}
