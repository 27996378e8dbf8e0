//! What each command does, one file a topic.

mod bootstrap;
mod contact;
mod content;
mod demo;
mod demo_web;
mod discovery;
mod endpoint;
mod events;
mod find;
mod heartbeat;
mod identity;
mod ledger;
mod listen;
mod lookup;
mod node;
mod pair;
mod path;
mod pay;
mod peer;
mod publish;
mod receipt;
mod reputation;
mod request;
mod show;
mod standing;
mod status;
mod table;
mod talk;
mod tls;
mod token;
mod topic;
mod turn;
mod web;

pub(crate) use content::failed as content_failed;
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
        Command::Peer(args) => Box::pin(peer::peer(context, args)).await,
        Command::Listen(args) => listen::listen(context, args).await,
        Command::Pay(args) => pay::pay(context, args).await,
        Command::Settle(args) => pay::settle(context, args).await,
        Command::Lookup(args) => lookup::lookup(context, args).await,
        Command::Request(args) => request::request(context, args).await,
        Command::Ledger(args) => ledger::ledger(context, args).await,
        Command::Receipt(args) => receipt::receipt(context, args).await,
        Command::Share(args) => content::share::share(context, args).await,
        Command::Fetch(args) => content::fetch::fetch(context, args).await,
        Command::Token(args) => token::token(context, args),
        Command::Tls(args) => tls::tls(context, args),
        Command::Node(args) => node::node(context, args).await,
        Command::Discovery(args) => Box::pin(discovery::discovery(context, args)).await,
        Command::Register(args) => discovery::register(context, args).await,
        Command::Unregister(args) => discovery::unregister(context, args).await,
        Command::Search(args) => discovery::search(context, args).await,
        Command::Find(args) => Box::pin(find::find(context, args)).await,
        Command::Trust(args) => Box::pin(reputation::trust(context, args)).await,
        Command::Vouch(args) => Box::pin(reputation::vouch(context, args)).await,
        Command::Topic(args) => Box::pin(topic::topic(context, args)).await,
        Command::Message(args) => Box::pin(talk::message(context, args)).await,
        Command::Messages(args) => Box::pin(talk::messages(context, args)).await,
        Command::Status => status::status(context).await,
        Command::Web(args) => web::web(context, args).await,
        Command::Demo(args) if args.web => Box::pin(demo_web::demo_web(context, args)).await,
        Command::Demo(args) => Box::pin(demo::demo(context, args)).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pumasi", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    }
}
