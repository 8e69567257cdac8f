//! Hides secrets in texts that come from elsewhere and go to a caller, a person, the
//! log or the audit log: what Directus, PostgreSQL and libraries say may quote what
//! they were sent. Knows no secret's purpose: whoever reads one notes it here.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;
use std::sync::{PoisonError, RwLock};

/// Stands where something was hidden.
pub(crate) const MASK: &str = "…";
/// The shortest text of a request that is hidden wherever it stands. A shorter one,
/// which may be part of any word, is hidden where it is quoted.
const LEAST_OF_REQUEST: usize = 4;
/// The same for secrets of this process. A shorter one may be a word that logs are
/// full of, such as a database's password that is the database's name.
const LEAST_HELD: usize = 16;
/// The shortest form in base64 that is looked for.
const LEAST_BASE64: usize = 10;
/// Between these a short text is quoted, or is the password in a URL.
const QUOTES: [(char, char); 3] = [('"', '"'), ('\'', '\''), (':', '@')];

static HELD: RwLock<Held> = RwLock::new(Held { secrets: Vec::new(), mask: None });

/// The secrets of this process.
struct Held {
    secrets: Vec<SecretString>,
    mask: Option<Mask>,
}

/// Notes a secret of this process, which [`hide`] hides from then on.
pub(crate) fn hold(secret: &SecretString) {
    let mut held = HELD.write().unwrap_or_else(PoisonError::into_inner);
    let is_known = held.secrets.iter().any(|known| known.expose_secret() == secret.expose_secret());
    if !is_known {
        held.secrets.push(secret.clone());
        // They leave their wrappers to be looked for.
        let texts = held.secrets.iter().map(|secret| secret.expose_secret());
        held.mask = Mask::new(texts, LEAST_HELD);
    }
}

/// Hides the secrets of this process, in whatever form they are quoted.
pub(crate) fn hide(text: &str) -> Cow<'_, str> {
    let held = HELD.read().unwrap_or_else(PoisonError::into_inner);
    held.mask.as_ref().map_or(Cow::Borrowed(text), |mask| mask.hide(text))
}

/// Hides texts of one request as well.
pub(crate) fn hide_with(text: &str, mask: Option<&Mask>) -> String {
    let text = mask.map_or(Cow::Borrowed(text), |mask| mask.hide(text));
    hide(&text).into_owned()
}

/// Hides the same in all texts of a JSON value, whatever is escaped in them.
pub(crate) fn hide_in_json(value: Value, mask: Option<&Mask>) -> Value {
    match value {
        Value::String(text) => Value::String(hide_with(&text, mask)),
        Value::Array(items) => items.into_iter().map(|item| hide_in_json(item, mask)).collect(),
        Value::Object(members) => {
            let hide = |(name, value): (String, Value)| (hide_with(&name, mask), hide_in_json(value, mask));
            Value::Object(members.into_iter().map(hide).collect())
        }
        other => other,
    }
}

/// Finds texts in all their forms. Its `Debug` form holds none of them.
pub(crate) struct Mask {
    forms: AhoCorasick,
    replacements: Vec<String>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask([REDACTED])")
    }
}

