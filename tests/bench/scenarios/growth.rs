//! How fast sessions are stored where many are kept, and for a connection with a long
//! history, compared to a small database in the same run. PostgreSQL has no statistics.

use super::{Contender, OURS, announce, group, measure, name, share};
use crate::Plan;
use crate::crowd::{Crowd, gather};
use crate::report::{Report, Target};
use crate::stage::{Operation, Stage};
use anyhow::Result;
use stagepass_tests::services::installation::Store;

/// The required percentage of the small database's rate.
const WANTED_PERCENT: f64 = 90.0;

/// Measures everything, and prints each group of results as soon as it is ready.
pub(crate) async fn run(plan: Plan, stores: &[Store]) -> Result<Report> {
    let mut report = Report::begin()?;
    // The differences are small, so the median needs more rounds than elsewhere.
    let plan = Plan { rounds: 3 * plan.rounds, ..plan };
    for store in stores {
        let few = plan.few_sessions;
        let small = gather(*store, Crowd { sessions: few, ended: 0 }).await?;
        let title = |clients: usize| format!("Storing on {}, clients: {clients}", name(*store));
        for sessions in plan.growing_sessions {
            announce(&format!("writing {sessions} sessions on {}", name(*store)));
            let large = gather(*store, Crowd { sessions: *sessions, ended: 0 }).await?;
            let contenders = vec![among(*sessions, plan.clients, &large)?, among(few, plan.clients, &small)?];
            add(&mut report, plan, &title(plan.clients), contenders).await?;
        }
        let ended = plan.ended_sessions;
        announce(&format!("writing {ended} ended sessions on {}", name(*store)));
        let long = gather(*store, Crowd { sessions: few, ended }).await?;
        let history = long.calls_for_the_first(Operation::StoreSession)?;
        let history = Contender::new(format!("{OURS}, one connection with {ended} ended"), 1, history);
        add(&mut report, plan, &title(1), vec![history, among(few, 1, &small)?]).await?;
    }
    Ok(report)
}

fn among(sessions: usize, clients: usize, stage: &Stage) -> Result<Contender> {
    let calls = stage.calls(Operation::StoreSession)?;
    Ok(Contender::new(format!("{OURS} with {sessions}"), clients, calls))
}

/// Measures two contenders in turns, and compares the first to the second.
async fn add(report: &mut Report, plan: Plan, title: &str, contenders: Vec<Contender>) -> Result<()> {
    let measured = measure(plan, title, contenders).await?;
    let target = Target::at_least(WANTED_PERCENT, &measured[1].0, share(&measured, 1));
    report.add(group(title, &measured).with(target));
    Ok(())
}
