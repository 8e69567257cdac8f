//! The workspace itself: its rules, documents, packages and releases, the harness and the benchmark.

mod bench;
mod documents;
mod harness;
mod harness_services;
mod packages;
mod releases;
mod tidy;
