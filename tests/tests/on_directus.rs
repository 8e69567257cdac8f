//! The suite of all stores, on Directus. The rotation of keys, which seals all
//! anew that there is, stands in `directus_records`: all tests share one Directus.

#[path = "../suite/suite.rs"]
mod suite;

use stagepass_tests::installation::Store;

const STORE: Store = Store::Directus;
