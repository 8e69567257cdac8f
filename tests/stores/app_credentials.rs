//! App credentials, on every database that can hold them.

mod credentials;
mod listing;
mod model;
mod projects;
mod secrets;
mod session_cookie;
mod stage;
mod types;
