//! What this machine can do at best: the least that would have to happen for
//! the same outcome, and nothing around it.

pub(crate) mod directus;
pub(crate) mod postgres;
pub(crate) mod route;
pub(crate) mod sqlite;
