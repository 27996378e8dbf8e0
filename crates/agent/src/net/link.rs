//! Carrying messages between a link and the bookkeeper.

use super::chat::{self, Frame};
use super::line::Shared;
use crate::bookkeeper::{Input, Outgoing};
use crate::event::{Path, way_of};
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use pumasi_identity::SignedProfile;
use pumasi_ledger::TransferId;
use pumasi_rt::{Task, TaskError};
use pumasi_rtc::{CandidateKind, DataLink, Link, LinkSender, LinkState, PathReport};
use pumasi_transfer::{Incoming, OpenError, Peer, open_message};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Messages of one link that are opened at a time. Opening a transfer is half a millisecond of RSA, and cores are many.
const OPENING: usize = 16;

/// Direct messages of one link that are being taken; more are not answered.
const TAKING: usize = 8;
/// How long a link may take to have room for one more message.
const ROOM: Duration = Duration::from_secs(30);
/// How long the last messages may take before a link is closed.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What the line asks of its link.
pub(crate) enum ToLink {
    /// Make an SDP that restarts ICE.
    Restart(oneshot::Sender<Option<String>>),
    /// Answer the other side's restart; `None` when it is none of this link.
    AcceptRestart(String, oneshot::Sender<Option<String>>),
    /// Take the answer to our restart.
    FinishRestart(String),
    /// Send what is queued, and close.
    Close(oneshot::Sender<()>),
}

/// How a link ended.
pub(crate) struct Ended {
    pub(crate) reason: String,
}

/// Carries until the link ends.
pub(crate) async fn carry(
    mut link: Link,
    shared: Shared,
    them: SignedProfile,
    mut outgoing: mpsc::Receiver<Outgoing>,
    mut commands: mpsc::Receiver<ToLink>,
) -> Ended {
    let mut peer = Arc::new(Peer::of(&them, true));
    let sender = link.sender();
    // One message at a time, beside the receiving: two peers who only send would wait for each other for ever.
    let mut sending = None;
    // Opened at the same time, taken in the order in which they came.
    let mut opening = FuturesOrdered::new();
    // Direct messages: one of ours at a time waits for its answer; theirs are answered in the order in which they came.
    let mut asks = shared.chats.link(peer.did);
    let mut waiting = None;
    let mut taking = FuturesOrdered::new();
    let mut words = VecDeque::new();
    loop {
        tokio::select! {
            message = link.recv(), if opening.len() < OPENING => match message {
                Some(bytes) => match chat::read(&bytes) {
                    None => opening.push_back(open(&shared, &peer, bytes)),
                    Some(Frame::Box(sealed)) if taking.len() < TAKING => taking.push_back(shared.chats.bring(sealed)),
                    // Who brings more than that at once hears nothing, and is not heard over this link any more.
                    Some(Frame::Box(_)) => {}
                    Some(Frame::Answer(answer)) => if let Some(waiting) = waiting.take() {
                        let waiting: oneshot::Sender<Vec<u8>> = waiting;
                        let _ = waiting.send(answer.to_vec()); // whoever asked may have given up
                    },
                },
                None => {
                    while let Some(opened) = opening.next().await {
                        take(&shared, &mut peer, opened).await;
                    }
                    return Ended { reason: state_of(&link) };
                }
            },
            Some(opened) = opening.next(), if !opening.is_empty() => take(&shared, &mut peer, opened).await,
            Some(ask) = asks.recv(), if waiting.is_none() => {
                words.push_back(chat::boxed(&ask.sealed));
                waiting = Some(ask.answer);
            }
            Some(answer) = taking.next(), if !taking.is_empty() => {
                words.push_back(chat::answer(&answer.unwrap_or_default()));
            }
            () = std::future::ready(()), if sending.is_none() && !words.is_empty() => {
                let word = words.pop_front().expect("guarded");
                sending = Some(Box::pin(hand_over(sender.clone(), None, word)));
            }
            queued = outgoing.recv(), if sending.is_none() => match queued {
                Some(Outgoing { transfer, bytes }) => {
                    sending = Some(Box::pin(hand_over(sender.clone(), Some(transfer), bytes)));
                }
                // The bookkeeper let go: it could not keep up, or it has stopped.
                None => {
                    link.close().await;
                    return Ended { reason: "closed here".into() };
                }
            },
            sent = async { sending.as_mut().expect("guarded").await }, if sending.is_some() => {
                sending = None;
                match sent {
                    Ok(Some(id)) => drop(shared.inputs.send(Input::Sent { id }).await),
                    Ok(None) => {}
                    Err(reason) => return Ended { reason },
                }
            }
            Some(command) = commands.recv() => match command {
                ToLink::Restart(reply) => {
                    let offer = if link.state() == LinkState::Down { link.restart_offer().await.ok() } else { None };
                    let _ = reply.send(offer); // the line may have gone
                }
                ToLink::AcceptRestart(sdp, reply) => drop(reply.send(link.accept_restart(&sdp).await.ok())),
                ToLink::FinishRestart(sdp) => {
                    if let Err(error) = link.finish_restart(&sdp).await {
                        // The other side has begun anew, and knows nothing of this link any more.
                        tracing::debug!(%error, "an ICE restart was not finished");
                        return Ended { reason: "the other side has lost the link".into() };
                    }
                }
                ToLink::Close(reply) => {
                    // What the bookkeeper has handed over is said before the goodbye, if the other side still listens.
                    let last_words = async {
                        if let Some(sending) = sending {
                            let _ = sending.await;
                        }
                        while let Ok(Outgoing { transfer, bytes }) = outgoing.try_recv() {
                            match hand_over(sender.clone(), Some(transfer), bytes).await {
                                Ok(Some(id)) => drop(shared.inputs.try_send(Input::Sent { id })),
                                Ok(None) => {}
                                Err(_) => return,
                            }
                        }
                    };
                    let _ = pumasi_rt::timeout(LAST_WORDS, last_words).await;
                    link.close().await;
                    let _ = reply.send(());
                    return Ended { reason: "closed here".into() };
                }
            },
        }
    }
}

