//! `stagepass-server service-token`: secrets that limit what a service can do.

use super::error::CliError;
use super::output::{say, tell};
use super::stores::StoreArgs;
use crate::audit::{Caller, Entry};
use crate::clock::{now_ms, render_ms};
use crate::identity::{SERVICE_VERBS, generate_service_token};
use crate::store::{IfMissing, ServiceToken};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use stagepass_core::platform::{PLATFORM_ID_CHARS, is_platform_id};
use stagepass_core::visible::{self, printable_line};

#[derive(Debug, Subcommand)]
pub(super) enum ServiceTokenCommand {
    /// Create a token and print it once
    Add(AddArgs),
    /// List all tokens and what they allow
    List,
    /// Revoke a token
    Revoke {
        /// The token's name
        name: String,
    },
}

#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// A name for the token
    name: String,
    /// A verb of the Credentials API that the token can call, or metrics; can be repeated
    #[arg(long = "verb", required = true, value_name = "VERB", value_parser = PossibleValuesParser::new(SERVICE_VERBS))]
    verbs: Vec<String>,
    /// A platform whose records the token can use; can be repeated [default: all]
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<String>,
    /// Refuse calls that don't name the user they act for
    #[arg(long)]
    require_acting_user: bool,
}

impl ServiceTokenCommand {
    pub(super) async fn run(self, stores: &StoreArgs) -> Result<(), CliError> {
        match self {
            Self::Add(args) => add(stores, args).await,
            Self::List => {
                let tokens = stores.open_database().await?.service_tokens().await?;
                tokens.iter().try_for_each(|token| say(&line(token)))
            }
            Self::Revoke { name } => {
                let database = stores.open(IfMissing::Refuse).await?.database;
                let entry = Entry::new(&Caller::Operator, "service-token revoke").on("service_tokens", &name);
                if database.revoke_service_token(name.clone(), now_ms(), entry).await? {
                    say(&format!("{name} revoked"))
                } else {
                    Err(CliError::User(format!("there is no active token named {name}")))
                }
            }
        }
    }
}

async fn add(stores: &StoreArgs, args: AddArgs) -> Result<(), CliError> {
    if args.name.trim().is_empty() || args.name.len() > 100 {
        return Err(CliError::User("a name must have 1 to 100 bytes".to_owned()));
    }
    visible::check(&args.name).map_err(|fault| CliError::User(format!("a name {fault}")))?;
    if let Some(platform) = args.platforms.iter().find(|platform| !is_platform_id(platform)) {
        // Checks only the form: earlier versions accepted platforms that are refused now.
        return Err(CliError::User(format!(
            "{platform:?} is not a platform identifier; use {PLATFORM_ID_CHARS}"
        )));
    }
    let (secret, hash) = generate_service_token()?;
    let name = args.name.clone();
    let entry = Entry::new(&Caller::Operator, "service-token add").on("service_tokens", &name);
    let token = ServiceToken {
        name: args.name,
        verbs: args.verbs,
        platforms: args.platforms,
        require_acting_user: args.require_acting_user,
        created_at: now_ms(),
        revoked_at: None,
    };
    if !stores.open(IfMissing::Make).await?.database.add_service_token(token, hash, entry).await? {
        return Err(CliError::User(format!(
            "the name {name} is taken; names of revoked tokens can't be reused"
        )));
    }
    // The command exists to print the token: only its hash is stored.
    say(secret.expose_secret()).inspect_err(|_| {
        tell(&format!("the token {name} could not be shown; revoke it and add one with another name"));
    })
}

fn line(token: &ServiceToken) -> String {
    let state =
        token.revoked_at.map_or_else(|| "active".to_owned(), |time| format!("revoked {}", render_ms(time)));
    let platforms = if token.platforms.is_empty() { "all".to_owned() } else { token.platforms.join(",") };
    let acting = if token.require_acting_user { "acting user required" } else { "-" };
    let (made, verbs) = (render_ms(token.created_at), token.verbs.join(","));
    format!("{}\t{state}\t{made}\t{verbs}\t{platforms}\t{acting}", printable_line(&token.name))
}
