//! The messages of one person, with or without a network: what is said, what came, how far each is.

use super::store::{Correspondent, Line, Said, Store};
use super::{TalkError, TalkEvent};
use crate::clock;
use crate::platform::PlatformProvider;
use crate::wallet::Wallet;
use pumasi_crypto::Provider as _;
use pumasi_crypto::hash::Digest;
use pumasi_identity::{Did, PrivateKeys};
use pumasi_messages::Text;
use pumasi_messages::direct::{
    Answer, DirectAck, DirectError, Received, Said as Opened, Sent, SentState, SignedAck, SignedDirect, Standing,
    StreamRefusal, Thread, ThreadError, open_box, seal_box,
};
use std::path::Path;
use std::sync::Arc;

/// Most strangers whose messages wait to be accepted.
pub const MAX_STRANGERS: usize = 200;
/// How often a number is tried that another process takes in between.
const TRIES: usize = 8;
/// The file.
const FILE: &str = "messages.db";

/// The messages of one identity. Clones share the file; other processes may write it meanwhile.
#[derive(Clone)]
pub struct Messages {
    inner: Arc<Inner>,
}

struct Inner {
    keys: PrivateKeys<PlatformProvider>,
    store: Store,
}

impl Messages {
    /// Opens the file of messages of a wallet, or makes it. The wallet may be open for reading only, beside a process that
    /// writes it.
    ///
    /// # Errors
    /// [`TalkError::Store`], [`TalkError::Damaged`].
    pub async fn open(wallet: &Wallet) -> Result<Self, TalkError> {
        Self::of(wallet.keys().clone(), wallet.folder()).await
    }

    pub(super) async fn of(keys: PrivateKeys<PlatformProvider>, folder: &Path) -> Result<Self, TalkError> {
        // A secret that the owner's key alone gives, and that no message is sealed with.
        let provider = PlatformProvider;
        let secret = provider.x25519_agree(keys.agreement_key(), &keys.x25519_public(&provider)).await?;
        let store = Store::open(&folder.join(FILE), *keys.did(), &secret)?;
        Ok(Self { inner: Arc::new(Inner { keys, store }) })
    }

    /// Whose messages they are.
    #[must_use]
    pub fn me(&self) -> Did {
        *self.keys().did()
    }

