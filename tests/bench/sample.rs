//! Measurements: how many calls in what time, and how long each took.

use anyhow::Result;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Longer calls count as this long.
const LONGEST: Duration = Duration::from_secs(60);
/// Significant digits of latencies: enough for a reader, and few enough to keep the
/// histogram in a processor's cache.
const DIGITS: u8 = 2;

/// One measurement.
#[derive(Debug)]
pub(crate) struct Sample {
    begin: Instant,
    end: Instant,
    /// In nanoseconds.
    latencies: Histogram<u64>,
}

impl Sample {
    /// An empty one that counts calls from `begin` on.
    pub(crate) fn starting_at(begin: Instant) -> Result<Self> {
        Ok(Self { begin, end: begin, latencies: histogram()? })
    }

    /// Counts a call unless it began earlier; returns whether it counts.
    pub(crate) fn record(&mut self, called_at: Instant, answered_at: Instant) -> bool {
        let counts = called_at >= self.begin;
        if counts {
            self.latencies.saturating_record(nanoseconds(answered_at - called_at));
            self.end = self.end.max(answered_at);
        }
        counts
    }

    /// Calls per second, including calls that were answered after the window.
    fn rate(&self) -> f64 {
        let seconds = (self.end - self.begin).as_secs_f64();
        if seconds > 0.0 { self.latencies.len() as f64 / seconds } else { 0.0 }
    }
}

/// The same thing, measured in several rounds.
#[derive(Debug)]
pub(crate) struct Series {
    rates: Vec<f64>,
    latencies: Histogram<u64>,
}

impl Series {
    /// An empty one.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { rates: Vec::new(), latencies: histogram()? })
    }

    /// Adds a round.
    pub(crate) fn push(&mut self, sample: &Sample) -> Result<()> {
        self.rates.push(sample.rate());
        Ok(self.latencies.add(&sample.latencies)?)
    }

    /// Calls per second, the median of the rounds.
    pub(crate) fn rate(&self) -> f64 {
        median(self.rates.clone())
    }

    /// How this rate compares to another's: the median of the ratios in each round, since a
    /// machine's speed changes over time.
    pub(crate) fn relative_to(&self, other: &Self) -> f64 {
        median(self.rates.iter().zip(&other.rates).map(|(own, others)| own / others).collect())
    }

    /// The time within which `percent` of all calls were answered; 100 gives the longest.
    pub(crate) fn latency(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.latencies.value_at_percentile(percent))
    }
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(nanoseconds(LONGEST), DIGITS)?)
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// The middle value; with an even number, the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_calls_that_began_in_time_and_all_that_they_took() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut sample = Sample::starting_at(at(100)).unwrap();
        assert!(!sample.record(at(50), at(150)));
        for call in 1..=4 {
            assert!(sample.record(at(call * 100), at((call + 1) * 100)));
        }
        assert!((sample.rate() - 10.0).abs() < 1e-9, "{}", sample.rate());
        let mut series = Series::new().unwrap();
        series.push(&sample).unwrap();
        let longest = series.latency(100.0).as_secs_f64();
        assert!((0.1..0.102).contains(&longest), "{longest}");
    }

    #[test]
    fn rounds_are_compared_one_by_one() {
        let series = |rates: &[f64]| Series { rates: rates.to_vec(), latencies: histogram().unwrap() };
        let (own, others) = (series(&[50.0, 5.0, 80.0]), series(&[100.0, 10.0, 400.0]));
        assert_eq!(own.relative_to(&others), 0.5);
        assert_eq!(own.rate(), 50.0);
    }
}
