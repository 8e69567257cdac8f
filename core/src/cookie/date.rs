//! The date formats in which programs write a cookie's expiry.

use cookie::Cookie;
use cookie::time::OffsetDateTime;
use cookie::time::format_description::well_known::Rfc3339;

/// Longer than any valid date.
const MAX_DATE_BYTES: usize = 64;

/// Parses a date of RFC 3339 or of a `Set-Cookie` header, with spaces or dashes, into Unix
/// seconds, rounded down.
pub(super) fn unix_seconds(text: &str) -> Option<i64> {
    if text.len() > MAX_DATE_BYTES || text.contains(';') {
        return None;
    }
    if let Ok(date) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(date.unix_timestamp());
    }
    // The library parses these dates only as part of a header.
    let header = Cookie::parse(format!("n=; Expires={text}")).ok()?;
    header.expires_datetime().map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_headers_and_exporters_write() {
        for (text, seconds) in [
            ("2026-12-31T23:59:59Z", Some(1_798_761_599)),
            ("2027-01-01T01:59:59.999+02:00", Some(1_798_761_599)),
            ("Thu, 31 Dec 2026 23:59:59 GMT", Some(1_798_761_599)),
            ("Thu, 31-Dec-2026 23:59:59 GMT", Some(1_798_761_599)),
            ("Thursday, 31-Dec-26 23:59:59 GMT", Some(1_798_761_599)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("1969-12-31T23:59:59.000Z", Some(-1)),
            ("2026-12-31", None),
            ("2026-12-31T23:59:59", None),
            ("2026-02-30T00:00:00Z", None),
            ("Thu, 31 Dec 2026 23:59:59 GMT; Secure", None),
            ("1798761599", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(unix_seconds(text), seconds, "{text}");
        }
        assert_eq!(unix_seconds(&format!("2026-12-31T23:59:59.{}Z", "9".repeat(60))), None);
    }
}
