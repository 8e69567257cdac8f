//! The results: a table for people, JSON for programs.

use crate::reader::{Reader, Verdict};
use crate::sample::Series;
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// All measurements.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Processors of this machine.
    processors: usize,
    groups: Vec<Group>,
}

/// Things that were measured in turns, and their targets.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    title: String,
    lines: Vec<Line>,
    /// Programs that read the same cookies; most groups have none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    readers: Vec<ReaderLine>,
    targets: Vec<Target>,
    remarks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    calls_per_second: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    max_us: f64,
}

#[derive(Debug, Serialize)]
struct ReaderLine {
    name: String,
    min_us: f64,
    p50_us: f64,
    max_us: f64,
    right: usize,
    wrong_value: usize,
    missing: usize,
    too_many: usize,
}

/// A target.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    wanted: String,
    measured: f64,
    unit: &'static str,
    is_reached: bool,
}

impl Report {
    /// An empty report.
    pub(crate) fn begin() -> Result<Self> {
        let processors = std::thread::available_parallelism()?.get();
        show(&format!("On {processors} processors, which the callers use, too"));
        Ok(Self { processors, groups: Vec::new() })
    }

    /// Adds a group, and prints it.
    pub(crate) fn add(&mut self, group: Group) {
        show(&format!("\n{group}"));
        self.groups.push(group);
    }
}

#[expect(clippy::print_stdout, reason = "the table is what a person waits for")]
fn show(text: &str) {
    println!("{}", text.trim_end());
}

impl Group {
    /// A group with a line for each series.
    pub(crate) fn new<'a>(title: String, lines: impl IntoIterator<Item = (&'a str, &'a Series)>) -> Self {
        let lines = lines.into_iter().map(|(name, series)| Line::new(name, series)).collect();
        Self { title, lines, readers: Vec::new(), targets: Vec::new(), remarks: Vec::new() }
    }

    /// A group with a line for each program that reads cookies.
    pub(crate) fn of_readers(title: String, readers: &[Reader]) -> Self {
        let readers = readers.iter().map(ReaderLine::new).collect();
        Self { readers, ..Self::new(title, []) }
    }

    /// Adds a target.
    pub(crate) fn with(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Says how much longer something took than another, without a target.
    pub(crate) fn comparing(self, to: &str, both: (&Series, &Series)) -> Self {
        self.remarking(format!("p50 {:.1} times that {to}", p50_ratio(both)))
    }

    /// Adds a remark.
    pub(crate) fn remarking(mut self, remark: String) -> Self {
        self.remarks.push(remark);
        self
    }
}

/// How many times as long the second one takes.
fn p50_ratio((one, other): (&Series, &Series)) -> f64 {
    let [one, other] = [one, other].map(|series| series.latency(50.0).as_secs_f64());
    other / one
}

impl Line {
    fn new(name: &str, series: &Series) -> Self {
        let latency = |percent| series.latency(percent).as_secs_f64() * 1e6;
        Self {
            name: name.to_owned(),
            calls_per_second: series.rate(),
            p50_us: latency(50.0),
            p90_us: latency(90.0),
            p99_us: latency(99.0),
            max_us: latency(100.0),
        }
    }
}

impl ReaderLine {
    fn new(reader: &Reader) -> Self {
        let [min_us, p50_us, max_us] = reader.times().map(|time| time.as_secs_f64() * 1e6);
        let Verdict { right, wrong_value, missing, too_many } = reader.worst();
        Self { name: reader.name().to_owned(), min_us, p50_us, max_us, right, wrong_value, missing, too_many }
    }
}

impl Target {
    /// At least `percent` of another rate.
    pub(crate) fn at_least(percent: f64, of: &str, share: f64) -> Self {
        let measured = share * 100.0;
        let wanted = format!("at least {percent}% of {of}");
        Self { wanted, measured, unit: "%", is_reached: measured >= percent }
    }

