//! Two users do random things. Lists, pages, totals and assignments must match a model that
//! keeps everything in a vector.

use super::stage::{CREDENTIALS, PROJECTS as PROJECT_PATH, api_key, id, project, put};
use crate::{Callers, start};
use anyhow::{Context as _, Result, ensure};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Client;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Names that differ in case, or only if search patterns are misread.
const NAMES: [&str; 5] = ["Äpfel", "äpfel", "a_b", "axb", "100%"];
const SEARCHES: [&str; 4] = ["%C3%84PFEL", "_", "%25", "A"];
/// The names that each search finds.
const FOUND: [&[&str]; 4] = [&["Äpfel", "äpfel"], &["a_b"], &["100%"], &["a_b", "axb"]];
/// How many projects each user has.
const PROJECTS: usize = 2;

#[derive(Clone, Debug)]
enum Operation {
    Add(&'static str, BTreeSet<usize>),
    Rename(usize, &'static str),
    Delete(usize),
    Assign(usize, BTreeSet<usize>),
}

fn operation() -> impl Strategy<Value = Operation> {
    let name = || prop::sample::select(&NAMES[..]);
    // Numbers beyond a user's own projects mean the other user's.
    let projects = || {
        let own = prop::collection::btree_set(0..PROJECTS, 0..=PROJECTS);
        prop_oneof![4 => own, 1 => prop::collection::btree_set(0..2 * PROJECTS, 1..=2 * PROJECTS)]
    };
    prop_oneof![
        4 => (name(), projects()).prop_map(|(name, projects)| Operation::Add(name, projects)),
        1 => (0_usize..8, name()).prop_map(|(place, name)| Operation::Rename(place, name)),
        1 => (0_usize..8).prop_map(Operation::Delete),
        2 => (0_usize..8, projects()).prop_map(|(place, projects)| Operation::Assign(place, projects)),
    ]
}

/// A credential as the model has it.
#[derive(Clone, Debug)]
struct Kept {
    id: String,
    name: &'static str,
    created_at: String,
    projects: BTreeSet<usize>,
}

/// A user, the projects (own ones first, then the other user's), and the user's credentials.
struct User<'a> {
    client: &'a Client,
    projects: Vec<String>,
    kept: Vec<Kept>,
}

impl User<'_> {
    /// Whether a credential other than the one at `place` has the name.
    fn is_taken(&self, name: &str, place: Option<usize>) -> bool {
        self.kept.iter().enumerate().any(|(other, kept)| kept.name == name && Some(other) != place)
    }

    fn ids(&self, projects: &BTreeSet<usize>) -> Vec<&str> {
        projects.iter().map(|index| &*self.projects[*index]).collect()
    }

    fn path(&self, place: usize) -> String {
        format!("{CREDENTIALS}/{}", self.kept[place].id)
    }

    /// Does something on the server and in the model; a refusal changes nothing.
    async fn apply(&mut self, operation: &Operation) -> Result<()> {
        let (status, expected) = match operation {
            Operation::Add(name, projects) => return self.add(name, projects).await,
            Operation::Rename(place, _) | Operation::Delete(place) | Operation::Assign(place, _)
                if *place >= self.kept.len() =>
            {
                return Ok(());
            }
            Operation::Rename(place, name) => {
                let body = json!({"credentialName": name});
                let status = put(self.client, &self.path(*place), &body).await?.status;
                let is_taken = self.is_taken(name, Some(*place));
                self.kept[*place].name = if is_taken { self.kept[*place].name } else { name };
                (status, if is_taken { 409 } else { 200 })
            }
            Operation::Delete(place) => {
                let status = self.client.delete(&self.path(*place)).await?.status;
                self.kept.remove(*place);
                (status, 200)
            }
            Operation::Assign(place, projects) => {
                let path = format!("{}/assign-projects", self.path(*place));
                let status =
                    self.client.post(&path, &json!({"projectIds": self.ids(projects)})).await?.status;
                if !are_own(projects) {
                    return expect(operation, status, 400);
                }
                self.kept[*place].projects.clone_from(projects);
                (status, 200)
            }
        };
        expect(operation, status, expected)
    }

    async fn add(&mut self, name: &'static str, projects: &BTreeSet<usize>) -> Result<()> {
        let mut body = api_key(name, "k");
        body["projectIds"] = json!(self.ids(projects));
        let answer = self.client.post(CREDENTIALS, &body).await?;
        let is_fine = are_own(projects) && !self.is_taken(name, None);
        ensure!(answer.status.is_client_error() != is_fine, "{name}, {projects:?}: {}", answer.body);
        if is_fine {
            let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
            let (id, created_at) = (text("id"), text("createdAt"));
            self.kept.push(Kept { id, name, created_at, projects: projects.clone() });
        }
        Ok(())
    }

