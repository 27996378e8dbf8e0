//! Where the user is, as the part of the address after `#`: it works from any path and from a file, and the browser's
//! back button works.

use crate::backend::PaymentId;
use pumasi_identity::Did;

/// A screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Balances and what happened last; before an identity is open, the way to one.
    Home,
    /// Making an identity.
    Create,
    /// Making one of a backup.
    Restore,
    /// The directories, with what is looked for.
    Find(String),
    /// A shop or a person, before they are paid.
    Shop(Did),
    /// Whom to pay.
    Pay,
    /// How much.
    Amount(Did),
    /// The last look before it is signed.
    Review(Did),
    /// A link or a DID that was handed over with the address.
    Link(String),
    /// Asking for a payment.
    Receive,
    /// Every payment; with one person only.
    History(Option<Did>),
    /// One payment, as it goes on.
    Payment(PaymentId),
    /// The people I know.
    Contacts,
    /// The ledger: audit and export.
    Ledger,
    /// Backups.
    Backup,
    /// Settings.
    Settings,
    /// Nothing that exists.
    Lost,
}

impl Route {
    /// Reads the part after `#`, with or without it.
    #[must_use]
    pub fn parse(hash: &str) -> Self {
        let text = hash.strip_prefix('#').unwrap_or(hash);
        // A link of ours right behind the `#`, so that a request can be sent as an address of the page.
        if text.starts_with("pumasi:") || text.starts_with("did:") {
            return Self::Link(decode(text));
        }
        let text = text.strip_prefix('/').unwrap_or(text);
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let query = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, v)| decode(v))
        };
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        let did = || second.and_then(|text| text.parse::<Did>().ok());
        let found = match (first, second, third) {
            (None, ..) => Some(Self::Home),
            (Some("create"), None, _) => Some(Self::Create),
            (Some("restore"), None, _) => Some(Self::Restore),
            (Some("find"), None, _) => Some(Self::Find(query("q").unwrap_or_default())),
            (Some("shop"), Some(_), None) => did().map(Self::Shop),
            (Some("pay"), None, _) => Some(Self::Pay),
            (Some("pay"), Some(_), None) => did().map(Self::Amount),
            (Some("pay"), Some(_), Some("review")) => did().map(Self::Review),
            (Some("receive"), None, _) => Some(Self::Receive),
            (Some("history"), None, _) => match query("with") {
                None => Some(Self::History(None)),
                Some(with) => with.parse().ok().map(|did| Self::History(Some(did))),
            },
            (Some("payment"), Some(id), None) => PaymentId::from_hex(id).map(Self::Payment),
            (Some("contacts"), None, _) => Some(Self::Contacts),
            (Some("ledger"), None, _) => Some(Self::Ledger),
            (Some("backup"), None, _) => Some(Self::Backup),
            (Some("settings"), None, _) => Some(Self::Settings),
            _ => None,
        };
        found.unwrap_or(Self::Lost)
    }

    /// The part of the address, `#` included.
    #[must_use]
    pub fn hash(&self) -> String {
        match self {
            Self::Home | Self::Lost => "#/".into(),
            Self::Create => "#/create".into(),
            Self::Restore => "#/restore".into(),
            Self::Find(query) if query.is_empty() => "#/find".into(),
            Self::Find(query) => format!("#/find?q={}", encode(query)),
            Self::Shop(did) => format!("#/shop/{did}"),
            Self::Pay => "#/pay".into(),
            Self::Amount(did) => format!("#/pay/{did}"),
            Self::Review(did) => format!("#/pay/{did}/review"),
            Self::Link(text) => format!("#{text}"),
            Self::Receive => "#/receive".into(),
            Self::History(None) => "#/history".into(),
            Self::History(Some(did)) => format!("#/history?with={did}"),
            Self::Payment(id) => format!("#/payment/{id}"),
            Self::Contacts => "#/contacts".into(),
            Self::Ledger => "#/ledger".into(),
            Self::Backup => "#/backup".into(),
            Self::Settings => "#/settings".into(),
        }
    }

    /// The tab to which the screen belongs.
    #[must_use]
    pub fn tab(&self) -> Tab {
        match self {
            Self::Find(_) | Self::Shop(_) => Tab::Find,
            Self::Pay | Self::Amount(_) | Self::Review(_) | Self::Link(_) => Tab::Pay,
            Self::History(_) | Self::Payment(_) => Tab::History,
            Self::Settings | Self::Contacts | Self::Ledger | Self::Backup | Self::Restore | Self::Create => Tab::More,
            Self::Home | Self::Receive | Self::Lost => Tab::Home,
        }
    }
}

/// The tabs at the foot of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Balances.
    Home,
    /// Directories.
    Find,
    /// Paying.
    Pay,
    /// What was paid.
    History,
    /// Everything else.
    More,
}

/// Percent-encodes all but what RFC 3986 calls unreserved, and Hangul, which browsers show as it is.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' | '가'..='힣' => out.push(character),
            other => {
                let mut bytes = [0; 4];
                for byte in other.encode_utf8(&mut bytes).bytes() {
                    out.push('%');
                    for half in [byte >> 4, byte & 15] {
                        out.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
                    }
                }
            }
        }
    }
    out
}

/// Takes percent-encoding away; what is not such an encoding stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let half = |offset: usize| bytes.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
        match (byte, half(1), half(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits"));
                at += 3;
            }
            (byte, ..) => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DID: &str = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";

    #[test]
    fn every_route_reads_back() {
        let did: Did = DID.parse().unwrap();
        for route in [
            Route::Home,
            Route::Create,
            Route::Restore,
            Route::Find(String::new()),
            Route::Find("강남구 식당 100% & 더".into()),
            Route::Shop(did),
            Route::Pay,
            Route::Amount(did),
            Route::Review(did),
            Route::Link("pumasi:request:ZXlK".into()),
            Route::Link(DID.into()),
            Route::Receive,
            Route::History(None),
            Route::History(Some(did)),
            Route::Payment(PaymentId::from_hex(&"0a".repeat(32)).unwrap()),
            Route::Contacts,
            Route::Ledger,
            Route::Backup,
            Route::Settings,
        ] {
            assert_eq!(Route::parse(&route.hash()), route, "{}", route.hash());
        }
    }

    #[test]
    fn what_leads_nowhere_is_lost_and_never_panics() {
        for hash in
            ["#/shop", "#/shop/did:key:zzz", "#/payment/12", "#/pay/x/review", "#/find/x/y", "#/history?with=me", "#/%"]
        {
            assert_eq!(Route::parse(hash), Route::Lost, "{hash}");
        }
        assert_eq!(Route::parse("#/find?q=%ff%"), Route::Find("\u{fffd}%".into()));
        assert_eq!(Route::parse(""), Route::Home);
    }
}
