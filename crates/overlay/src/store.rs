//! The record store that Kademlia writes to. It checks namespace, size, signature and sequence inside `put`, because
//! that is the only place whose refusal the sender hears of: with libp2p's own filter the sender is told "ok" first.

use crate::disk::{Change, Disk};
use crate::pace::{Pace, Paced};
use crate::record::{Namespace, Refusal, Valid};
use crate::score::{Action, Offence, Scores};
use crate::set::{SetKey, SetTable};
use crate::table::{Admitted, Giver, Held, Table};
use crate::{Limits, OverlayError, RecordKey};
use libp2p::PeerId;
use libp2p::kad::store::{Error, RecordStore, Result as StoreResult};
use libp2p::kad::{ProviderRecord, Record, RecordKey as WireKey};
use pumasi_units::{Millis, Timestamp};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Values that wait for a slow watcher; then it misses some, and polls as it would anyway.
pub(crate) const WATCH_QUEUE: usize = 16;

pub(crate) struct Store {
    node: PeerId,
    table: Table,
    pub(crate) sets: SetTable,
    limits: Limits,
    keeps: bool,
    disk: Option<Disk>,
    watches: HashMap<RecordKey, Vec<mpsc::Sender<Vec<u8>>>>,
    /// The peer whose message is being handled; set by [`Guard`](crate::guard::Guard).
    source: Option<PeerId>,
    pace: Pace,
    refused: u64,
    /// How the other nodes behave, and what is to be done about them: the node does it.
    pub(crate) scores: Scores,
    verdicts: Vec<(PeerId, Action)>,
}

impl Store {
    /// # Errors
    /// [`OverlayError::Store`] when the file cannot be used.
    pub(crate) fn open(
        node: PeerId,
        limits: Limits,
        keeps: bool,
        path: Option<&Path>,
    ) -> std::result::Result<Self, OverlayError> {
        let mut store = Self {
            node,
            table: Table::new(node, limits.clone()),
            sets: SetTable::new(node, limits.clone()),
            pace: Pace::new(limits.puts_per_peer),
            scores: Scores::new(limits.scored_peers),
            verdicts: Vec::new(),
            limits,
            keeps,
            disk: None,
            watches: HashMap::new(),
            source: None,
            refused: 0,
        };
        if let Some(path) = path {
            let (disk, loaded) = Disk::open(path)?;
            for row in loaded.records {
                let (key, giver) = (RecordKey::from_bytes(&row.key), row.giver);
                // Own records are published anew by whoever owns them; what is loaded is kept for others.
                let giver = Giver::Peer(giver.map_or(node, |id| id.0));
                let kept = key.is_some_and(|key| store.admit(key, row.value, giver).is_ok());
                if let (false, Some(key)) = (kept, key) {
                    disk.push(Change::Delete(key));
                }
            }
            for row in loaded.entries {
                let giver = Giver::Peer(row.giver.map_or(node, |id| id.0));
                let Some((key, name)) = SetKey::from_bytes(&row.key).zip(row.name) else { continue };
                if store.admit_entry(key, row.value, giver) != Ok(name) {
                    disk.push(Change::DeleteEntry { key, name });
                }
            }
            store.disk = Some(disk);
        }
        Ok(store)
    }

    /// Whether records of others are kept from now on.
    pub(crate) fn set_keeps(&mut self, keeps: bool) {
        self.keeps = keeps;
    }

    pub(crate) fn set_source(&mut self, source: Option<PeerId>) {
        self.source = source;
    }