    pub(super) fn keys(&self) -> &PrivateKeys<PlatformProvider> {
        &self.inner.keys
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Signs a message and writes it down. It leaves when a courier runs, here or in another process of the owner.
    ///
    /// # Errors
    /// [`TalkError::Text`], [`TalkError::Direct`] when it is too long, [`TalkError::Thread`] when too many are under way.
    /// Nothing was written then.
    pub async fn say(&self, to: Did, text: &str) -> Result<Sent, TalkError> {
        let text = Text::new(text)?;
        let agreement = self.keys().x25519_public(&PlatformProvider);
        for _ in 0..TRIES {
            let draft = self.store().thread(&to)?.draft(text.clone(), agreement, clock::now())?;
            let signed = draft.sign(&PlatformProvider, self.keys().did_key()).await?;
            let said = self.store().step::<_, ThreadError>(&to, |thread, _| {
                thread.say(&signed)?;
                // Whom I write to, I know.
                thread.set_standing(Standing::Known);
                Ok(thread.open().find(|it| it.id == signed.id()).cloned())
            });
            match said {
                Ok(Some(sent)) => return Ok(sent),
                Ok(None) | Err(TalkError::Thread(ThreadError::Taken { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(TalkError::Damaged("another process takes every number"))
    }

    /// Messages in the order in which they are read, the last `limit` of them; of everyone, or with one person.
    ///
    /// # Errors
    /// [`TalkError::Store`], [`TalkError::Damaged`].
    pub fn lines(&self, peer: Option<&Did>, limit: usize) -> Result<Vec<Line>, TalkError> {
        self.store().lines(peer, limit)
    }

    /// How far a message of mine is.
    ///
    /// # Errors
    /// As [`lines`](Self::lines).
    pub fn state_of(&self, peer: &Did, id: Digest) -> Result<Option<SentState>, TalkError> {
        let lines = self.lines(Some(peer), 200)?;
        Ok(lines.into_iter().rev().find_map(|line| match line.what {
            Said::Mine(sent) if sent.id == id => Some(sent.state),
            _ => None,
        }))
    }

    /// The owner has seen these. They are told so, if they are no strangers, by the next courier.
    ///
    /// # Errors
    /// [`TalkError::Store`], [`TalkError::Damaged`].
    pub fn read(&self, lines: &[Line]) -> Result<(), TalkError> {
        for line in lines {
            if let Said::Theirs(got) = &line.what {
                self.store().step::<_, TalkError>(&line.peer, |thread, _| Ok(thread.read(got, clock::now())))?;
            }
        }
        Ok(())
    }

    /// How many people do not know yet what I have of theirs.
    ///
    /// # Errors
    /// [`TalkError::Store`], [`TalkError::Damaged`].
    pub fn acks_due(&self) -> Result<usize, TalkError> {
        let due = |it: &Correspondent| it.ack_due && it.state.standing == Standing::Known;
        Ok(self.store().peers()?.iter().filter(|it| due(it)).count())
    }

    /// What somebody is to the owner in matters of messages.
    ///
    /// # Errors
    /// [`TalkError::Store`], [`TalkError::Damaged`].
    pub fn standing(&self, peer: &Did) -> Result<Standing, TalkError> {
        Ok(self.store().thread(peer)?.state().standing)
    }

    /// Takes a stranger's messages among the others, or wants no more of somebody.
    ///
    /// # Errors
    /// [`TalkError::Store`], [`TalkError::Damaged`].
    pub fn set_standing(&self, peer: &Did, standing: Standing) -> Result<(), TalkError> {
        self.store().step::<_, TalkError>(peer, |thread, _| {
            thread.set_standing(standing);
            Ok(())
        })
    }

    /// Gives up what is too old, and tells gaps that were waited for long enough.
    pub(super) fn timeouts(&self, events: &mut Vec<TalkEvent>) -> Result<(), TalkError> {
        let now = clock::now();
        for with in self.store().peers()? {
            if !with.open && with.state.gap_since.is_none() {
                continue;
            }
            if self.store().thread(&with.peer)?.next_timeout().is_some_and(|at| at <= now) {
                self.step(&with.peer, events, |thread, _| {
                    thread.timeout(now);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// A step, and the events of what it changed.
    pub(super) fn step<T>(
        &self,
        peer: &Did,
        events: &mut Vec<TalkEvent>,
        step: impl FnOnce(&mut Thread, &dyn Fn(&Digest) -> pumasi_messages::direct::OnDisk) -> Result<T, ThreadError>,
    ) -> Result<T, TalkError> {
        let mut told = Vec::new();
        let result = self.store().step(peer, |thread, disk| {
            let result = step(thread, disk)?;
            told = thread.changes().iter().filter_map(|change| TalkEvent::of(*peer, thread.state(), change)).collect();
            Ok::<_, ThreadError>(result)
        })?;
        events.append(&mut told);
        Ok(result)
    }

    /// Takes a box that came, by whichever road, and says what to answer. Nothing is acknowledged that is not on the disk.
    pub(super) async fn take(
        &self,
        bytes: &[u8],
        knows: &(dyn Fn(&Did) -> bool + Send + Sync),
        events: &mut Vec<TalkEvent>,
    ) -> Result<Taken, TalkError> {
        let opened = open_box(&PlatformProvider, self.keys().agreement_key(), &self.me(), bytes, clock::now()).await;
        match opened {
            Ok(Opened::Message(message)) => self.take_message(&message, knows, events).await,
            Ok(Opened::Ack(ack)) => {
                self.take_ack(&ack, events)?;
                Ok(Taken { from: ack.value().from, news: false, answer: Answer::Taken {}, told: None })
            }
            Err(DirectError::Expired(_)) => Ok(Taken::refused(self.me(), StreamRefusal::Expired)),
            Err(error) => {
                tracing::debug!(%error, "a box is not taken");
                Ok(Taken::refused(self.me(), StreamRefusal::Unreadable))
            }
        }
    }

    async fn take_message(
        &self,
        message: &SignedDirect,
        knows: &(dyn Fn(&Did) -> bool + Send + Sync),
        events: &mut Vec<TalkEvent>,
    ) -> Result<Taken, TalkError> {
        let from = message.value().from;
        let thread = self.store().thread(&from)?;
        let unheard = thread.ack(None, clock::now()).is_none() && thread.state().standing == Standing::Stranger;
        if unheard && !knows(&from) && self.store().strangers()? >= MAX_STRANGERS {
            return Ok(Taken::refused(from, StreamRefusal::Full));
        }
        let received = self.step(&from, events, |thread, disk| {
            if thread.state().standing == Standing::Stranger && knows(&from) {
                thread.set_standing(Standing::Known);
            }
            thread.receive(message, disk(&message.id()), clock::now())
        });
        match received {
            Ok(received) => {
                let made = self.ack_box(&from, Some(message.id()), &message.value().agreement).await?;
                // There is something to acknowledge: the message itself.
                let Some((told, sealed)) = made else { return Ok(Taken::refused(from, StreamRefusal::Busy)) };
                let news = received != Received::Known;
                Ok(Taken { from, news, answer: Answer::ack(&sealed), told: Some(told) })
            }
            Err(TalkError::Thread(error)) => {
                tracing::debug!(peer = %from.short(), %error, "a direct message is not taken");
                let why = match error {
                    ThreadError::Stranger => StreamRefusal::Full,
                    ThreadError::Unwanted => StreamRefusal::Unwanted,
                    _ => StreamRefusal::Busy,
                };
                Ok(Taken::refused(from, why))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn take_ack(&self, ack: &SignedAck, events: &mut Vec<TalkEvent>) -> Result<(), TalkError> {
        self.step(&ack.value().from, events, |thread, _| thread.acked(ack, clock::now()).map(drop))
    }

    /// The acknowledgement of what I have of theirs, as it is now.
    pub(super) fn ack(&self, peer: &Did, about: Option<Digest>) -> Result<Option<DirectAck>, TalkError> {
        Ok(self.store().thread(peer)?.ack(about, clock::now()))
    }

    /// The same, and signed and sealed for a key of theirs.
    pub(super) async fn ack_box(
        &self,
        peer: &Did,
        about: Option<Digest>,
        key: &[u8; 32],
    ) -> Result<Option<(DirectAck, Vec<u8>)>, TalkError> {
        let Some(ack) = self.ack(peer, about)? else { return Ok(None) };
        let signed = ack.sign(&PlatformProvider, self.keys().did_key()).await?;
        let sealed = seal(key, signed.as_str())?;
        Ok(Some((ack, sealed)))
    }
}

/// Seals a statement with fresh randomness.
pub(super) fn seal(key: &[u8; 32], compact: &str) -> Result<Vec<u8>, TalkError> {
    let mut random = [0; 32];
    PlatformProvider.random(&mut random)?;
    Ok(seal_box(random, key, compact)?)
}

/// What became of a box.
pub(super) struct Taken {
    /// Who it is from; the owner when it could not be read.
    pub(super) from: Did,
    /// Whether it is a message that was not there before.
    pub(super) news: bool,
    pub(super) answer: Answer,
    /// What the answer acknowledges.
    pub(super) told: Option<DirectAck>,
}

impl Taken {
    fn refused(from: Did, why: StreamRefusal) -> Self {
        Self { from, news: false, answer: Answer::Refused(why), told: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::NewIdentity;
    use pumasi_crypto::password::Password;
    use pumasi_messages::direct::GotState;

    struct Person {
        folder: tempfile::TempDir,
        wallet: Wallet,
    }

    impl Person {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let wallet = Wallet::create(folder.path(), &Password::new("p"), NewIdentity::default()).await.unwrap();
            Self { folder, wallet }
        }

        /// As after a crash: nothing but what is on the disk.
        async fn reopened(&self) -> Messages {
            Messages::open(&self.wallet).await.unwrap()
        }

        fn key(&self) -> [u8; 32] {
            *self.wallet.profile().x25519()
        }
    }

    fn texts(messages: &Messages) -> Vec<String> {
        let theirs = |line: Line| if let Said::Theirs(got) = line.what { Some(got.text) } else { None };
        messages.lines(None, 100).unwrap().into_iter().filter_map(theirs).collect()
    }

    fn state(messages: &Messages) -> SentState {
        let mine = |line: Line| if let Said::Mine(sent) = line.what { Some(sent.state) } else { None };
        messages.lines(None, 100).unwrap().into_iter().find_map(mine).unwrap()
    }

    /// The steps of one message, each with both processes killed before and after it.
    #[tokio::test]
    async fn killed_at_any_step_nothing_is_lost_and_nothing_is_there_twice() {
        let (alice, bob) = (Person::new().await, Person::new().await);
        let (to, me) = (bob.wallet.did(), alice.wallet.did());
        let known = |_: &Did| true;
        let mut events = Vec::new();
        let sent = alice.reopened().await.say(to, "hello").await.unwrap();
        // Killed after it was written, before it left: it is still to be brought.
        let reopened = alice.reopened().await;
        assert_eq!(reopened.store().thread(&to).unwrap().open().map(|it| it.id).collect::<Vec<_>>(), [sent.id]);
        // It leaves, and Bob is killed after he wrote it, before he could answer.
        let sealed = seal(&bob.key(), &sent.jws).unwrap();
        let taken = bob.reopened().await.take(&sealed, &known, &mut events).await.unwrap();
        assert!(taken.news);
        drop(taken);
        // Alice knows nothing of it, and sends it again, sealed anew; it is not there twice.
        assert_eq!(state(&alice.reopened().await), SentState::Queued);
        let again = seal(&bob.key(), &reopened.store().thread(&to).unwrap().open().next().unwrap().jws).unwrap();
        let taken = bob.reopened().await.take(&again, &known, &mut events).await.unwrap();
        assert!(!taken.news);
        assert_eq!(texts(&bob.reopened().await), ["hello"]);
        // Alice is killed before she writes the acknowledgement: once more.
        let ack = taken.answer.sealed().unwrap();
        assert_eq!(state(&alice.reopened().await), SentState::Queued);
        alice.reopened().await.take(&ack, &known, &mut events).await.unwrap();
        assert!(matches!(state(&alice.reopened().await), SentState::Delivered { .. }));
        // The acknowledgement again, as from the inbox: nothing changes.
        events.clear();
        alice.reopened().await.take(&ack, &known, &mut events).await.unwrap();
        assert_eq!(events, []);
        // Bob reads; killed before Alice hears of it, he still owes her the word.
        let bobs = bob.reopened().await;
        bobs.read(&bobs.lines(None, 10).unwrap()).unwrap();
        assert_eq!(bob.reopened().await.acks_due().unwrap(), 1);
        let (told, read) = bob.reopened().await.ack_box(&me, None, &alice.key()).await.unwrap().unwrap();
        // What came while that was on its way is still due.
        let next = alice.reopened().await.say(to, "and again").await.unwrap();
        let next = seal(&bob.key(), &next.jws).unwrap();
        bob.reopened().await.take(&next, &known, &mut events).await.unwrap();
        bobs.store().ack_told(&me, &told).unwrap();
        assert_eq!(bobs.acks_due().unwrap(), 1);
        let (told, _) = bobs.ack_box(&me, None, &alice.key()).await.unwrap().unwrap();
        bobs.store().ack_told(&me, &told).unwrap();
        assert_eq!(bobs.acks_due().unwrap(), 0);
        alice.reopened().await.take(&read, &known, &mut events).await.unwrap();
        assert!(matches!(state(&alice.reopened().await), SentState::Read { .. }));
    }

    /// Two processes of one person write at the same time.
    #[tokio::test(flavor = "multi_thread")]
    async fn two_processes_never_take_the_same_number() {
        let (alice, bob) = (Person::new().await, Person::new().await);
        let to = bob.wallet.did();
        let said = (0..4).map(|process| {
            let messages = Messages::open(&alice.wallet);
            async move {
                let messages = messages.await.unwrap();
                for n in 0..5 {
                    messages.say(to, &format!("{process}.{n}")).await.unwrap();
                }
            }
        });
        futures::future::join_all(said).await;
        let thread = alice.reopened().await.store().thread(&to).unwrap();
        let numbers: Vec<u64> = thread.open().map(|it| it.number).collect();
        assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn the_file_shows_nothing_that_was_said_and_is_its_owners_alone() {
        let (alice, bob) = (Person::new().await, Person::new().await);
        let messages = alice.reopened().await;
        messages.say(bob.wallet.did(), "the secret word").await.unwrap();
        let path = alice.folder.path().join(FILE);
        for suffix in ["", "-wal"] {
            let bytes = std::fs::read(format!("{}{suffix}", path.display())).unwrap_or_default();
            let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!has(b"secret word") && !has(bob.wallet.did().multibase().as_bytes()), "{suffix}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        }
        // Another identity's keys do not open it.
        std::fs::copy(&path, bob.folder.path().join(FILE)).unwrap();
        drop(messages);
        let stolen = bob.reopened().await;
        assert!(stolen.lines(None, 10).is_err() || stolen.lines(None, 10).unwrap().is_empty());
    }

    /// Strangers cannot fill the disk, each or together.
    #[tokio::test]
    async fn slow_what_strangers_leave_is_bounded() {
        let (alice, bob) = (Person::new().await, Person::new().await);
        let messages = bob.reopened().await;
        let mut events = Vec::new();
        for n in 0..MAX_STRANGERS {
            let seed = [u8::try_from(n).unwrap(); 32];
            let did = Did::from_ed25519(pumasi_crypto::ed25519::EphemeralSigner::from_seed(&seed).public());
            messages.set_standing(&did, Standing::Known).unwrap();
            messages.set_standing(&did, Standing::Stranger).unwrap();
        }
        assert_eq!(messages.store().strangers().unwrap(), MAX_STRANGERS);
        let sent = alice.reopened().await.say(bob.wallet.did(), "one too many").await.unwrap();
        let sealed = seal(&bob.key(), &sent.jws).unwrap();
        let taken = messages.take(&sealed, &|_| false, &mut events).await.unwrap();
        assert_eq!(taken.answer, Answer::Refused(StreamRefusal::Full));
        // Someone known has room all the same.
        let taken = messages.take(&sealed, &|_| true, &mut events).await.unwrap();
        assert!(taken.news);
        assert!(
            matches!(&events[..], [TalkEvent::Message { request: false, message, .. }] if message.state == GotState::Unread)
        );
    }
}
