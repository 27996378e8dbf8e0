use crate::layout::{Content, ContentId, SizeError};
use crate::name::{FileName, NameError};
use crate::private::{Secret, plain_size};
use pumasi_crypto::CryptoError;
use std::fmt::{self, Write as _};
use zeroize::Zeroizing;

/// What the link begins with.
pub const LINK_PREFIX: &str = "pumasi:content/";
/// The longest link, in bytes.
pub const MAX_LINK: usize = 2_048;
/// Most addresses of providers in a link.
pub const MAX_HINTS: usize = 4;
/// The longest of these, in bytes.
const MAX_HINT: usize = 256;

/// Why a text is not a link to content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Does not begin with [`LINK_PREFIX`].
    #[error("content link: does not begin with {LINK_PREFIX}")]
    Prefix,
    /// Longer than [`MAX_LINK`].
    #[error("content link: {0} bytes; the limit is {MAX_LINK}")]
    TooLong(usize),
    /// A part is missing or cannot be read; it may have been cut off.
    #[error("content link: {0} is missing or not well-formed")]
    Part(&'static str),
    /// The address or the key is not 32 bytes in base64url.
    #[error("content link: {0}")]
    Crypto(#[from] CryptoError),
    /// The size.
    #[error("content link: {0}")]
    Size(#[from] SizeError),
    /// The name could lead out of the folder, or deceive.
    #[error("content link: {0}")]
    Name(#[from] NameError),
    /// More than [`MAX_HINTS`].
    #[error("content link: {0} addresses of providers; the limit is {MAX_HINTS}")]
    TooManyHints(usize),
    /// Another spelling of a link.
    #[error("content link: not in its one spelling")]
    Spelling,
}

/// `pumasi:content/<address>/<size>/<name>[?at=<multiaddr>&at=…][#<key>]`: what to fetch, what to call it, and, of a
/// private share, what opens it. There is one spelling.
///
/// Of it only the address is ever used towards others, and that only to prove that one knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    content: Content,
    name: FileName,
    hints: Vec<String>,
    secret: Option<Secret>,
}

impl Link {
    /// The link to a content.
    ///
    /// # Errors
    /// [`LinkError::Part`] when a private one has a size that no sealed file has.
    pub fn new(content: Content, name: FileName, secret: Option<Secret>) -> Result<Self, LinkError> {
        if secret.is_some() && plain_size(content.size()).is_none() {
            return Err(LinkError::Part("the size of a sealed file"));
        }
        Ok(Self { content, name, hints: Vec::new(), secret })
    }

    /// The same link with addresses at which providers are reached without a look-up, as multiaddr with `/p2p/…`.
    ///
    /// # Errors
    /// [`LinkError::TooManyHints`], [`LinkError::Part`].
    pub fn with_hints(self, hints: Vec<String>) -> Result<Self, LinkError> {
        if hints.len() > MAX_HINTS {
            return Err(LinkError::TooManyHints(hints.len()));
        }
        let good = |hint: &String| {
            hint.len() <= MAX_HINT && hint.starts_with('/') && hint.bytes().all(|b| b.is_ascii_graphic())
        };
        if hints.iter().all(good) {
            Ok(Self { hints, ..self })
        } else {
            Err(LinkError::Part("the address of a provider"))
        }
    }

    /// What to fetch.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// What to call it.
    #[must_use]
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Where providers are.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// What opens it, if it is private.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_size(&self) -> u64 {
        let size = self.content.size();
        if self.secret.is_some() { plain_size(size).expect("checked when it was made") } else { size }
    }

    /// Reads a link.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.len() > MAX_LINK {
            return Err(LinkError::TooLong(text.len()));
        }
        let rest = text.strip_prefix(LINK_PREFIX).ok_or(LinkError::Prefix)?;
        let (rest, secret) = match rest.split_once('#') {
            Some((rest, key)) => (rest, Some(key.parse()?)),
            None => (rest, None),
        };
        let (path, query) = rest.split_once('?').map_or((rest, ""), |(path, query)| (path, query));
        let mut parts = path.split('/');
        let mut part = |name| parts.next().filter(|part| !part.is_empty()).ok_or(LinkError::Part(name));
        let id: ContentId = part("the address")?.parse()?;
        let size = part("the size")?.parse().map_err(|_| LinkError::Part("the size"))?;
        let name = decode(part("the name")?).ok_or(LinkError::Part("the name"))?;
        if parts.next().is_some() {
            return Err(LinkError::Part("the end of the name"));
        }
        let hints: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.strip_prefix("at=").and_then(decode).ok_or(LinkError::Part("the address of a provider")))
            .collect::<Result<_, _>>()?;
        let link = Self::new(Content::new(id, size)?, FileName::new(&name)?, secret)?.with_hints(hints)?;
        if *link.to_text() == text { Ok(link) } else { Err(LinkError::Spelling) }
    }

    /// The link as text. Of a private share it holds the key: whoever has it can read the file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = format!("{LINK_PREFIX}{}/{}/", self.content.id(), self.content.size());
        encode(self.name.as_str(), "-._~", &mut text);
        for (n, hint) in self.hints.iter().enumerate() {
            text.push_str(if n == 0 { "?at=" } else { "&at=" });
            encode(hint, "-._~/:", &mut text);
        }
        if let Some(secret) = &self.secret {
            text.push('#');
            text.push_str(&secret.to_text());
        }
        Zeroizing::new(text)
    }

    /// Links in a text, such as a memo, that hold by themselves: each ends at the next space.
    pub fn find(text: &str) -> impl Iterator<Item = Self> + '_ {
        text.split_whitespace().filter_map(|word| Self::parse(word).ok())
    }

    /// The same link in at most so many characters, with a shorter name and without addresses; `None` when even that is
    /// too long.
    #[must_use]
    pub fn within(self, most: usize) -> Option<Self> {
        let mut short = Self { hints: Vec::new(), ..self };
        for bytes in [usize::MAX, 160, 120, 80, 60, 48, 32] {
            short.name = short.name.shortened(bytes);
            if short.to_text().len() <= most {
                return Some(short);
            }
        }
        short = short.shortest();
        (short.to_text().len() <= most).then_some(short)
    }

    /// The same link without addresses, and with a name that says nothing.
    #[must_use]
    pub fn shortest(self) -> Self {
        Self { hints: Vec::new(), name: FileName::clean("file"), ..self }
    }
}

