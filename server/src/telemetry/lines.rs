//! The form of a log line, as text and as JSON. Every field of every line passes [`value`], so that
//! no caller can flood the log or control its reader's terminal.

use crate::bounded_text::bounded;
use crate::masking;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::{self, Debug};
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::{MakeExt as _, RecordFields};
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The longest text of a field, including the message, in characters.
// Decision: docs/decisions/http.md#fields-of-the-log-are-cut-where-a-line-is-written
const MAX_CHARS: usize = 512;

fn value(text: impl fmt::Display) -> String {
    // Hide first: a secret cut in two would not be found.
    bounded(masking::hide(&text.to_string()), MAX_CHARS)
}

/// Fields as text: `name=value`, and the message without its name.
pub(super) fn text_fields() -> impl for<'a> FormatFields<'a> + 'static {
    debug_fn(|writer, field, given: &dyn Debug| {
        if field.name() != "message" {
            write!(writer, "{}=", field.name())?;
        }
        writer.write_str(&value(format_args!("{given:?}")))
    })
    .delimited(" ")
}

/// Lines with one JSON object each.
pub(super) struct JsonLines;

#[derive(Serialize)]
struct JsonLine<'a> {
    timestamp: String,
    level: &'a str,
    fields: Map<String, Value>,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    spans: &'a [Map<String, Value>],
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = Members::default();
        event.record(&mut fields);
        let mut spans = Vec::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let known = span.extensions();
            let known = known.get::<FormattedFields<N>>().map_or("{}", |fields| &fields.fields);
            let mut span_fields: Map<_, _> = serde_json::from_str(known).unwrap_or_default();
            span_fields.insert("name".to_owned(), span.name().into());
            spans.push(span_fields);
        }
        let line = JsonLine {
            timestamp,
            level: event.metadata().level().as_str(),
            fields: fields.0,
            target: event.metadata().target(),
            span: spans.last(),
            spans: &spans,
        };
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

/// A span's fields as a JSON object.
pub(super) struct JsonFields;

impl<'a> FormatFields<'a> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut members = Members::default();
        fields.record(&mut members);
        members.write(&mut writer)
    }

    fn add_fields(&self, current: &'a mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut members = Members(serde_json::from_str(&current.fields).unwrap_or_default());
        fields.record(&mut members);
        current.fields.clear();
        members.write(&mut current.as_writer())
    }
}

#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn add(&mut self, field: &Field, given: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), given.into());
    }

    fn write(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, number: f64) {
        self.add(field, number);
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        self.add(field, number);
    }

    fn record_u64(&mut self, field: &Field, number: u64) {
        self.add(field, number);
    }

    fn record_bool(&mut self, field: &Field, is: bool) {
        self.add(field, is);
    }

    fn record_str(&mut self, field: &Field, text: &str) {
        self.add(field, value(text));
    }

    fn record_debug(&mut self, field: &Field, given: &dyn Debug) {
        self.add(field, value(format_args!("{given:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{LogFormat, lines_to};
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// The text that `log` writes.
    fn written(format: LogFormat, log: impl Fn()) -> String {
        let written = Written::default();
        let subscriber = tracing_subscriber::registry().with(lines_to(written.clone(), false, format));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn limits_every_text_of_a_line_and_removes_control_characters() {
        let hostile = "A\u{1b}[2J\n\u{202e}\u{9b}".repeat(10_000);
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = written(format, || {
                let _span = tracing::info_span!("request", id = %hostile, other = hostile).entered();
                let error = io::Error::other(hostile.clone());
                let error = &error as &(dyn std::error::Error + 'static);
                tracing::info!(method = %hostile, path = hostile, names = ?[&hostile], error, "{hostile}");
            });
            assert_eq!(log.lines().count(), 1, "{log}");
            assert!(log.len() < 7 * 6 * MAX_CHARS, "{} bytes", log.len());
            let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(log.contains("[2J") && !log.contains(obeyed), "{log}");
        }
    }

    #[test]
    fn hides_a_secret_before_shortening_a_text() {
        const SECRET: &str = "planted-secret-of-the-process-that-is-cut";
        masking::register(&SECRET.into());
        let quoted = format!("{}{SECRET}", "a".repeat(MAX_CHARS - 20));
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = written(format, || tracing::warn!(error = %quoted, names = ?[&quoted], "{quoted}"));
            assert!(log.contains("aaa") && !log.contains("planted"), "{log}");
        }
    }

    #[test]
    fn a_line_has_all_its_fields() {
        let log = || {
            let span = tracing::info_span!("request", id = "7", later = tracing::field::Empty).entered();
            span.record("later", 1);
            tracing::warn!(method = %"GET", route = "/a", status = 200, is = true, "answered");
        };
        let text = written(LogFormat::Text, log);
        let end = r#": answered method=GET route="/a" status=200 is=true"#;
        assert!(text.contains(r#" WARN request{id="7" later=1}: "#) && text.trim().ends_with(end), "{text}");
        let json: Value = serde_json::from_str(&written(LogFormat::Json, log)).unwrap();
        let fields = serde_json::json!(
            {"message": "answered", "method": "GET", "route": "/a", "status": 200, "is": true}
        );
        assert_eq!((&json["fields"], &json["level"]), (&fields, &"WARN".into()));
        assert_eq!(json["span"], serde_json::json!({"name": "request", "id": "7", "later": 1}));
        assert_eq!(json["spans"], serde_json::json!([json["span"]]));
        assert!(json["timestamp"].is_string() && json["target"].is_string());
    }
}
