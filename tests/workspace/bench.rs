//! The benchmark runs every part. Its figures here come from a short run without optimisation,
//! so they mean nothing and are not checked.

use anyhow::{Context as _, Result};
use serde_json::Value;
use stagepass_tests::system::process::{Program, our_program};
use std::time::Duration;
use tokio::process::Command;

const BENCH: Duration = Duration::from_secs(120);
/// Operations, on their own and in a crowd of records.
const OPERATIONS: [&str; 3] = ["reveal", "get-platform-session", "store-platform-session"];
const FIGURES: [&str; 5] = ["calls_per_second", "p50_us", "p90_us", "p99_us", "max_us"];

#[tokio::test]
async fn measures_every_operation_beside_its_bounds_and_judges_every_target() -> Result<()> {
    let (report, table) = run(None).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    let titles: Vec<_> = groups.iter().filter_map(|group| group["title"].as_str()).collect();
    for (operation, about) in OPERATIONS.iter().flat_map(|operation| {
        ["on SQLite, 16 clients", "on SQLite, 64 clients", "of small sessions on SQLite, 16 clients"]
            .map(|about| (operation, about))
    }) {
        assert!(titles.contains(&format!("{operation} {about}").as_str()), "{operation} {about}: {titles:?}");
    }
    let names = names_of_lines(groups);
    for bound in ["seal", "open", "a bare axum route", "a bare INSERT per commit"] {
        assert!(names.contains(&bound), "{bound}: {names:?}");
    }
    let wanted = targets(groups, &table)?;
    for (text, times) in [
        ("at least 50% of a bare axum route", 1),
        ("at least 80% of a bare INSERT per commit", 1),
        ("p99 at most 4 times p50", 3),
        ("at least 90% of stagepass-server with 64", 3),
        ("less than 40 MiB of memory while serving", 2),
    ] {
        assert_eq!(wanted.iter().filter(|wanted| **wanted == text).count(), times, "{text}: {wanted:?}");
    }
    Ok(())
}

#[tokio::test]
async fn measures_logins_to_the_vault_and_concurrent_calls() -> Result<()> {
    let (report, table) = run(Some("vault")).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    let both = ["while nobody logs in", "while 20 log in at once"];
    let logins = ["with the right password", "with a wrong one"];
    assert_eq!(names_of_lines(groups), [logins, both, both].concat());
    let latency = "p99 at most twice that while nobody logs in, or 25 ms";
    let memory = "less than 296 MiB of memory while serving";
    assert_eq!(targets(groups, &table)?, [latency, latency, memory]);

    // There was a crowd: some were refused because the queue was full.
    let outcomes = groups.iter().rev().find_map(|group| group["title"].as_str()).context("no title")?;
    let refused =
        outcomes.rsplit(", ").next().and_then(|last| last.split(' ').next()).context("no number")?;
    assert!(refused.parse::<u32>()? > 0, "{outcomes}");
    Ok(())
}

#[tokio::test]
async fn measures_lists_of_few_and_of_many_app_credentials() -> Result<()> {
    let (report, table) = run(Some("app-credentials")).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    assert_eq!(names_of_lines(groups), [["out of 1000", "out of 2000"]; 4].concat());
    assert_eq!(targets(groups, &table)?, ["p50 at most 1.5 times that out of 1000"; 2]);
    let remarks = table.lines().filter(|line| line.trim().starts_with("p50 "));
    assert_eq!(remarks.count(), 2, "a search and the last page have no target: {table}");
    Ok(())
}

#[tokio::test]
async fn measures_how_fast_sessions_are_stored_among_few_and_among_many() -> Result<()> {
    let (report, table) = run(Some("growth")).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    let small = "stagepass-server with 64";
    let [larger, largest] = [128, 640].map(|sessions| format!("stagepass-server with {sessions}"));
    let long = "stagepass-server, one connection with 100 ended";
    assert_eq!(names_of_lines(groups), [&larger, small, &largest, small, long, small]);
    assert_eq!(targets(groups, &table)?, ["at least 90% of stagepass-server with 64"; 3]);
    Ok(())
}

#[tokio::test]
async fn measures_the_memory_of_slow_readers_and_what_is_given_back() -> Result<()> {
    let (report, _) = run(Some("slow-readers")).await?;
    let group = &report["groups"][0];
    let wanted = ["less than 150 MiB of memory while serving", "less than 32 MiB of memory kept afterwards"];
    for (target, wanted) in group["targets"].as_array().context("no targets")?.iter().zip(wanted) {
        assert_eq!(target["wanted"], wanted, "{target}");
        // The server may even give everything back.
        assert!(target["measured"].is_number() && target["is_reached"].is_boolean(), "{target}");
    }
    assert!(group["title"].as_str().is_some_and(|title| title.contains(" 8 read 12")), "{group}");
    Ok(())
}

