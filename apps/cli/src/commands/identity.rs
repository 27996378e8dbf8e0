//! `init`, `id`, `key`.

use super::show;
use crate::args::{Id, Init, Key};
use crate::context::Context;
use anyhow::Context as _;
use pumasi_agent::Wallet;
use pumasi_agent::home::Config;
use pumasi_agent::wallet::NewIdentity;
use pumasi_crypto::RsaBits;
use pumasi_words::{Exit, Home, Told};
use serde_json::json;

pub(crate) async fn init(context: &mut Context, args: Init) -> anyhow::Result<Exit> {
    let password = context.first_password()?;
    context.ui.progress(context.say(&Told::MakingKeys));
    let config = Config { bootstrap: args.bootstrap, ..Config::default() };
    let new = NewIdentity { name: args.name, rsa: bits(&args.rsa)?, config };
    let wallet = Wallet::create(&context.home, &password, new).await?;
    let did = wallet.did().to_string();
    let folder = context.home.display().to_string();
    let sentence = context.say(&Home::Created { did: &did, folder: &folder });
    context.ui.print(&json!({ "event": "made", "did": did, "folder": folder }), sentence);
    Ok(Exit::Done)
}

pub(crate) async fn id(context: &mut Context, args: Id) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    match args {
        Id::Show => {
            let profile = wallet.profile();
            let object = json!({
                "did": wallet.did(), "name": profile.name(), "sequence": profile.sequence(),
                "created": profile.created().to_string(), "expires": profile.expires().to_string(),
                "digest": profile.digest(), "folder": wallet.folder(),
            });
            context.ui.print(&object, show::identity(&wallet, context.lang));
        }
        Id::Export { output: Some(path) } => {
            std::fs::write(&path, wallet.profile().json()).with_context(|| path.display().to_string())?;
            let path = path.display().to_string();
            let sentence = context.say(&Told::Written { path: &path });
            context.ui.print(&json!({ "event": "written", "path": path }), sentence);
        }
        // The profile is JSON already, and exactly these bytes are signed.
        Id::Export { output: None } => context.ui.verbatim(wallet.profile().json().as_bytes())?,
    }
    Ok(Exit::Done)
}

pub(crate) async fn key(context: &mut Context, args: Key) -> anyhow::Result<Exit> {
    match args {
        Key::List => {
            let wallet = context.read().await?;
            let keys = show::keys(&wallet);
            let object = json!(
                keys.iter()
                    .map(|key| json!({
                        "purpose": key.purpose, "algorithm": key.algorithm, "id": key.id, "current": key.current,
                    }))
                    .collect::<Vec<_>>()
            );
            context.ui.print(&object, show::key_table(&keys, context.lang));
        }
        Key::Rotate { rsa } => {
            let password = context.password()?;
            let mut wallet = Wallet::open(&context.home, &password, "key rotate").await?;
            context.ui.progress(context.say(&Told::MakingKeys));
            wallet.rotate_keys(&password, bits(&rsa)?).await?;
            let sequence = wallet.profile().sequence();
            let sentence = context.say(&Told::Rotated { sequence });
            context.ui.print(&json!({ "event": "rotated", "sequence": sequence }), sentence);
        }
    }
    Ok(Exit::Done)
}

fn bits(text: &str) -> anyhow::Result<RsaBits> {
    text.parse().ok().and_then(RsaBits::from_bits).context("RSA keys have 2048, 3072 or 4096 bits")
}
