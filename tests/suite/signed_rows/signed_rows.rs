//! Rows that grant rights, edited by somebody who can write to the database: the right
//! is gone, the log and the audit log tell of it, and `audit verify` names the row. On every
//! database that it can be: the crate that includes these tests says which, in `STORE`.

mod app_credentials;
mod former_version;
mod services;
mod stage;
mod users;