impl Mask {
    /// Hides what a request has sent; `None` where there is nothing to hide.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        Self::new(texts, LEAST_OF_REQUEST)
    }

    fn new<'a>(texts: impl IntoIterator<Item = &'a str>, least: usize) -> Option<Self> {
        let mut patterns = Vec::new();
        let mut replacements = Vec::new();
        for text in texts.into_iter().filter(|text| !text.is_empty()) {
            let is_short = text.chars().count() < least;
            for form in forms(text) {
                if is_short {
                    for (open, close) in QUOTES {
                        patterns.push(format!("{open}{form}{close}"));
                        replacements.push(format!("{open}{MASK}{close}"));
                    }
                } else {
                    patterns.push(form);
                    replacements.push(MASK.to_owned());
                }
            }
        }
        // Whatever the case: the digits of percent-encoding have either.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true);
        let forms = builder.build(&patterns).ok().filter(|_| !patterns.is_empty())?;
        Some(Self { forms, replacements })
    }

    fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.forms.is_match(text) {
            Cow::Owned(self.forms.replace_all(text, &self.replacements))
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// A text in the ways in which it may be quoted.
fn forms(text: &str) -> Vec<String> {
    let mut forms = escaped(text);
    forms.push(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
    forms.extend([form_urlencoded::byte_serialize(text.as_bytes()).collect(), hex::encode(text)]);
    // What is base64 itself has two alphabets, and ends with or without padding.
    let unpadded = text.trim_end_matches('=');
    forms.extend([unpadded.to_owned(), unpadded.replace('+', "-").replace('/', "_")]);
    forms.extend(in_base64(text.as_bytes()));
    forms.retain(|form| !form.is_empty());
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// As it is, and with its backslashes, quotation marks and control characters escaped
/// as in JSON, with the marks doubled as in SQL, or both.
fn escaped(text: &str) -> Vec<String> {
    let json = json!(text).to_string();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(text);
    let backslashes = text.replace('\\', "\\\\");
    let double = |text: &str, mark: char| text.replace(mark, &format!("{mark}{mark}"));
    let mut forms = vec![json.to_owned(), json.replace('/', "\\/"), backslashes.replace('\'', "\\'")];
    for text in [&*backslashes, text] {
        forms.extend([double(text, '\''), double(text, '"'), text.to_owned()]);
    }
    forms
}

/// What bytes become in base64 wherever they begin in what is encoded. The characters
/// at both ends that the bytes beside them are part of are left out.
fn in_base64(bytes: &[u8]) -> Vec<String> {
    let shifted = [0, 1, 2].map(|before| [&[0; 2][..before], bytes].concat());
    let forms = shifted.iter().zip([0, 2, 3]).flat_map(|(bytes, start)| {
        let end = bytes.len() * 8 / 6;
        [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|alphabet| {
            let encoded = alphabet.encode(bytes);
            encoded.get(start..end).unwrap_or_default().to_owned()
        })
    });
    forms.filter(|form| form.len() >= LEAST_BASE64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    const SECRET: &str = r#"plan+ted/"se\cret' of 32 bytes=="#;

    #[test]
    fn a_secret_is_hidden_in_every_form_in_which_it_may_be_quoted() {
        let mask = Mask::new([SECRET], LEAST_HELD).unwrap();
        let percent = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        let form: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        for quoted in [
            SECRET.to_owned(),
            json!(SECRET).to_string(),
            format!("{SECRET:?}"),
            SECRET.replace('\'', "''"),
            percent.to_lowercase(),
            percent,
            form,
            hex::encode(SECRET),
            SECRET.trim_end_matches('=').to_owned(),
            SECRET.replace('+', "-").replace('/', "_"),
        ] {
            let text = format!("Token {quoted} is unknown");
            let hidden = mask.hide(&text);
            assert!(hidden.starts_with("Token ") && hidden.ends_with(" is unknown"), "{hidden}");
            assert!(hidden.contains(MASK) && !hidden.contains("cret"), "{hidden}");
        }
    }

    #[test]
    fn what_is_part_of_something_in_base64_is_hidden_too() {
        let mask = Mask::new([SECRET], LEAST_HELD).unwrap();
        for (before, after) in [("", ""), ("u", ":x"), ("us", ""), ("user:", "@"), ("a longer name: ", "é")]
        {
            for alphabet in [STANDARD, base64::engine::general_purpose::URL_SAFE] {
                let encoded = alphabet.encode(format!("{before}{SECRET}{after}"));
                let hidden = mask.hide(&encoded).into_owned();
                assert!(hidden.contains(MASK) && hidden.len() < 30, "{before}: {hidden}");
            }
        }
    }

    #[test]
    fn a_short_secret_is_hidden_between_quotation_marks_and_in_urls() {
        let mask = Mask::new(["stagepass"], LEAST_HELD).unwrap();
        assert_eq!(
            mask.hide(r#"stagepass_server: postgres://stagepass:stagepass@db: "stagepass" stagepass"#),
            r#"stagepass_server: postgres://stagepass:…@db: "…" stagepass"#
        );
    }

    #[test]
    fn what_is_held_is_hidden_also_where_json_has_escaped_it() {
        let secret = "a-held-secret-that-no-other-test-has";
        assert_eq!(hide(secret), secret);
        hold(&secret.into());
        hold(&secret.into());
        assert_eq!(hide(&format!("x{secret}y")), "x…y");
        let escaped: String = secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let value: Value = serde_json::from_str(&format!(r#"{{"a": ["{escaped} own"], "b": 1}}"#)).unwrap();
        let mask = Mask::of(["own"]);
        assert_eq!(hide_in_json(value, mask.as_ref()), json!({"a": ["… own"], "b": 1}));
        assert!(!format!("{mask:?}").contains("own"));
    }
}
