//! Large lists that many clients read slowly at the same time: how much memory they take,
//! and whether the server gives it back.

use super::{announce, group, name};
use crate::Plan;
use crate::memory::Watch;
use crate::report::{Report, Target};
use crate::stage::{install, serve};
use anyhow::Result;
use reqwest::Method;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::slow_readers::{CREDENTIAL_BYTES, SlowReader, add_large_credentials};
use stagepass_tests::system::process_memory::resident_kib;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A full page.
const CREDENTIALS: usize = 100;
const PATH: &str = "/api/v1/app-credentials?pageSize=100";
/// How long each reader waits before it reads a little more.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the server may take to give memory back.
const AFTERWARDS: Duration = Duration::from_secs(5);
const ALLOWED_MIB: f64 = 150.0;
/// How much of it the server may keep.
const KEPT_MIB: f64 = 32.0;

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
    announce(&format!("writing {CREDENTIALS} app credentials of {CREDENTIAL_BYTES} bytes on {store_name}"));
    let (installation, person) = install(store).await?;
    let server = serve(&installation).await?;
    let user = person.sign_in(&server).await?;
    add_large_credentials(&user, CREDENTIALS).await?;
    let pid = server.program().id()?;
    let before = mib(pid)?;
    let memory = Watch::start(pid)?;
    announce(&format!("{} read all of them slowly on {store_name}", plan.slow_readers));
    let mut readers = Vec::new();
    for _ in 0..plan.slow_readers {
        readers.push(SlowReader::ask(user.request(Method::GET, PATH)).await?);
    }
    let until = Instant::now() + plan.slowness;
    while Instant::now() < until {
        for reader in &mut readers {
            reader.read_some().await?;
        }
        sleep(PAUSE).await;
    }
    // The last of them reads to the end, the others hang up.
    let finishing = readers.split_off(readers.len() - readers.len().div_ceil(4));
    drop(readers);
    let mut bytes = 0;
    for reader in finishing {
        bytes = reader.finish().await?;
    }
    let most = memory.most_mib();
    sleep(AFTERWARDS).await;
    let title = format!("Memory while {} read {bytes} bytes slowly on {store_name}", plan.slow_readers);
    report.add(
        group(&title, &Vec::new())
            .with(Target::memory_below(ALLOWED_MIB, most))
            .with(Target::memory_kept_below(KEPT_MIB, mib(pid)? - before))
            .remarking(format!("{before:.1} MiB before")),
    );
    Ok(())
}

fn mib(pid: u32) -> Result<f64> {
    Ok(resident_kib(pid)? as f64 / 1024.0)
}
