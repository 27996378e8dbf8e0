use super::{Network, seconds};
use clap::{Args, Subcommand};
use pumasi_messages::topic::TopicName;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Topic {
    /// Join a topic: show what is said there, and say each line that is typed, until stopped.
    Join {
        /// Its name, such as global-chat.
        topic: TopicName,
        #[command(flatten)]
        network: Network,
        /// Leave after this long.
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        r#for: Option<Duration>,
    },
    /// Say one thing in a topic.
    Say {
        /// Its name.
        topic: TopicName,
        /// What; read from standard input otherwise.
        text: Option<String>,
        #[command(flatten)]
        network: Network,
        /// How long to look for somebody who listens.
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "20")]
        wait: Duration,
    },
    /// Who says that they are in a topic.
    Members {
        /// Its name.
        topic: TopicName,
        #[command(flatten)]
        network: Network,
    },
    /// What was said in a topic in the last 24 hours, by the word of its members.
    History {
        /// Its name.
        topic: TopicName,
        #[command(flatten)]
        network: Network,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Message {
    /// Name or DID.
    pub(crate) who: String,
    /// What; read from standard input otherwise. At most 2,000 bytes.
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// How long to wait until it has arrived, in person or in their mailbox.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub(crate) wait: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Messages {
    /// Only those with this person: name or DID.
    #[arg(long, value_name = "WHO")]
    pub(crate) with: Option<String>,
    /// How many, the last ones.
    #[arg(long, default_value = "50", value_name = "COUNT")]
    pub(crate) last: usize,
    /// Show the messages of people whom nobody here knows.
    #[arg(long)]
    pub(crate) requests: bool,
    /// Show the messages of this stranger among the others from now on.
    #[arg(long, value_name = "DID", conflicts_with = "requests")]
    pub(crate) accept: Option<String>,
    /// Take nothing of this person any more.
    #[arg(long, value_name = "WHO", conflicts_with_all = ["requests", "accept"])]
    pub(crate) refuse: Option<String>,
    /// Look into my mailbox in the DHT first; a running `pumasi listen` does that by itself.
    #[arg(long)]
    pub(crate) fetch: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}
