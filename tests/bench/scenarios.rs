//! What is measured beside what, and the targets.

pub(crate) mod app_credentials;
pub(crate) mod directus;
pub(crate) mod failover;
pub(crate) mod growth;
pub(crate) mod hand_over;
pub(crate) mod normalising;
pub(crate) mod slow_readers;
pub(crate) mod vault;

use crate::Plan;
use crate::bounds::{postgres, route::Route, sqlite};
use crate::crowd::{self, Crowd};
use crate::load::{Workload, on_a_thread};
use crate::report::{Group, Report, Target};
use crate::sample::Series;
use crate::sealed::{self, Opening, Sealing};
use crate::stage::{COOKIES, Operation, Stage, cookies_of, credentials};
use anyhow::{Context as _, Result};
use serde_json::Value;
use stagepass_tests::services::installation::Store;
use std::sync::Arc;

const OURS: &str = "stagepass-server";
const ROUTE: &str = "a bare axum route";
const INSERT: &str = "a bare INSERT per commit";
const AUDITED_SELECT: &str = "a bare SELECT and audit INSERT";
const MEMORY_MIB: f64 = 40.0;

/// Something to measure, with its number of callers.
struct Contender {
    name: String,
    callers: usize,
    workload: Arc<dyn Workload>,
}

impl Contender {
    fn new(name: impl Into<String>, callers: usize, workload: impl Workload + 'static) -> Self {
        Self { name: name.into(), callers, workload: Arc::new(workload) }
    }
}

/// The results of all contenders, in order.
type Measured = Vec<(String, Series)>;

/// Measures everything, and prints each group of results as soon as it is ready.
pub(crate) async fn run(plan: Plan, stores: &[Store]) -> Result<Report> {
    let mut report = Report::begin()?;
    report.add(cipher(plan).await?);
    for store in stores {
        on_store(plan, *store, &mut report).await?;
    }
    if stores.contains(&Store::Sqlite) {
        in_a_crowd(plan, &mut report).await?;
    }
    Ok(report)
}

/// Measures contenders in turns, round by round.
async fn measure(plan: Plan, title: &str, contenders: Vec<Contender>) -> Result<Measured> {
    let mut measured = Vec::new();
    for contender in &contenders {
        measured.push((contender.name.clone(), Series::new()?));
    }
    for round in 1..=plan.rounds {
        announce(&format!("{title}: round {round} of {}", plan.rounds));
        for (contender, (name, series)) in contenders.iter().zip(&mut measured) {
            let (workload, callers) = (Arc::clone(&contender.workload), contender.callers);
            let sample = on_a_thread(move || workload.run(callers, plan.timing)).await;
            series.push(&sample.with_context(|| format!("{title}: {name}"))?)?;
        }
    }
    Ok(measured)
}

fn group(title: &str, measured: &Measured) -> Group {
    Group::new(title.to_owned(), measured.iter().map(|(name, series)| (name.as_str(), series)))
}

/// How the first contender compares to another.
fn share(measured: &Measured, of: usize) -> f64 {
    measured[0].1.relative_to(&measured[of].1)
}

async fn cipher(plan: Plan) -> Result<Group> {
    let bytes = text_of_cookies();
    let title = format!("AES-256-GCM over {} bytes, one thread", bytes.len());
    let contenders = vec![
        Contender::new("seal", 1, Sealing(bytes.clone().into())),
        Contender::new("open", 1, Opening(bytes.into())),
    ];
    Ok(group(&title, &measure(plan, &title, contenders).await?))
}

/// The plaintext of a session with many cookies, except for the order of its fields.
fn text_of_cookies() -> String {
    Value::from(cookies_of(COOKIES)).to_string()
}

async fn on_store(plan: Plan, store: Store, report: &mut Report) -> Result<()> {
    announce(&format!("setting up a server on {}", name(store)));
    let stage = Stage::new(store, plan.many_clients).await?;
    report.add(reveal(plan, store, &stage).await?);
    report.add(get_session(plan, store, &stage).await?);
    report.add(store_session(plan, store, &stage).await?);
    for operation in Operation::ALL {
        let title = format!("{} on {}, {} clients", operation.name(), name(store), plan.many_clients);
        let contenders = vec![Contender::new(OURS, plan.many_clients, stage.calls(operation)?)];
        let measured = measure(plan, &title, contenders).await?;
        report.add(group(&title, &measured).with(Target::even_latencies(4.0, &measured[0].1)));
    }
    report.add(memory(&format!("Memory on {}", name(store)), &stage));
    Ok(())
}

