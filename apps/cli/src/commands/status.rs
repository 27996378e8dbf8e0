//! `status`: how things stand, without touching anything.

use super::events::{name_of, names};
use super::show;
use crate::context::Context;
use pumasi_agent::home::Lock;
use pumasi_agent::now;
use pumasi_words::{Exit, Standing, Told, ago};
use serde_json::json;

pub(crate) async fn status(context: &mut Context) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let holder = Lock::holder(wallet.folder());
    let names = names(&wallet).await?;
    let head = wallet.ledger().head();
    let last = wallet.ledger().entry(head.sequence).await?;
    let balances = show::balances(&wallet, None);
    let pending = wallet.pending().await?;
    let requests = wallet.open_requests().await?;
    let object = json!({
        "event": "status", "did": wallet.did(), "name": wallet.profile().name(), "folder": wallet.folder(),
        "entries": head.sequence, "head": head, "contacts": names.len(), "balances": balances, "pending": pending,
        "requests": requests.iter().map(|record| &record.request).collect::<Vec<_>>(), "holder": holder,
    });

    let lang = context.lang;
    let did = wallet.did().to_string();
    let last = last.map_or_else(String::new, |entry| ago(entry.at, now(), lang));
    let mut lines = vec![
        context.say(&Standing::IAm { name: wallet.profile().name(), did: &did }),
        context.say(&Standing::Ledger { entries: head.sequence, last: &last }),
        match &holder {
            Some(holder) => context.say(&Standing::Held { doing: &holder.doing, pid: holder.pid }),
            None => context.say(&Standing::NotHeld),
        },
    ];
    if names.is_empty() {
        lines.push(context.say(&Told::NobodyYet));
    }
    let sentences = show::balance_sentences(&balances, &names, lang);
    if sentences.is_empty() {
        lines.push(context.say(&Standing::NoBalances));
    }
    lines.extend(sentences);
    if pending.is_empty() {
        lines.push(context.say(&Told::NothingPending));
    }
    lines.extend(pending.iter().map(|payment| show::payment(payment, &name_of(&names, &payment.peer), lang)));
    for record in &requests {
        let until = show::date_time(record.request.expires, lang);
        let (money, memo) = (&record.request.money, record.request.memo.as_str());
        lines.push(context.say(&Standing::OpenRequest { money, memo, until: &until }));
    }
    context.ui.print(&object, lines.join("\n"));
    Ok(Exit::Done)
}
