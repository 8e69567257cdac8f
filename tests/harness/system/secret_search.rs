//! Looks for planted secrets in what a run leaves behind: in plain text, and in the
//! encodings that programs use. It reports places, never values.

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem::Finder;
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};

/// Shorter ones turn up by chance.
const MIN_BYTES: usize = 8;

/// The secrets to look for.
pub struct SecretSearch {
    finders: Vec<Finder<'static>>,
}

impl SecretSearch {
    /// Prepares a search for `secrets`.
    ///
    /// # Errors
    /// When one is so short that it turns up by chance, or there is none.
    pub fn new(secrets: &[SecretString]) -> Result<Self> {
        ensure!(!secrets.is_empty(), "a search for nothing finds nothing");
        let mut finders = Vec::new();
        for secret in secrets {
            let secret = secret.expose_secret();
            ensure!(secret.len() >= MIN_BYTES, "a secret of {} bytes is found by chance", secret.len());
            finders.extend(forms(secret).iter().map(|form| Finder::new(form).into_owned()));
        }
        Ok(Self { finders })
    }

    /// Whether one of the secrets is in `bytes`.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.finders.iter().any(|finder| finder.find(bytes).is_some())
    }

    /// The files below `folder` (or the file itself) that hold one of the
    /// secrets, in their content or their name. Symbolic links are not followed.
    ///
    /// # Errors
    /// When something can't be read.
    pub fn files_in(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        self.visit(folder, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn visit(&self, path: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
        let cannot_read = || format!("cannot read {}", path.display());
        let kind = path.symlink_metadata().with_context(cannot_read)?.file_type();
        let in_name = path.file_name().is_some_and(|name| self.is_in(name.as_encoded_bytes()));
        if in_name || (kind.is_file() && self.is_in(&std::fs::read(path).with_context(cannot_read)?)) {
            found.push(path.to_owned());
        }
        if kind.is_dir() {
            for entry in std::fs::read_dir(path).with_context(cannot_read)? {
                let entry = entry?.path();
                let visited = self.visit(&entry, found);
                // A running program may remove a file during the search.
                if visited.is_err() && !entry.try_exists()? {
                    continue;
                }
                visited?;
            }
        }
        Ok(())
    }
}

/// Every form to look for.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    // Browsers keep text in UTF-16, too.
    let utf16 = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let json = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        bytes.to_vec(),
        utf16,
        json.trim_matches('"').as_bytes().to_vec(),
        hex::encode(bytes).into_bytes(),
        hex::encode_upper(bytes).into_bytes(),
    ];
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        forms.extend((0..3).map(|offset| base64_core(&engine, bytes, offset)));
    }
    forms.sort();
    forms.dedup();
    forms
}

/// The characters that are in the base64 of any text where `bytes` start at
/// `offset` modulo 3: those that don't depend on what comes before or after.
fn base64_core(engine: &impl base64::Engine, bytes: &[u8], offset: usize) -> Vec<u8> {
    let shifted = [&[0; 2][..offset], bytes].concat();
    let encoded = engine.encode(&shifted).into_bytes();
    // A character holds 6 bits: the first whole one, and the last whole one.
    let first = (offset * 8).div_ceil(6);
    let last = shifted.len() * 8 / 6;
    encoded[first..last].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    const SECRET: &str = "178\\Xk\"%3Aq9";

    fn search() -> SecretSearch {
        SecretSearch::new(&[SECRET.into()]).unwrap()
    }

    #[test]
    fn finds_each_encoding_at_each_alignment() {
        for before in 0..7 {
            let text = format!("{}{SECRET}and more", "~".repeat(before));
            for form in [
                text.clone().into_bytes(),
                text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                serde_json::to_vec(&text).unwrap(),
                hex::encode(&text).into_bytes(),
                hex::encode_upper(&text).into_bytes(),
                base64::prelude::BASE64_STANDARD.encode(&text).into_bytes(),
                base64::prelude::BASE64_URL_SAFE.encode(&text).into_bytes(),
            ] {
                assert!(search().is_in(&form), "{}", String::from_utf8_lossy(&form));
            }
        }
    }

    #[test]
    fn finds_a_secret_at_the_very_end_of_base64() {
        for before in 0..3 {
            let text = format!("{}{SECRET}", "~".repeat(before));
            assert!(search().is_in(base64::prelude::BASE64_STANDARD.encode(text).as_bytes()));
        }
    }

    #[test]
    fn finds_nothing_in_clean_text() {
        let other = SECRET.replace('q', "p");
        assert!(!search().is_in(other.as_bytes()));
        assert!(!search().is_in(base64::prelude::BASE64_STANDARD.encode(other).as_bytes()));
    }

    #[test]
    fn names_only_the_files_with_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("leak.db"), hex::encode(SECRET)).unwrap();
        std::fs::write(deep.join("clean.db"), "nothing").unwrap();
        assert_eq!(search().files_in(folder.path()).unwrap(), [deep.join("leak.db")]);
    }

    #[test]
    fn refuses_secrets_too_short_to_search_for() {
        assert!(SecretSearch::new(&["1".into()]).is_err() && SecretSearch::new(&[]).is_err());
    }
}
