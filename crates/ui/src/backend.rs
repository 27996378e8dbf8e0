//! What the screens ask of a peer, and what they are told.
//!
//! Contract for who implements [`Backend`]:
//! - Futures are local (no `Send`) and may be dropped at any await; what was promised durable before stays so.
//! - Errors are [`Trouble`], a sentence in two languages: never a text from a peer or from the platform.
//! - Names, memos and descriptions come from other people. They are handed over as they are and within the bounds of
//!   `docs/spec/`; the screens make them harmless.
//! - Everything that is shown about money is read from the ledger. An event only says that it is time to read again.
//! - Until [`Backend::create`], [`Backend::open`] or [`Backend::restore`] has succeeded, and after [`Backend::lock`],
//!   whatever needs the ledger answers [`Trouble::Locked`].

#![allow(async_fn_in_trait, reason = "implementations run on one thread, in a browser or in a window")]

use futures::Stream;
pub use pumasi_crypto::password::Password;
pub use pumasi_transfer::Refusal;
pub use pumasi_units::{Millis, Money, Timestamp, Unit};

pub use pumasi_identity::{Did, SafetyNumber};
pub use pumasi_ledger::{Finding, TransferId as PaymentId};
pub use pumasi_words::PathKind;
pub use pumasi_words::web::Trouble;

/// One running peer, as the screens see it. A clone is the same peer.
pub trait Backend: Clone + 'static {
    /// The identities that this browser holds; none on the first run. Needs no password, and shows no more than is kept
    /// in the clear.
    async fn identities(&self) -> Result<Vec<IdentitySummary>, Trouble>;

    /// Makes keys, a DID and an empty ledger locked with the password, and opens them.
    async fn create(&self, name: String, password: Password) -> Result<IdentityView, Trouble>;

    /// Opens an identity. A wrong password opens nothing ([`Trouble::WrongPassword`]).
    async fn open(&self, did: &Did, password: Password) -> Result<IdentityView, Trouble>;

    /// Closes links and forgets every key. What is under way stays in the ledger.
    async fn lock(&self);

    /// Asks the directories of the settings. Every entry is verified; what did not verify is in
    /// [`SearchPage::forged`], and is never among the entries.
    async fn search(&self, query: &str, cursor: Option<String>) -> Result<SearchPage, Trouble>;

    /// Fetches the profile through two gateways or more, verifies it, and compares it with what was pinned.
    async fn shop(&self, did: &Did) -> Result<ShopView, Trouble>;

    /// What to think of before a payment. Signs nothing.
    async fn review(&self, order: &PayOrder) -> Result<ReviewView, Trouble>;

    /// Signs a payment and writes it down; it leaves when there is a link. An order with an [`IdempotencyKey`] that was
    /// used before pays nothing, and gives the id of the first payment, after a reload as well.
    async fn pay(&self, order: PayOrder) -> Result<PaymentId, Trouble>;

    /// Takes a payment to me that waits for a decision, or turns it down.
    async fn decide(&self, id: &PaymentId, take: bool) -> Result<(), Trouble>;

    /// Tries to reach somebody now rather than at the next attempt. Returns when the attempt has begun.
    async fn connect(&self, did: &Did) -> Result<(), Trouble>;

    /// What happens from now on. Bounded: a slow reader loses the oldest events, never the newest.
    fn events(&self) -> impl Stream<Item = UiEvent> + 'static;

    /// Payments, the newest first.
    async fn payments(&self, page: Page) -> Result<PaymentPage, Trouble>;

    /// One payment.
    async fn payment(&self, id: &PaymentId) -> Result<PaymentView, Trouble>;

    /// The receipt of a payment that has a result, verified, as a file that anyone can check.
    async fn receipt(&self, id: &PaymentId) -> Result<File, Trouble>;

    /// Everyone I know, by name.
    async fn contacts(&self) -> Result<Vec<ContactView>, Trouble>;

    /// One of them.
    async fn contact(&self, did: &Did) -> Result<ContactView, Trouble>;

    /// I have compared the safety number with this person: their DID is the right one.
    async fn mark_compared(&self, did: &Did) -> Result<(), Trouble>;

    /// I have been told of the change of keys. It stays unverified until compared.
    async fn change_seen(&self, did: &Did) -> Result<(), Trouble>;

    /// Calls somebody by another name, of 1 to 64 characters.
    async fn rename(&self, did: &Did, name: String) -> Result<(), Trouble>;

    /// Says how much somebody may owe me. Zero closes the line.
    async fn set_limit(&self, did: &Did, limit: Money) -> Result<(), Trouble>;

    /// Forgets somebody. The ledger keeps what was paid.
    async fn forget(&self, did: &Did) -> Result<(), Trouble>;

    /// Balances, one for each person and unit.
    async fn accounts(&self) -> Result<Vec<AccountView>, Trouble>;

    /// Signs a request for a payment, and writes it down.
    async fn request(&self, order: RequestOrder) -> Result<RequestView, Trouble>;

    /// Requests of mine that can still be paid.
    async fn open_requests(&self) -> Result<Vec<RequestView>, Trouble>;

    /// What a link, a QR code or a pasted text leads to. Signatures are checked.
    async fn read_link(&self, text: &str) -> Result<LinkView, Trouble>;

    /// Checks every entry, signature and receipt.
    async fn audit(&self) -> Result<AuditView, Trouble>;

    /// An encrypted copy of everything. Only the password opens it.
    async fn backup(&self) -> Result<File, Trouble>;

    /// How the backups stand.
    async fn backup_state(&self) -> Result<BackupState, Trouble>;

    /// Restores a backup of the open identity into memory, compares it with what is here, and throws it away: then it is
    /// known that it would open, and [`BackupState::Proven`] says when.
    async fn prove_backup(&self, file: Vec<u8>, password: Password) -> Result<ProofView, Trouble>;

    /// Makes an identity of a backup, and opens it. An identity that is here already is not overwritten.
    async fn restore(&self, file: Vec<u8>, password: Password) -> Result<IdentityView, Trouble>;

    /// The ledger for other programs. The password is for [`ExportFormat::Sealed`] only.
    async fn export(&self, format: ExportFormat, password: Option<Password>) -> Result<File, Trouble>;

    /// The settings; before anything was set, those that came with the page.
    async fn settings(&self) -> Result<Settings, Trouble>;

    /// Takes other settings. Every address is `https:`, or `http:` to this machine; [`Trouble::BadAddress`] names one
    /// that is not, and nothing is changed then.
    async fn set_settings(&self, settings: Settings) -> Result<(), Trouble>;

    /// Whether the browser may throw away what is kept here.
    async fn persistence(&self) -> Persistence;

    /// Asks the browser to keep it (`navigator.storage.persist()`).
    async fn persist(&self) -> Persistence;
}

