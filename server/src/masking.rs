//! Hides secrets in foreign texts that go to a caller, a person, the log or the audit log: messages
//! from Directus, PostgreSQL and libraries can quote what they received. This module knows no
//! secret's purpose; code that reads a secret registers it here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;
use std::iter;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

/// Replaces a hidden text.
pub(crate) const MASK: &str = "…";
/// The shortest text of a request that is hidden everywhere. A shorter one could be part of any
/// word, so it is hidden only in quotes.
const LEAST_OF_REQUEST: usize = 4;
/// The shortest secret of this process that is hidden everywhere. A shorter one may be a common
/// word in logs, such as a database password that equals the database's name.
const LEAST_HELD: usize = 16;
/// The longest text of a request that is searched for in all its forms. If an answer is long
/// enough to quote a longer one, the whole answer is hidden.
const MOST_OF_REQUEST: usize = 8 * 1024;
/// The shortest form in base64 that is searched for.
const LEAST_BASE64: usize = 10;
/// The characters that RFC 3986, and JavaScript's `encodeURIComponent`, escape in URLs.
const BY_RFC_3986: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const BY_JAVASCRIPT: &AsciiSet =
    &BY_RFC_3986.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// Characters around a quoted text or around the password in a URL.
const QUOTES: [(char, char); 3] = [('"', '"'), ('\'', '\''), (':', '@')];

static HELD: RwLock<Held> = RwLock::new(Held { secrets: Vec::new(), mask: None, for_callers: None });

/// The secrets of this process.
struct Held {
    secrets: Vec<SecretString>,
    mask: Option<Mask>,
    /// The mask for texts that callers see, without the short secrets: a caller who makes the
    /// server quote guesses would see which guess is right.
    for_callers: Option<Mask>,
}

/// Registers a secret of this process, which [`hide`] hides from then on.
// Decision: docs/decisions/keys-and-audit.md#secrets-are-hidden-in-all-text-that-leaves-the-process
pub(crate) fn register(secret: &SecretString) {
    let mut held = HELD.write().unwrap_or_else(PoisonError::into_inner);
    let is_known = held.secrets.iter().any(|known| known.expose_secret() == secret.expose_secret());
    if !is_known {
        held.secrets.push(secret.clone());
        // Exposed for the search.
        let texts: Vec<_> = held.secrets.iter().map(|secret| secret.expose_secret()).collect();
        let long = texts.iter().copied().filter(|text| text.chars().count() >= LEAST_HELD);
        let (mask, for_callers) = (Mask::new(texts.iter().copied(), LEAST_HELD), Mask::new(long, LEAST_HELD));
        (held.mask, held.for_callers) = (mask, for_callers);
    }
}

/// Hides the secrets of this process, in whatever form they are quoted, from the operator and
/// readers of the log.
pub(crate) fn hide(text: &str) -> Cow<'_, str> {
    let held = HELD.read().unwrap_or_else(PoisonError::into_inner);
    held.mask.as_ref().map_or(Cow::Borrowed(text), |mask| mask.hide(text))
}

/// Hides them from a caller, and then also texts of the caller's own request. They are searched for
/// after the secrets are hidden, so that a match reveals nothing about a secret.
pub(crate) fn hide_with<'a>(text: &'a str, mask: Option<&Mask>) -> Cow<'a, str> {
    let held = HELD.read().unwrap_or_else(PoisonError::into_inner);
    let shown = held.for_callers.as_ref().map_or(Cow::Borrowed(text), |held| held.hide(text));
    match (mask, shown) {
        (None, shown) => shown,
        (Some(mask), Cow::Borrowed(shown)) => mask.hide(shown),
        (Some(mask), Cow::Owned(shown)) => Cow::Owned(mask.hide(&shown).into_owned()),
    }
}

/// Hides the same in all texts of a JSON value, after unescaping. A request's texts stay visible in
/// the names of members and in a failure's `code`, which programs read.
pub(crate) fn hide_in_json(value: Value, mask: Option<&Mask>) -> Value {
    match value {
        Value::String(text) => Value::String(hide_with(&text, mask).into_owned()),
        Value::Array(items) => items.into_iter().map(|item| hide_in_json(item, mask)).collect(),
        Value::Object(members) => {
            let hide = |(name, value): (String, Value)| {
                let mask = mask.filter(|_| name != "code" || !value.is_string());
                (hide_with(&name, None).into_owned(), hide_in_json(value, mask))
            };
            Value::Object(members.into_iter().map(hide).collect())
        }
        other => other,
    }
}

/// Searches for texts in all their forms, ignoring ASCII case. Its `Debug` form shows none of them.
pub(crate) struct Mask {
    forms: Vec<Form>,
    /// The length of the shortest form.
    least: usize,
    hides_all: bool,
}