    /// A p99 of at most `times` times the p50.
    pub(crate) fn even_latencies(times: f64, series: &Series) -> Self {
        let [p50, p99] = [50.0, 99.0].map(|percent| series.latency(percent).as_secs_f64());
        let measured = p99 / p50;
        let wanted = format!("p99 at most {times} times p50");
        Self { wanted, measured, unit: " times", is_reached: measured <= times }
    }

    /// A p50 of at most `times` times another's.
    pub(crate) fn p50_at_most(times: f64, of: &str, both: (&Series, &Series)) -> Self {
        let measured = p50_ratio(both);
        let wanted = format!("p50 at most {times} times that {of}");
        Self { wanted, measured, unit: " times", is_reached: measured <= times }
    }

    /// A p50 below this many milliseconds.
    pub(crate) fn p50_below_ms(milliseconds: f64, series: &Series) -> Self {
        let measured = series.latency(50.0).as_secs_f64() * 1e3;
        let wanted = format!("p50 below {milliseconds} ms");
        Self { wanted, measured, unit: " ms", is_reached: measured < milliseconds }
    }

    /// No call that took this many milliseconds or longer.
    pub(crate) fn each_below_ms(milliseconds: f64, longest: Duration) -> Self {
        let measured = longest.as_secs_f64() * 1e3;
        let wanted = format!("each below {milliseconds} ms");
        Self { wanted, measured, unit: " ms", is_reached: measured < milliseconds }
    }

    /// A p99 of at most twice another's, or at most `allowed_ms`.
    pub(crate) fn little_slower(of: &str, (without, with): (&Series, &Series), allowed_ms: f64) -> Self {
        let [without, measured] = [without, with].map(|series| series.latency(99.0).as_secs_f64() * 1e3);
        let wanted = format!("p99 at most twice that {of}, or {allowed_ms} ms");
        Self { wanted, measured, unit: " ms", is_reached: measured <= allowed_ms.max(2.0 * without) }
    }

    /// Less than `mib` MiB that was not given back.
    pub(crate) fn memory_kept_below(mib: f64, measured: f64) -> Self {
        let wanted = format!("less than {mib} MiB of memory kept afterwards");
        Self { wanted, measured, unit: " MiB", is_reached: measured < mib }
    }

    /// Less memory than `mib` MiB.
    pub(crate) fn memory_below(mib: f64, measured: f64) -> Self {
        let wanted = format!("less than {mib} MiB of memory while serving");
        Self { wanted, measured, unit: " MiB", is_reached: measured < mib }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:64}", self.title)?;
        if !self.lines.is_empty() {
            write!(f, "{:>10}{:>10}{:>10}{:>10}{:>10}", "calls/s", "p50", "p90", "p99", "max")?;
        }
        if !self.readers.is_empty() {
            write!(f, "{:>10}{:>10}{:>10}", "min", "p50", "max")?;
            write!(f, "{:>10}{:>10}{:>10}{:>10}", "right", "wrong", "missing", "too many")?;
        }
        writeln!(f)?;
        for line in &self.lines {
            let decimals = usize::from(line.calls_per_second < 10.0);
            write!(f, "  {:62}{:>10.decimals$}", line.name, line.calls_per_second)?;
            for microseconds in [line.p50_us, line.p90_us, line.p99_us, line.max_us] {
                write!(f, "{:>10}", milliseconds(microseconds))?;
            }
            writeln!(f)?;
        }
        for reader in &self.readers {
            write!(f, "  {:62}", reader.name)?;
            for microseconds in [reader.min_us, reader.p50_us, reader.max_us] {
                write!(f, "{:>10}", milliseconds(microseconds))?;
            }
            let ReaderLine { right, wrong_value, missing, too_many, .. } = reader;
            writeln!(f, "{right:>10}{wrong_value:>10}{missing:>10}{too_many:>10}")?;
        }
        for target in &self.targets {
            let state = if target.is_reached { "reached" } else { "MISSED" };
            writeln!(f, "  {state:8} {}: {:.1}{}", target.wanted, target.measured, target.unit)?;
        }
        for remark in &self.remarks {
            writeln!(f, "  {remark}")?;
        }
        Ok(())
    }
}

