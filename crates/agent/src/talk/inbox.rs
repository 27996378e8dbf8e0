//! The inbox in the DHT: putting something into somebody's, and looking into mine.

use super::courier::{Entry, Shared, is_to_post};
use super::desk::seal;
use super::{MessageRoad, TalkError, TalkEvent};
use crate::clock;
use crate::platform::PlatformProvider;
use pumasi_crypto::Provider as _;
use pumasi_identity::{Did, SignedProfile};
use pumasi_messages::direct::{DirectAck, Sent, SentState};
use pumasi_messages::inbox::{self, ACK_PLACE, InboxSlots, MAX_LIFE, PLACES, day};
use pumasi_overlay::SetKey;
use pumasi_units::Timestamp;
use std::ops::RangeInclusive;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Puts what is in the outbox for a contact into their inbox, where it is not there yet.
pub(super) async fn post_messages(shared: &Shared, to: &SignedProfile) -> Result<(), TalkError> {
    let did = *to.did();
    let slots = slots(shared, to).await?;
    let mut carried = 0;
    for number in shared.store().thread(&did)?.open().map(|it| it.number).collect::<Vec<_>>() {
        // Meanwhile the stream may have brought it.
        let sent = shared.store().thread(&did)?.open().find(|it| it.number == number).cloned();
        let Some(sent) = sent.filter(|it| is_to_post(shared, &did, it)) else { continue };
        post_message(shared, to, &slots, &sent).await?;
        carried += 1;
    }
    if carried > 0 {
        shared.tell(vec![TalkEvent::Road { peer: did, road: MessageRoad::Inbox, carried }]);
    }
    Ok(())
}

async fn post_message(shared: &Shared, to: &SignedProfile, slots: &InboxSlots, sent: &Sent) -> Result<(), TalkError> {
    let (did, now) = (*to.did(), clock::now());
    let (day, place) = match sent.state {
        // After a restart it goes where it was.
        SentState::Mailbox { day, place, .. } => (day, place),
        _ => (day(now), u8::try_from(sent.number % u64::from(PLACES)).expect("less than 31")),
    };
    let content = seal(to.x25519(), &sent.jws)?;
    let (key, entry) = post(shared, slots, day, place, Some(sent.expires), &content).await?;
    let mut events = Vec::new();
    shared.messages.step(&did, &mut events, |thread, _| {
        thread.stored(sent.number, day, place, now);
        Ok(())
    })?;
    shared.tell(events);
    let at = (did, sent.stream, sent.number);
    shared.posted.lock().unwrap_or_else(PoisonError::into_inner).insert(at, (key, entry));
    Ok(())
}

/// Puts the word of what I have of theirs into a contact's inbox, in place of the one before, and gives it.
pub(super) async fn post_ack(shared: &Shared, to: &SignedProfile) -> Result<Option<DirectAck>, TalkError> {
    let Some((told, content)) = shared.messages.ack_box(to.did(), None, to.x25519()).await? else { return Ok(None) };
    let slots = slots(shared, to).await?;
    post(shared, &slots, day(clock::now()), ACK_PLACE, None, &content).await?;
    Ok(Some(told))
}

async fn post(
    shared: &Shared,
    slots: &InboxSlots,
    day: u64,
    place: u8,
    expires: Option<Timestamp>,
    content: &[u8],
) -> Result<Entry, TalkError> {
    let made = made(shared);
    let expires = (made + MAX_LIFE).min(expires.unwrap_or(made + MAX_LIFE));
    let mut salt = [0; 32];
    PlatformProvider.random(&mut salt)?;
    let slot = slots.outgoing(day);
    let entry = inbox::seal(&slot, place, made, expires, &salt, content)
        .map_err(|_| TalkError::Damaged("an inbox entry of mine is out of bounds"))?;
    let key = SetKey::inbox(slot.record_key());
    let published = shared.overlay.add(key, entry.clone()).await?;
    tracing::debug!(stored = published.stored, asked = published.asked, place, "an inbox entry was put");
    Ok((key, entry))
}

/// A sequence that no entry of this process has.
fn made(shared: &Shared) -> Timestamp {
    let now = clock::now().0;
    let before = shared.last_made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
    Timestamp(now.max(before.unwrap_or_default() + 1))
}

/// Looks into the slots of these days in which a contact writes to me, and takes what is there.
pub(super) async fn fetch(shared: &Shared, from: Did, days: RangeInclusive<u64>) -> Result<(), TalkError> {
    let Some(profile) = shared.people.get(&from) else { return Ok(()) };
    let slots = slots(shared, &profile).await?;
    let mut found = Vec::new();
    for day in days {
        let slot = slots.incoming(day);
        let listed = shared.overlay.list(SetKey::inbox(slot.record_key())).await?;
        for entry in &listed.entries {
            match inbox::open(&slot, entry, clock::now()) {
                Ok((_, content)) => found.push(content),
                Err(error) => tracing::debug!(%error, "an inbox entry is not good"),
            }
        }
    }
    let mut events = Vec::new();
    for content in found {
        let taken = shared.messages.take(&content, &|did| shared.knows(did), &mut events).await?;
        tracing::debug!(news = taken.news, "an inbox entry was read");
    }
    shared.tell(events);
    Ok(())
}

async fn slots(shared: &Shared, with: &SignedProfile) -> Result<InboxSlots, TalkError> {
    let secret = PlatformProvider.x25519_agree(shared.messages.keys().agreement_key(), with.x25519()).await?;
    Ok(InboxSlots::new(&secret, shared.messages.me(), *with.did()))
}