/// A text in one form in which it may be quoted.
struct Form {
    finder: Finder<'static>,
    /// How many bytes at each end are quotation marks and not part of the text.
    marks: usize,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask([REDACTED])")
    }
}

impl Mask {
    /// Hides what a request sent in an answer of this many bytes; `None` if there is nothing to
    /// hide. The time grows at most with the length of all texts times the length of the answer.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a str>, answer_bytes: usize) -> Option<Self> {
        let may_be_quoted = |text: &&str| text.trim_end_matches('=').len() <= answer_bytes;
        let texts: Vec<_> = texts.into_iter().filter(may_be_quoted).collect();
        if texts.iter().any(|text| text.len() > MOST_OF_REQUEST) {
            return Some(Self { forms: Vec::new(), least: 1, hides_all: true });
        }
        Self::new(texts, LEAST_OF_REQUEST)
    }

    fn new<'a>(texts: impl IntoIterator<Item = &'a str>, least: usize) -> Option<Self> {
        let form = |text: &str, marks| {
            let finder = Finder::new(&text.to_ascii_lowercase()).into_owned();
            Form { finder, marks }
        };
        let mut found = Vec::new();
        for text in texts.into_iter().filter(|text| !text.is_empty()) {
            // A text must be long enough even without its padding to be searched for everywhere.
            let is_short =
                text.chars().count() < least || text.trim_end_matches('=').chars().count() < LEAST_OF_REQUEST;
            for text in forms(text) {
                if is_short {
                    found.extend(QUOTES.map(|(open, close)| form(&format!("{open}{text}{close}"), 1)));
                } else {
                    found.push(form(&text, 0));
                }
            }
        }
        let least = found.iter().map(|form| form.finder.needle().len()).min()?;
        Some(Self { forms: found, least, hides_all: false })
    }

    /// Hides all matches at once: hiding one form must not reveal part of another that contains it.
    fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if text.len() < self.least {
            return Cow::Borrowed(text);
        }
        let (mut hidden, mut shown_to) = (String::new(), 0);
        for range in self.find(&text.to_ascii_lowercase()) {
            if range.start > shown_to || hidden.is_empty() {
                hidden.extend(text.get(shown_to..range.start));
                hidden.push_str(MASK);
            }
            shown_to = shown_to.max(range.end);
        }
        if hidden.is_empty() {
            return Cow::Borrowed(text);
        }
        hidden.extend(text.get(shown_to..));
        Cow::Owned(hidden)
    }

    /// The ranges of the secrets in a lower-case text, in order.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        if self.hides_all {
            return iter::once(0..text.len()).collect();
        }
        let find = |form: &Form| {
            let (marks, length) = (form.marks, form.finder.needle().len());
            let at = form.finder.find_iter(text.as_bytes());
            at.map(move |at| at + marks..at + length - marks).collect::<Vec<_>>()
        };
        let mut found: Vec<_> = self.forms.iter().flat_map(find).collect();
        found.sort_unstable_by_key(|range| range.start);
        found
    }
}

