//! Runs yt-dlp: checks its arguments and gives it a private copy of the cookies. Knows neither
//! browsers nor exports.

mod arguments;
mod child;
mod private_copy;

pub(crate) use arguments::{ArgumentFault, urls};
#[cfg(target_os = "linux")]
pub(crate) use child::{BECOME, become_program};
pub(crate) use child::{ChildFault, Ended, Run, run};
pub(crate) use private_copy::remove_abandoned;
