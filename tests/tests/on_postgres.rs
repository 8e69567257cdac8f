//! The suite of all stores, on PostgreSQL.

#[path = "../suite/app_credentials/app_credentials.rs"]
mod app_credentials;
#[path = "../suite/misplaced_blobs.rs"]
mod misplaced_blobs;
#[path = "../suite/quotas.rs"]
mod quotas;
#[path = "../suite/rotation.rs"]
mod rotation;
#[path = "../suite/sign_ins.rs"]
mod sign_ins;
#[path = "../suite/signed_rows/signed_rows.rs"]
mod signed_rows;
#[path = "../suite/suite.rs"]
mod suite;
#[path = "../suite/vault/vault.rs"]
mod vault;

use stagepass_tests::installation::Store;

const STORE: Store = Store::Postgres;
