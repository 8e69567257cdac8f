//! The current time, and times as the API writes them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The current time in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Whole seconds, rounded up, for `Retry-After`.
pub(crate) fn whole_seconds(wait_ms: i64) -> u64 {
    wait_ms.unsigned_abs().div_ceil(1000)
}

/// RFC 3339 in UTC with milliseconds: `2026-01-15T10:30:00.000Z`.
///
/// `time_ms` comes from this module or from [`parse_ms`], so a `Timestamp` can hold it; anything
/// else is written as the epoch.
pub(crate) fn render_ms(time_ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(time_ms).unwrap_or_default())
}

/// Parses an ISO 8601 time with its offset, such as RFC 3339's.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Parses a time as people write it: like [`parse_ms`], as a date or a time in UTC, or as an age
/// such as `90d`.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let in_utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok();
    let ago = |span: Span| Timestamp::now().to_zoned(TimeZone::UTC).checked_sub(span).ok();
    let zoned = || text.parse().ok().and_then(in_utc).or_else(|| text.parse().ok().and_then(ago));
    parse_ms(text).or_else(|| zoned().map(|time| time.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_milliseconds_and_reads_offsets() {
        assert_eq!(render_ms(1_768_473_000_000), "2026-01-15T10:30:00.000Z");
        assert_eq!(parse_ms("2026-01-15T11:30:00+01:00"), Some(1_768_473_000_000));
        assert_eq!(parse_ms("2026-12-31T23:59:59Z"), Some(1_798_761_599_000));
        assert_eq!(parse_ms("2026-12-31"), None);
        assert_eq!(parse_ms("soon"), None);
    }
    #[test]
    fn reads_times_as_people_write_them() {
        for text in ["2026-01-15", "2026-01-15T00:00", "2026-01-15 00:00:00", "2026-01-15T01:00:00+01:00"] {
            assert_eq!(parse_time(text), Some(1_768_435_200_000), "{text}");
        }
        for (text, hours) in [("1d", 24), ("36h", 36), ("2w", 14 * 24), ("1d 2h", 26), ("90 days", 90 * 24)] {
            let ago = (now_ms() - parse_time(text).unwrap()) as f64 / 3_600_000.0;
            assert!((ago - f64::from(hours)).abs() < 0.1, "{text}: {ago}");
        }
        for text in ["", "soon", "2026", "2026-02-30", "90", "d"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
