//! What a server has sealed in its database, opened and made with its own key: to
//! write records past it, and to put things there that don't belong there.

use crate::installation::Installation;
use aes_gcm::aead::{Aead as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use std::path::Path;

const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// Where the key of the audit log belongs: in the table that had it at first.
const CHAIN_KEY: Place<'_> =
    Place { table: "audit_key", column: "encrypted_key", record: NOBODY, owner: NOBODY };
/// What stands before that key once the rows that grant rights are signed.
const ROWS_SIGNED: &str = "rows signed ";

/// Where a blob of version 2 belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its table.
    pub table: &'a str,
    /// Its column.
    pub column: &'a str,
    /// The id of its record.
    pub record: &'a str,
    /// The id of the record's owner.
    pub owner: &'a str,
}

impl Place<'_> {
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
    /// The one in a data directory.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of(data_dir: &Path) -> Result<Self> {
        let key = std::fs::read_to_string(data_dir.join("credentials-enc-key"))?;
        let key: [u8; 32] = STANDARD.decode(key.trim())?.try_into().ok().context("a key has 32 bytes")?;
        let key_id = hex::encode(&Sha256::digest(key)[..4]);
        Ok(Self { cipher: Aes256Gcm::new(&key.into()), key_id })
    }

    /// A blob of version 2, for its place alone.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Result<String> {
        let aad = &place.associated_data();
        Ok(format!("v2:{}:{}", self.key_id, self.encrypt(Payload { msg: plaintext, aad })?))
    }

    /// A blob of version 1, which names no place.
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

    /// What is sealed in a blob of version 2.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn open(&self, place: Place<'_>, blob: &str) -> Result<Vec<u8>> {
        let parts: Vec<_> =
            blob.split(':').skip(2).map(|part| STANDARD.decode(part)).collect::<Result<_, _>>()?;
        let [iv, tag, ciphertext] = parts.as_slice() else { anyhow::bail!("no blob of version 2") };
        let iv: [u8; IV_BYTES] = iv.as_slice().try_into()?;
        let sealed = [ciphertext.as_slice(), tag].concat();
        let payload = Payload { msg: &sealed, aad: &place.associated_data() };
        self.cipher.decrypt(&Nonce::<Aes256Gcm>::from(iv), payload).ok().context("it does not open")
    }
}

/// The id of the value that an app credential has in a field: a UUID of version 8.
///
/// # Errors
/// Where one is no UUID.
pub fn value_id(credential: &str, field: &str) -> Result<String> {
    let bytes = |id: &str| hex::decode(id.replace('-', ""));
    let mut hash = Sha256::new().chain_update(bytes(credential)?).chain_update(bytes(field)?).finalize();
    hash[6] = hash[6] & 0x0f | 0x80;
    hash[8] = hash[8] & 0x3f | 0x80;
    let hex = hex::encode(&hash[..16]);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

/// What rows are signed and the audit log is chained with.
///
/// # Errors
/// Where it does not open.
pub async fn chain_key(installation: &Installation) -> Result<Vec<u8>> {
    Ok(STANDARD.decode(signed_key(&Sealing::of(installation.directory())?, installation).await?)?)
}

/// That key in base64, where rows are signed with it.
async fn signed_key(sealing: &Sealing, installation: &Installation) -> Result<String> {
    let kept = installation.query("SELECT encrypted_key FROM own_keys WHERE name = 'audit'").await?;
    let text = String::from_utf8(sealing.open(CHAIN_KEY, kept.first().context("no audit log")?)?)?;
    Ok(text.strip_prefix(ROWS_SIGNED).context("its rows are not signed")?.to_owned())
}

/// Has the database say that its rows are yet to be signed, as a former version leaves it:
/// the next process that opens it signs those that have no MAC.
///
/// # Errors
/// Where it says so already.
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

/// Has rows signed that were written past the server.
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
