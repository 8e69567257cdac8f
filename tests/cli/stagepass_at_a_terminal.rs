//! The command for people at a terminal: colours, and tables that fit.

use anyhow::Result;
use stagepass_tests::system::process::{clean_environment, our_program};
use stagepass_tests::system::terminal::Terminal;
use std::path::Path;
use tokio::process::Command;

const ESCAPE: char = '\u{1b}';

fn stagepass(home: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(our_program("stagepass")?);
    command.env_clear().envs(clean_environment(home)).env("TERM", "xterm-256color").args(arguments);
    Ok(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_only_for_terminals_that_want_them() -> Result<()> {
    let home = tempfile::tempdir()?;
    // Errors quote what was typed, and never have colours.
    for (arguments, is_coloured) in [(&["--help"][..], true), (&["frobnicate"], false)] {
        let (_, shown) = Terminal::start(stagepass(home.path(), arguments)?)?.end().await?;
        assert_eq!(shown.contains(ESCAPE), is_coloured, "{shown}");
        let mut without = stagepass(home.path(), arguments)?;
        without.env("NO_COLOR", "1");
        let (_, shown) = Terminal::start(without)?.end().await?;
        assert!(shown.contains("stagepass") && !shown.contains(ESCAPE), "{shown}");
        let piped = stagepass(home.path(), arguments)?.output().await?;
        let printed = String::from_utf8([piped.stdout, piped.stderr].concat())?;
        assert!(printed.contains("stagepass") && !printed.contains(ESCAPE), "{printed}");
    }
    Ok(())
}