/// An identity, as it can be shown before it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySummary {
    /// Who it is.
    pub did: Did,
    /// Its name, where it has one.
    pub name: String,
}

/// The identity that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityView {
    /// Who I am.
    pub did: Did,
    /// What others see when they meet me.
    pub name: String,
}

/// How sure we are that a DID is the person or shop that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Never met. Its keys are pinned with the first payment.
    New,
    /// Taken at its word when first met; nobody has compared anything.
    FirstUse {
        /// When.
        since: Timestamp,
    },
    /// Met, and the emoji compared.
    Paired {
        /// When.
        since: Timestamp,
    },
    /// The safety number compared.
    Compared {
        /// When.
        since: Timestamp,
    },
    /// The keys have changed since. Whatever was verified is not any more.
    Changed {
        /// When that was seen.
        at: Timestamp,
        /// Whether it had been verified before.
        was_verified: bool,
    },
}

/// Entries of the directories.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPage {
    /// The verified ones, in the order of the directories.
    pub entries: Vec<SearchEntry>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// What a directory handed over and the DID had not signed.
    pub forged: Vec<Forged>,
    /// The directories that answered, by host.
    pub asked: Vec<String>,
    /// The directories that did not, by host.
    pub silent: Vec<String>,
}

/// A listing, signed by its DID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchEntry {
    /// Whose.
    pub did: Did,
    /// What it calls itself.
    pub name: Option<String>,
    /// In its own words.
    pub description: String,
    /// The categories.
    pub categories: Vec<String>,
    /// The host of its endpoint, where it has one.
    pub host: Option<String>,
    /// How it stands with me.
    pub trust: Trust,
}

/// An entry that its DID did not sign so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged {
    /// The host of the directory that handed it over.
    pub directory: String,
    /// About whom, where that can be read.
    pub did: Option<Did>,
    /// What is wrong.
    pub why: ForgedWhy,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgedWhy {
    /// The signature does not verify.
    Signature,
    /// What is shown beside the signed listing differs from it.
    Altered,
    /// It is over its time, and handed over all the same.
    Expired,
    /// It is not a listing.
    Malformed,
}

/// A shop or a person, before they are paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopView {
    /// Who.
    pub did: Did,
    /// What I call them, or else the name in the profile, or else the DID's short form.
    pub name: String,
    /// From the listing, in its own words.
    pub description: Option<String>,
    /// From the listing.
    pub categories: Vec<String>,
    /// The host of the endpoint that the profile names.
    pub host: Option<String>,
    /// How sure we are.
    pub trust: Trust,
    /// What to compare with them.
    pub safety: SafetyNumber,
    /// The sequence of the profile.
    pub sequence: u64,
    /// Until when the profile holds.
    pub expires: Timestamp,
    /// What each gateway said, by host.
    pub gateways: Vec<GatewayView>,
    /// How often I have paid them.
    pub payments: u64,
    /// When last.
    pub last_paid: Option<Timestamp>,
}