    /// Checks a record and keeps it.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn admit(&mut self, key: RecordKey, value: Vec<u8>, giver: Giver) -> Result<(), Refusal> {
        let now = now();
        if self.table.again(&key, &value, giver, now) {
            return Ok(()); // checked when it came, so a repeated put costs no signature check
        }
        let valid = key.validate(&value, now)?;
        let admitted = self.table.admit(Held { key, value: value.clone(), valid, giver, given: false }, now)?;
        let Admitted::Stored { gone } = admitted else { return Ok(()) };
        for gone in gone {
            self.write(Change::Delete(gone));
        }
        if !self.write(Change::Put { key, value: value.clone(), giver }) {
            self.table.remove(&key);
            return Err(Refusal::Busy);
        }
        self.notify(&key, &value);
        Ok(())
    }

    /// Whether the disk took it; a node without one keeps records in memory only.
    pub(crate) fn write(&self, change: Change) -> bool {
        self.disk.as_ref().is_none_or(|disk| disk.push(change))
    }

    fn notify(&mut self, key: &RecordKey, value: &[u8]) {
        if let Some(watchers) = self.watches.get_mut(key) {
            watchers.retain(|watcher| {
                !matches!(watcher.try_send(value.to_vec()), Err(mpsc::error::TrySendError::Closed(_)))
            });
            if watchers.is_empty() {
                self.watches.remove(key);
            }
        }
    }

    /// Sends to `watcher` every record that comes in under this key, and the one that is there.
    ///
    /// # Errors
    /// [`OverlayError::Busy`] at [`Limits::watches`].
    pub(crate) fn watch(
        &mut self,
        key: RecordKey,
        watcher: mpsc::Sender<Vec<u8>>,
    ) -> std::result::Result<(), OverlayError> {
        self.watches.retain(|_, watchers| {
            watchers.retain(|watcher| !watcher.is_closed());
            !watchers.is_empty()
        });
        let limit = self.limits.watches;
        if self.watches.values().map(Vec::len).sum::<usize>() >= limit {
            return Err(OverlayError::Busy { what: "watched keys", limit });
        }
        if let Some(held) = self.table.get(&key, now()) {
            // The channel is new and empty, so the one value has room.
            let _ = watcher.try_send(held.value.clone());
        }
        self.watches.entry(key).or_default().push(watcher);
        Ok(())
    }

    pub(crate) fn held(&self, key: &RecordKey) -> Option<(Valid, Vec<u8>)> {
        self.table.get(key, now()).map(|held| (held.valid, held.value.clone()))
    }

    /// Whose store it is.
    pub(crate) fn node(&self) -> PeerId {
        self.node
    }

    /// Whether what is kept under a key is there only because this node publishes it.
    pub(crate) fn is_own_only(&self, key: &RecordKey) -> bool {
        self.table.get(key, now()).is_some_and(|held| held.giver == Giver::Own && !held.given)
    }

    pub(crate) fn count(&self, space: Namespace) -> usize {
        self.table.len(space)
    }

    pub(crate) fn count_refusal(&mut self) {
        self.refused += 1;
    }

    /// Whether this node keeps anything for others.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Forgets what has expired. Called now and then, so that a quiet node does not hold it for ever.
    pub(crate) fn sweep(&mut self) {
        for key in self.table.expire(now()) {
            self.write(Change::Delete(key));
        }
        self.sweep_entries();
        self.scores.sweep(Instant::now());
    }

    /// Ends the writing; joining the thread means that all is on disk.
    pub(crate) fn close(&mut self) -> Option<JoinHandle<()>> {
        self.disk.as_mut().and_then(Disk::close)
    }

    pub(crate) fn check_pace(&mut self, peer: PeerId) -> Result<(), Refusal> {
        let limit = self.limits.puts_per_peer;
        match self.pace.take(peer, self.scores.is_limited(&peer, Instant::now())) {
            Paced::Within => return Ok(()),
            Paced::Over => {}
            Paced::Flood => self.blame(peer, Offence::Flood),
        }
        Err(Refusal::PeerTooFast { limit })
    }

    /// Notes what a node did that it must not do.
    pub(crate) fn blame(&mut self, peer: PeerId, offence: Offence) {
        let action = self.scores.note(peer, offence, Instant::now());
        tracing::debug!(%peer, ?offence, ?action, "a peer broke a rule");
        self.judge(peer, action);
    }

    /// Notes whether a peer that a node told of was there.
    pub(crate) fn told(&mut self, teller: PeerId, there: bool) {
        let action = self.scores.told(teller, there, Instant::now());
        self.judge(teller, action);
    }

    fn judge(&mut self, peer: PeerId, action: Option<Action>) {
        // At most one of each offence that this node looked at since the last event: the node takes them at once.
        self.verdicts.extend(action.map(|action| (peer, action)));
    }

    pub(crate) fn take_verdicts(&mut self) -> Vec<(PeerId, Action)> {
        std::mem::take(&mut self.verdicts)
    }

    fn put_from(&mut self, record: Record) -> Result<(), Refusal> {
        let giver = match self.source {
            Some(peer) => {
                if !self.keeps {
                    return Err(Refusal::NotKept);
                }
                self.check_pace(peer)?;
                Giver::Peer(peer)
            }
            None => Giver::Own,
        };
        let Some(key) = RecordKey::from_bytes(record.key.as_ref()) else {
            self.blame_giver(giver);
            return Err(Refusal::Namespace);
        };
        self.admit(key, record.value.clone(), giver).inspect_err(|refusal| {
            if refusal.is_fault(|now| key.validate(&record.value, now), now()) {
                self.blame_giver(giver);
            }
        })
    }

    pub(crate) fn blame_giver(&mut self, giver: Giver) {
        if let Giver::Peer(peer) = giver {
            self.blame(peer, Offence::InvalidPut);
        }
    }

    fn to_wire(held: &Held, now: Timestamp) -> Record {
        Record {
            key: held.key.to_bytes().into(),
            value: held.value.clone(),
            // Who brought a record is nobody's business.
            publisher: None,
            expires: Some(wire_expiry(&held.valid, now)),
        }
    }
}

