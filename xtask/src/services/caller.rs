//! The caller of the services, and the ports and secrets that each service gets.

use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a condition is checked.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);
/// 192 bits, or 32 characters that are safe in URLs and shells.
const SECRET_BYTES: usize = 24;

/// The process that wants the services; it exists as long as our standard input is open.
#[derive(Clone, Debug)]
pub(super) struct Caller(Arc<AtomicBool>);

impl Caller {
    pub(super) fn of_this_process() -> Self {
        let caller = Self(Arc::new(AtomicBool::new(true)));
        let is_present = Arc::clone(&caller.0);
        std::thread::spawn(move || {
            // An error counts as the end.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            is_present.store(false, Ordering::Relaxed);
        });
        caller
    }

    pub(super) fn is_present(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps briefly in a waiting loop.
    ///
    /// # Errors
    /// If the caller is gone.
    pub(super) fn pause(&self) -> Result<()> {
        std::thread::sleep(INTERVAL);
        ensure!(self.is_present(), "no longer wanted");
        Ok(())
    }
}

/// A password or key for this run.
pub(super) fn generate_secret() -> Result<SecretString> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// A free port on loopback.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
