//! The public suffix list: names below which anybody can have a site, such as `com`, `co.uk`
//! and `github.io`.
//!
//! Owns the list's format and the look-up, and knows nothing of platforms. The list is sorted
//! text with one name per line, and is searched in place. `cargo xtask suffixes` writes
//! `data/public-suffixes.txt`.

use std::cmp::Ordering;
use std::sync::LazyLock;
use thiserror::Error;

/// This release's list. The wasm module doesn't refer to it, so the linker leaves it out; the
/// extension ships it as a file.
// Decision: docs/decisions/capture.md#the-public-suffix-list-is-a-file-in-the-repository
const LIST: &[u8] = include_bytes!("../data/public-suffixes.txt");

/// A checked list.
#[derive(Clone, Copy, Debug)]
pub struct PublicSuffixes<'a> {
    /// The lines after the notice, in ascending order of their names.
    lines: &'a [u8],
}

/// The list is not in the format that `cargo xtask suffixes` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the list of public suffixes is damaged; install this program again")]
pub struct DamagedList;

/// The rule that the list has for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// `name`: the name is a suffix.
    Suffix,
    /// `name *`: each name directly below it is a suffix. The name itself counts as one too,
    /// because everything below it belongs to different people.
    Wildcard,
    /// `name !`: not a suffix, despite the wildcard above it.
    Exception,
}

impl PublicSuffixes<'static> {
    /// The list built into this program.
    ///
    /// # Panics
    /// Never: a test parses this list.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<PublicSuffixes<'static>> =
            LazyLock::new(|| PublicSuffixes::new(LIST).expect("a test parses it"));
        &BUILT_IN
    }
}

impl<'a> PublicSuffixes<'a> {
    /// Checks the order and form that the look-up relies on. An empty list is refused, because
    /// it would allow everything.
    ///
    /// # Errors
    /// [`DamagedList`]
    pub fn new(list: &'a [u8]) -> Result<Self, DamagedList> {
        let mut lines = list;
        while lines.starts_with(b"//") {
            let (_, rest) = split_line(lines).ok_or(DamagedList)?;
            lines = rest;
        }
        let (mut rest, mut previous) = (lines, &b""[..]);
        while !rest.is_empty() {
            let (line, following) = split_line(rest).ok_or(DamagedList)?;
            let (name, _) = read_line(line).ok_or(DamagedList)?;
            if name <= previous {
                return Err(DamagedList);
            }
            (rest, previous) = (following, name);
        }
        if previous.is_empty() { Err(DamagedList) } else { Ok(Self { lines }) }
    }

    /// Whether anybody can have a site directly below `name` (lower-case ASCII). A single
    /// label that is not listed is not a suffix: nobody can register a name below it.
    #[must_use]
    pub fn is_suffix(&self, name: &str) -> bool {
        match self.rule(name) {
            Some(rule) => rule != Rule::Exception,
            None => name.split_once('.').and_then(|(_, parent)| self.rule(parent)) == Some(Rule::Wildcard),
        }
    }

    /// Binary search.
    fn rule(&self, name: &str) -> Option<Rule> {
        let mut lines = self.lines;
        loop {
            let before = lines.get(..lines.len() / 2)?;
            let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let (line, after) = split_line(lines.get(start..)?)?;
            let (listed, rule) = read_line(line)?;
            match name.as_bytes().cmp(listed) {
                Ordering::Less => lines = lines.get(..start)?,
                Ordering::Greater => lines = after,
                Ordering::Equal => return Some(rule),
            }
        }
    }
}

/// Whether a browser keeps a cookie for `host` (lower-case ASCII) and all hosts below it for that host
/// alone, because anybody can have a site below it, or for want of a domain around it.
pub(crate) fn is_for_host_alone(host: &str) -> bool {
    !host.contains('.') || PublicSuffixes::built_in().is_suffix(host)
}

