//! `stagepass-server vault`: the API keys in the vault, from the command line.

mod adding;
mod beside_a_server;
mod commands;
mod prompts;
mod transfer;
