//! Running yt-dlp: with which arguments, on which private copy of the cookies,
//! and what of it comes back. Knows neither browsers nor where exports are.

mod arguments;
mod child;
mod private_copy;
mod rotation;

pub(crate) use arguments::{ArgumentFault, urls};
#[cfg(target_os = "linux")]
pub(crate) use child::{BECOME, become_program};
pub(crate) use child::{ChildFault, Ended, Run, run};
pub(crate) use private_copy::remove_abandoned;
pub(crate) use rotation::Rotation;
