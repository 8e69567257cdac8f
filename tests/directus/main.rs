//! A Directus that keeps users and records for the server.

mod identity;
mod limits;
mod records;
