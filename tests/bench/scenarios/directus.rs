//! How fast sessions are stored in a Directus, compared to the same calls without our server.

use super::{Contender, OURS, announce, group, measure, sealed_text, text_of_cookies};
use crate::Plan;
use crate::bounds::directus::Captures;
use crate::report::{Report, Target};
use crate::stage::{Operation, Stage};
use anyhow::Result;
use stagepass_tests::services::installation::Store;

const DIRECT: &str = "the same calls sent directly";

/// Measures everything, and prints each group of results as soon as it is ready.
pub(crate) async fn run(plan: Plan) -> Result<Report> {
    let mut report = Report::begin()?;
    announce("setting up a server on Directus");
    let stage = Stage::new(Store::Directus, plan.clients).await?;
    let title = format!("{} on Directus, {} clients", Operation::StoreSession.name(), plan.clients);
    let direct = Captures::new(stage.connections(), sealed_text(&text_of_cookies())?).await?;
    let contenders = vec![
        Contender::new(OURS, plan.clients, stage.calls(Operation::StoreSession)?),
        Contender::new(DIRECT, plan.clients, direct),
    ];
    let measured = measure(plan, &title, contenders).await?;
    let share = measured[0].1.relative_to(&measured[1].1);
    report.add(group(&title, &measured).with(Target::at_least(50.0, DIRECT, share)));
    Ok(report)
}