/// The end of a record's life as libp2p counts it. Its holder computes it from the record, never from this.
pub(crate) fn wire_expiry(valid: &Valid, now: Timestamp) -> Instant {
    Instant::now() + Duration::from_millis(valid.expires.since(now))
}

/// The system's clock. The overlay is a driver: it owns one.
pub(crate) fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp(Millis::try_from(millis).unwrap_or(Millis::MAX))
}

impl RecordStore for Store {
    type RecordsIter<'a> = Box<dyn Iterator<Item = Cow<'a, Record>> + 'a>;
    type ProvidedIter<'a> = std::iter::Empty<Cow<'a, ProviderRecord>>;

    fn get(&self, key: &WireKey) -> Option<Cow<'_, Record>> {
        let now = now();
        let held = self.table.get(&RecordKey::from_bytes(key.as_ref())?, now)?;
        Some(Cow::Owned(Self::to_wire(held, now)))
    }

    fn put(&mut self, record: Record) -> StoreResult<()> {
        self.put_from(record).map_err(|refusal| {
            self.refused += 1;
            tracing::debug!(%refusal, source = ?self.source, "record refused");
            match refusal {
                Refusal::TooLong { .. } => Error::ValueTooLarge,
                _ => Error::MaxRecords,
            }
        })
    }

    /// libp2p removes what it takes for expired. Expiry is decided by the record alone, in [`Store::sweep`].
    fn remove(&mut self, _key: &WireKey) {}

    /// What libp2p replicates from time to time: profiles held for others.
    fn records(&self) -> Self::RecordsIter<'_> {
        let now = now();
        let live = self
            .table
            .iter()
            .filter(move |held| held.key.space().replicates() && held.giver != Giver::Own && held.valid.expires > now);
        Box::new(live.map(move |held| Cow::Owned(Self::to_wire(held, now))))
    }

    /// Provider records are no part of this protocol.
    fn add_provider(&mut self, _record: ProviderRecord) -> StoreResult<()> {
        Err(Error::MaxProvidedKeys)
    }

    fn providers(&self, _key: &WireKey) -> Vec<ProviderRecord> {
        Vec::new()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        std::iter::empty()
    }

    fn remove_provider(&mut self, _key: &WireKey, _peer: &PeerId) {}
}
