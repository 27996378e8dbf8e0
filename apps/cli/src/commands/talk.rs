//! `message`, `messages`, and what `listen` tells of messages.

use super::events::{Names, name_of, names};
use crate::args::{Message, Messages as Args};
use crate::context::Context;
use crate::failure;
use pumasi_agent::Agent;
use pumasi_agent::home::Lock;
use pumasi_agent::net::Entry;
use pumasi_agent::talk::{Line, Messages, Said, Session, Talk as Courier, TalkError, TalkEvent};
use pumasi_identity::Did;
use pumasi_messages::direct::{DirectError, Got, Sent, SentState, Standing, StreamRefusal, ThreadError, WINDOW};
use pumasi_messages::{SignedError, TextError};
use pumasi_units::Timestamp;
use pumasi_words::{Exit, MessageState, Say as _, Step, Talk, said};
use serde_json::{Value, json};
use std::io::{BufRead as _, Read as _};
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

/// How often the state of a message is read that another process brings.
const LOOK: Duration = Duration::from_millis(300);
/// How long looking into the inbox may take, and telling those who sent something.
const FETCHING: Duration = Duration::from_secs(60);
const TELLING: Duration = Duration::from_secs(20);
/// The longest line that is read from standard input, in bytes.
const MAX_LINE: u64 = 16 * 1_024;
/// Lines that wait to be said.
const LINES: usize = 16;

/// Lines of standard input, as they come.
pub(crate) struct Lines(mpsc::Receiver<String>);

impl Lines {
    pub(crate) fn of_stdin() -> Self {
        let (sender, lines) = mpsc::channel(LINES);
        // A thread of its own: reading a terminal cannot be cancelled, and must not keep the program from ending.
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin().lock();
            loop {
                let mut line = String::new();
                match stdin.by_ref().take(MAX_LINE).read_line(&mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) if sender.blocking_send(line).is_err() => return,
                    Ok(_) => {}
                }
            }
        });
        Self(lines)
    }

    /// The next line; when there are no more it waits for ever, as nobody types any more.
    pub(crate) async fn next(&mut self) -> Option<String> {
        match self.0.recv().await {
            Some(line) => Some(line),
            None => std::future::pending().await,
        }
    }
}

/// What is to be said: the argument, or standard input up to its end. `None` when there is nothing in it.
pub(crate) fn text_of(argument: Option<String>) -> anyhow::Result<Option<String>> {
    let text = match argument {
        Some(text) => text,
        None => {
            let mut text = String::new();
            std::io::stdin().lock().take(MAX_LINE).read_to_string(&mut text)?;
            text
        }
    };
    Ok((!text.trim().is_empty()).then_some(text))
}

/// The time of day, where the user is.
pub(crate) fn clock_time(at: Timestamp) -> String {
    let zoned = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match zoned.map(|it| it.to_zoned(jiff::tz::TimeZone::system())) {
        Some(it) => format!("{:02}:{:02}", it.hour(), it.minute()),
        None => at.to_string(),
    }
}

/// The name of a contact; for others the end of the DID with a mark.
pub(crate) fn name_or_mark(context: &Context, names: &Names, did: &Did) -> String {
    match names.get(did) {
        Some(name) => name.clone(),
        None => context.say(&Talk::Unknown { did: &did.short() }),
    }
}

pub(crate) async fn message(context: &mut Context, args: Message) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let to = super::ledger::did_of(&wallet, &args.who).await?;
    let names = names(&wallet).await?;
    let Some(text) = text_of(args.text)? else {
        return Ok(failure::say(context, Exit::Usage, &Talk::NothingToSay));
    };
    let messages = Messages::open(&wallet).await?;
    let name = name_or_mark(context, &names, &to);
    let sent = match messages.say(to, &text).await {
        Ok(sent) => sent,
        Err(error) => return not_said(context, &name, error),
    };
    context.ui.object(&sent_object(&to, &names, &sent));
    let listening = Lock::holder(&context.home).is_some_and(|holder| holder.doing == "listen");
    let mut refused = None;
    let state = if listening {
        let step = context.say(&Talk::LeftToListener);
        context.ui.progress(step);
        watch(&messages, &to, &sent, args.wait).await?
    } else {
        let step = context.say(&Step::Joining);
        context.ui.progress(step);
        let session = Session::enter(&wallet, &args.network.try_into()?, Entry::Client).await?;
        let brought = bring(&session, &to, &sent, args.wait).await;
        session.leave().await;
        let (state, why) = brought?;
        refused = why;
        state
    };
    let words = match state_words(&state) {
        MessageState::Queued if refused.is_some() => Talk::NotTaken { name: &name },
        MessageState::Queued if !names.contains_key(&to) => Talk::NoInbox { name: &name },
        state => Talk::Message { name: &name, state },
    };
    let sentence = context.say(&words);
    context.ui.print(&sent_object(&to, &names, &Sent { state: state.clone(), ..sent }), sentence);
    Ok(match state {
        SentState::Delivered { .. } | SentState::Read { .. } => Exit::Done,
        SentState::Queued if refused.is_some() => Exit::Refused,
        _ => Exit::Pending,
    })
}