#[tokio::test]
async fn measures_sessions_stored_in_a_directus_beside_the_same_calls_sent_directly() -> Result<()> {
    let (report, table) = run(Some("directus")).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    assert_eq!(names_of_lines(groups), ["stagepass-server", "the same calls sent directly"]);
    assert_eq!(targets(groups, &table)?, ["at least 50% of the same calls sent directly"]);
    Ok(())
}

#[tokio::test]
async fn measures_how_soon_sessions_are_stored_and_readyz_answers_after_a_primary_hangs() -> Result<()> {
    let (report, table) = run(Some("failover")).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    assert_eq!(targets(groups, &table)?, ["each below 10000 ms", "each below 2000 ms"]);
    Ok(())
}

#[tokio::test]
async fn measures_how_long_the_extension_takes_for_a_thousand_cookies() -> Result<()> {
    let (report, table) = run(Some("wasm")).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    assert_eq!(names_of_lines(groups), ["the module"]);
    assert_eq!(targets(groups, &table)?, ["p50 below 10 ms"]);
    Ok(())
}

#[tokio::test]
async fn measures_programs_that_read_a_browsers_cookies_and_ours_gets_all_of_them() -> Result<()> {
    let (report, table) = run(Some("hand-over")).await?;
    let groups = report["groups"].as_array().context("no groups")?;
    let from_browser = "yt-dlp --cookies-from-browser firefox:PROFILE";
    assert_eq!(names_of_lines(groups), ["yt-dlp without cookies", "yt-dlp with the plugin", from_browser]);
    let wanted = [
        "each below 100 ms",
        "at least 100% of these cookies right",
        "p50 at most 1 times that with --cookies-from-browser",
    ];
    assert_eq!(targets(groups, &table)?, wanted);

    let readers = groups[0]["readers"].as_array().context("no readers")?;
    let names: Vec<_> = readers.iter().filter_map(|reader| reader["name"].as_str()).collect();
    let yt_dlp = "yt-dlp --cookies-from-browser firefox:PROFILE";
    let none = format!("{yt_dlp}::none");
    assert_eq!(names, ["stagepass cookies", yt_dlp, &none, "browser_cookie3.firefox(…)"]);
    let counts = |reader: &Value| -> Vec<u64> {
        let counts = ["right", "wrong_value", "missing", "too_many"].map(|count| reader[count].as_u64());
        counts.into_iter().flatten().collect()
    };
    let ours = counts(&readers[0]);
    assert!(ours[0] > 150 && ours[1..] == [0, 0, 0], "{table}");
    for reader in readers {
        let times = ["min_us", "p50_us", "max_us"].map(|time| reader[time].as_f64().unwrap_or_default());
        assert!(times[0] > 0.0 && times.is_sorted(), "{table}");
        // Whatever it got, it was asked for the same cookies, and got at least some.
        let [right, wrong, missing, too_many] = counts(reader)[..] else { panic!("{table}") };
        assert_eq!(right + wrong + missing, ours[0], "{table}");
        assert!(right + wrong + too_many > 0, "{table}");
    }
    Ok(())
}

/// Runs the benchmark, or a part of it, on SQLite; returns its report and its table.
async fn run(part: Option<&str>) -> Result<(Value, String)> {
    let folder = tempfile::tempdir()?;
    let json = folder.path().join("figures.json");
    let mut command = Command::new(our_program("stagepass-bench")?);
    command.args(["--smoke", "--store", "sqlite", "--json"]).arg(&json).args(part);
    let mut program = Program::spawn(&mut command)?;
    let status = program.wait(BENCH).await?;
    let (table, progress) = (String::from_utf8(program.stdout())?, String::from_utf8(program.stderr())?);
    assert!(status.success(), "{progress}");
    Ok((serde_json::from_slice(&std::fs::read(&json)?)?, table))
}

/// The names of all lines, each of which has all figures.
fn names_of_lines(groups: &[Value]) -> Vec<&str> {
    let mut names = Vec::new();
    for line in groups.iter().flat_map(|group| group["lines"].as_array().into_iter().flatten()) {
        for figure in FIGURES {
            assert!(line[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {line}");
        }
        names.extend(line["name"].as_str());
    }
    names
}

/// All targets; each one has a verdict, in the table as well.
fn targets<'a>(groups: &'a [Value], table: &str) -> Result<Vec<&'a str>> {
    let mut wanted = Vec::new();
    for target in groups.iter().flat_map(|group| group["targets"].as_array().into_iter().flatten()) {
        let is_reached = target["is_reached"].as_bool().context("not judged")?;
        assert!(target["measured"].as_f64().is_some_and(|measured| measured > 0.0), "{target}");
        let state = if is_reached { "reached" } else { "MISSED" };
        let text = target["wanted"].as_str().context("nothing wanted")?;
        assert!(table.lines().any(|line| line.contains(state) && line.contains(text)), "{text}: {table}");
        wanted.push(text);
    }
    Ok(wanted)
}