/// The store's own name.
fn name(store: Store) -> &'static str {
    match store {
        Store::Sqlite => "SQLite",
        Store::Postgres => "PostgreSQL",
        Store::Directus => "Directus",
    }
}

fn memory(title: &str, stage: &Stage) -> Group {
    group(title, &Vec::new()).with(Target::memory_below(MEMORY_MIB, stage.memory.most_mib()))
}

/// Our server, and a bare route with the same answer; the route ends when dropped.
async fn beside_a_route(plan: Plan, stage: &Stage, operation: Operation) -> Result<(Route, Vec<Contender>)> {
    let calls = stage.calls(operation)?;
    let route = Route::start(calls.path(), &calls.answer().await?).await?;
    let bare = calls.at(route.address);
    let contenders =
        vec![Contender::new(OURS, plan.clients, calls), Contender::new(ROUTE, plan.clients, bare)];
    Ok((route, contenders))
}

async fn reveal(plan: Plan, store: Store, stage: &Stage) -> Result<Group> {
    let title = format!("reveal on {}, {} clients", name(store), plan.clients);
    let (_route, mut contenders) = beside_a_route(plan, stage, Operation::Reveal).await?;
    if store == Store::Postgres {
        let bare = postgres::Bare::new(sealed_text(&credentials().to_string())?, plan.many_clients).await?;
        contenders.push(Contender::new(AUDITED_SELECT, plan.clients, postgres::AuditedSelects(bare)));
    }
    let measured = measure(plan, &title, contenders).await?;
    let target = match store {
        Store::Postgres => Target::at_least(80.0, AUDITED_SELECT, share(&measured, 2)),
        _ => Target::at_least(50.0, ROUTE, share(&measured, 1)),
    };
    Ok(group(&title, &measured).with(target))
}

async fn get_session(plan: Plan, store: Store, stage: &Stage) -> Result<Group> {
    let title = format!("get-platform-session on {}, {} clients", name(store), plan.clients);
    let (_route, contenders) = beside_a_route(plan, stage, Operation::GetSession).await?;
    Ok(group(&title, &measure(plan, &title, contenders).await?))
}

async fn store_session(plan: Plan, store: Store, stage: &Stage) -> Result<Group> {
    let title = format!("store-platform-session on {}, {} clients", name(store), plan.clients);
    let text = sealed_text(&text_of_cookies())?;
    let bare = match store {
        Store::Postgres => {
            let bare = postgres::Bare::new(text, 0).await?;
            Contender::new(INSERT, plan.clients, postgres::Inserts(bare))
        }
        _ => Contender::new(INSERT, 1, sqlite::Inserts::new(text)?),
    };
    let ours = Contender::new(OURS, plan.clients, stage.calls(Operation::StoreSession)?);
    let measured = measure(plan, &title, vec![ours, bare]).await?;
    Ok(group(&title, &measured).with(Target::at_least(80.0, INSERT, share(&measured, 1))))
}

/// Text as a store keeps it, sealed with a key that is thrown away.
fn sealed_text(plaintext: &str) -> Result<String> {
    sealed::seal(&sealed::any_cipher()?, plaintext.as_bytes())
}

async fn in_a_crowd(plan: Plan, report: &mut Report) -> Result<()> {
    let (few, many) = (plan.few_sessions, plan.crowd_sessions);
    announce(&format!("writing {many} sessions"));
    let gather = async |sessions| crowd::gather(Store::Sqlite, Crowd { sessions, ended: 0 }).await;
    let (crowd, small) = (gather(many).await?, gather(few).await?);
    for operation in Operation::ALL {
        let title = format!("{} of small sessions on SQLite, {} clients", operation.name(), plan.clients);
        let among = |sessions, stage: &Stage| {
            anyhow::Ok(Contender::new(
                format!("{OURS} with {sessions}"),
                plan.clients,
                stage.calls(operation)?,
            ))
        };
        let measured = measure(plan, &title, vec![among(many, &crowd)?, among(few, &small)?]).await?;
        let target = Target::at_least(90.0, &measured[1].0, share(&measured, 1));
        report.add(group(&title, &measured).with(target));
    }
    report.add(memory(&format!("Memory with {many} sessions on SQLite"), &crowd));
    Ok(())
}

/// Prints progress to standard error.
#[expect(clippy::print_stderr, reason = "progress is for the person who waits")]
fn announce(what: &str) {
    eprintln!("==> {what}");
}
