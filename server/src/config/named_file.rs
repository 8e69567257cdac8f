//! A file with a secret, named by a flag or a variable.

use clap::builder::{PathBufValueParser, TypedValueParser, ValueParserFactory};
use clap::parser::ValueSource;
use clap::{Arg, Command, Error};
use std::ffi::OsStr;
use std::path::PathBuf;

/// A file, and whether a flag names it: a flag wins over any variable.
#[derive(Clone, Debug)]
pub(super) struct NamedFile {
    pub(super) path: PathBuf,
    pub(super) is_flags: bool,
}

/// Reads a path and notes whether it comes from a flag.
#[derive(Clone, Debug)]
pub(super) struct NamedFileParser;

impl ValueParserFactory for NamedFile {
    type Parser = NamedFileParser;

    fn value_parser() -> NamedFileParser {
        NamedFileParser
    }
}

impl TypedValueParser for NamedFileParser {
    type Value = NamedFile;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<NamedFile, Error> {
        let path = PathBufValueParser::new().parse_ref(command, arg, value)?;
        Ok(NamedFile { path, is_flags: false })
    }

    fn parse_ref_(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<NamedFile, Error> {
        let named = self.parse_ref(command, arg, value)?;
        Ok(NamedFile { is_flags: source == ValueSource::CommandLine, ..named })
    }
}
