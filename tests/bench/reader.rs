//! How many of the cookies a program got, and how soon.

use std::collections::BTreeMap;
use std::time::Duration;

/// Domain, path and name, which identify a cookie in a cookie file.
pub(crate) type Key = (String, String, String);

/// The key of a cookie.
pub(crate) fn key(domain: &str, path: &str, name: &str) -> Key {
    (domain.to_owned(), path.to_owned(), name.to_owned())
}

/// How many cookies one run got right, wrong or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) right: usize,
    pub(crate) wrong_value: usize,
    pub(crate) missing: usize,
    pub(crate) too_many: usize,
}

impl Verdict {
    /// Compares a cookie file with what the browser holds.
    pub(crate) fn of(file: &str, held: &BTreeMap<Key, String>) -> Self {
        let given: BTreeMap<_, _> = file.lines().filter_map(parse).collect();
        let mut verdict = Self::default();
        for (key, value) in held {
            match given.get(key) {
                Some(given) if given == value => verdict.right += 1,
                Some(_) => verdict.wrong_value += 1,
                None => verdict.missing += 1,
            }
        }
        verdict.too_many = given.keys().filter(|key| !held.contains_key(*key)).count();
        verdict
    }
}

/// The cookie of a line. Only these fields are compared: programs differ in how they
/// write times.
fn parse(line: &str) -> Option<(Key, String)> {
    let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
    let fields: Vec<_> = line.split('\t').collect();
    match fields[..] {
        [domain, _, path, _, _, name, value] if !domain.starts_with('#') => {
            Some((key(domain, path, name), value.to_owned()))
        }
        _ => None,
    }
}

/// A program, and all of its runs.
#[derive(Debug)]
pub(crate) struct Reader {
    name: String,
    took: Vec<Duration>,
    /// The run with the fewest right cookies.
    worst: Option<Verdict>,
}

impl Reader {
    /// A program without runs.
    pub(crate) fn new(name: String) -> Self {
        Self { name, took: Vec::new(), worst: None }
    }

    /// Adds a run.
    pub(crate) fn add(&mut self, took: Duration, verdict: Verdict) {
        self.took.push(took);
        self.took.sort_unstable();
        self.worst = self.worst.take().filter(|worst| worst.right <= verdict.right).or(Some(verdict));
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The shortest time, the middle one (the upper one if their number is even) and
    /// the longest.
    pub(crate) fn times(&self) -> [Duration; 3] {
        let took = &self.took;
        [took.first(), took.get(took.len() / 2), took.last()].map(|time| time.copied().unwrap_or_default())
    }

    /// The counts of the run with the fewest right cookies.
    pub(crate) fn worst(&self) -> Verdict {
        self.worst.unwrap_or_default()
    }
}

impl Verdict {
    /// How many cookies it should get.
    pub(crate) fn wanted(&self) -> usize {
        self.right + self.wrong_value + self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_right_wrong_missing_and_foreign_cookies_apart() {
        let held: BTreeMap<_, _> = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "")]
            .map(|(name, value)| (key(".x.com", "/", name), value.to_owned()))
            .into();
        let line = |domain: &str, name: &str, value: &str| {
            format!("{domain}\tTRUE\t/\tTRUE\t4102444799.5\t{name}\t{value}\n")
        };
        let file = ["# Netscape HTTP Cookie File\n\n".to_owned(), line(".x.com", "a", "1")];
        let more = [line("#HttpOnly_.x.com", "b", "of a container"), line(".x.com", "d", "")];
        let foreign = [line("x.com", "a", "1"), line(".y.org", "c", "3")];
        let verdict = Verdict::of(&[&file[..], &more, &foreign].concat().concat(), &held);
        assert_eq!(verdict, Verdict { right: 2, wrong_value: 1, missing: 1, too_many: 2 });
        assert_eq!(verdict.wanted(), held.len());
    }

    #[test]
    fn keeps_the_times_of_all_runs_and_the_counts_of_the_worst() {
        let mut reader = Reader::new("it".to_owned());
        for (took_ms, right) in [(30, 5), (10, 3), (20, 4)] {
            reader.add(Duration::from_millis(took_ms), Verdict { right, ..Verdict::default() });
        }
        assert_eq!(reader.times(), [10, 20, 30].map(Duration::from_millis));
        assert_eq!(reader.worst().right, 3);
    }
}
