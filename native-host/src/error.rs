//! The host's errors: messages for people, and the stable codes of answers. No message ever contains
//! a cookie's value.

use stagepass_core::host::{MAX_ANSWER_BYTES, MAX_REQUEST_BYTES};
use stagepass_core::visible::TextFault;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// An error of the native host.
#[derive(Debug, Error)]
pub enum Error {
    /// A frame's content is not JSON.
    #[error("the message is not valid JSON (line {line}, column {column})")]
    BadJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A request has a missing or wrong field.
    #[error("{0}")]
    BadRequest(String),
    /// This version doesn't know the request's type.
    #[error("this host doesn't know this type of request; a newer version may")]
    UnknownType,
    /// A frame is too long.
    #[error("the message has {0} bytes; at most {MAX_REQUEST_BYTES} are accepted")]
    RequestTooLarge(u32),
    /// A message would need far more memory than its length.
    #[error("the message has more than {0} JSON values")]
    TooManyValues(usize),
    /// An answer is too long for a browser.
    #[error(
        "the answer has {0} bytes; browsers accept at most {MAX_ANSWER_BYTES}; \
         run \"stagepass list\" in a terminal instead"
    )]
    AnswerTooLarge(usize),
    /// The browser disconnected in the middle of a frame, or reading or writing failed.
    #[error("the browser closed the connection: {0}")]
    BrokenFrame(#[source] io::Error),
    /// There is no such export; the text describes it.
    #[error("nothing is exported for {0}")]
    NotFound(String),
    /// An exported file is not a valid cookie file.
    #[error("{} is not a valid cookie file: {fault}; export it again", .path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, usually with the line.
        fault: String,
    },
    /// The storage file of an export is not valid.
    #[error("{} is not a valid storage file: {fault}; export it again", .path.display())]
    BadStorageFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        fault: String,
    },
    /// The operating system refused an operation.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// A verb such as "write".
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The host's folder is not writable, and there is no runtime folder.
    #[error("{0}. Set XDG_RUNTIME_DIR to a writable folder of your own")]
    NoRunFolder(Box<Error>),
    /// Neither the host's folder nor the runtime folder is usable.
    #[error("{0}. {1}")]
    NeitherRunFolder(Box<Error>, Box<Error>),
    /// The folder named as the user's runtime folder belongs to somebody else, or others can access it.
    #[error("XDG_RUNTIME_DIR is not a folder of your own ({}, mode 700); set it to one, or unset it", .0.display())]
    NoRuntimeFolder(PathBuf),
    /// Something else is at the path of one of the host's files or folders.
    #[error("{} is in the way: {what}; move it and try again", .path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
        /// What is at the path, such as "a symbolic link" or "not a folder".
        what: &'static str,
    },
    /// A path that must be private is accessible to others, or belongs to another user.
    #[error("{}: {fault}. {remedy}", .path.display())]
    Exposed {
        /// The path.
        path: PathBuf,
        /// What is wrong with the path.
        fault: String,
        /// The advice, with a command.
        remedy: String,
    },
    /// Another host keeps the folder locked.
    #[error("{} is in use by another Stagepass host; try again in a moment", .0.display())]
    Busy(PathBuf),
    /// JSON can't represent a path.
    #[error("the path {} is not Unicode; set STAGEPASS_HOST_DIR to another folder", .0.display())]
    NotUnicode(PathBuf),
    /// A path has control or invisible characters.
    #[error("the path {} {fault}; set STAGEPASS_HOST_DIR to another folder", .path.display())]
    UnprintablePath {
        /// The path.
        path: PathBuf,
        /// What is wrong with the path.
        fault: TextFault,
    },
    /// A socket's path is longer than the system allows.
    #[error("the path {} is too long for a socket; set STAGEPASS_HOST_DIR to a shorter one", .0.display())]
    SocketPathTooLong(PathBuf),
    /// The home folder is unknown.
    #[error("your home folder is not known; set STAGEPASS_HOST_DIR to a folder")]
    NoHome,
    /// The extension may not use this host.
    #[error(
        "the extension {0:?} may not use this host; \
         \"stagepass install --extension-id ID\" allows an extension of your own"
    )]
    CallerNotAllowed(String),
    /// A settings file of the host is damaged.
    #[error("{} is damaged: {fault}; remove it, then run \"stagepass install\" again", .path.display())]
    DamagedSettings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
}

impl Error {
    /// Makes a closure for `map_err` that adds the operation and the path.
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
            Self::BadFile { .. } | Self::BadStorageFile { .. } => "bad_file",
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
