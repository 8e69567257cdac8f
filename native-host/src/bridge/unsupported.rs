//! Where there are no Unix sockets: nothing is ever connected, and who asks
//! for it is told so. (A named pipe is to take their place on Windows.)

use crate::error::Error;
use crate::frame::ToBrowser;
use crate::utc_time::UtcTime;
use stagepass_core::bridge::{Announcement, HandOver, Question, WrittenBack};
use stagepass_core::host::Answer;
use std::convert::Infallible;
use std::path::Path;
use std::time::Instant;
use thiserror::Error;

/// What would listen for questions.
#[derive(Debug)]
pub(crate) struct Bridge;

impl Bridge {
    pub(crate) fn new(_host_dir: &Path, _to_browser: ToBrowser) -> Self {
        Self
    }

    /// Says that this can't be done here.
    #[expect(clippy::unused_self, reason = "elsewhere it has something to keep")]
    pub(crate) fn listen(&mut self, _announcement: Announcement) -> Result<(), Error> {
        Err(Error::NoBridge)
    }

    /// Nothing was ever asked.
    #[expect(clippy::unused_self, reason = "elsewhere it has something to keep")]
    pub(crate) fn deliver(&self, _answer: Answer) {}
}

/// A browser that could be asked; there never is one.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(crate) announcement: Announcement,
    pub(crate) since: UtcTime,
    never: Infallible,
}

/// Why a browser gave nothing; there is none that could.
#[derive(Debug, Error)]
pub(crate) enum AskFault {}

/// Says that this can't be done here.
pub(crate) fn connected(_host_dir: &Path) -> Result<Vec<Connected>, Error> {
    Err(Error::NoBridge)
}

impl Connected {
    pub(crate) fn cookies(&self, _platform: &str, _deadline: Instant) -> Result<HandOver, AskFault> {
        match self.never {}
    }

    pub(crate) fn write_back(&self, _question: Question) -> Result<WrittenBack, AskFault> {
        match self.never {}
    }
}
