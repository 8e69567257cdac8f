//! AES-256-GCM outside the server, to find this machine's best rate.

use crate::load::{Caller, Timing, Workload, drive};
use crate::sample::Sample;
use aes_gcm::aead::{Aead as _, Nonce};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::hint::black_box;

const TAG_BYTES: usize = 16;
const IV_BYTES: usize = 12;

/// Text as a store keeps it.
pub(crate) fn seal(cipher: &Aes256Gcm, plaintext: &[u8]) -> Result<String> {
    let mut iv = [0; IV_BYTES];
    getrandom::fill(&mut iv)?;
    let sealed = encrypt(cipher, iv, plaintext)?;
    let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
    let [iv, tag, ciphertext] = [&iv, tag, ciphertext].map(|bytes| STANDARD.encode(bytes));
    Ok(format!("{iv}:{tag}:{ciphertext}"))
}

fn encrypt(cipher: &Aes256Gcm, iv: [u8; IV_BYTES], plaintext: &[u8]) -> Result<Vec<u8>> {
    cipher.encrypt(&Nonce::<Aes256Gcm>::from(iv), plaintext).ok().context("sealing failed")
}

/// Seals the same bytes again and again.
pub(crate) struct Sealing(pub(crate) Vec<u8>);

/// Opens the same sealed bytes again and again.
pub(crate) struct Opening(pub(crate) Vec<u8>);

/// A key only for measurements.
pub(crate) fn any_cipher() -> Result<Aes256Gcm> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(Aes256Gcm::new(&key.into()))
}

impl Workload for Sealing {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        let sealer = || Ok(Sealer { cipher: any_cipher()?, count: 0, plaintext: self.0.clone() });
        drive(timing, async || (0..callers).map(|_| sealer()).collect())
    }
}

impl Workload for Opening {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        let opener = || {
            let cipher = any_cipher()?;
            let sealed = encrypt(&cipher, [0; IV_BYTES], &self.0)?;
            Ok(Opener { cipher, sealed })
        };
        drive(timing, async || (0..callers).map(|_| opener()).collect())
    }
}

struct Sealer {
    cipher: Aes256Gcm,
    count: u64,
    plaintext: Vec<u8>,
}

impl Caller for Sealer {
    async fn call(&mut self) -> Result<()> {
        let mut iv = [0; IV_BYTES];
        self.count += 1;
        iv[..8].copy_from_slice(&self.count.to_le_bytes());
        black_box(encrypt(&self.cipher, iv, &self.plaintext)?);
        Ok(())
    }
}

struct Opener {
    cipher: Aes256Gcm,
    sealed: Vec<u8>,
}

impl Caller for Opener {
    async fn call(&mut self) -> Result<()> {
        let nonce = Nonce::<Aes256Gcm>::from([0; IV_BYTES]);
        black_box(self.cipher.decrypt(&nonce, self.sealed.as_slice()).ok().context("opening failed")?);
        Ok(())
    }
}