/// Without the key.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("content", &self.content).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Percent-encodes (RFC 3986 §2.1) every byte but letters, digits and those in `plain`.
fn encode(text: &str, plain: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a text takes text");
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(name: &str, secret: Option<[u8; 32]>) -> Link {
        let content = Content::new(ContentId([5; 32]), 1_000).unwrap();
        Link::new(content, FileName::new(name).unwrap(), secret.map(Secret::from_random)).unwrap()
    }

    #[test]
    fn a_link_is_read_as_it_was_written() {
        let hints = vec!["/ip4/192.0.2.7/udp/8468/quic-v1/p2p/12D3KooW".to_owned(), "/dns/a.example/tcp/1".to_owned()];
        for link in [
            link("a.txt", None),
            link("영수증 3월#1 100%.pdf", Some([9; 32])),
            link("b", Some([0; 32])).with_hints(hints.clone()).unwrap(),
        ] {
            let text = link.to_text();
            assert_eq!(Link::parse(&format!(" {}\n", *text)), Ok(link), "{}", *text);
        }
        let private = link("x", Some([9; 32]));
        assert_eq!((private.file_size(), link("x", None).file_size()), (984, 1_000));
        assert!(!format!("{private:?}").contains(&*Secret::from_random([9; 32]).to_text()));
    }

    #[test]
    fn what_is_not_a_link_says_what_is_wrong() {
        let id = ContentId([5; 32]);
        for (text, word) in [
            ("pumasi:request:abc".to_owned(), "begin"),
            (format!("pumasi:content/{id}"), "size"),
            (format!("pumasi:content/{id}/1000"), "name"),
            (format!("pumasi:content/{id}/1000/"), "name"),
            (format!("pumasi:content/{id}/0x10/a"), "size"),
            (format!("pumasi:content/{id}/+10/a"), "spelling"),
            (format!("pumasi:content/{id}/010/a"), "spelling"),
            (format!("pumasi:content/{id}/99999999999999/a"), "limit"),
            (format!("pumasi:content/{id}/10/..%2F..%2Fetc%2Fpasswd"), "lead elsewhere"),
            (format!("pumasi:content/{id}/10/%2E%2E"), "lead elsewhere"),
            (format!("pumasi:content/{id}/10/.bashrc"), "lead elsewhere"),
            (format!("pumasi:content/{id}/10/a/b"), "name"),
            (format!("pumasi:content/{id}/10/a%4"), "name"),
            (format!("pumasi:content/{id}/10/a%ff"), "name"),
            (format!("pumasi:content/{id}/10/%61"), "spelling"),
            (format!("pumasi:content/{}/10/a", &id.to_string()[1..]), "address"),
            (format!("pumasi:content/{id}/10/a?to=/ip4/1.2.3.4/tcp/1"), "provider"),
            (format!("pumasi:content/{id}/10/a{}", "?at=/a&at=/a&at=/a&at=/a&at=/a"), "limit"),
            (format!("pumasi:content/{id}/1000/a#abc"), "key"),
            (format!("pumasi:content/{id}/10/a#{}", *Secret::from_random([1; 32]).to_text()), "sealed"),
            (format!("pumasi:content/{id}/10/{}", "a".repeat(MAX_LINK)), "limit"),
        ] {
            let error = Link::parse(&text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_link_fits_into_a_memo_with_a_shorter_name() {
        let long = link(&format!("{}.pdf", "영수증".repeat(20)), Some([9; 32]));
        let short = long.clone().within(200).unwrap();
        assert!(short.to_text().len() <= 200 && short.name().as_str().ends_with(".pdf"), "{}", *short.to_text());
        assert_eq!((short.content(), short.secret()), (long.content(), long.secret()));
        assert_eq!(link("a.txt", None).within(50), None);
        let memo = format!("lunch {} thanks", *short.to_text());
        assert_eq!(Link::find(&memo).collect::<Vec<_>>(), [short]);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_again(text in "pumasi:content/[A-Za-z0-9_-]{43}/[0-9]{1,4}/[a-z%0-9.]{1,9}(\\?at=/[a-z%:?]{0,9})?(#[A-Za-z0-9_-]{43})?") {
            if let Ok(link) = Link::parse(&text) {
                prop_assert_eq!(&*link.to_text(), &text);
            }
        }

        #[test]
        fn every_name_goes_through_a_link(text in "\\PC{0,60}") {
            let link = link(FileName::clean(&text).as_str(), None);
            prop_assert_eq!(Link::parse(&link.to_text()), Ok(link));
        }
    }
}
