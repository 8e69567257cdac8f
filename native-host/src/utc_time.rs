//! Times in messages and files: RFC 3339 in UTC with milliseconds, such as
//! `2026-01-15T10:30:00.000Z`. Knows no time zones and no settings.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::SystemTime;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct UtcTime(Timestamp);

impl UtcTime {
    /// The current time.
    #[must_use]
    pub fn now() -> Self {
        Self(in_milliseconds(Timestamp::now()))
    }

    /// A file's time; a time out of range becomes the epoch.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        Self(in_milliseconds(Timestamp::try_from(time).unwrap_or_default()))
    }

    /// How long ago the time was, in the largest fitting unit; "moments" also for a time in the
    /// future.
    #[must_use]
    pub fn age(self) -> String {
        in_largest_unit(Timestamp::now().duration_since(self.0).as_secs())
    }

    /// The time as people say it, such as `3 days ago` or `in 3 days`.
    #[must_use]
    pub fn relative(self) -> String {
        let until = self.0.duration_since(Timestamp::now()).as_secs();
        if until <= 0 { format!("{} ago", self.age()) } else { format!("in {}", in_largest_unit(until)) }
    }

    /// Whether the time is in the future by more than clocks usually differ: then the clock was
    /// wrong when the time was written, or is wrong now.
    #[must_use]
    pub fn is_in_future(self) -> bool {
        self.0.duration_since(Timestamp::now()) > SignedDuration::from_mins(1)
    }

    /// The Unix time in whole seconds.
    #[must_use]
    pub fn as_unix_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// The time of a Unix time in seconds; `None` after the year 9999 and in its last hours.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Timestamp::from_second(seconds).ok().map(Self)
    }
}

fn in_largest_unit(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..60 => return "moments".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The time, rounded to the precision of the text form.
fn in_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or_default()
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl From<UtcTime> for String {
    fn from(time: UtcTime) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for UtcTime {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagepass_core::cookie::MAX_SESSION_END;

    #[test]
    fn writes_milliseconds_and_reads_them_back() {
        let time = UtcTime::from_unix_seconds(1_768_473_000).unwrap();
        assert_eq!(time.to_string(), "2026-01-15T10:30:00.000Z");
        let now = UtcTime::now();
        assert_eq!(UtcTime::try_from(now.to_string()).unwrap(), now);
    }

    #[test]
    fn writes_the_latest_end_of_a_session() {
        let time = UtcTime::from_unix_seconds(MAX_SESSION_END).unwrap();
        assert_eq!(time.to_string(), "9999-01-01T00:00:00.000Z");
        assert_eq!(UtcTime::try_from(time.to_string()).unwrap(), time);
    }

    #[test]
    fn shows_the_age_in_its_largest_unit() {
        for (seconds, age) in [
            (-60, "moments"),
            (59, "moments"),
            (61, "1 minute"),
            (3599, "59 minutes"),
            (3700, "1 hour"),
            (172_700, "47 hours"),
            (172_900, "2 days"),
        ] {
            let time = UtcTime::from_unix_seconds(Timestamp::now().as_second() - seconds).unwrap();
            assert_eq!(time.age(), age);
        }
    }

    #[test]
    fn says_how_long_ago_or_ahead_a_time_is() {
        for (seconds, words) in [
            (-3700, "1 hour ago"),
            (0, "moments ago"),
            (30, "in moments"),
            (3700, "in 1 hour"),
            (1_000_000, "in 11 days"),
        ] {
            let time = UtcTime::from_unix_seconds(Timestamp::now().as_second() + seconds).unwrap();
            assert_eq!(time.relative(), words);
        }
    }

    #[test]
    fn a_time_counts_as_future_only_beyond_usual_clock_differences() {
        let in_seconds =
            |seconds| UtcTime::from_unix_seconds(Timestamp::now().as_second() + seconds).unwrap();
        assert!(!UtcTime::now().is_in_future() && !in_seconds(50).is_in_future());
        assert!(in_seconds(70).is_in_future() && in_seconds(1_000_000_000).is_in_future());
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", "yesterday", "2026-01-15", "2026-01-15T10:30:00"] {
            assert!(UtcTime::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
