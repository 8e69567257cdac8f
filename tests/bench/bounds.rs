//! What this machine can do at best: the least work that leads to the same outcome, and
//! nothing around it.

pub(crate) mod directus;
pub(crate) mod postgres;
pub(crate) mod route;
pub(crate) mod sqlite;