/// Why something was not said, in words where there are some.
pub(crate) fn not_said(context: &mut Context, name: &str, error: TalkError) -> anyhow::Result<Exit> {
    let words = match error {
        TalkError::Text(TextError::TooLong { len, limit }) | TalkError::Direct(DirectError::TooLong { len, limit }) => {
            Talk::TooLong { len, limit }
        }
        TalkError::Signed(SignedError::TooLong { len, limit, .. }) => Talk::TooLong { len, limit },
        TalkError::Text(TextError::Control(_)) => Talk::Control,
        TalkError::Thread(ThreadError::Full) => Talk::OutboxFull { name, limit: WINDOW },
        error => return Err(error.into()),
    };
    Ok(failure::say(context, Exit::Failed, &words))
}

/// Waits for what another process makes of a message.
async fn watch(messages: &Messages, to: &Did, sent: &Sent, patience: Duration) -> anyhow::Result<SentState> {
    let started = Instant::now();
    loop {
        let state = messages.state_of(to, sent.id)?.unwrap_or(SentState::Queued);
        if matches!(state, SentState::Delivered { .. } | SentState::Read { .. }) || started.elapsed() >= patience {
            return Ok(state);
        }
        // In the mailbox it is safe; a moment later the other may still take it in person.
        if matches!(state, SentState::Mailbox { .. }) && started.elapsed() >= patience / 2 {
            return Ok(state);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Brings the outbox, and waits for what becomes of one message; and why it was not taken, if they were reached.
async fn bring(
    session: &Session,
    to: &Did,
    sent: &Sent,
    patience: Duration,
) -> anyhow::Result<(SentState, Option<StreamRefusal>)> {
    let courier = Courier::start(session, None).await?;
    let mut events = courier.events();
    courier.nudge();
    let mut refused = None;
    let done = async {
        loop {
            match events.recv().await {
                Ok(TalkEvent::Sent { peer, message }) if peer == *to && message.id == sent.id => {
                    if !message.state.is_open() {
                        return;
                    }
                }
                Ok(TalkEvent::Refused { peer, why }) if peer == *to => refused = Some(why),
                // The first attempt is over, by both roads.
                Ok(TalkEvent::Tried { peer }) if peer == *to => return,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    };
    let _ = tokio::time::timeout(patience, done).await; // the state is on the disk
    courier.stop().await;
    Ok((session.messages().state_of(to, sent.id)?.unwrap_or(SentState::Queued), refused))
}

fn state_words(state: &SentState) -> MessageState {
    match state {
        SentState::Queued => MessageState::Queued,
        SentState::Mailbox { .. } => MessageState::Mailbox,
        SentState::Delivered { .. } => MessageState::Delivered,
        SentState::Read { .. } => MessageState::Read,
        SentState::Expired { .. } => MessageState::Expired,
    }
}

fn sent_object(to: &Did, names: &Names, sent: &Sent) -> Value {
    json!({
        "event": "sent", "to": to, "name": names.get(to), "id": sent.id, "number": sent.number, "issued": sent.issued,
        "text": sent.text, "state": sent.state,
    })
}

fn got_object(from: &Did, names: &Names, got: &Got, request: bool) -> Value {
    json!({
        "event": "message", "from": from, "name": names.get(from), "id": got.id, "number": got.number,
        "issued": got.issued, "text": got.text, "missing": got.missing, "late": got.late, "request": request,
        "state": got.state,
    })
}

pub(crate) async fn messages(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let wallet = context.read().await?;
    let names = names(&wallet).await?;
    if args.fetch {
        let step = context.say(&Step::Joining);
        context.ui.progress(step);
        let session = Session::enter(&wallet, &args.network.clone().try_into()?, Entry::Client).await?;
        let mut courier = Courier::start(&session, None).await?;
        courier.caught_up(FETCHING).await;
        // What was found is told to those who sent it, before this node goes.
        let told = async {
            while courier.messages().acks_due()? > 0 {
                tokio::time::sleep(LOOK).await;
            }
            Ok::<_, TalkError>(())
        };
        if let Ok(told) = tokio::time::timeout(TELLING, told).await {
            told?;
        }
        courier.stop().await;
        session.leave().await;
    }
    let messages = Messages::open(&wallet).await?;
    for (who, standing) in [(&args.accept, Standing::Known), (&args.refuse, Standing::Unwanted)] {
        let Some(who) = who else { continue };
        let did = super::ledger::did_of(&wallet, who).await?;
        messages.set_standing(&did, standing)?;
        let name = name_of(&names, &did);
        let words = match standing {
            Standing::Unwanted => Talk::Unwanted { name: &name },
            _ => Talk::Accepted { name: &name },
        };
        let sentence = context.say(&words);
        context.ui.print(&json!({ "event": "standing", "did": did, "standing": standing }), sentence);
        return Ok(Exit::Done);
    }
    let with = match &args.with {
        Some(who) => Some(super::ledger::did_of(&wallet, who).await?),
        None => None,
    };
    let (mut shown, mut requests) = (Vec::new(), 0);
    for line in messages.lines(with.as_ref(), args.last)? {
        let request = !names.contains_key(&line.peer) && messages.standing(&line.peer)? == Standing::Stranger;
        requests += usize::from(request && !args.requests);
        if request == args.requests {
            shown.push(line);
        }
    }
    if shown.is_empty() {
        let sentence = context.say(&Talk::NoMessages);
        context.ui.say(sentence);
    }
    for line in &shown {
        let (object, sentence) = words_of(context, &names, line, args.requests);
        context.ui.print(&object, sentence);
    }
    // Only what was shown counts as read; a stranger's never does, as far as they are told.
    messages.read(&shown)?;
    if requests > 0 {
        let sentence = context.say(&Talk::Requests { count: requests });
        context.ui.say(sentence);
    }
    Ok(Exit::Done)
}

fn words_of(context: &Context, names: &Names, line: &Line, request: bool) -> (Value, String) {
    let name = name_or_mark(context, names, &line.peer);
    let name = pumasi_words::plain(&name);
    match &line.what {
        Said::Mine(sent) => {
            let me = context.say(&Talk::Me);
            let state = state_words(&sent.state).say(context.lang);
            let time = clock_time(sent.issued);
            (sent_object(&line.peer, names, sent), format!("{time} {me} → {name}: {} [{state}]", said(&sent.text)))
        }
        Said::Theirs(got) => {
            let did = if request { format!(" {}", line.peer) } else { String::new() };
            (got_object(&line.peer, names, got, request), format!("{}{did}", theirs(context, &name, got)))
        }
    }
}

/// A message of somebody else, with what is to be known about its place.
fn theirs(context: &Context, name: &str, got: &Got) -> String {
    let mut text = String::new();
    if got.missing > 0 {
        text = context.say(&Talk::Missing { count: got.missing, name }) + "\n";
    }
    let late = if got.late { format!(" {}", context.say(&Talk::Late)) } else { String::new() };
    format!("{text}{} {name}: {}{late}", clock_time(got.issued), said(&got.text))
}

/// Takes messages at the node of a running peer. Where that is not possible, it is told, and everything else goes on.
pub(crate) async fn start(context: &mut Context, agent: &Agent) -> Option<Courier> {
    let started = async {
        let session = Session::beside(agent, Entry::Server).await?;
        Courier::start(&session, None).await
    };
    match started.await {
        Ok(courier) => Some(courier),
        Err(error) => {
            let reason = error.to_string();
            let sentence = context.say(&Talk::NoTalk { reason: &reason });
            context.ui.warn(sentence);
            None
        }
    }
}

/// The next event, for ever when there are none.
pub(crate) async fn next(events: &mut Option<broadcast::Receiver<TalkEvent>>) -> TalkEvent {
    loop {
        match events {
            Some(receiver) => match receiver.recv().await {
                Ok(event) => return event,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => *events = None,
            },
            None => std::future::pending().await,
        }
    }
}

/// Tells what happens to messages while `listen` runs. It does not count as read: nobody may be looking.
pub(crate) fn tell(context: &mut Context, names: &Names, event: &TalkEvent) {
    match event {
        TalkEvent::Message { peer, message, request } => {
            let sentence = match request {
                true => context.say(&Talk::Requests { count: 1 }),
                false => {
                    let name = name_or_mark(context, names, peer);
                    theirs(context, &pumasi_words::plain(&name), message)
                }
            };
            context.ui.print(&got_object(peer, names, message, *request), sentence);
        }
        TalkEvent::Sent { peer, message } => {
            context.ui.object(&sent_object(peer, names, message));
            if !matches!(message.state, SentState::Queued) {
                let name = name_or_mark(context, names, peer);
                let sentence = context.say(&Talk::Message { name: &name, state: state_words(&message.state) });
                context.ui.say(sentence);
            }
        }
        event => context.ui.object(event),
    }
}
