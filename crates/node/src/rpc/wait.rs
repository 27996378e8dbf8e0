//! The methods that wait for a block or for transactions: they watch the tip and hold up nobody.

use std::time::Duration;

use bitcoin::BlockHash;
use bitcoin::hashes::Hash;
use tokio::sync::{mpsc, oneshot, watch};

use super::error::{RpcError, RpcResult};
use super::params::{Params, hash};
use crate::driver::{Event, Tip, call};
use crate::json::Json;

/// What a call waits for.
#[derive(Debug)]
pub(super) struct Waiting {
    goal: Goal,
    /// `None` waits as long as it takes.
    timeout: Option<Duration>,
}

#[derive(Debug)]
enum Goal {
    /// Any other tip than the present one, or than this.
    NewBlock(Option<BlockHash>),
    Block(BlockHash),
    Height(i64),
}

impl Waiting {
    /// What a call of `method` waits for; `None` for the methods that wait for nothing.
    pub(super) fn new(method: &str, params: &Params) -> Result<Option<Self>, RpcError> {
        let parse = |index| hash(params.required_text(index), "blockhash").map(BlockHash::from_byte_array);
        let (goal, timeout) = match method {
            "waitfornewblock" => {
                let current = params.text(1).map(|text| hash(text, "current_tip").map(BlockHash::from_byte_array));
                (Goal::NewBlock(current.transpose()?), params.integer(0)?)
            }
            "waitforblock" => (Goal::Block(parse(0)?), params.integer(1)?),
            "waitforblockheight" => (Goal::Height(params.integer(0)?.unwrap_or(0)), params.integer(1)?),
            _ => return Ok(None),
        };
        let timeout = u64::try_from(timeout.unwrap_or(0)).map_err(|_| RpcError::misc("Negative timeout"))?;
        Ok(Some(Self { goal, timeout: (timeout > 0).then(|| Duration::from_millis(timeout)) }))
    }
}

/// Waits and tells the tip that ended it, or the present one after the timeout or when the node stops.
pub(super) async fn until(waiting: Waiting, mut tip: watch::Receiver<Tip>) -> RpcResult {
    let start = tip.borrow().hash;
    let reached = |tip: &Tip| {
        tip.stopping
            || match waiting.goal {
                Goal::NewBlock(known) => tip.hash != known.unwrap_or(start),
                Goal::Block(hash) => tip.hash == hash,
                Goal::Height(height) => i64::from(tip.height) >= height,
            }
    };
    match waiting.timeout {
        Some(timeout) => {
            let _ = tokio::time::timeout(timeout, tip.wait_for(reached)).await;
        }
        None => {
            let _ = tip.wait_for(reached).await;
        }
    }
    let now = *tip.borrow();
    Ok(Json::object().with("hash", now.hash.to_string()).with("height", now.height))
}

/// How long a miner's program waits for a new tip before new transactions count too, …
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// … and between two looks at them.
const NEXT_LOOK: Duration = Duration::from_secs(10);
/// Characters of a hash.
const HASH_SIZE: usize = 64;

/// Waits until a template would be another one than `id` names: the tip's hash and the mempool's event number (BIP22).
pub(super) async fn until_template_changes(id: &str, mut tip: watch::Receiver<Tip>, node: &mpsc::Sender<Event>) {
    let (hash, sequence) = match id.split_at_checked(HASH_SIZE) {
        Some((hash, sequence)) => (hash.parse::<BlockHash>().ok(), sequence.to_owned()),
        None => (None, String::new()),
    };
    // Who names no template waits for what comes next.
    let hash = hash.unwrap_or_else(|| tip.borrow().hash);
    let mut patience = FIRST_LOOK;
    while tokio::time::timeout(patience, tip.wait_for(|tip| tip.stopping || tip.hash != hash)).await.is_err() {
        patience = NEXT_LOOK;
        let (reply, answer) = oneshot::channel();
        if node.send(call(|node| node.backend.mempool.sequence(), reply)).await.is_err() {
            return;
        }
        match answer.await {
            Ok(now) if now.to_string() == sequence => {}
            _ => return,
        }
    }
}
