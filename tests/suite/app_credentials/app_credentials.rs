//! App credentials, on every database that they can be in. The tests don't know
//! which one it is: the crate that includes them says so, in `STORE`.

mod credentials;
mod listing;
mod model;
mod projects;
mod secrets;
mod session_cookie;
mod stage;
mod types;
