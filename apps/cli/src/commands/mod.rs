//! What each command does, one file a topic.

mod bootstrap;
mod contact;
mod demo;
mod events;
mod identity;
mod ledger;
mod listen;
mod node;
mod pair;
mod pay;
mod receipt;
mod request;
mod show;
mod status;
mod table;

pub(crate) use show::finding;

use crate::args::{Cli, Command};
use crate::context::Context;
use clap::CommandFactory as _;
use pumasi_words::Exit;

/// Runs a command to its end.
pub(crate) async fn run(command: Command, context: &mut Context) -> anyhow::Result<Exit> {
    match command {
        Command::Init(args) => identity::init(context, args).await,
        Command::Id(args) => identity::id(context, args).await,
        Command::Key(args) => identity::key(context, args).await,
        Command::Pair(args) => pair::pair(context, args).await,
        Command::Contact(args) => contact::contact(context, args).await,
        Command::Bootstrap(args) => bootstrap::bootstrap(context, args).await,
        Command::Listen(args) => listen::listen(context, args).await,
        Command::Pay(args) => pay::pay(context, args).await,
        Command::Settle(args) => pay::settle(context, args).await,
        Command::Request(args) => request::request(context, args).await,
        Command::Ledger(args) => ledger::ledger(context, args).await,
        Command::Receipt(args) => receipt::receipt(context, args).await,
        Command::Node(args) => node::node(context, args).await,
        Command::Status => status::status(context).await,
        Command::Demo(args) => Box::pin(demo::demo(context, args)).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pumasi", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    }
}
