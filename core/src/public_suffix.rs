//! The public suffix list: below which names anybody can have a site, such as
//! `com`, `co.uk` and `github.io`.
//!
//! Owns the list's form and the look-up, and knows nothing of platforms. The list
//! comes as bytes, sorted, one name a line, and is searched where it lies.
//! `data/public-suffixes.txt` is made by `cargo xtask suffixes`.

use std::cmp::Ordering;
use std::sync::LazyLock;
use thiserror::Error;

/// The list of this release. The wasm module never names it, so that it is not in there:
/// the extension has it as a file.
const LIST: &[u8] = include_bytes!("../data/public-suffixes.txt");

/// A checked list.
#[derive(Clone, Copy, Debug)]
pub struct PublicSuffixes<'a> {
    /// The lines after the notice, in ascending order of their names.
    lines: &'a [u8],
}

/// The list is not as `cargo xtask suffixes` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the list of public suffixes is damaged; install this program again")]
pub struct DamagedList;

/// What the list says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// `name`: a suffix.
    Suffix,
    /// `name *`: each name right below it is a suffix, and so is the name itself, since
    /// what it holds is other people's.
    Wildcard,
    /// `name !`: no suffix, whatever the wildcard above it says.
    Exception,
}

impl PublicSuffixes<'static> {
    /// The list that this program was built with.
    ///
    /// # Panics
    /// Never: a test reads this list.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<PublicSuffixes<'static>> =
            LazyLock::new(|| PublicSuffixes::new(LIST).expect("a test reads it"));
        &BUILT_IN
    }
}

impl<'a> PublicSuffixes<'a> {
    /// Checks what the look-up relies on. An empty list would allow everything.
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

    /// Whether anybody can have a site right below `name` (lower case, in ASCII). A single
    /// label that is not listed is no suffix: nobody can register a name below it.
    #[must_use]
    pub fn is_suffix(&self, name: &str) -> bool {
        match self.rule(name) {
            Some(rule) => rule != Rule::Exception,
            None => name.split_once('.').and_then(|(_, parent)| self.rule(parent)) == Some(Rule::Wildcard),
        }
    }

    /// Searches by halves.
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

/// The first line without its end, and what follows; `None` where none ends.
fn split_line(lines: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = lines.iter().position(|byte| *byte == b'\n')?;
    Some((lines.get(..end)?, lines.get(end + 1..)?))
}

/// The name and what the line says of it.
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

    /// The list's own table of hosts and the domains that one registers.
    const VECTORS: &str = include_str!("../data/test_psl.txt");

    fn suffixes() -> &'static PublicSuffixes<'static> {
        PublicSuffixes::built_in()
    }

    /// The longest suffix and one label more, where the last label counts as one
    /// whether it is listed or not.
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
    fn the_lists_own_table_holds() {
        let quoted = |text: &str| {
            text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).map(str::to_lowercase)
        };
        let calls = VECTORS.lines().filter_map(|line| line.strip_prefix("checkPublicSuffix("));
        let calls = calls.filter_map(|call| call.strip_suffix(");")?.split_once(", "));
        let mut checked = 0;
        // A host comes in ASCII from a URL, and the table has each name in that form, too.
        for (host, expected) in calls.filter(|(host, _)| host.is_ascii()) {
            let Some(host) = quoted(host) else { continue };
            assert_eq!(registrable(&host), quoted(expected), "{host}");
            checked += 1;
        }
        assert!(checked > 60, "{checked} lines");
    }

    #[test]
    fn knows_registries_hosters_wildcards_exceptions_and_names_in_other_scripts() {
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
    fn a_list_that_is_damaged_is_refused() {
        for bad in [
            &b""[..],
            b"// a notice alone\n",
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
