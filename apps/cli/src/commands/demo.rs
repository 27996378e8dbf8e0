//! `demo`: the whole story on this machine, with real parts and real sockets, told as it happens.

use super::events::kind_of;
use crate::args::Demo;
use crate::context::Context;
use anyhow::{Context as _, bail};
use pumasi_agent::home::{Config, IceServers};
use pumasi_agent::net::{Compare, Entry, NetOptions, PairEvent, pair_accept, pair_invite, start_bootstrap};
use pumasi_agent::wallet::NewIdentity;
use pumasi_agent::{Agent, Change, Event, Options, Wallet};
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_identity::pairing::PairingCode;
use pumasi_ledger::TransferId;
use pumasi_transfer::{Order, Policy};
use pumasi_units::{Money, Unit};
use pumasi_words::{Audit, Exit, Narration, PathKind, Refusal, Say, span};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc};

/// The password of both identities: this is a story, and its reader goes on with it.
const PASSWORD: &str = "demo";
/// Longer than any step takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn demo(context: &mut Context, args: Demo) -> anyhow::Result<Exit> {
    let folder = &free_folder(&args.folder)?;
    let mut story = Story { context, started: Instant::now(), step: Instant::now(), number: 0 };
    story.say(&Narration::Begin);
    Box::pin(play(&mut story, folder)).await?;
    let (shown, took) = (folder.display().to_string(), story.started.elapsed());
    story.end(&Narration::End { folder: &shown, took });
    Ok(Exit::Done)
}

/// The folder itself, or with a number behind it: a story that was told before is not overwritten.
pub(crate) fn free_folder(wanted: &Path) -> anyhow::Result<PathBuf> {
    let numbered = (2..100).map(|number| PathBuf::from(format!("{}-{number}", wanted.display())));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|name| !name.exists()).with_context(|| format!("{} to {0}-99 exist already", wanted.display()))
}

/// Tells each step with the time that it took.
struct Story<'a> {
    context: &'a mut Context,
    started: Instant,
    step: Instant,
    number: u32,
}

impl Story<'_> {
    fn say(&mut self, narration: &Narration<'_>) {
        let text = narration.say(self.context.lang);
        let took = std::mem::replace(&mut self.step, Instant::now()).elapsed();
        self.number += 1;
        let object = json!({ "event": "demo", "step": self.number, "text": text, "took_ms": took.as_millis() as u64 });
        let line = match self.number {
            1 => text,
            number => format!("{:>2}. {text}  [{}]", number - 1, span(took, self.context.lang)),
        };
        self.context.ui.print(&object, line);
    }

    fn end(&mut self, narration: &Narration<'_>) {
        let text = narration.say(self.context.lang);
        self.context.ui.print(&json!({ "event": "demo-end", "text": text }), text.clone());
    }
}

async fn play(story: &mut Story<'_>, folder: &Path) -> anyhow::Result<()> {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned(), "/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
    let bootstrap = start_bootstrap(&folder.join("bootstrap"), listen, &[], false).await?;
    let address = bootstrap.status().await?.listen.first().context("the node listens")?.to_string();
    story.say(&Narration::BootstrapUp { address: &address });
    let net = NetOptions { bootstrap: vec![address], loopback: true, ..NetOptions::default() };

    let mina = make(story, folder, "Mina").await?;
    let juno = make(story, folder, "Juno").await?;
    meet(story, &net, &mina, &juno).await?;

    let (mina_did, juno_did) = (mina.did(), juno.did());
    let juno = start(juno, &net, Entry::Server).await?;
    let mut mina = Person { name: "Mina", agent: start(mina, &net, Entry::Client).await? };
    let mut juno = Person { name: "Juno", agent: juno };
    juno.agent.published(PATIENCE).await;
    anyhow::ensure!(mina.agent.look_up(&juno_did).await.is_some(), "the profile is in the DHT");
    story.say(&Narration::Found { name: "Juno" });

    let lunch = pay(story, &mut mina, &mut juno, juno_did, 12_000, "점심 · lunch", true).await?;
    pay(story, &mut juno, &mut mina, mina_did, 4_500, "커피 · coffee", false).await?;
    over_limit(story, &mut mina, juno_did).await?;

    // Mina first: whoever paid last says goodbye first.
    let mina = mina.agent.stop().await?;
    let juno = juno.agent.stop().await?;
    bootstrap.shutdown().await?;
    receipt(story, folder, &mina, lunch).await?;
    audit(story, "Mina", &mina).await?;
    audit(story, "Juno", &juno).await?;
    let krw = Unit::krw();
    let (owes, owed) = (mina.ledger().balance(&juno_did, &krw), juno.ledger().balance(&mina_did, &krw));
    anyhow::ensure!(owes == -owed, "the ledgers disagree: {owes} and {owed}");
    story.say(&Narration::Agree);
    Ok(())
}

struct Person {
    name: &'static str,
    agent: Agent,
}

async fn make(story: &mut Story<'_>, folder: &Path, name: &str) -> anyhow::Result<Wallet> {
    // For whoever goes on with the story: `pumasi bootstrap` with its defaults is on this port.
    let ice = IceServers { loopback: true, ..IceServers::default() };
    let config = Config { bootstrap: vec!["/ip4/127.0.0.1/tcp/8468".into()], ice, ..Config::default() };
    let new = NewIdentity { name: Some(name.into()), config, ..NewIdentity::default() };
    let wallet = Wallet::create(&folder.join(name.to_lowercase()), &Password::new(PASSWORD), new).await?;
    story.say(&Narration::IdentityMade { name, did: &wallet.did().to_string() });
    Ok(wallet)
}

