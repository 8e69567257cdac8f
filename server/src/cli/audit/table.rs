//! The audit log as a table for people: one row a line where there is room, or else with the
//! record, and where that does not do with the caller as well, on a line of its own.

use super::names::Names;
use crate::audit::{Entry, Row};
use crate::bounded_text::bounded;
use jiff::Timestamp;
use unicode_width::UnicodeWidthStr as _;

/// What stands between two columns.
const GAP: &str = "  ";
/// What stands before a cell on a line of its own.
const INDENT: &str = "    ";
/// Columns are aligned up to this width; a longer text pushes the others to the right.
const MAX_COLUMN: usize = 64;
/// The longest text of a cell, in characters: rows have no longer ones, unless something else
/// has written them.
const MAX_CHARS: usize = 600;

/// What the tables are called whose records rows tell of.
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

/// What a row says of each column.
struct Cells {
    time: String,
    who: String,
    action: String,
    outcome: String,
    record: String,
}

/// How a row is laid out: the cells that stand beside each other, and those that have a line
/// of their own.
type Layout = fn(&Cells) -> (Vec<&str>, Vec<&str>);

/// From the widest to the narrowest.
const LAYOUTS: [Layout; 3] = [
    |row| (vec![&row.time, &row.who, &row.action, &row.outcome, &row.record], vec![]),
    |row| (vec![&row.time, &row.who, &row.action, &row.outcome], vec![&row.record]),
    |row| (vec![&row.time, &row.action, &row.outcome], vec![&row.who, &row.record]),
];

/// The lines of the table, none wider than `width` where the cells allow that.
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

/// What kind of record it is, its name where it has one, and its id.
fn record(record: &str, names: &Names) -> String {
    let known = record.split_once('/').and_then(|(table, id)| {
        let (_, kind) = KINDS.iter().find(|(known, _)| *known == table)?;
        Some((kind, id))
    });
    match (known, names.record(record)) {
        // An address is as good as an id for looking further.
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
    fn a_row_is_a_line_with_names_where_there_is_room() {
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
    fn where_there_is_none_a_record_has_a_line_of_its_own() {
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
    fn columns_stand_below_each_other_whatever_they_hold() {
        let entries = ["日本", "a\u{1b}[2J\u{202e}\t\n", &"long ".repeat(40), "ok"]
            .map(|name| Entry::new(&Caller::Operator, name).with_outcome("END"));
        let lines = lines(&rows(entries.to_vec()), &Names::given([]), None);
        let end = |line: &String| line[..line.find("END").unwrap()].width();
        assert_eq!(end(&lines[1]), end(&lines[2]));
        assert_eq!(end(&lines[1]), end(&lines[4]));
        assert!(lines[2].contains("a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"), "{lines:?}");
    }
}
