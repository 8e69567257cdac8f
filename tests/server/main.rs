//! The running server: what it answers, measures and logs, what it withstands, and how it
//! starts and stops. Behaviour that holds on every store is in the program `stores`.

mod allowed_hosts;
mod api;
mod audit;
mod connections;
mod durability;
mod health;
mod limits;
mod logs;
mod metrics;
mod openapi;
mod postgres;
mod postgres_outage;
mod private_places;
mod readiness;
mod server_key;
mod service_manager;
mod slow_readers;
mod stopping;
mod tls;
mod vault_replicas;
