//! The suite of all stores, on PostgreSQL.

#[path = "../suite/rotation.rs"]
mod rotation;
#[path = "../suite/suite.rs"]
mod suite;
#[path = "../suite/vault/vault.rs"]
mod vault;

use stagepass_tests::installation::Store;

const STORE: Store = Store::Postgres;