/// With as many digits as are meaningful.
fn milliseconds(microseconds: f64) -> String {
    let duration = Duration::from_nanos((microseconds * 1e3) as u64);
    format!("{duration:.2?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;
    use std::time::Instant;

    fn series(latencies_ms: &[u64]) -> Series {
        let begin = Instant::now();
        let mut sample = Sample::starting_at(begin).unwrap();
        for latency_ms in latencies_ms {
            sample.record(begin, begin + Duration::from_millis(*latency_ms));
        }
        let mut series = Series::new().unwrap();
        series.push(&sample).unwrap();
        series
    }

    #[test]
    fn says_of_each_target_whether_it_is_reached() {
        assert!(Target::at_least(80.0, "it", 0.8).is_reached);
        assert!(!Target::at_least(80.0, "it", 0.79).is_reached);
        assert!(Target::memory_below(40.0, 39.9).is_reached);
        assert!(!Target::memory_below(40.0, 40.0).is_reached);
        assert!(Target::memory_kept_below(32.0, -1.0).is_reached);
        assert!(!Target::memory_kept_below(32.0, 32.0).is_reached);
        assert!(Target::p50_below_ms(10.0, &series(&[9, 9, 30])).is_reached);
        assert!(!Target::p50_below_ms(10.0, &series(&[9, 11, 30])).is_reached);
        assert!(Target::each_below_ms(100.0, Duration::from_millis(99)).is_reached);
        assert!(!Target::each_below_ms(100.0, Duration::from_millis(100)).is_reached);
        assert!(Target::even_latencies(4.0, &series(&[10, 10, 39])).is_reached);
        assert!(!Target::even_latencies(4.0, &series(&[10, 10, 42])).is_reached);
        for (one, other, is_reached) in [(10, 14, true), (10, 16, false), (10, 5, true)] {
            let both = (&series(&[one]), &series(&[other]));
            assert_eq!(Target::p50_at_most(1.5, "one", both).is_reached, is_reached, "{other}");
        }
        for (without, with, is_reached) in [(5, 24, true), (5, 26, false), (20, 39, true), (20, 42, false)] {
            let both = (&series(&[without]), &series(&[with]));
            assert_eq!(Target::little_slower("without", both, 25.0).is_reached, is_reached, "{with}");
        }
    }

    #[test]
    fn the_table_shows_rates_latencies_and_targets() {
        let ours = series(&[1, 1, 10]);
        let group = Group::new("reveal".to_owned(), [("stagepass-server", &ours)]);
        let table = group.with(Target::at_least(50.0, "the bare route", 0.4)).to_string();
        let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[0], ["reveal", "calls/s", "p50", "p90", "p99", "max"]);
        assert_eq!(lines[1][..2], ["stagepass-server", "300"]);
        assert!(lines[1][2].starts_with("1.0") && lines[1][2].ends_with("ms"), "{table}");
        assert_eq!(lines[2].join(" "), "MISSED at least 50% of the bare route: 40.0%");
        let slower = Group::new(String::new(), []).comparing("alone", (&ours, &series(&[20])));
        assert_eq!(slower.to_string().trim(), "p50 20.0 times that alone");
    }

    #[test]
    fn the_table_shows_what_each_reader_got_and_how_soon() {
        let mut reader = Reader::new("it".to_owned());
        let verdict = Verdict { right: 4, wrong_value: 3, missing: 2, too_many: 1 };
        reader.add(Duration::from_millis(12), verdict);
        let table = Group::of_readers("cookies".to_owned(), &[reader]).to_string();
        let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[0].join(" "), "cookies min p50 max right wrong missing too many");
        assert_eq!(lines[1].join(" "), "it 12.00ms 12.00ms 12.00ms 4 3 2 1");
    }
}
