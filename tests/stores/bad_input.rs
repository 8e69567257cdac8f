//! Bad input. For each thing that can be wrong, every route answers with the documented
//! status and text in the documented envelope, and no stored record changes.

mod bodies;
mod callers;
mod fields;
mod routes;
mod stage;
mod verbs;
