//! Finds where another program's arguments begin after our own options. The parser of our options must
//! not see them: it would treat a "--" as its own, and it accepts only UTF-8.

use clap::Command;
use std::ffi::{OsStr, OsString};

/// Inserts a "--" between our own options and the arguments that one of the commands `names` of
/// `cli` passes on. The parser removes it and leaves everything after it unchanged.
// Decision: docs/decisions/yt-dlp.md#our-options-end-where-the-programs-begin
pub(super) fn set_apart(mut cli: Command, names: &[&str], mut args: Vec<OsString>) -> Vec<OsString> {
    cli.build();
    // The first argument is this program's own name.
    let command_at = end(&cli, &args, 1);
    let name = names.iter().find(|name| args.get(command_at).is_some_and(|arg| arg == **name));
    if let Some(command) = name.and_then(|name| cli.find_subcommand(name)) {
        let foreign_at = end(command, &args, command_at + 1);
        if foreign_at < args.len() {
            args.insert(foreign_at, "--".into());
        }
    }
    args
}

/// The index of the first argument, from `at` on, that is neither an option of the command nor
/// an option's value.
fn end(command: &Command, args: &[OsString], mut at: usize) -> usize {
    while let Some(length) = args.get(at).and_then(|arg| length(command, arg)) {
        at += length;
    }
    at.min(args.len())
}

/// How many arguments an option has together with its value; `None` if `arg` is not an option of
/// the command.
fn length(command: &Command, arg: &OsStr) -> Option<usize> {
    let arg = arg.as_encoded_bytes();
    if let Some(long) = arg.strip_prefix(b"--") {
        let name = long.split(|byte| *byte == b'=').next().unwrap_or_default();
        let option = command
            .get_arguments()
            .find(|option| option.get_long().is_some_and(|long| long.as_bytes() == name))?;
        let has_value_beside = option.get_action().takes_values() && name.len() == long.len();
        return Some(if has_value_beside { 2 } else { 1 });
    }
    let short = std::str::from_utf8(arg.strip_prefix(b"-")?).ok()?;
    let is_short = |option: &&clap::Arg| option.get_short().is_some_and(|c| short.chars().eq([c]));
    // No short option has a value.
    command.get_arguments().find(is_short).map(|_| 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};

    fn set_apart_of(args: &[&str]) -> Vec<OsString> {
        let run = Command::new("run").arg(Arg::new("label").long("label"));
        let flag = Arg::new("flag").long("flag").action(ArgAction::SetTrue);
        let dir = Arg::new("dir").long("dir").global(true);
        let cli = Command::new("host").arg(dir).subcommand(run.arg(flag)).subcommand(Command::new("list"));
        set_apart(cli, &["run"], [&["host"], args].concat().iter().map(OsString::from).collect())
    }

    #[test]
    fn own_options_end_before_the_first_other_argument() {
        for (args, own) in [
            (&["run", "a", "--flag"][..], 1),
            (&["run", "--", "--flag"], 1),
            (&["run", "--", "--", "a"], 1),
            (&["run", "-", "--flag"], 1),
            (&["run", "", "--flag"], 1),
            (&["run", "-x", "--flag"], 1),
            (&["run", "--flags", "--flag"], 1),
            (&["run", "--flag", "-hx"], 2),
            (&["run", "--flag", "--", "--label"], 2),
            (&["run", "--label", "a", "--flag", "b"], 4),
            (&["run", "--label=", "--dir", "d", "b"], 4),
            (&["--dir", "run", "run", "run"], 3),
            (&["--dir=d", "run", "--dir", "e", "f"], 4),
        ] {
            let mut expected: Vec<_> = args.iter().map(OsString::from).collect();
            expected.insert(own, "--".into());
            assert_eq!(set_apart_of(args)[1..], expected, "{args:?}");
        }
    }

    #[test]
    fn leaves_other_commands_and_commands_without_passed_on_arguments_unchanged() {
        for args in [
            &[][..],
            &["list", "run", "a"],
            &["--dir", "run", "a"],
            &["--", "run", "a"],
            &["run"],
            &["run", "--flag"],
            &["run", "--label"],
            &["run", "--label", "a"],
        ] {
            assert_eq!(
                set_apart_of(args)[1..],
                args.iter().map(OsString::from).collect::<Vec<_>>(),
                "{args:?}"
            );
        }
    }
}