/// Hands a message to the link, which takes it when there is room; or says why the link is to be let go.
async fn hand_over(
    sender: LinkSender,
    transfer: Option<TransferId>,
    bytes: Vec<u8>,
) -> Result<Option<TransferId>, String> {
    match pumasi_rt::timeout(ROOM, sender.send(bytes)).await {
        Ok(sent) => sent.map(|()| transfer).map_err(|error| error.to_string()),
        Err(_) => Err("the other side takes nothing any more".into()),
    }
}

/// A message, and what it was when it was opened.
type Opened = (Vec<u8>, Result<Incoming, OpenError>);

/// Begins to open a message.
fn open(shared: &Shared, peer: &Arc<Peer>, bytes: Vec<u8>) -> Task<Opened> {
    let (keys, peer) = (shared.desk_keys.clone(), peer.clone());
    pumasi_rt::spawn(async move {
        let opened = open_message(&keys, &peer, &bytes).await;
        (bytes, opened)
    })
}

/// Hands an opened message on. One under a profile that is not known is opened again under the newest.
async fn take(shared: &Shared, peer: &mut Arc<Peer>, opened: Result<Opened, TaskError>) {
    // A task ends without a result only when everything is shut down.
    let Ok((bytes, mut opened)) = opened else { return };
    if let Err(OpenError::UnknownProfile { wanted, .. }) = &opened
        && (*wanted == peer.profile || renew(shared, peer).await)
    {
        opened = open_message(&shared.desk_keys, peer, &bytes).await;
    }
    let input = match opened {
        Ok(incoming) => Input::Message { peer: peer.did, incoming: Box::new(incoming) },
        Err(OpenError::UnknownProfile { unread, .. }) => Input::Unreadable { peer: peer.did, unread },
        Err(error) => {
            tracing::debug!(peer = %peer.did.short(), %error, "a message was dropped");
            return;
        }
    };
    let _ = shared.inputs.send(input).await;
}

/// Takes the newest profile that the DHT has. Says whether there was one.
async fn renew(shared: &Shared, peer: &mut Arc<Peer>) -> bool {
    let Some(profile) = shared.records.profile(&peer.did).await else { return false };
    let newest = Peer::of(&profile, true);
    let (reply, taken) = oneshot::channel();
    let input = Input::Profile { profile: Box::new(profile), reply };
    let kept = shared.inputs.send(input).await.is_ok() && matches!(taken.await, Ok(Ok(_)));
    if kept {
        *peer = Arc::new(newest);
    }
    kept
}

fn state_of(link: &Link) -> String {
    match link.state() {
        LinkState::Closed(reason) => reason.to_string(),
        LinkState::Up | LinkState::Down => "the link has ended".into(),
    }
}

/// The path, as it is shown.
pub(crate) fn path_of(report: &PathReport) -> Path {
    Path {
        local: report.local.kind.to_string(),
        remote: report.remote.kind.to_string(),
        transport: report.transport.to_string(),
        relayed: report.is_relayed(),
        way: way_of(report.way()),
        via: [report.local, report.remote]
            .iter()
            .find(|end| end.kind == CandidateKind::Relay)
            .map(|end| end.address.ip().to_string()),
    }
}
