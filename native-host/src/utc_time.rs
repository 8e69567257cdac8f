//! A moment as the wire has it: RFC 3339 in UTC with milliseconds,
//! `2026-01-15T10:30:00.000Z`. It knows no time zones and reads no settings.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment from the year 0 to the last second of 9999. A civil time rather
/// than a timestamp: a cookie may live to the very end of what RFC 3339 can
/// write, some hours beyond the last timestamp that fits every time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct UtcTime(DateTime);

impl UtcTime {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self::from_system_time(SystemTime::now())
    }

    /// A file's time; one that can't be written becomes the epoch.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis())
            .ok()
            .and_then(|millis| Self::from_duration(SignedDuration::from_millis(millis)))
            .unwrap_or(Self(epoch()))
    }

    /// `None` beyond the year 9999.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::from_duration(SignedDuration::from_secs(seconds))
    }

    fn from_duration(since_epoch: SignedDuration) -> Option<Self> {
        epoch().checked_add(since_epoch).ok().map(Self)
    }
}

const fn epoch() -> DateTime {
    date(1970, 1, 1).at(0, 0, 0, 0)
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
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
        DateTime::strptime("%Y-%m-%dT%H:%M:%S%.fZ", text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagepass_core::cookie::MAX_EXPIRES;

    #[test]
    fn writes_milliseconds_and_reads_them_back() {
        let time = UtcTime::from_unix_seconds(1_768_473_000).unwrap();
        assert_eq!(time.to_string(), "2026-01-15T10:30:00.000Z");
        let now = UtcTime::now();
        assert_eq!(UtcTime::try_from(now.to_string()).unwrap(), now);
    }

    #[test]
    fn writes_the_latest_expiry_that_a_cookie_may_have() {
        let time = UtcTime::from_unix_seconds(MAX_EXPIRES).unwrap();
        assert_eq!(time.to_string(), "9999-12-31T23:59:59.000Z");
        assert_eq!(UtcTime::try_from(time.to_string()).unwrap(), time);
        assert_eq!(UtcTime::from_unix_seconds(MAX_EXPIRES + 1), None);
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", "yesterday", "2026-01-15", "2026-01-15T10:30:00+01:00"] {
            assert!(UtcTime::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
