//! What there is: exports and connected browsers, as tables for people or as JSON.

use super::{CommandError, report_no_cookies, select};
use crate::bridge;
use crate::exports::{Export, Exports};
use crate::utc_time::UtcTime;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;
use stagepass_core::bridge::{Allowed, Announcement};
use stagepass_core::visible::{escaped_json, printable_line};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

/// Lists the exports.
pub(crate) fn list(host_dir: &Path, json: bool, output: &mut impl Write) -> Result<(), CommandError> {
    let exports = Exports::new(host_dir).list()?;
    if json {
        return print_json(&exports, output);
    }
    let text = if exports.is_empty() {
        "Nothing is exported yet. In the browser, click Stagepass and then \"Export for yt-dlp\".".to_owned()
    } else {
        table_of_exports(&exports, width())
    };
    writeln!(output, "{text}").map_err(CommandError::Output)
}

/// Prints the path of an export.
pub(crate) fn path(
    host_dir: &Path,
    platform: &str,
    label: Option<&str>,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let export = select::select(&Exports::new(host_dir).list()?, platform, label)?;
    if export.cookie_count == Some(0) {
        report_no_cookies(&export.platform);
    }
    writeln!(output, "{}", export.path.unwrap_or_default()).map_err(CommandError::Output)
}

/// A connected browser in JSON.
#[derive(Serialize)]
struct Browser<'a> {
    #[serde(flatten)]
    announcement: &'a Announcement,
    since: UtcTime,
}

/// Lists the connected browsers and the platforms that they hand over.
pub(crate) fn browsers(host_dir: &Path, json: bool, output: &mut impl Write) -> Result<(), CommandError> {
    let connected = bridge::connected(host_dir)?;
    if json {
        let browsers = connected.iter();
        let browsers = browsers.map(|it| Browser { announcement: &it.announcement, since: it.since });
        return print_json(&browsers.collect::<Vec<_>>(), output);
    }
    if connected.is_empty() {
        let advice = "No browser is connected. Switch it on in the extension's popup, under \"Fresh cookies for yt-dlp\".";
        return writeln!(output, "{advice}").map_err(CommandError::Output);
    }
    let rows = connected.iter().map(|browser| {
        let Announcement { browser: name, profile, platforms } = &browser.announcement;
        let handed_over = |Allowed { platform, storage, .. }: &Allowed| match storage {
            true => format!("{platform} with its storage"),
            false => platform.clone(),
        };
        let platforms: Vec<_> = platforms.iter().map(handed_over).collect();
        [name.clone(), profile.clone(), browser.since.relative(), platforms.join(", ")]
    });
    let table = table_of(["BROWSER", "PROFILE", "CONNECTED", "HANDS OVER"], rows);
    writeln!(output, "{}", fitted(table, width())).map_err(CommandError::Output)
}

fn print_json(value: &impl Serialize, output: &mut impl Write) -> Result<(), CommandError> {
    let json = serde_json::to_string_pretty(value).map_err(io::Error::from);
    json.and_then(|json| writeln!(output, "{}", escaped_json(&json))).map_err(CommandError::Output)
}

/// The columns of the terminal; `None` for a file or a pipe. `COLUMNS` goes first, for both.
fn width() -> Option<u16> {
    let is_real = |columns: &u16| *columns > 0;
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(is_real);
    let of_terminal = || {
        let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(io::stdout())?;
        Some(columns)
    };
    named.or_else(|| io::stdout().is_terminal().then(of_terminal).flatten().filter(is_real))
}

/// Leaves out the files' paths, the widest column, where they don't fit: `path` prints one.
fn table_of_exports(exports: &[Export], width: Option<u16>) -> String {
    let unknown = || "?".to_owned();
    let rows = || {
        exports.iter().map(|export| {
            [
                export.platform.clone(),
                export.label.clone().unwrap_or_else(unknown),
                export.cookie_count.map_or_else(unknown, |count| count.to_string()),
                match (&export.storage_path, export.entry_count) {
                    (None, _) => "-".to_owned(),
                    (Some(_), entry_count) => entry_count.map_or_else(unknown, |count| count.to_string()),
                },
                export.exported_at.relative(),
                export.expires_at.map_or_else(|| "-".to_owned(), UtcTime::relative),
                export.path.clone().or_else(|| export.storage_path.clone()).unwrap_or_default(),
            ]
        })
    };
    let whole = table_of(["PLATFORM", "LABEL", "COOKIES", "ENTRIES", "EXPORTED", "EXPIRES", "FILE"], rows());
    if fits(&whole, width) {
        return whole.trim_fmt();
    }
    let rows = rows().map(|[platform, label, cookies, entries, exported, expires, _]| {
        [platform, label, cookies, entries, exported, expires]
    });
    fitted(table_of(["PLATFORM", "LABEL", "COOKIES", "ENTRIES", "EXPORTED", "EXPIRES"], rows), width)
}

fn table_of<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows.map(|row| row.map(|cell| printable_line(&cell))));
    table
}

fn fits(table: &Table, width: Option<u16>) -> bool {
    // Each column has a space on both sides; the last one is cut off.
    let needed: usize =
        table.column_max_content_widths().iter().map(|content| usize::from(*content) + 2).sum();
    width.is_none_or(|width| needed <= usize::from(width) + 1)
}

/// The table with its cells broken into lines that fit; the first column, which names a row, stays whole
/// if it leaves the others enough.
fn fitted(mut table: Table, width: Option<u16>) -> String {
    if let Some(width) = width.filter(|_| !fits(&table, width)) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        let names = table.column_max_content_widths().first().copied().unwrap_or_default();
        if let Some(column) = table.column_mut(0).filter(|_| names <= width / 3) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(platform: &str, label: &str) -> Export {
        let path = format!("/home/a-person/.local/share/stagepass/host/exports/{platform}-default.txt");
        Export { path: Some(path), cookie_count: Some(12), ..Export::sample(platform, label) }
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let exports =
            [export("instagram", ""), export("example.org", "A label of several words, which is long")];
        let whole = table_of_exports(&exports, None);
        assert!(whole.contains("/exports/instagram-default.txt"), "{whole}");
        for width in [60_u16, 80, 120, 200] {
            let table = table_of_exports(&exports, Some(width));
            let longest = table.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= usize::from(width), "{width}\n{table}");
            assert!(table.contains("example.org") && table.contains("moments"), "{table}");
        }
        let at_60 = table_of_exports(&exports, Some(60));
        assert!(!at_60.contains("FILE") && at_60.lines().count() > 3, "{at_60}");
    }
}
