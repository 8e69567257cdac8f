//! The workspace itself: its rules, catalogue, documents, packages and releases, the harness and the
//! benchmark.

mod bench;
mod catalogue;
mod documents;
mod harness;
mod harness_services;
mod packages;
mod releases;
mod tidy;
