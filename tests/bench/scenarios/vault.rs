//! The vault: how long a login takes, and how other calls fare while a crowd logs in.

use super::{Contender, announce, group, measure, name};
use crate::Plan;
use crate::calls::Call;
use crate::load::{Timing, Workload};
use crate::logins::{CROWD, InStorm, Logins};
use crate::report::{Group, Report, Target};
use crate::stage::{Operation, Stage};
use anyhow::Result;
use reqwest::Method;
use stagepass_tests::services::installation::Store;
use std::sync::Arc;
use std::time::Duration;

const CALM: &str = "while nobody logs in";
/// For each client: 16 of them make a thousand calls per second, which leaves the
/// machine time for a login.
const PACE: Duration = Duration::from_millis(16);
const ALLOWED_MS: f64 = 25.0;
/// The memory that one derivation takes.
const DERIVATION_MIB: f64 = 256.0;

/// Measures everything, and prints each group of results as soon as it is ready.
pub(crate) async fn run(plan: Plan, stores: &[Store]) -> Result<Report> {
    let mut report = Report::begin()?;
    for store in stores {
        on_store(plan, *store, &mut report).await?;
    }
    Ok(report)
}

async fn on_store(plan: Plan, store: Store, report: &mut Report) -> Result<()> {
    let store_name = name(store);
    announce(&format!("setting up a server on {store_name}"));
    let stage = Stage::new(store, plan.clients).await?;
    let logins = Arc::new(Logins::set_up(stage.anonymous()).await?);
    announce(&format!(
        "{} logins of each kind on {store_name}, of which wrong ones may have to wait",
        plan.logins
    ));
    let [right, wrong] = logins.one_by_one(plan.logins).await?;
    let lines = [("with the right password", &right), ("with a wrong one", &wrong)];
    report.add(Group::new(format!("A login to the vault on {store_name}, {} of each", plan.logins), lines));

    let health = Call::new(&stage.anonymous().request(Method::GET, "/healthz").build()?)?;
    report.add(
        in_storm(plan, &format!("reveal on {store_name}"), &logins, stage.calls(Operation::Reveal)?).await?,
    );
    report.add(in_storm(plan, &format!("healthz on {store_name}"), &logins, health).await?);
    let title = format!("Memory on {store_name} during all logins ({})", logins.outcomes());
    let allowed_mib = DERIVATION_MIB + super::MEMORY_MIB;
    report.add(group(&title, &Vec::new()).with(Target::memory_below(allowed_mib, stage.memory.most_mib())));
    Ok(())
}

/// The same calls without and with the crowd.
async fn in_storm(
    plan: Plan,
    what: &str,
    logins: &Arc<Logins>,
    calls: impl Workload + Clone + 'static,
) -> Result<Group> {
    let plan = Plan { timing: Timing { pace: Some(PACE), ..plan.timing }, ..plan };
    let rate = plan.clients as u128 * 1000 / PACE.as_millis();
    let title = format!("{what}, {} clients, {rate} calls a second", plan.clients);
    let stormy = InStorm { logins: Arc::clone(logins), workload: calls.clone() };
    let contenders = vec![
        Contender::new(CALM, plan.clients, calls),
        Contender::new(format!("while {CROWD} log in at once"), plan.clients, stormy),
    ];
    let measured = measure(plan, &title, contenders).await?;
    let both = (&measured[0].1, &measured[1].1);
    Ok(group(&title, &measured).with(Target::little_slower(CALM, both, ALLOWED_MS)))
}
