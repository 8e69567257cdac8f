//! Prompts at the terminal that don't get a normal answer: what the command does, and what
//! state it leaves the terminal in.

use super::commands::{KEY, OTHER_KEY, PASSWORD, listed, secrets};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::system::terminal::Terminal;
use tokio::process::Command;

/// A shell that runs a command and outlives it, as a person's shell does. Without it the
/// kernel would reset the terminal's settings by itself.
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

/// The shell's terminal shows what is typed, and the shell only reads what is typed from now
/// on.
async fn check_shell(mut terminal: Terminal, status: i32) -> Result<String> {
    terminal.wait_for(&format!("ended with {status}\r\n")).await?;
    ensure!(terminal.has_echo()?, "the terminal does not show what is typed: {}", terminal.shown());
    terminal.type_line("typed now").await?;
    let (_, shown) = terminal.end().await?;
    ensure!(shown.contains("next: <typed now>"), "{shown}");
    Ok(shown)
}

#[tokio::test]
async fn a_signal_at_a_prompt_ends_the_command_and_restores_the_echo() -> Result<()> {
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
    // A later prompt behaves the same.
    let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
    terminal.answer("API key: ", KEY).await?;
    terminal.wait_for_question("New master password: ").await?;
    terminal.signal(Signal::TERM)?;
    check_shell(terminal, 143).await?;
    Ok(())
}

#[tokio::test]
async fn several_lines_at_a_prompt_are_refused_and_discarded() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let add = ["vault", "add", "openai", "primary"];
    let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
    terminal.answer("API key: ", &format!("{KEY}\n{OTHER_KEY}\n\n{OTHER_KEY}")).await?;
    let mut shown = check_shell(terminal, 1).await?;
    ensure!(shown.contains("more than one line") && shown.contains("--key-stdin"), "{shown}");

    let mut terminal = Terminal::start(in_shell(&installation, &add)?)?;
    terminal.answer("API key: ", KEY).await?;
    // Typed ahead, without waiting for the second prompt.
    terminal.answer("New master password: ", &format!("{PASSWORD}\r{PASSWORD}")).await?;
    let said = check_shell(terminal, 1).await?;
    ensure!(said.contains("more than one line") && said.contains("--password-file"), "{said}");
    shown += &said;
    ensure!(!secrets()?.is_in(shown.as_bytes()), "{shown}");
    ensure!(listed(&installation).await?.is_empty());

    // A line that exceeds the terminal's own buffer still counts as one line.
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
        ensure!(status.code() == Some(1) && shown.contains("-stdin to get a prompt"), "{status}: {shown}");
    }
    Ok(())
}
