//! The audit log as a table for people. Each entry is one line if the terminal is wide enough;
//! otherwise the record, and if necessary the caller too, moves to a line of its own.

use super::names::Names;
use crate::audit::{Entry, Row};
use crate::bounded_text::bounded;
use jiff::Timestamp;
use unicode_width::UnicodeWidthStr as _;

/// The gap between two columns.
const GAP: &str = "  ";
/// The indent of a cell on its own line.
const INDENT: &str = "    ";
/// Columns are aligned up to this width; a longer text pushes the rest to the right.
const MAX_COLUMN: usize = 64;
/// The longest text of a cell, in characters. Longer ones exist only if another program wrote them.
const MAX_CHARS: usize = 600;

/// The names of tables for people.
pub(super) const KINDS: [(&str, &str); 11] = [
    ("users", "user"),
    ("platform_connections", "connection"),
    ("platform_sessions", "session"),
    ("download_credentials", "download credential"),
    ("app_credentials", "app credential"),
    ("credential_types", "credential type"),
    ("projects", "project"),
    ("service_tokens", "service token"),
    ("vault_credentials", "vault key"),
    ("sealing_keys", "encryption key"),
    ("audit_heads", "chain"),
];

/// The texts of an entry, by column.
struct Cells {
    time: String,
    who: String,
    action: String,
    outcome: String,
    record: String,
}

/// How to arrange an entry: the cells beside each other, and those with a line of their own.
type Layout = fn(&Cells) -> (Vec<&str>, Vec<&str>);

/// The layouts, from the widest to the narrowest.
const LAYOUTS: [Layout; 3] = [
    |row| (vec![&row.time, &row.who, &row.action, &row.outcome, &row.record], vec![]),
    |row| (vec![&row.time, &row.who, &row.action, &row.outcome], vec![&row.record]),
    |row| (vec![&row.time, &row.action, &row.outcome], vec![&row.who, &row.record]),
];

/// The lines of the table, at most `width` wide if the cells allow it.
pub(super) fn lines(rows: &[Row], names: &Names, width: Option<usize>) -> Vec<String> {
    let [time, who, action, outcome, record] =
        ["TIME (UTC)", "WHO", "ACTION", "OUTCOME", "RECORD"].map(str::to_owned);
    let mut cells = vec![Cells { time, who, action, outcome, record }];
    cells.extend(rows.iter().map(|row| self::cells(&row.entry, names)));
    let fits = |lines: &Vec<String>| lines.iter().all(|line| width.is_none_or(|width| line.width() <= width));
    let mut laid_out = Vec::new();
    for layout in LAYOUTS {
        laid_out = lay_out(&cells, layout);
        if fits(&laid_out) {
            break;
        }
    }
    laid_out
}

fn lay_out(rows: &[Cells], layout: Layout) -> Vec<String> {
    let rows: Vec<_> = rows.iter().map(layout).collect();
    let columns = rows.first().map_or(0, |(beside, _)| beside.len());
    let width_of = |column: usize| {
        let widths = rows.iter().map(|(beside, _)| beside[column].width());
        widths.filter(|width| *width <= MAX_COLUMN).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns).map(width_of).collect();
    let mut lines = Vec::new();
    for (beside, below) in &rows {
        let padded: Vec<_> = beside.iter().zip(&widths).map(|(cell, width)| padded(cell, *width)).collect();
        lines.push(padded.join(GAP).trim_end().to_owned());
        lines.extend(below.iter().filter(|cell| !cell.is_empty()).map(|cell| format!("{INDENT}{cell}")));
    }
    lines
}

fn padded(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
}

fn cells(entry: &Entry, names: &Names) -> Cells {
    let time = Timestamp::from_millisecond(entry.at).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S");
    let record = entry.record.as_deref().map(|record| self::record(record, names)).unwrap_or_default();
    Cells {
        time: time.to_string(),
        who: bounded(who(entry, names), MAX_CHARS),
        action: bounded(&entry.action, MAX_CHARS),
        outcome: bounded(&entry.outcome, MAX_CHARS),
        record: bounded(record, MAX_CHARS),
    }
}

fn who(entry: &Entry, names: &Names) -> String {
    let caller = match entry.caller.split_once(':') {
        Some(("user", id)) => names.caller(&entry.caller).map_or_else(|| format!("user {id}"), str::to_owned),
        Some(("service", name)) => format!("service {name}"),
        None if entry.caller == "service" => "service (shared secret)".to_owned(),
        _ => entry.caller.clone(),
    };
    match entry.acting_for {
        None => caller,
        Some(id) => match names.user(id) {
            Some(name) => format!("{caller} for {name}"),
            None => format!("{caller} for user {id}"),
        },
    }
}

