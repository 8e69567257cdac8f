//! The server's proof that it has its key: given by the tests' own servers, and checked as
//! any client may check it. Also other things that are signed with that key.

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The path to ask for a proof.
pub const PROOF_PATH: &str = "/api/server/proof";

/// A random key.
#[derive(Debug)]
pub struct ProvingKey(EcdsaKeyPair);

impl ProvingKey {
    /// Makes one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Ok(Self(key.map_err(|_| anyhow!("no key could be made"))?))
    }

    /// The proof for a client that sends this body to the address `host:port`.
    ///
    /// # Errors
    /// When the body or the address is invalid.
    pub fn prove(&self, address: &str, body: &[u8]) -> Result<Value> {
        let body: Value = serde_json::from_slice(body)?;
        let nonce = STANDARD.decode(body["nonce"].as_str().context("no nonce")?)?;
        let signature = self.0.sign(&SystemRandom::new(), &signed_text(address, &nonce)?);
        let signature = signature.map_err(|_| anyhow!("signing failed"))?;
        Ok(
            json!({"public_key": STANDARD.encode(self.0.public_key()), "signature": STANDARD.encode(signature)}),
        )
    }
}

fn signed_text(address: &str, nonce: &[u8]) -> Result<Vec<u8>> {
    let (host, port) = address.rsplit_once(':').context("no port")?;
    let port: u16 = port.parse()?;
    Ok([&b"stagepass server proof\0"[..], nonce, &port.to_be_bytes(), host.as_bytes()].concat())
}

/// The fingerprint of the key that a server has proved to own at an address.
///
/// # Errors
/// When the proof is wrong.
pub fn fingerprint_of_proof(proof: &Value, address: &str, nonce: &[u8]) -> Result<String> {
    fingerprint_of_signer(proof, &signed_text(address, nonce)?)
}

/// The fingerprint of the key that signed an export of the audit log, found as any reader
/// can find it.
///
/// # Errors
/// When the signature is wrong.
pub fn fingerprint_of_export(export: &str) -> Result<String> {
    let end = export.trim_end().rfind('\n').context("one line")? + 1;
    let (lines, signature) = export.split_at(end);
    let signed = [&b"stagepass audit export\0"[..], &Sha256::digest(lines)].concat();
    fingerprint_of_signer(&serde_json::from_str(signature)?, &signed)
}

/// The fingerprint of the key in `signed`, whose signature must be over `text`.
fn fingerprint_of_signer(signed: &Value, text: &[u8]) -> Result<String> {
    let bytes = |field: &str| -> Result<Vec<u8>> {
        Ok(STANDARD.decode(signed[field].as_str().with_context(|| signed.to_string())?)?)
    };
    let (public_key, signature) = (bytes("public_key")?, bytes("signature")?);
    let verified = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public_key).verify(text, &signature);
    verified.map_err(|_| anyhow!("the signature is wrong"))?;
    let hex = hex::encode_upper(&Sha256::digest(&public_key)[..16]);
    let groups: Vec<_> = (0..hex.len()).step_by(4).map(|at| &hex[at..at + 4]).collect();
    Ok(groups.join(" "))
}
