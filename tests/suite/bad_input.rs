//! What bad input gets: from every route, for each thing that can be wrong with
//! it, the documented status and words in the documented envelope, and nothing
//! that was kept is changed by it.

mod bodies;
mod callers;
mod fields;
mod routes;
mod stage;
mod verbs;
