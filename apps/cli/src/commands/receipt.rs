//! `receipt`.

use super::show;
use crate::args::Receipt as Args;
use crate::context::Context;
use crate::failure;
use anyhow::Context as _;
use pumasi_agent::AgentError;
use pumasi_agent::home::{read_bounded, write_private};
use pumasi_crypto::native::NativeProvider;
use pumasi_ledger::Outcome;
use pumasi_transfer::{MAX_RECEIPT_BYTES, Proven, Receipt};
use pumasi_words::{Exit, Say as _, Standing, Told};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) async fn receipt(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args {
        Args::Show { id, output } => show(context, &id, output).await,
        Args::Verify { file } => verify(context, &file).await,
    }
}

async fn show(context: &mut Context, id: &str, output: Option<PathBuf>) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let payment = match wallet.find_payment(id).await {
        Err(AgentError::UnknownPayment(_)) => {
            return Ok(failure::say(context, Exit::NotFound, &Standing::NoSuchPayment { typed: id }));
        }
        found => found?,
    };
    let (receipt, proven) = wallet.receipt(&payment.id).await?;
    let mut object = object("receipt", &proven);
    object["receipt"] = json!(receipt);
    let mut sentence = sentence(context, &proven);
    if let Some(path) = output {
        let json = serde_json::to_vec_pretty(&receipt).context("a receipt is plain data")?;
        write_private(&path, &json).map_err(AgentError::from)?;
        let path = path.display().to_string();
        sentence = format!("{sentence}\n{}", context.say(&Told::Written { path: &path }));
        object["path"] = json!(path);
    }
    context.ui.print(&object, sentence);
    Ok(Exit::Done)
}

/// Needs no identity: whoever is shown a receipt can check it.
async fn verify(context: &mut Context, file: &Path) -> anyhow::Result<Exit> {
    let bytes = read_bounded(file, MAX_RECEIPT_BYTES as u64).map_err(AgentError::from)?;
    let bytes = bytes.with_context(|| format!("{}: no such file", file.display()))?;
    let receipt = Receipt::from_json(&bytes).map_err(AgentError::from)?;
    let proven = receipt.verify(&NativeProvider).await.map_err(AgentError::from)?;
    let sentence = sentence(context, &proven);
    context.ui.print(&object("verified", &proven), sentence);
    Ok(Exit::Done)
}

fn object(event: &str, proven: &Proven) -> Value {
    let Proven { id, transfer, result, countersigned } = proven;
    json!({
        "event": event, "id": id, "from": transfer.from, "to": transfer.to, "money": transfer.money,
        "memo": transfer.memo, "issued": transfer.issued, "outcome": result.outcome, "settled": result.issued,
        "countersigned": countersigned,
    })
}

fn sentence(context: &Context, proven: &Proven) -> String {
    let Proven { transfer, result, countersigned, .. } = proven;
    let (from, to) = (transfer.from.to_string(), transfer.to.to_string());
    let (from, to, money, at) = (&from, &to, &transfer.money, transfer.issued);
    let words = match result.outcome {
        Outcome::Accepted => pumasi_words::Receipt::Accepted {
            from,
            to,
            money,
            memo: &transfer.memo,
            at,
            utc_offset_minutes: show::utc_offset_minutes(at),
            countersigned: *countersigned,
        },
        Outcome::Refused { .. } => pumasi_words::Receipt::Refused { from, to, money },
    };
    words.say(context.lang)
}
