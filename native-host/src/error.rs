//! What can go wrong, in words for people, with the stable code that an answer
//! carries. No text here ever holds a cookie's value.

use stagepass_core::host::{MAX_ANSWER_BYTES, MAX_REQUEST_BYTES};
use stagepass_core::visible::TextFault;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A fault of the native host.
#[derive(Debug, Error)]
pub enum Error {
    /// A frame whose content is no JSON.
    #[error("the message is not valid JSON (line {line}, column {column})")]
    BadJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A request that lacks something or has it wrong.
    #[error("{0}")]
    BadRequest(String),
    /// A request of a type that this version does not know.
    #[error("this host does not know that type of request; a newer version of it may")]
    UnknownType,
    /// A frame that claims more than is taken.
    #[error("the message has {0} bytes, more than the {MAX_REQUEST_BYTES} that are taken")]
    RequestTooLarge(u32),
    /// A message that would take far more memory than it has bytes.
    #[error("the message holds more than the {0} JSON values that are taken")]
    TooManyValues(usize),
    /// An answer that no browser would take.
    #[error(
        "the answer has {0} bytes, more than the {MAX_ANSWER_BYTES} that a browser takes; \
         run \"stagepass-native-host list\" in a terminal instead"
    )]
    AnswerTooLarge(usize),
    /// The browser ended in the middle of a frame, or can't be read or written.
    #[error("the browser broke off the connection: {0}")]
    BrokenFrame(#[source] io::Error),
    /// There is no such export, in words for people.
    #[error("nothing is exported for {0}")]
    NotFound(String),
    /// An exported file that is no cookie file (any more).
    #[error("{} is no cookie file: {fault}; export it again", .path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, beginning with the line.
        fault: String,
    },
    /// The operating system refused something.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// A verb such as "write".
        doing: &'static str,
        /// The place.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is nowhere to keep what goes with a run.
    #[error("{0}. Set XDG_RUNTIME_DIR to a folder of your own that can be written to")]
    NoRunFolder(Box<Error>),
    /// Neither place can keep it.
    #[error("{0}. {1}")]
    NeitherRunFolder(Box<Error>, Box<Error>),
    /// What is named as the user's runtime folder is another's, or open to others.
    #[error("XDG_RUNTIME_DIR is not a folder of your own ({}, mode 700); set it to one, or unset it", .0.display())]
    NoRuntimeFolder(PathBuf),
    /// Something stands where a file or folder of ours should be.
    #[error("{} is in the way: {what}; move it and try again", .path.display())]
    InTheWay {
        /// The place.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// What should be this user's alone is open to others, or is another's.
    #[error("{}: {fault}. {remedy}", .path.display())]
    Exposed {
        /// The place.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
        /// What to do about it, a command in it.
        remedy: String,
    },
    /// Another host keeps the folder locked.
    #[error("{} is in use by another Stagepass host; try again in a moment", .0.display())]
    Busy(PathBuf),
    /// A path that JSON and command lines can't carry.
    #[error("{} is no Unicode text; name another folder with STAGEPASS_HOST_DIR", .0.display())]
    NotUnicode(PathBuf),
    /// A path that a terminal would not show as it is.
    #[error("the path of {} {fault}; name another folder with STAGEPASS_HOST_DIR", .path.display())]
    UnprintablePath {
        /// The place.
        path: PathBuf,
        /// What is wrong with it.
        fault: TextFault,
    },
    /// A socket's path has a limit, which is a short one.
    #[error("the path of {} is too long for a socket; name a shorter folder with STAGEPASS_HOST_DIR", .0.display())]
    SocketPathTooLong(PathBuf),
    /// No home folder.
    #[error("the user's home folder is not known; name a folder with STAGEPASS_HOST_DIR")]
    NoHome,
    /// An extension that may not use this host.
    #[error(
        "the extension {0:?} may not use this host; \
         \"stagepass-native-host install --extension-id ID\" allows an extension of your own"
    )]
    CallerNotAllowed(String),
    /// A file of ours that can't be read.
    #[error("{} is damaged: {fault}; remove it, then run \"stagepass-native-host install\" again", .path.display())]
    DamagedSettings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
}

impl Error {
    /// Makes a closure that tells what was being done, and where, for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// The stable code in an answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadJson { .. } => "bad_json",
            Self::BadRequest(_) => "bad_request",
            Self::UnknownType => "unknown_type",
            Self::RequestTooLarge(_) | Self::TooManyValues(_) | Self::AnswerTooLarge(_) => "too_large",
            Self::NotFound(_) => "not_found",
            Self::BadFile { .. } => "bad_file",
            Self::CallerNotAllowed(_) => "not_allowed",
            Self::BrokenFrame(_)
            | Self::Io { .. }
            | Self::NoRunFolder(_)
            | Self::NeitherRunFolder(..)
            | Self::NoRuntimeFolder(_)
            | Self::InTheWay { .. }
            | Self::Exposed { .. }
            | Self::Busy(_)
            | Self::NotUnicode(_)
            | Self::UnprintablePath { .. }
            | Self::SocketPathTooLong(_)
            | Self::NoHome
            | Self::DamagedSettings { .. } => "io",
        }
    }
}
