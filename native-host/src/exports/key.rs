//! The key that identifies an export, and the name of its file.

use crate::error::Error;
use sha2::{Digest, Sha256};
use stagepass_core::host::MAX_LABEL_CHARS;
use stagepass_core::platform::{check_platform_id, is_platform_id};

const MAX_SLUG_CHARS: usize = 32;
/// Stands in the file's name for a label without safe characters.
const NO_SLUG: &str = "default";
const HASH_DIGITS: usize = 8;

/// A platform and a label. Only their form is checked, so that an earlier version's export can be
/// listed, read and deleted even if its platform is refused now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportKey {
    platform: String,
    label: String,
}

impl ExportKey {
    /// # Errors
    /// [`Error::BadRequest`] if one of them is malformed.
    pub fn new(platform: String, label: String) -> Result<Self, Error> {
        check_platform_id(&platform).map_err(|fault| Error::BadRequest(fault.to_string()))?;
        if label.chars().count() > MAX_LABEL_CHARS || label.chars().any(char::is_control) {
            return Err(Error::BadRequest(format!(
                "label must have at most {MAX_LABEL_CHARS} characters, and no control characters"
            )));
        }
        Ok(Self { platform, label })
    }

    /// The platform identifier.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// Distinguishes several accounts of one platform; may be empty.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The name of its files without an extension: readable, safe on every file system, and with a
    /// hash that differs for labels that look alike.
    #[must_use]
    pub fn file_stem(&self) -> String {
        format!("{}-{}-{}", self.platform, slug(&self.label), short_hash(&self.label))
    }

    pub(crate) fn describe(&self) -> String {
        match self.label.as_str() {
            "" => self.platform.clone(),
            label => format!("{} with the label {label:?}", self.platform),
        }
    }
}

/// The label in `[a-z0-9-]`.
fn slug(label: &str) -> String {
    let mut slug = String::new();
    for c in label.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(MAX_SLUG_CHARS);
    match slug.trim_end_matches('-') {
        "" => NO_SLUG.to_owned(),
        slug => slug.to_owned(),
    }
}

fn short_hash(label: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(label));
    digits.truncate(HASH_DIGITS);
    digits
}

/// The stem of a file name, if it is one of an export with this extension.
pub(crate) fn stem_of<'a>(name: &'a str, extension: &str) -> Option<&'a str> {
    let stem = name.strip_suffix(extension)?.strip_suffix('.')?;
    let (rest, hash) = stem.rsplit_once('-')?;
    let is_hash =
        hash.len() == HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (is_hash && rest.contains('-')).then_some(stem)
}

/// Guesses platform and label of a file without a sidecar. The hash proves the label if it was empty
/// or equal to its slug; otherwise it stays unknown.
pub(crate) fn guess(stem: &str) -> Option<(String, Option<String>)> {
    let (rest, hash) = stem.rsplit_once('-')?;
    let splits = || rest.match_indices('-').map(|(index, _)| (&rest[..index], &rest[index + 1..]));
    for (platform, slug) in splits().filter(|(platform, _)| is_platform_id(platform)) {
        for label in [slug, ""] {
            let key = ExportKey { platform: platform.to_owned(), label: label.to_owned() };
            if short_hash(label) == hash && key.file_stem() == stem {
                return Some((key.platform, Some(key.label)));
            }
        }
    }
    let (platform, _) = splits().find(|(platform, _)| is_platform_id(platform))?;
    Some((platform.to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(platform: &str, label: &str) -> String {
        ExportKey::new(platform.to_owned(), label.to_owned()).unwrap().file_stem()
    }

    #[test]
    fn file_names_are_readable_and_safe() {
        for (label, expected) in [
            ("", "x-default-e3b0c442"),
            ("Work Account", "x-work-account-"),
            ("../../etc/passwd", "x-etc-passwd-"),
            ("日本", "x-default-"),
            ("a/b\\c:d*e", "x-a-b-c-d-e-"),
        ] {
            let stem = stem("x", label);
            assert!(stem.starts_with(expected), "{stem}");
            assert!(stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{stem}");
        }
        assert_eq!(stem("x", &"long".repeat(20)).len(), "x-".len() + 32 + "-12345678".len());
        // The cut never leaves a hyphen at the end.
        assert_eq!(stem("x", &"1234567 ".repeat(9)).len(), "x-".len() + 31 + "-12345678".len());
    }

    #[test]
    fn labels_that_look_alike_have_different_file_names() {
        let labels = ["", "default", "Default", "a b", "a-b", "A b", "a  b", "ä", "ö"];
        let stems: std::collections::HashSet<_> = labels.iter().map(|label| stem("x", label)).collect();
        assert_eq!(stems.len(), labels.len());
        assert_ne!(stem("a-b", "c"), stem("a", "b-c"));
    }

    #[test]
    fn guesses_only_labels_that_the_hash_proves() {
        for (platform, label) in [("x", ""), ("x", "work"), ("my-site.org", ""), ("my-site.org", "a-b")] {
            let guessed = guess(&stem(platform, label)).unwrap();
            assert_eq!(guessed, (platform.to_owned(), Some(label.to_owned())));
        }
        assert_eq!(guess(&stem("x", "Work Account")).unwrap(), ("x".to_owned(), None));
    }

    #[test]
    fn skips_names_of_other_files() {
        for name in ["notes.txt", "x-e3b0c442.txt", "x-default-e3b0c44z.txt", ".lock", "x-default-e3b0c442"] {
            assert_eq!(stem_of(name, "txt"), None, "{name}");
        }
        assert_eq!(stem_of("x-default-e3b0c442.txt", "txt"), Some("x-default-e3b0c442"));
    }
}