/// The first line without its newline, and the rest; `None` without a newline.
fn split_line(lines: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = lines.iter().position(|byte| *byte == b'\n')?;
    Some((lines.get(..end)?, lines.get(end + 1..)?))
}

/// A line's name and rule.
fn read_line(line: &[u8]) -> Option<(&[u8], Rule)> {
    let (name, rule) = match line {
        [name @ .., b' ', b'*'] => (name, Rule::Wildcard),
        [name @ .., b' ', b'!'] => (name, Rule::Exception),
        name => (name, Rule::Suffix),
    };
    let is_name = name.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(b));
    is_name.then_some((name, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list's official test table: hosts and their registrable domains.
    const VECTORS: &str = include_str!("../data/test_psl.txt");

    fn suffixes() -> &'static PublicSuffixes<'static> {
        PublicSuffixes::built_in()
    }

    /// The longest suffix and one more label. The last label counts as a suffix even if it is
    /// not listed.
    fn registrable(host: &str) -> Option<String> {
        if host.split('.').any(str::is_empty) {
            return None;
        }
        let labels: Vec<_> = host.split('.').collect();
        let tail = |from: usize| labels[from..].join(".");
        let is_suffix = |from: &usize| *from == labels.len() - 1 || suffixes().is_suffix(&tail(*from));
        let suffix = (0..labels.len()).find(is_suffix)?;
        (suffix > 0).then(|| tail(suffix - 1))
    }

    #[test]
    fn passes_the_lists_official_test_table() {
        let quoted = |text: &str| {
            text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).map(str::to_lowercase)
        };
        let calls = VECTORS.lines().filter_map(|line| line.strip_prefix("checkPublicSuffix("));
        let calls = calls.filter_map(|call| call.strip_suffix(");")?.split_once(", "));
        let mut checked = 0;
        // URLs have hosts in ASCII; the table also lists every name in that form.
        for (host, expected) in calls.filter(|(host, _)| host.is_ascii()) {
            let Some(host) = quoted(host) else { continue };
            assert_eq!(registrable(&host), quoted(expected), "{host}");
            checked += 1;
        }
        assert!(checked > 60, "{checked} lines");
    }

    #[test]
    fn knows_registries_hosters_wildcards_exceptions_and_international_names() {
        for suffix in [
            "com",
            "uk",
            "co.uk",
            "github.io",
            "blogspot.com",
            "ck",
            "any.ck",
            "compute.amazonaws.com",
            "eu.compute.amazonaws.com",
            "xn--55qx5d.cn",
            "xn--fiqs8s",
            "kobe.jp",
            "zw",
            "aaa",
        ] {
            assert!(suffixes().is_suffix(suffix), "{suffix}");
        }
        for name in [
            "example.com",
            "example.co.uk",
            "me.github.io",
            "www.ck",
            "a.any.ck",
            "city.kobe.jp",
            "localhost",
            "mym",
            "nas.local",
            "",
            "0",
            "zzzz",
            "co.u",
            "github.i",
        ] {
            assert!(!suffixes().is_suffix(name), "{name}");
        }
    }

    #[test]
    fn refuses_a_damaged_list() {
        for bad in [
            &b""[..],
            b"// only a notice\n",
            b"// no end",
            b"com",
            b"net\ncom\n",
            b"com\ncom\n",
            b"com\n\nnet\n",
            b"com\nNet\n",
            b"com\n// a comment\nnet\n",
        ] {
            assert_eq!(PublicSuffixes::new(bad).map(|_| ()), Err(DamagedList), "{}", bad.escape_ascii());
        }
        let good = PublicSuffixes::new(b"// a notice\nck *\ncom\nwww.ck !\n").unwrap();
        assert!(good.is_suffix("ck") && good.is_suffix("a.ck") && good.is_suffix("com"));
        assert!(!good.is_suffix("www.ck") && !good.is_suffix("a.a.ck") && !good.is_suffix("net"));
    }
}