/// All forms in which a text may be quoted.
fn forms(text: &str) -> Vec<String> {
    let mut forms = escaped(text);
    let in_url = [NON_ALPHANUMERIC, BY_RFC_3986, BY_JAVASCRIPT].map(|set| utf8_percent_encode(text, set));
    let in_form = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    forms.extend(in_url.map(|form| form.to_string()));
    forms.extend([in_form, hex::encode(text)]);
    // Text that is base64 itself has two alphabets, with or without padding.
    let unpadded = text.trim_end_matches('=');
    forms.extend([unpadded.to_owned(), unpadded.replace('+', "-").replace('/', "_")]);
    forms.extend(in_base64(text.as_bytes()));
    forms.retain(|form| !form.is_empty());
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The text unchanged; with backslashes, quotation marks and control characters escaped as in JSON;
/// with quotation marks doubled as in SQL; or both.
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

/// The base64 forms of bytes at any offset, without the characters at both ends that also encode
/// neighbouring bytes.
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
    fn hides_a_secret_in_every_quoted_form() {
        let mask = Mask::new([SECRET], LEAST_HELD);
        let percent = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        let form: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        for quoted in [
            SECRET.to_owned(),
            json!(SECRET).to_string(),
            format!("{SECRET:?}"),
            SECRET.replace('\'', "''"),
            "plan%2bted%2f%22se%5ccret%27%20of%2032%20bytes%3d%3d".to_owned(),
            "plan%2Bted%2F%22se%5Ccret'%20of%2032%20bytes%3D%3D".to_owned(),
            hex::encode_upper(SECRET),
            SECRET.to_uppercase(),
            percent,
            form,
            hex::encode(SECRET),
            SECRET.trim_end_matches('=').to_owned(),
            SECRET.replace('+', "-").replace('/', "_"),
        ] {
            let text = format!("Token {quoted} is unknown");
            let hidden = hide_with(&text, mask.as_ref());
            assert!(hidden.starts_with("Token ") && hidden.ends_with(" is unknown"), "{hidden}");
            assert!(hidden.contains(MASK) && !hidden.contains("cret"), "{hidden}");
        }
    }

    #[test]
    fn hides_a_secret_inside_longer_base64() {
        let mask = Mask::new([SECRET], LEAST_HELD);
        for (before, after) in [("", ""), ("u", ":x"), ("us", ""), ("user:", "@"), ("a longer name: ", "é")]
        {
            for alphabet in [STANDARD, base64::engine::general_purpose::URL_SAFE] {
                let encoded = alphabet.encode(format!("{before}{SECRET}{after}"));
                let hidden = hide_with(&encoded, mask.as_ref()).into_owned();
                assert!(hidden.contains(MASK) && hidden.len() < 30, "{before}: {hidden}");
            }
        }
    }

    #[test]
    fn hides_a_short_secret_in_quotation_marks_and_urls() {
        let mask = Mask::new(["stagepass"], LEAST_HELD);
        let text = r#"stagepass_server: postgres://stagepass:stagepass@db: "stagepass" stagepass"#;
        assert_eq!(
            hide_with(text, mask.as_ref()),
            r#"stagepass_server: postgres://stagepass:…@db: "…" stagepass"#
        );
    }

    #[test]
    fn hides_a_secret_that_json_escaped() {
        let secret = "a-held-secret-that-no-other-test-has";
        assert_eq!(hide(secret), secret);
        register(&secret.into());
        register(&secret.into());
        assert_eq!(hide(&format!("x{secret}y")), "x…y");
        let escaped: String = secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let value: Value = serde_json::from_str(&format!(r#"{{"a": ["{escaped} own"], "b": 1}}"#)).unwrap();
        let mask = Mask::of(["own"], 100);
        assert_eq!(hide_in_json(value, mask.as_ref()), json!({"a": ["… own"], "b": 1}));
        assert!(!format!("{mask:?}").contains("own"));
        assert_eq!(hide_in_json(json!({secret: {secret: 1}}), None), json!({"…": {"…": 1}}));
    }

    #[test]
    fn does_not_confirm_a_guess_of_a_short_secret_by_hiding_it() {
        register(&"a-short-one".into());
        let text = r#"no field "a-short-one""#;
        assert_eq!((&*hide(text), &*hide_with(text, None)), (r#"no field "…""#, text));
    }

    #[test]
    fn counts_padding_unless_the_rest_is_too_short() {
        register(&"bcdefghijklmno==".into());
        assert_eq!(hide_with("token bcdefghijklmno== or bcdefghijklmno", None), "token … or …");
        let padded = Mask::of(["e===="], 100);
        assert_eq!(hide_with("here is e==== or \"e====\"", padded.as_ref()), "here is e==== or \"…\"");
    }

    #[test]
    fn sending_a_part_of_a_secret_reveals_nothing_about_it() {
        let secret = "held-8f3Kz0qLw2Vx7Tn5RbYc9Jd4";
        register(&secret.into());
        let text = format!("token {secret} is not valid");
        for own in ["8f3K", "held", "9Jd4", "token held-8f3Kz0qLw2Vx7Tn5RbYc9J", "token h", "token x", "ld-8"]
        {
            let hidden = hide_with(&text, Mask::of([own], 1000).as_ref());
            assert_eq!(hidden, "token … is not valid", "{own}");
        }
        let both = hide_with(&text, Mask::of(["8f3K", "Vx7T"], 1000).as_ref());
        assert_eq!(both, "token … is not valid");
    }

    #[test]
    fn keeps_the_names_and_codes_of_a_failure() {
        let failure = json!({"errors": [{"message": "errors", "extensions": {"code": "errors"}}]});
        let mask = Mask::of(["errors"], 100);
        assert_eq!(
            hide_in_json(failure, mask.as_ref()),
            json!({"errors": [{"message": "…", "extensions": {"code": "errors"}}]})
        );
    }

    #[test]
    fn hides_a_long_text_of_a_request_at_low_cost() {
        let long = "x".repeat(1024 * 1024);
        assert!(Mask::of([&*long], 1000).is_none(), "the answer is too short to quote it");
        let answer = format!("about {long}, which is wrong");
        assert_eq!(hide_with(&answer, Mask::of([&*long], answer.len()).as_ref()), MASK);
        let text = "x".repeat(MOST_OF_REQUEST);
        let answer = format!("about {text}, which is wrong");
        let hidden = hide_with(&answer, Mask::of([&*text], answer.len()).as_ref());
        assert_eq!(hidden, "about …, which is wrong");
    }
}
