//! The two forms of metrics: OpenMetrics, which the library writes, and the older text format of
//! Prometheus and its tools. This module knows no metric.

use axum::http::{HeaderMap, header};
use mediatype::{MediaType, MediaTypeList, ReadParams as _, names};
use std::fmt::Write as _;

pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a request prefers the text format. Without a preference it does not.
pub(super) fn asks_for_text(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let (mut text, mut open_metrics) = (0.0_f32, 0.0_f32);
    for range in lines.flat_map(MediaTypeList::new).flatten() {
        let is_text = range.ty == names::TEXT && (range.subty == names::PLAIN || range.subty == names::_STAR);
        if is_text {
            text = text.max(quality(&range));
        } else if range.ty == names::APPLICATION
            && range.subty.as_str().eq_ignore_ascii_case("openmetrics-text")
        {
            open_metrics = open_metrics.max(quality(&range));
        }
    }
    text > open_metrics
}

/// The weight of a media type (RFC 9110, section 12.4.2); an invalid one counts as 0.
fn quality(range: &MediaType<'_>) -> f32 {
    range.get_param(names::Q).map_or(1.0, |weight| weight.as_str().parse().unwrap_or(0.0))
}

/// Converts OpenMetrics to the text format. Samples look the same; families carry the names of
/// their samples, some types don't exist, and there is no end mark.
// Decision: docs/decisions/http.md#both-forms-of-metrics-come-from-one-text
pub(super) fn as_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        let described = line.strip_prefix("# ").and_then(|line| line.split_once(' '));
        match described {
            // Keep the help until the type follows, which completes the sample's name.
            Some(("HELP", about)) => help = about.split_once(' '),
            Some(("TYPE", about)) => {
                let (name, kind) = about.split_once(' ').unwrap_or((about, "unknown"));
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                if let Some((_, words)) = help.take() {
                    let _ = writeln!(text, "# HELP {name}{suffix} {words}");
                }
                let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
            }
            _ if line.starts_with('#') => {}
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(accept: &[&str]) -> bool {
        let lines = accept.iter().map(|line| (header::ACCEPT, line.parse().unwrap()));
        asks_for_text(&lines.collect())
    }

    #[test]
    fn writes_text_for_clients_that_prefer_it() {
        for accept in [
            "text/plain",
            "text/plain; version=0.0.4",
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "TEXT/PLAIN",
            "text/*",
            "application/openmetrics-text;q=0.3, text/plain;q=0.7",
            "application/openmetrics-text;q=0, text/plain;q=0.1",
            r#"application/json;a="x,y", text/plain"#,
        ] {
            assert!(asks(&[accept]), "{accept}");
        }
        assert!(asks(&["application/json", "text/plain"]));
    }

    #[test]
    fn writes_openmetrics_for_all_others() {
        for accept in [
            "*/*",
            "",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4",
            "text/plain;q=0",
            "text/plain;q=nonsense",
            "nonsense",
            // Prometheus's own header.
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            assert!(!asks(&[accept]), "{accept}");
        }
        assert!(!asks(&[]));
    }

    #[test]
    fn names_families_like_their_samples() {
        let open_metrics = "# HELP a Counted.\n# TYPE a counter\na_total{b=\"# x\"} 1\n\
            # HELP s_seconds Timed.\n# TYPE s_seconds histogram\n# UNIT s_seconds seconds\ns_seconds_sum 2\n\
            # TYPE i info\ni_info{v=\"1\"} 1\n# EOF\n";
        let text = "# HELP a_total Counted.\n# TYPE a_total counter\na_total{b=\"# x\"} 1\n\
            # HELP s_seconds Timed.\n# TYPE s_seconds histogram\ns_seconds_sum 2\n\
            # TYPE i_info gauge\ni_info{v=\"1\"} 1\n";
        assert_eq!(as_text(open_metrics), text);
    }
}
