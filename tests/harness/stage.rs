//! All components of a test, set up together, and the steps that people take with them.

pub mod bridge;
pub mod cookie_file;
pub mod host_request;
pub mod main_job;
pub mod renewal;
pub mod samples;
pub mod scripted_host;
