//! `contact`.

use super::show;
use crate::args::Contact as Args;
use crate::context::Context;
use pumasi_agent::Wallet;
use pumasi_agent::wallet::Found;
use pumasi_identity::Contact;
use pumasi_words::{Exit, Told, Warning};
use serde_json::{Value, json};

pub(crate) async fn contact(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args {
        Args::List => {
            let wallet = context.read().await?;
            let contacts = wallet.contacts().await?;
            let objects: Vec<Value> = contacts.iter().map(|contact| object(&wallet, contact)).collect();
            let sentence = match contacts.is_empty() {
                true => context.say(&Told::NobodyYet),
                false => show::contacts(&contacts, context.lang),
            };
            context.ui.print(&objects, sentence);
        }
        Args::Show { who } => {
            let wallet = context.read().await?;
            let contact = wallet.find_contact(&who).await?;
            let sentence = show::contact(&wallet, &contact, context.lang);
            context.ui.print(&object(&wallet, &contact), sentence);
        }
        Args::Verify { who } => return verify(context, &who).await,
        Args::Forget { who } => {
            let wallet = context.open("contact forget").await?;
            let contact = wallet.find_contact(&who).await?;
            wallet.forget(&contact.did).await?;
            wallet.write_marker().await?;
            let sentence = context.say(&Told::Forgotten { name: &contact.name });
            context.ui.print(&json!({ "event": "forgotten", "did": contact.did }), sentence);
        }
        Args::Limit { who, limit } => {
            let wallet = context.open("contact limit").await?;
            let contact = wallet.find_contact(&who).await?;
            wallet.set_limit(&contact.did, limit.clone()).await?;
            wallet.write_marker().await?;
            let sentence = context.say(&Told::LimitSet { name: &contact.name, limit: &limit });
            context.ui.print(&json!({ "event": "limit", "did": contact.did, "limit": limit }), sentence);
        }
    }
    Ok(Exit::Done)
}

/// Shows the safety number, and marks the contact once a person says that both have the same.
async fn verify(context: &mut Context, who: &str) -> anyhow::Result<Exit> {
    let wallet = context.open("contact verify").await?;
    let contact = match wallet.find(who).await? {
        Found::Contact(contact) => *contact,
        Found::Stranger(did) => return Err(pumasi_agent::AgentError::UnknownPerson(did.to_string()).into()),
    };
    let number = wallet.safety_number(&contact.did).to_string();
    context.ui.say(context.say(&Warning::SafetyNumber { name: &contact.name, number: &number }));
    context.ui.object(&json!({ "event": "compare", "safety_number": number }));
    if !context.ui.confirm(&context.say(&Told::SameNumber)) {
        let sentence = context.say(&Told::NotVerified { name: &contact.name });
        context.ui.print(&json!({ "event": "not-verified", "did": contact.did }), sentence);
        return Ok(Exit::Cancelled);
    }
    let contact = wallet.mark_verified(contact).await?;
    let sentence = context.say(&Warning::Verified { name: &contact.name });
    context.ui.print(&json!({ "event": "verified", "did": contact.did }), sentence);
    Ok(Exit::Done)
}

fn object(wallet: &Wallet, contact: &Contact) -> Value {
    json!({
        "did": contact.did, "name": contact.name, "trust": contact.trust, "since": contact.since,
        "changed": contact.changed, "profile_sequence": contact.profile.sequence(),
        "safety_number": wallet.safety_number(&contact.did).to_string(),
        "balances": show::balances(wallet, Some(&contact.did)),
    })
}
