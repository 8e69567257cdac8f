//! What listens: our server, its stores, a proxy in front of it, and impostors; and what each
//! of them has stored.

pub mod audit_log;
pub mod cluster;
pub mod directus;
pub mod faulty_directus;
pub mod impostor;
pub mod installation;
pub mod lookalike;
pub mod nginx;
pub mod postgres;
pub mod proving;
pub mod raw_connection;
pub mod release;
pub mod request_text;
pub mod sealed;
pub mod server;
pub mod server_on_directus;
pub mod slow_readers;
