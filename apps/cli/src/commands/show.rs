//! What several commands show: people, keys, balances, payments, findings.

use super::events::{Names, name_of};
use super::table::{Align, fields, table};
use pumasi_agent::Wallet;
use pumasi_agent::wallet::{Direction, Payment, State};
use pumasi_crypto::Provider as _;
use pumasi_identity::{Contact, Did, Trust};
use pumasi_ledger::Account;
use pumasi_units::{Timestamp, Unit};
use pumasi_words::{CreditLine, KeyPurpose, Label, Lang, PaymentLine, PaymentState, Refusal, Say, plain};
use serde::Serialize;

/// One of my keys.
pub(crate) struct KeyLine {
    /// What it is for, in a word for scripts.
    pub(crate) purpose: &'static str,
    /// The same in the words of people.
    words: KeyPurpose,
    /// Its algorithm, with the size of an RSA key in bits.
    pub(crate) algorithm: String,
    /// Its id in the profile.
    pub(crate) id: String,
    /// Whether others use it now.
    pub(crate) current: bool,
}

/// What stands between me and somebody in one unit. Amounts are in smallest parts, as text.
#[derive(Debug, Serialize)]
pub(crate) struct Balance {
    did: Did,
    unit: Unit,
    /// What they owe me; below zero, what I owe.
    they_owe: String,
    /// The last balance that both signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    both_signed: Option<String>,
    /// What I signed and they have not answered.
    pending_out: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_i_give: Option<String>,
    left_to_them: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_they_give: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_to_me: Option<String>,
    #[serde(skip)]
    account: Account,
}

impl Balance {
    fn new(did: Did, unit: Unit, account: Account) -> Self {
        let text = |amount: u64| amount.to_string();
        Self {
            did,
            unit,
            they_owe: account.balance().to_string(),
            both_signed: account.countersigned.map(|signed| signed.balance.to_string()),
            pending_out: account.pending_out().to_string(),
            limit_i_give: account.limit_i_give.map(text),
            left_to_them: text(account.available_to_them()),
            limit_they_give: account.limit_they_give.map(text),
            left_to_me: account.available_to_me().map(text),
            account,
        }
    }

    /// Who owes whom how much.
    fn sentence(&self, name: &str, lang: Lang) -> String {
        pumasi_words::Balance { name, they_owe: self.account.balance(), unit: &self.unit }.say(lang)
    }

    /// The credit lines, both ways, as far as there are any.
    fn lines(&self, name: &str, lang: Lang) -> Vec<String> {
        let (account, unit) = (&self.account, &self.unit);
        let theirs = account.limit_i_give.map(|limit| {
            let left = account.available_to_them();
            CreditLine::Theirs { name, limit, left, unit }.say(lang)
        });
        let mine = account.limit_they_give.zip(account.available_to_me());
        let mine = mine.map(|(limit, left)| CreditLine::Mine { name, limit, left, unit }.say(lang));
        theirs.into_iter().chain(mine).collect()
    }
}

/// What stands between me and everyone, or one person, unit by unit.
pub(crate) fn balances(wallet: &Wallet, with: Option<&Did>) -> Vec<Balance> {
    let accounts = wallet.ledger().accounts();
    let wanted = accounts.iter().filter(|(peer, ..)| with.is_none_or(|did| did == *peer));
    wanted.map(|(peer, unit, account)| Balance::new(*peer, unit.clone(), account.clone())).collect()
}

/// Who owes whom how much: a sentence for each balance that is not zero.
pub(crate) fn balance_sentences(balances: &[Balance], names: &Names, lang: Lang) -> Vec<String> {
    let open = balances.iter().filter(|balance| balance.account.balance() != 0);
    open.map(|balance| balance.sentence(&name_of(names, &balance.did), lang)).collect()
}

/// My identity, as `id show` has it.
pub(crate) fn identity(wallet: &Wallet, lang: Lang) -> String {
    let profile = wallet.profile();
    fields(
        &[
            (Label::Did, wallet.did().to_string()),
            (Label::Name, profile.name().map_or_else(String::new, |name| plain(name).into_owned())),
            (Label::Profile, profile.sequence().to_string()),
            (Label::ValidUntil, date_time(profile.expires(), lang)),
            (Label::Digest, profile.digest().to_string()),
            (Label::Folder, wallet.folder().display().to_string()),
        ],
        lang,
    )
}

/// My keys, the current ones first.
pub(crate) fn keys(wallet: &Wallet) -> Vec<KeyLine> {
    let (profile, keys, provider) = (wallet.profile(), wallet.keys(), wallet.provider());
    let rsa = |key: &pumasi_crypto::RsaPublicKey| format!("RSA {}", key.bits().bits());
    let line = |words, algorithm: String, id| {
        let (purpose, current) = match words {
            KeyPurpose::Identity => ("identity", true),
            KeyPurpose::Agreement => ("agreement", true),
            KeyPurpose::Signing => ("signing", true),
            KeyPurpose::Opening => ("unwrap", true),
            KeyPurpose::OpeningOld => ("unwrap", false),
        };
        KeyLine { purpose, words, algorithm, id, current }
    };
    let mut lines = vec![
        line(KeyPurpose::Identity, "Ed25519".into(), wallet.did().key_id()),
        line(KeyPurpose::Agreement, "X25519".into(), profile.x25519_kid()),
        line(KeyPurpose::Signing, rsa(profile.rsa_signing()), profile.rsa_signing_kid()),
    ];
    for (id, key) in keys.rsa_unwrap_keys() {
        let words = if *id == profile.rsa_unwrap_kid() { KeyPurpose::Opening } else { KeyPurpose::OpeningOld };
        lines.push(line(words, rsa(&provider.rsa_unwrap_public(key)), id.clone()));
    }
    lines
}

