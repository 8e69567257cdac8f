//! The suite of all stores, on PostgreSQL.

#[path = "../suite/rotation.rs"]
mod rotation;
#[path = "../suite/suite.rs"]
mod suite;

use stagepass_tests::installation::Store;

const STORE: Store = Store::Postgres;