/// One gateway's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayView {
    /// Its host.
    pub host: String,
    /// What it said.
    pub said: GatewaySaid,
}

/// What a gateway said, beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewaySaid {
    /// The profile that is used.
    Agreed,
    /// An older one.
    Older {
        /// Its sequence.
        sequence: u64,
    },
    /// That there is none.
    Missing,
    /// One that its DID did not sign: it lied.
    Forged,
    /// Nothing.
    Unreachable,
}

/// Sixteen random bytes, made when the amount is confirmed for the first time: under one key one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(pub [u8; 16]);

/// A payment that I mean to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayOrder {
    /// Under one key one payment.
    pub key: IdempotencyKey,
    /// To whom.
    pub to: Did,
    /// How much.
    pub money: Money,
    /// What for, of at most [`pumasi_transfer::limits::MAX_MEMO_CHARS`] characters.
    pub memo: String,
    /// The request that it pays, as the link that [`Backend::read_link`] was given.
    pub request: Option<String>,
}

/// What to think of before a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewView {
    /// What I call them, or else the name in the profile.
    pub name: String,
    /// How sure we are.
    pub trust: Trust,
    /// What to compare with them.
    pub safety: SafetyNumber,
    /// Nothing was ever accepted by them.
    pub first: bool,
    /// A payment of the same amount to them within the last day, the newest.
    pub repeated: Option<Repeated>,
    /// What is left of the line that they give me in this unit, as they last signed; `None` when they never did.
    pub available: Option<Money>,
}

/// A payment like the one that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated {
    /// Which.
    pub id: PaymentId,
    /// When.
    pub at: Timestamp,
}

/// Something happened. Nothing is replayed: read the state again after a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UiEvent {
    /// A step on the way to somebody.
    Step {
        /// To whom.
        peer: Did,
        /// Which step.
        step: Step,
        /// By which road.
        road: Road,
    },
    /// A link is up, and the other side has proved who it is.
    Connected {
        /// Who.
        peer: Did,
        /// By which road offer and answer went.
        road: Road,
        /// Over which path the link goes.
        path: PathKind,
    },
    /// A link is down. What was under way stays in the ledger.
    Disconnected {
        /// To whom.
        peer: Did,
    },
    /// One road is closed; the next one is tried.
    FellBack {
        /// To whom.
        peer: Did,
        /// The road that is closed.
        from: Road,
        /// Why.
        why: Trouble,
    },
    /// No road led there. Another attempt follows while something is under way.
    Unreachable {
        /// Who.
        peer: Did,
        /// Why.
        why: Trouble,
        /// When the next attempt begins, from now.
        again_in: Option<Millis>,
    },
    /// A payment has a new state: read it.
    Payment {
        /// Which.
        id: PaymentId,
        /// With whom.
        peer: Did,
    },
    /// Somebody has new keys, signed by their DID.
    KeysChanged {
        /// Who.
        peer: Did,
    },
    /// Something that the owner should know, and that stopped nothing.
    Warning {
        /// What.
        what: Trouble,
    },
    /// The identity was closed, by another tab or because the store is gone.
    Locked,
}

/// How offer and answer travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Road {
    /// The endpoint that the profile names, over HTTPS.
    Endpoint,
    /// The sealed mailbox in the DHT, through gateways.
    Mailbox,
}

/// The steps from a DID to an open link, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Fetching the profile.
    LookingUp,
    /// Finding out the addresses of this machine.
    Gathering,
    /// Handing the offer over.
    Offering,
    /// Waiting for the answer.
    Waiting,
    /// Trying pairs of addresses.
    Checking,
    /// DTLS.
    Securing,
    /// Proving the DIDs.
    Proving,
}

/// Which payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Page {
    /// With whom only.
    pub with: Option<Did>,
    /// Older than this one.
    pub before: Option<PaymentId>,
    /// How many at most, from 1 to 100.
    pub limit: u8,
}

/// Payments, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentPage {
    /// At most as many as were asked for.
    pub payments: Vec<PaymentView>,
    /// There are older ones.
    pub more: bool,
}

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// I do.
    Out,
    /// I am paid.
    In,
}

/// One payment, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentView {
    /// Which.
    pub id: PaymentId,
    /// Who pays.
    pub direction: Direction,
    /// The other one.
    pub peer: Did,
    /// What I call them.
    pub name: String,
    /// How much.
    pub money: Money,
    /// What for.
    pub memo: String,
    /// When it was signed, or came.
    pub at: Timestamp,
    /// How far it is.
    pub state: PaymentState,
}