async fn start(wallet: Wallet, net: &NetOptions, entry: Entry) -> anyhow::Result<Agent> {
    Ok(Agent::start(wallet, Options::new(net.clone(), entry, Policy::Accept)).await?)
}

/// Pairing, with both people saying yes, since both screens show the same.
async fn meet(story: &mut Story<'_>, net: &NetOptions, mina: &Wallet, juno: &Wallet) -> anyhow::Result<()> {
    let limit = Some(won(50_000));
    let (to_mina, mut minas_screen) = mpsc::channel(4);
    let (to_juno, mut junos_screen) = mpsc::channel(4);
    let inviting = pair_invite(mina, net, None, limit.clone(), to_mina);
    let accepting = async {
        let Some(PairEvent::Code(code)) = minas_screen.recv().await else { bail!("no code was shown") };
        story.say(&Narration::CodeTold { inviter: "Mina", acceptor: "Juno", code: &code });
        let typed: PairingCode = code.parse()?;
        let compare = async {
            let (Some(PairEvent::Compare(hers, yes)), Some(PairEvent::Compare(his, also))) =
                (minas_screen.recv().await, junos_screen.recv().await)
            else {
                bail!("nothing to compare")
            };
            let symbols = |seen: &Compare| seen.emoji.map(|emoji| emoji.symbol).join(" ");
            let same = symbols(&hers) == symbols(&his);
            story.say(&Narration::EmojiMatch { emoji: &symbols(&hers) });
            // If one of them has gone meanwhile, the pairing says so.
            let _ = (yes.send(same), also.send(same));
            anyhow::Ok(())
        };
        let (paired, compared) = tokio::join!(pair_accept(juno, net, &typed, None, limit.clone(), to_juno), compare);
        compared?;
        anyhow::Ok(paired?)
    };
    let (invited, accepted) = tokio::time::timeout(PATIENCE, async { tokio::join!(inviting, accepting) }).await?;
    invited?;
    accepted?;
    story.say(&Narration::Paired { a: "Mina", b: "Juno" });
    Ok(())
}

/// One payment, told when both ledgers have it and both have signed for it.
async fn pay(
    story: &mut Story<'_>,
    payer: &mut Person,
    payee: &mut Person,
    to: Did,
    amount: u64,
    memo: &str,
    first: bool,
) -> anyhow::Result<TransferId> {
    let (mut at_payer, mut at_payee) = (payer.agent.events(), payee.agent.events());
    let money = won(amount);
    let id = payer.agent.pay(Order::new(to, money.clone(), memo)).await?;
    if first {
        let path = wait(&mut at_payer, |event| match event {
            Event::Connected { path, .. } => Some(kind_of(path)),
            _ => None,
        });
        let path: PathKind = path.await?;
        story.say(&Narration::Connected { a: payer.name, b: payee.name, path });
    }
    let accepted = wait(&mut at_payer, |event| match event {
        Event::Payment { id: about, change, .. } if *about == id && change.is_final() => Some(change.clone()),
        _ => None,
    });
    let change = accepted.await?;
    anyhow::ensure!(matches!(change, Change::Accepted { .. }), "the payment ended otherwise: {change:?}");
    let countersigned = wait(&mut at_payee, |event| match event {
        Event::Payment { id: about, change: Change::Countersigned, .. } if *about == id => Some(()),
        _ => None,
    });
    countersigned.await?;
    story.say(&Narration::Paid { from: payer.name, to: payee.name, money: &money, memo });
    Ok(id)
}

/// More than the line allows: refused with the figures, and nothing has changed.
async fn over_limit(story: &mut Story<'_>, payer: &mut Person, to: Did) -> anyhow::Result<()> {
    let mut events = payer.agent.events();
    let id = payer.agent.pay(Order::new(to, won(900_000), "too much")).await?;
    let refused = wait(&mut events, |event| match event {
        Event::Payment { id: about, change, .. } if *about == id && change.is_final() => Some(change.clone()),
        _ => None,
    });
    let Change::Refused { code, limit, available } = refused.await? else { bail!("it should have been refused") };
    let why = Refusal::of(&code, limit.as_ref(), available.as_ref()).say(story.context.lang);
    story.say(&Narration::Refused { by: "Juno", why: &why });
    Ok(())
}

async fn receipt(story: &mut Story<'_>, folder: &Path, wallet: &Wallet, id: TransferId) -> anyhow::Result<()> {
    let (receipt, _) = wallet.receipt(&id).await?;
    let path = folder.join("receipt.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&receipt)?)?;
    let read = pumasi_transfer::Receipt::from_json(&std::fs::read(&path)?)?;
    let proven = read.verify(wallet.provider()).await?;
    anyhow::ensure!(proven.id == id && proven.countersigned, "the receipt proves the payment");
    story.say(&Narration::ReceiptChecked { file: &path.display().to_string() });
    Ok(())
}

async fn audit(story: &mut Story<'_>, name: &str, wallet: &Wallet) -> anyhow::Result<()> {
    let report = wallet.audit().await?;
    let audit = match report.findings.len() {
        0 => Audit::Sound { entries: report.entries, signatures: report.documents },
        findings => Audit::Wrong { findings },
    };
    story.say(&Narration::Audited { name, audit });
    anyhow::ensure!(report.is_clean(), "{:?}", report.findings);
    Ok(())
}

async fn wait<T>(
    events: &mut broadcast::Receiver<Event>,
    mut wanted: impl FnMut(&Event) -> Option<T>,
) -> anyhow::Result<T> {
    let found = async {
        loop {
            if let Some(found) = wanted(&events.recv().await?) {
                return anyhow::Ok(found);
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.context("a step took longer than a minute")?
}

fn won(amount: u64) -> Money {
    Money::new(amount, Unit::krw()).expect("the amounts of the story are small")
}
