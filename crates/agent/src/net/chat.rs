//! Direct messages over a link that is open anyway (`docs/spec/messages.md` §5.3).

use pumasi_identity::Did;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What direct messages and their answers begin with on a link; everything else there is a JSON envelope.
const TAG: &[u8] = b"pumasi/1/talk\0";
const BOX: u8 = 0;
const ANSWER: u8 = 1;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Boxes that wait to be taken, of all links.
const BROUGHT: usize = 32;

/// A box for the other end of a link, and where its answer goes.
pub(crate) struct Ask {
    pub(crate) sealed: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Vec<u8>>,
}

/// A box that came over a link.
pub(crate) struct Brought {
    pub(crate) sealed: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Vec<u8>>,
}

/// What a message on a link is to the talk.
pub(crate) enum Frame<'a> {
    Box(&'a [u8]),
    Answer(&'a [u8]),
}

/// The links that are open, and who takes what comes over them.
#[derive(Clone, Default)]
pub(crate) struct Chats(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    links: HashMap<Did, mpsc::Sender<Ask>>,
    taker: Option<mpsc::Sender<Brought>>,
}

impl Chats {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link is up: gives what is to be asked over it, until that is dropped.
    pub(crate) fn link(&self, peer: Did) -> mpsc::Receiver<Ask> {
        let (asks, to_ask) = mpsc::channel(1);
        let mut inner = self.inner();
        inner.links.retain(|_, asks| !asks.is_closed());
        inner.links.insert(peer, asks);
        to_ask
    }

    /// Takes what comes over all links from now on.
    pub(crate) fn take(&self) -> mpsc::Receiver<Brought> {
        let (taker, brought) = mpsc::channel(BROUGHT);
        self.inner().taker = Some(taker);
        brought
    }

    /// Whether there is a link to somebody.
    pub(crate) fn is_open(&self, peer: &Did) -> bool {
        self.inner().links.get(peer).is_some_and(|asks| !asks.is_closed())
    }

    /// Sends a box over the link to somebody, if there is one, and waits for the answer.
    pub(crate) async fn ask(&self, peer: &Did, sealed: Vec<u8>) -> Option<Vec<u8>> {
        let asks = self.inner().links.get(peer).cloned()?;
        let (answer, answered) = oneshot::channel();
        let asked = async {
            asks.send(Ask { sealed, answer }).await.ok()?;
            answered.await.ok()
        };
        pumasi_rt::timeout(PATIENCE, asked).await.ok().flatten()
    }

    /// Hands over a box that came. What is given back has the answer, unless nobody takes it.
    pub(crate) fn bring(&self, sealed: &[u8]) -> oneshot::Receiver<Vec<u8>> {
        let (answer, answered) = oneshot::channel();
        if let Some(taker) = &self.inner().taker {
            // One too many is dropped, and with it the way to answer: the sender takes another road.
            let _ = taker.try_send(Brought { sealed: sealed.to_vec(), answer });
        }
        answered
    }
}

/// Reads a message of a link; `None` when it is none of the talk's.
pub(crate) fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    match bytes.strip_prefix(TAG)?.split_first()? {
        (&BOX, sealed) => Some(Frame::Box(sealed)),
        (&ANSWER, answer) => Some(Frame::Answer(answer)),
        _ => None,
    }
}

/// The message that carries a box.
pub(crate) fn boxed(sealed: &[u8]) -> Vec<u8> {
    [TAG, &[BOX], sealed].concat()
}

/// The message that carries an answer. An empty one says that nobody took the box.
pub(crate) fn answer(answer: &[u8]) -> Vec<u8> {
    [TAG, &[ANSWER], answer].concat()
}
