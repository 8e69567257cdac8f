//! Runs another program and gives it a private file that is removed however the run ends. Knows
//! neither browsers nor exports, nor what the file contains.

mod arguments;
mod child;
mod private_file;

pub(crate) use arguments::{fill_in, http_urls};
#[cfg(target_os = "linux")]
pub(crate) use child::{BECOME, become_program};
pub(crate) use child::{ChildFault, Ended, run};
pub(crate) use private_file::remove_abandoned;
