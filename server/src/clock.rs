//! The present, and times as the API writes them.

use jiff::Timestamp;

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// So many milliseconds in seconds, for a `Retry-After`: rounded up, since who comes
/// a moment early comes in vain.
pub(crate) fn whole_seconds(wait_ms: i64) -> u64 {
    wait_ms.unsigned_abs().div_ceil(1000)
}

/// RFC 3339 in UTC with milliseconds: `2026-01-15T10:30:00.000Z`.
///
/// `time_ms` comes from this module or from [`parse_ms`], both of which keep to
/// what a `Timestamp` can hold; anything else reads as the epoch.
pub(crate) fn render_ms(time_ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(time_ms).unwrap_or_default())
}

/// Reads an ISO 8601 time that names its offset, such as RFC 3339's.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
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
}
