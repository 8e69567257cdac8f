//! Lists of app credentials: how soon an owner of many gets a page, compared to an owner of
//! few in the same database.

use super::{Contender, announce, group, measure, name};
use crate::Plan;
use crate::calls::Call;
use crate::load::Timing;
use crate::owners::{Owner, Owners, gather};
use crate::report::{Group, Report, Target};
use anyhow::Result;
use reqwest::Method;
use stagepass_tests::services::installation::Store;
use std::time::Duration;

const PAGE_SIZE: usize = 20;
/// How much longer a page of many may take than one of few.
const ALLOWED_TIMES: f64 = 1.5;
/// One client that calls again and again gives steady latencies in a short time.
const TIMING: Timing =
    Timing { warm_up: Duration::from_millis(200), window: Duration::from_secs(1), pace: None };

/// The part of an owner's credentials to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    FirstPage,
    Page40,
    Search,
    LastPage,
}

impl Part {
    const ALL: [Self; 4] = [Self::FirstPage, Self::Page40, Self::Search, Self::LastPage];

    fn title(self) -> &'static str {
        match self {
            Self::FirstPage => "Page 1 of 20 app credentials",
            Self::Page40 => "Page 40 of 20 app credentials",
            Self::Search => "A search that finds 10 app credentials",
            Self::LastPage => "The last page of 20 app credentials",
        }
    }

    fn query(self, owner: &Owner) -> String {
        match self {
            Self::FirstPage => "page=1".to_owned(),
            Self::Page40 => "page=40".to_owned(),
            Self::Search => "search=PAYMENTS%2000004".to_owned(),
            Self::LastPage => format!("page={}", owner.credentials / PAGE_SIZE),
        }
    }

    /// Whether it must not take much longer for an owner of many.
    fn has_target(self) -> bool {
        matches!(self, Self::FirstPage | Self::Page40)
    }
}

/// Measures everything, and prints each group of results as soon as it is ready.
pub(crate) async fn run(plan: Plan, stores: &[Store]) -> Result<Report> {
    let mut report = Report::begin()?;
    let timing = if plan.timing.window < TIMING.window { plan.timing } else { TIMING };
    let plan = Plan { timing, ..plan };
    for store in stores {
        let (few, many) = (plan.few_credentials, plan.many_credentials);
        announce(&format!("writing {few} and {many} app credentials on {}", name(*store)));
        let owners = gather(*store, [few, many]).await?;
        for part in Part::ALL {
            report.add(beside(plan, *store, part, &owners).await?);
        }
    }
    Ok(report)
}

/// The same part for both owners, in turns.
async fn beside(plan: Plan, store: Store, part: Part, Owners { owners, .. }: &Owners) -> Result<Group> {
    let title = format!("{} on {}, 1 client", part.title(), name(store));
    let mut contenders = Vec::new();
    for owner in owners {
        let path = format!("/api/v1/app-credentials?pageSize={PAGE_SIZE}&{}", part.query(owner));
        let call = Call::new(&owner.client.request(Method::GET, &path).build()?)?;
        contenders.push(Contender::new(format!("out of {}", owner.credentials), 1, call));
    }
    let measured = measure(plan, &title, contenders).await?;
    let (few, many) = (&measured[0], &measured[1]);
    let group = group(&title, &measured);
    Ok(if part.has_target() {
        group.with(Target::p50_at_most(ALLOWED_TIMES, &few.0, (&few.1, &many.1)))
    } else {
        group.comparing(&few.0, (&few.1, &many.1))
    })
}