/// The record's kind, its name if known, and its id.
fn record(record: &str, names: &Names) -> String {
    let known = record.split_once('/').and_then(|(table, id)| {
        let (_, kind) = KINDS.iter().find(|(known, _)| *known == table)?;
        Some((kind, id))
    });
    match (known, names.record(record)) {
        // A user's e-mail address is enough: `audit list` accepts it in place of an id.
        (Some((kind, _)), Some(name)) if record.starts_with("users/") => format!("{kind} {name}"),
        (Some((kind, id)), Some(name)) => format!("{kind} {name} ({id})"),
        (Some((kind, id)), None) => format!("{kind} {id}"),
        (None, _) => record.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Caller, ChainKey, Head};
    use uuid::Uuid;

    const AMY: Uuid = Uuid::from_u128(1);
    const GONE: Uuid = Uuid::from_u128(2);

    fn rows(entries: Vec<Entry>) -> Vec<Row> {
        let key = ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap();
        Head::empty(&key, 1).append_all(&key, entries.into_iter()).0
    }

    fn some() -> (Vec<Row>, Names) {
        let at = 1_768_473_000_000;
        let service = Caller::Service(Some("downloader".to_owned()));
        let revealed = Entry { acting_for: Some(AMY), ..Entry::new(&service, "reveal") };
        let rows = rows(vec![
            Entry { at, ..revealed.on("platform_connections", AMY) },
            Entry {
                at,
                ..Entry::new(&Caller::User(GONE), "login").on("users", GONE).with_outcome("Forbidden")
            },
            Entry { at, ..Entry::new(&Caller::Operator, "audit prune") },
        ]);
        let connection = format!("platform_connections/{AMY}");
        (rows, Names::given([(&format!("users/{AMY}"), "amy@example.org"), (&connection, "instagram amy")]))
    }

    #[test]
    fn a_wide_terminal_shows_each_row_on_one_line_with_names() {
        let (rows, names) = some();
        let expected = [
            "TIME (UTC)           WHO                                        ACTION       OUTCOME    RECORD",
            "2026-01-15 10:30:00  service downloader for amy@example.org     reveal       ok         connection \
             instagram amy (00000000-0000-0000-0000-000000000001)",
            "2026-01-15 10:30:00  user 00000000-0000-0000-0000-000000000002  login        Forbidden  user \
             00000000-0000-0000-0000-000000000002",
            "2026-01-15 10:30:00  operator                                   audit prune  ok",
        ];
        assert_eq!(lines(&rows, &names, None), expected);
        assert_eq!(lines(&rows, &names, Some(160)), expected);
    }

    #[test]
    fn a_narrow_terminal_shows_the_record_on_its_own_line() {
        let (rows, names) = some();
        let lines = lines(&rows, &names, Some(90));
        let expected = [
            "TIME (UTC)           WHO                                        ACTION       OUTCOME",
            "    RECORD",
            "2026-01-15 10:30:00  service downloader for amy@example.org     reveal       ok",
            "    connection instagram amy (00000000-0000-0000-0000-000000000001)",
            "2026-01-15 10:30:00  user 00000000-0000-0000-0000-000000000002  login        Forbidden",
            "    user 00000000-0000-0000-0000-000000000002",
            "2026-01-15 10:30:00  operator                                   audit prune  ok",
        ];
        assert_eq!(lines, expected);
        let narrow = self::lines(&rows, &names, Some(80));
        let expected = [
            "TIME (UTC)           ACTION       OUTCOME",
            "    WHO",
            "    RECORD",
            "2026-01-15 10:30:00  reveal       ok",
            "    service downloader for amy@example.org",
            "    connection instagram amy (00000000-0000-0000-0000-000000000001)",
        ];
        assert_eq!(narrow[..6], expected);
    }

    #[test]
    fn columns_align_whatever_they_hold() {
        let entries = ["日本", "a\u{1b}[2J\u{202e}\t\n", &"long ".repeat(40), "ok"]
            .map(|name| Entry::new(&Caller::Operator, name).with_outcome("END"));
        let lines = lines(&rows(entries.to_vec()), &Names::given([]), None);
        let end = |line: &String| line[..line.find("END").unwrap()].width();
        assert_eq!(end(&lines[1]), end(&lines[2]));
        assert_eq!(end(&lines[1]), end(&lines[4]));
        assert!(lines[2].contains("a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"), "{lines:?}");
    }
}
