//! `token`.

use super::table::{Align, table};
use crate::args::Token as Args;
use crate::context::Context;
use crate::failure;
use anyhow::Context as _;
use pumasi_agent::home::HomeError;
use pumasi_crypto::Provider as _;
use pumasi_crypto::native::NativeProvider;
use pumasi_http::tokens::{Issued, RANDOM, TokenError, TokenFile};
use pumasi_units::Timestamp;
use pumasi_words::{Exit, Https};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) fn token(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    if !context.home.join("keys").is_dir() {
        return Err(pumasi_agent::AgentError::from(HomeError::Empty(context.home.clone())).into());
    }
    let file = TokenFile::in_folder(&context.home);
    let now = pumasi_agent::now();
    match args {
        Args::Issue { name, expires } => {
            let mut random = Zeroizing::new([0; RANDOM]);
            NativeProvider.random(random.as_mut_slice()).context("no random numbers")?;
            let until = expires.map(|life| now + u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
            let (issued, text) = file.issue(&name, until, now, &random)?;
            let mut sentence = Zeroizing::new(String::new());
            if let Some(until) = issued.expires {
                let until = super::show::date_time(until, context.lang);
                sentence.push_str(&context.say(&Https::TokenUntil { until: &until }));
                sentence.push('\n');
            }
            // Last, and on a line of its own: to be copied.
            sentence.push_str(&context.say(&Https::TokenIssued { name: &issued.name, token: &text }));
            let mut object = object(&issued);
            object["event"] = "token".into();
            object["token"] = text.as_str().into();
            context.ui.print(&object, sentence.as_str());
        }
        Args::List => {
            let issued = file.list()?;
            let objects: Vec<Value> = issued.iter().map(object).collect();
            let sentence = match issued.is_empty() {
                true => context.say(&Https::NoTokens),
                false => table(&[Align::Left; 4], issued.iter().map(|issued| row(context, issued, now))),
            };
            context.ui.print(&objects, sentence);
        }
        Args::Revoke { token } => match file.revoke(&token) {
            Ok(revoked) => {
                let sentence = context.say(&Https::TokenRevoked { name: &revoked.name });
                context.ui.print(&json!({ "event": "revoked", "id": revoked.id, "name": revoked.name }), sentence);
            }
            Err(TokenError::Unknown(name)) => {
                return Ok(failure::say(context, Exit::NotFound, &Https::UnknownToken { name: &name }));
            }
            Err(error) => return Err(error.into()),
        },
    }
    Ok(Exit::Done)
}

fn object(issued: &Issued) -> Value {
    json!({ "id": issued.id, "name": issued.name, "created": issued.created, "expires": issued.expires })
}

fn row(context: &Context, issued: &Issued, now: Timestamp) -> Vec<String> {
    let date = |at: Timestamp| super::show::date_time(at, context.lang);
    let end = match issued.expires {
        None => context.say(&Https::TokenForever),
        Some(at) if at <= now => context.say(&Https::TokenExpired),
        Some(at) => context.say(&Https::TokenUntil { until: &date(at) }),
    };
    vec![issued.id.clone(), pumasi_words::plain(&issued.name).into_owned(), date(issued.created), end]
}
