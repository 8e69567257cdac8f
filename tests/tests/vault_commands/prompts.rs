//! Questions at the terminal that are not answered with a line: what becomes of
//! the command, and of the terminal for whoever uses it next.

use crate::commands::{KEY, OTHER_KEY, PASSWORD, listed, secrets};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use stagepass_tests::installation::{Installation, Store};
use stagepass_tests::terminal::Terminal;
use tokio::process::Command;

/// A shell that runs a command and outlives it, as the one of a person does: the
/// kernel gives a terminal that nobody has any more its settings back by itself.
const SHELL: &str = r#"trap : INT TERM HUP QUIT
"$@"
echo "ended with $?"
read -r line
echo "next: <$line>""#;

fn in_shell(installation: &Installation, arguments: &[&str]) -> Result<Command> {
    let command = installation.command()?;
    let command = command.as_std();
    let mut shell = Command::new("sh");
    shell.args(["-c", SHELL, "sh"]).arg(command.get_program()).args(arguments).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ok(shell)
}

/// The shell has a terminal that shows what is typed, and reads nothing else than
/// what is typed from now on.
async fn check_shell(mut terminal: Terminal, status: i32) -> Result<String> {
    terminal.wait_for(&format!("ended with {status}\r\n")).await?;
    ensure!(terminal.has_echo()?, "what is typed is not shown any more: {}", terminal.shown());
    terminal.type_line("typed now").await?;
    let (_, shown) = terminal.end().await?;
    ensure!(shown.contains("next: <typed now>"), "{shown}");
    Ok(shown)
}

#[tokio::test]
async fn a_signal_at_a_question_ends_a_command_and_leaves_a_terminal_that_shows_what_is_typed() -> Result<()>
{
    let installation = Installation::new(Store::Sqlite).await?;
    let add = ["vault", "add", "openai", "primary"];
    for (signal, status) in
        [(None, 130), (Some(Signal::INT), 130), (Some(Signal::TERM), 143), (Some(Signal::HUP), 129)]
    {
        let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
        terminal.wait_for_question("API key: ").await?;
        match signal {
            None => terminal.press_ctrl_c().await?,
            Some(signal) => terminal.signal(signal)?,
        }
        check_shell(terminal, status).await?;
    }
    // At a later question just as well.
    let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
    terminal.answer("API key: ", KEY).await?;
    terminal.wait_for_question("New master password: ").await?;
    terminal.signal(Signal::TERM)?;
    check_shell(terminal, 143).await?;
    Ok(())
}

#[tokio::test]
async fn more_than_one_line_at_a_question_is_refused_and_none_of_it_goes_anywhere() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let add = ["vault", "add", "openai", "primary"];
    let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
    terminal.answer("API key: ", &format!("{KEY}\n{OTHER_KEY}\n\n{OTHER_KEY}")).await?;
    let mut shown = check_shell(terminal, 1).await?;
    ensure!(shown.contains("more than one line") && shown.contains("--key-stdin"), "{shown}");

    let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
    terminal.answer("API key: ", KEY).await?;
    // As one that does not wait for the question to be asked again.
    terminal.answer("New master password: ", &format!("{PASSWORD}\r{PASSWORD}")).await?;
    let said = check_shell(terminal, 1).await?;
    ensure!(said.contains("more than one line") && said.contains("--password-file"), "{said}");
    shown += &said;
    ensure!(!secrets()?.is_in(shown.as_bytes()), "{shown}");
    ensure!(listed(&installation).await?.is_empty());

    // A line that is longer than a terminal gathers by itself is one all the same.
    let long_key = "k".repeat(16 * 1024);
    let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
    terminal.answer("API key: ", &long_key).await?;
    terminal.answer("New master password: ", PASSWORD).await?;
    terminal.answer("New master password again: ", PASSWORD).await?;
    check_shell(terminal, 0).await?;
    Ok(())
}

#[tokio::test]
async fn no_secret_is_read_from_a_terminal_that_shows_it() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    for arguments in [
        &["vault", "add", "openai", "primary", "--key-stdin"][..],
        &["user", "add", "creator@example.org", "--password-stdin"],
    ] {
        let mut command = installation.command()?;
        command.args(arguments);
        let (status, shown) = Terminal::start(command)?.end().await?;
        ensure!(status.code() == Some(1) && shown.contains("-stdin out and be asked"), "{status}: {shown}");
    }
    Ok(())
}
