//! Sealed values in a server's database, opened and made with its own key. Tests use them to
//! write records behind the server's back, and to move values where they don't belong.

use crate::services::installation::Installation;
use aes_gcm::aead::{Aead as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use std::path::Path;

const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// What the audit log's key is bound to: the table that had it at first.
const CHAIN_KEY: SealedAt<'_> =
    SealedAt { table: "audit_key", column: "encrypted_key", record: NOBODY, owner: NOBODY };
/// The prefix of that key once the rows that grant rights are signed.
const ROWS_SIGNED: &str = "rows signed ";

/// What a blob of version 2 is bound to.
#[derive(Clone, Copy, Debug)]
pub struct SealedAt<'a> {
    /// Its table.
    pub table: &'a str,
    /// Its column.
    pub column: &'a str,
    /// The id of its record.
    pub record: &'a str,
    /// The id of the record's owner.
    pub owner: &'a str,
}

impl SealedAt<'_> {
    fn associated_data(&self) -> Vec<u8> {
        ["stagepass v2", self.table, self.column, self.record, self.owner].join("\0").into_bytes()
    }
}

/// An installation's encryption key.
pub struct Sealing {
    cipher: Aes256Gcm,
    key_id: String,
}

impl Sealing {
    /// The key in a data directory.
    ///
    /// # Errors
    /// When there is no key.
    pub fn of(data_dir: &Path) -> Result<Self> {
        let key = std::fs::read_to_string(data_dir.join("credentials-enc-key"))?;
        let key: [u8; 32] = STANDARD.decode(key.trim())?.try_into().ok().context("a key has 32 bytes")?;
        let key_id = hex::encode(&Sha256::digest(key)[..4]);
        Ok(Self { cipher: Aes256Gcm::new(&key.into()), key_id })
    }

    /// Seals a blob of version 2, bound to one table, column, record and owner.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, place: SealedAt<'_>, plaintext: &[u8]) -> Result<String> {
        let aad = &place.associated_data();
        Ok(format!("v2:{}:{}", self.key_id, self.encrypt(Payload { msg: plaintext, aad })?))
    }

    /// Seals a blob of version 1, which is not bound to anything.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal_v1(&self, plaintext: &[u8]) -> Result<String> {
        self.encrypt(plaintext.into())
    }

    fn encrypt(&self, payload: Payload<'_, '_>) -> Result<String> {
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv)?;
        let sealed = self.cipher.encrypt(&Nonce::<Aes256Gcm>::from(iv), payload);
        let sealed = sealed.ok().context("sealing failed")?;
        let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
        let [iv, tag, ciphertext] = [&iv, tag, ciphertext].map(|bytes| STANDARD.encode(bytes));
        Ok(format!("{iv}:{tag}:{ciphertext}"))
    }

    /// Opens a blob of version 2.
    ///
    /// # Errors
    /// When it does not open.
    pub fn open(&self, place: SealedAt<'_>, blob: &str) -> Result<Vec<u8>> {
        let parts: Vec<_> =
            blob.split(':').skip(2).map(|part| STANDARD.decode(part)).collect::<Result<_, _>>()?;
        let [iv, tag, ciphertext] = parts.as_slice() else { anyhow::bail!("not a blob of version 2") };
        let iv: [u8; IV_BYTES] = iv.as_slice().try_into()?;
        let sealed = [ciphertext.as_slice(), tag].concat();
        let payload = Payload { msg: &sealed, aad: &place.associated_data() };
        self.cipher.decrypt(&Nonce::<Aes256Gcm>::from(iv), payload).ok().context("it does not open")
    }
}

/// The id of an app credential's value in one field: a UUID of version 8.
///
/// # Errors
/// When an id is not a UUID.
pub fn value_id(credential: &str, field: &str) -> Result<String> {
    let bytes = |id: &str| hex::decode(id.replace('-', ""));
    let mut hash = Sha256::new().chain_update(bytes(credential)?).chain_update(bytes(field)?).finalize();
    hash[6] = hash[6] & 0x0f | 0x80;
    hash[8] = hash[8] & 0x3f | 0x80;
    let hex = hex::encode(&hash[..16]);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

/// The key that signs rows and chains the audit log.
///
/// # Errors
/// When it does not open.
pub async fn chain_key(installation: &Installation) -> Result<Vec<u8>> {
    Ok(STANDARD.decode(signed_key(&Sealing::of(installation.directory())?, installation).await?)?)
}

/// The same key in base64, once rows are signed with it.
async fn signed_key(sealing: &Sealing, installation: &Installation) -> Result<String> {
    let kept = installation.query("SELECT encrypted_key FROM own_keys WHERE name = 'audit'").await?;
    let text = String::from_utf8(sealing.open(CHAIN_KEY, kept.first().context("no audit log")?)?)?;
    Ok(text.strip_prefix(ROWS_SIGNED).context("its rows are not signed")?.to_owned())
}

/// Makes the database claim that its rows are not signed yet, as a former version leaves
/// it. The next process that opens it signs the rows without a MAC.
///
/// # Errors
/// When it claims so already.
pub async fn forget_signing(installation: &Installation) -> Result<()> {
    let sealing = Sealing::of(installation.directory())?;
    let key = signed_key(&sealing, installation).await?;
    let former = sealing.seal(CHAIN_KEY, key.as_bytes())?;
    let changed = installation
        .change(&format!("UPDATE own_keys SET encrypted_key = '{former}' WHERE name = 'audit'"))
        .await?;
    ensure!(changed == 1, "{changed} keys were changed");
    Ok(())
}

/// Gets rows signed that were written behind the server's back.
///
/// # Errors
/// When that fails.
pub async fn sign_rows(installation: &Installation) -> Result<()> {
    forget_signing(installation).await?;
    let output = installation.run(&["audit", "list"]).await?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && told.contains("rows that grant rights"), "{told}");
    Ok(())
}