/// How far a payment is. Never more than is known and durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentState {
    /// Mine: signed and written down, not sent.
    Queued,
    /// Mine: sent; no word of it.
    Sent,
    /// Mine: the payee has it and will decide. To me: it waits for my decision.
    Received,
    /// Mine: its time is over, and the payee has not said what became of it. It may have been accepted.
    Expired,
    /// Taken into the payee's ledger, and signed for.
    Accepted,
    /// Accepted, and the payer has signed for that too: both ledgers agree.
    Settled,
    /// Not taken. Nothing has changed hands.
    Refused(Refusal),
}

impl PaymentState {
    /// Whether nothing more will happen to the payment by itself.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Settled | Self::Refused(_))
    }

    /// Whether there is a result, and so a receipt.
    #[must_use]
    pub fn has_receipt(&self) -> bool {
        matches!(self, Self::Accepted | Self::Settled | Self::Refused(_))
    }
}

/// Something to save or to share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What to call it, such as `pumasi-receipt-1f2e3d4c.json`.
    pub name: String,
    /// Its media type.
    pub media: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Someone I know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactView {
    /// Who.
    pub did: Did,
    /// What I call them.
    pub name: String,
    /// How sure we are.
    pub trust: Trust,
    /// What to compare with them.
    pub safety: SafetyNumber,
    /// The accounts with them.
    pub accounts: Vec<AccountView>,
}

/// What is owed between one person and me in one unit, in smallest parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// With whom.
    pub peer: Did,
    /// What I call them.
    pub name: String,
    /// In which unit.
    pub unit: Unit,
    /// What they owe me; negative: what I owe.
    pub they_owe: i128,
    /// The sum of what I signed and have no outcome of.
    pub pending: u128,
    /// How much I let them owe me; `None` until I said.
    pub limit_i_give: Option<Money>,
    /// How much they let me owe, as they last signed.
    pub limit_they_give: Option<Money>,
    /// How much more I may owe them by that.
    pub available_to_me: Option<Money>,
    /// Whether both have signed this balance.
    pub both_signed: bool,
}

/// A payment that I ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestOrder {
    /// From whom only; anyone otherwise.
    pub from: Option<Did>,
    /// How much.
    pub money: Money,
    /// What for.
    pub memo: String,
    /// How long it holds, in milliseconds, at most [`pumasi_transfer::limits::MAX_LIFETIME`].
    pub lifetime: Millis,
}

/// A request of mine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestView {
    /// `pumasi:request:…`, which is also the content of the QR code.
    pub link: String,
    /// How much.
    pub money: Money,
    /// What for.
    pub memo: String,
    /// Until when.
    pub expires: Timestamp,
}

/// Where a text leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkView {
    /// Somebody asks for a payment, and has signed for it.
    Request {
        /// Who.
        from: Did,
        /// How much.
        money: Money,
        /// What for.
        memo: String,
        /// Until when.
        expires: Timestamp,
    },
    /// A DID.
    Person(Did),
}

/// What an audit found. Nothing is changed by it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditView {
    /// Entries checked.
    pub entries: u64,
    /// Signatures checked.
    pub signatures: u64,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
}

/// How the backups of the open identity stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupState {
    /// There is none.
    Never,
    /// One was handed out; nobody has tried it.
    Made {
        /// When.
        at: Timestamp,
        /// Entries of the ledger since then.
        since: u64,
    },
    /// One was handed back and opened.
    Proven {
        /// When.
        at: Timestamp,
        /// Entries of the ledger that it does not have.
        since: u64,
    },
}

/// A backup that opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofView {
    /// Entries in it.
    pub entries: u64,
    /// Entries of the ledger that it does not have.
    pub missing: u64,
}

/// A format of the ledger outside its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON document, Fernet-encrypted under a password.
    Sealed,
    /// Plain JSON.
    Json,
    /// A table.
    Csv,
    /// Double-entry text for beancount.
    Beancount,
}

/// Where the page asks. The addresses are URLs, eight of each at most. The first ones come with the page:
/// `config.json` beside it, `{"directories": […], "gateways": […]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The directories.
    pub directories: Vec<String>,
    /// The gateways to the DHT. Two or more, so that one that lies is found out.
    pub gateways: Vec<String>,
}

/// Whether the browser keeps what is stored here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// It does, until the owner clears it.
    Kept,
    /// It may throw it away when the disk is full, or after a while.
    MayBeLost,
    /// It keeps nothing after the window is closed (private mode), or it does not say.
    Unknown,
}