/// The keys as a table. Of an id, the part after the DID is shown.
pub(crate) fn key_table(keys: &[KeyLine], lang: Lang) -> String {
    let head = [Label::Purpose, Label::Algorithm, Label::KeyId].map(|label| label.say(lang)).to_vec();
    let rows = keys.iter().map(|key| {
        let id = key.id.split_once('#').map_or(key.id.as_str(), |(_, fragment)| fragment);
        vec![key.words.say(lang), key.algorithm.clone(), id.to_owned()]
    });
    table(&[Align::Left; 3], std::iter::once(head).chain(rows))
}

/// Everyone, a line each.
pub(crate) fn contacts(contacts: &[Contact], lang: Lang) -> String {
    let head = [Label::Name, Label::Trust, Label::Did].map(|label| label.say(lang)).to_vec();
    let rows = contacts.iter().map(|contact| {
        vec![plain(&contact.name).into_owned(), trust(&contact.trust).say(lang), contact.did.to_string()]
    });
    table(&[Align::Left; 3], std::iter::once(head).chain(rows))
}

/// One person: who they are, how sure we are, and what stands between us.
pub(crate) fn contact(wallet: &Wallet, contact: &Contact, lang: Lang) -> String {
    let name = contact.name.as_str();
    let about = fields(
        &[
            (Label::Name, plain(name).into_owned()),
            (Label::Did, contact.did.to_string()),
            (Label::Trust, trust(&contact.trust).say(lang)),
            (Label::Since, date_time(contact.since, lang)),
            (Label::SafetyNumber, wallet.safety_number(&contact.did).to_string()),
        ],
        lang,
    );
    let mut lines = vec![about, String::new()];
    if contact.changed.is_some() {
        lines.push(pumasi_words::Warning::KeysChanged { name }.say(lang));
    }
    let balances = balances(wallet, Some(&contact.did));
    lines.extend(balances.iter().map(|balance| balance.sentence(name, lang)));
    let credit: Vec<String> = balances.iter().flat_map(|balance| balance.lines(name, lang)).collect();
    if balances.iter().all(|balance| balance.account.limit_i_give.is_none()) {
        lines.push(CreditLine::None { name }.say(lang));
    }
    lines.extend(credit);
    lines.join("\n")
}

pub(crate) fn trust(trust: &Trust) -> pumasi_words::Trust {
    match trust {
        Trust::FirstUse { .. } => pumasi_words::Trust::FirstUse,
        Trust::Paired { .. } => pumasi_words::Trust::Paired,
        Trust::Compared { .. } => pumasi_words::Trust::Compared,
    }
}

/// A payment in one line: its id, how much, to or from whom, and how far it truly is.
pub(crate) fn payment(payment: &Payment, name: &str, lang: Lang) -> String {
    let mine = payment.direction == Direction::Out;
    let state = match &payment.state {
        State::Queued => PaymentState::Queued,
        State::Sent => PaymentState::Sent,
        State::Received if mine => PaymentState::WithPayee,
        State::Received => PaymentState::WaitsForMe,
        State::Expired => PaymentState::ExpiredUnknown,
        State::Accepted => PaymentState::Accepted,
        State::Countersigned => PaymentState::Countersigned,
        State::Refused { code, limit, available } => {
            PaymentState::Refused(Refusal::of(code, limit.as_ref(), available.as_ref()))
        }
        _ => PaymentState::Unknown,
    };
    let line = PaymentLine { name, mine, money: &payment.money, memo: &payment.memo, state };
    format!("{}  {}", short(&payment.id), line.say(lang))
}

/// As many digits of an id as `receipt show` wants.
pub(crate) fn short(id: &pumasi_ledger::TransferId) -> String {
    id.to_string().chars().take(8).collect()
}

/// A date and time on this machine's clock.
pub(crate) fn date_time(at: Timestamp, lang: Lang) -> String {
    pumasi_words::date_time(at, utc_offset_minutes(at), lang)
}

/// Minutes from UTC of this machine's clock at a time. UTC where the system does not say.
pub(crate) fn utc_offset_minutes(at: Timestamp) -> i16 {
    let at = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let seconds = at.map_or(0, |at| jiff::tz::TimeZone::system().to_offset(at).seconds());
    i16::try_from(seconds / 60).unwrap_or(0)
}

/// What is wrong with a ledger, in the words of people, where nobody's name is known.
pub(crate) fn finding(finding: &pumasi_ledger::Finding, lang: Lang) -> String {
    finding_named(finding, &Names::new(), lang)
}

/// What an audit found, in the words of people.
pub(crate) fn finding_named(finding: &pumasi_ledger::Finding, names: &Names, lang: Lang) -> String {
    pumasi_words::finding(finding, &|did| name_of(names, did), lang)
}