    /// The names of credentials that `is_meant` accepts, in the order of lists.
    fn expected(&self, is_meant: impl Fn(&Kept) -> bool) -> Vec<String> {
        let mut meant: Vec<_> = self.kept.iter().filter(|kept| is_meant(kept)).collect();
        meant.sort_by_key(|kept| (Reverse(&kept.created_at), &kept.id));
        meant.into_iter().map(|kept| kept.id.clone()).collect()
    }

    /// Compares the server's lists with the model.
    async fn check(&self, page_size: usize) -> Result<()> {
        self.check_pages("", &self.expected(|_| true), page_size).await?;
        for (search, found) in SEARCHES.into_iter().zip(FOUND) {
            let expected = self.expected(|kept| found.contains(&kept.name));
            self.check_pages(&format!("&search={search}"), &expected, page_size).await?;
        }
        for (index, project_id) in self.projects[..PROJECTS].iter().enumerate() {
            let listed = self.client.get(&format!("{CREDENTIALS}/by-project/{project_id}")).await?.body;
            let expected = self.expected(|kept| kept.projects.contains(&index));
            ensure!(ids(&listed) == expected, "project {index}: {listed} instead of {expected:?}");
        }
        Ok(())
    }

    /// All pages together are as expected, and each has the total.
    async fn check_pages(&self, filter: &str, expected: &[String], page_size: usize) -> Result<()> {
        let mut listed = Vec::new();
        for page in 1..=expected.len() / page_size + 1 {
            let path = format!("{CREDENTIALS}?page={page}&pageSize={page_size}{filter}");
            let found = self.client.get(&path).await?.body;
            ensure!(found["total"] == expected.len(), "{path}: {found} instead of {expected:?}");
            ensure!(ids(&found["data"]).len() <= page_size, "{path}: {found}");
            listed.extend(ids(&found["data"]));
        }
        ensure!(listed == expected, "{filter}: {listed:?} instead of {expected:?}");
        Ok(())
    }
}

fn are_own(projects: &BTreeSet<usize>) -> bool {
    projects.iter().all(|index| *index < PROJECTS)
}

fn expect(operation: &Operation, status: reqwest::StatusCode, expected: u16) -> Result<()> {
    ensure!(status == expected, "{operation:?}: {status} instead of {expected}");
    Ok(())
}

fn ids(listed: &Value) -> Vec<String> {
    let all = listed.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|one| id(one).ok()).map(str::to_owned).collect()
}

/// Runs both users' operations, and checks both after each step.
async fn run(stage: &Callers, operations: &[(bool, Operation)], page_size: usize) -> Result<()> {
    let clients = [&stage.user, &stage.other];
    let mut projects = [Vec::new(), Vec::new()];
    for (client, own) in clients.into_iter().zip(&mut projects) {
        for name in ["a", "b"] {
            own.push(project(client, name).await?);
        }
    }
    let [one, two] = &projects;
    let mut users = [(0, [one.as_slice(), two].concat()), (1, [two.as_slice(), one].concat())]
        .map(|(index, projects)| User { client: clients[index], projects, kept: Vec::new() });
    for (is_other, operation) in operations {
        users[usize::from(*is_other)].apply(operation).await?;
        for user in &users {
            user.check(page_size).await.with_context(|| format!("after {operation:?}"))?;
        }
    }
    Ok(())
}

/// Removes everything that was made, whatever the outcome.
async fn clear(stage: &Callers) -> Result<()> {
    for client in [&stage.user, &stage.other] {
        for path in [CREDENTIALS, PROJECT_PATH] {
            for id in ids(&client.get(&format!("{path}?pageSize=100")).await?.body["data"]) {
                client.delete(&format!("{path}/{id}")).await?;
            }
        }
    }
    Ok(())
}

fn lists_and_assignments_match_a_model(store: Store) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let stage = runtime.block_on(start(store))?;
    let cases = Config { cases: 12, failure_persistence: None, max_shrink_iters: 64, ..Config::default() };
    let did = TestRunner::new(cases).run(
        &(vec((any::<bool>(), operation()), 1..16), 1_usize..5),
        |(operations, page_size)| {
            let did = runtime.block_on(async {
                clear(&stage).await?;
                run(&stage, &operations, page_size).await
            });
            did.map_err(|error| TestCaseError::fail(format!("{error:#}")))
        },
    );
    Ok(did?)
}

mod lists_and_assignments_match_a_model {
    use super::{Result, Store};

    #[test]
    fn on_sqlite() -> Result<()> {
        super::lists_and_assignments_match_a_model(Store::Sqlite)
    }

    #[test]
    fn on_postgres() -> Result<()> {
        super::lists_and_assignments_match_a_model(Store::Postgres)
    }
}
