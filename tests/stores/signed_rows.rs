//! Rows that grant rights, edited by somebody who can write to the database. The right is
//! gone, the log and the audit log report it, and `audit verify` names the row. On every
//! database that can hold such rows.

mod app_credentials;
mod former_version;
mod services;
mod stage;
mod users;
