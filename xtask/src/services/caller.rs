//! Whoever wants the services, and what each of them is given: a port and secrets of its own.

use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often something waited for is looked at.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);
/// 192 bits, 32 characters that mean nothing in a URL or a shell.
const SECRET_BYTES: usize = 24;

/// Whoever wants the services: there as long as our standard input is open.
#[derive(Clone, Debug)]
pub(super) struct Caller(Arc<AtomicBool>);

impl Caller {
    pub(super) fn of_this_process() -> Self {
        let caller = Self(Arc::new(AtomicBool::new(true)));
        let is_there = Arc::clone(&caller.0);
        std::thread::spawn(move || {
            // An error says as much as the end.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            is_there.store(false, Ordering::Relaxed);
        });
        caller
    }

    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps for a moment in a loop that waits for something.
    ///
    /// # Errors
    /// Where nobody wants it any more.
    pub(super) fn pause(&self) -> Result<()> {
        std::thread::sleep(INTERVAL);
        ensure!(self.is_there(), "no longer wanted");
        Ok(())
    }
}

/// A password or key for this run alone.
pub(super) fn generate_secret() -> Result<SecretString> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// A port of loopback on which nobody listens.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
