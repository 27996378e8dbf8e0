use std::fmt;
use std::str::FromStr;

/// SHA-256 of a DTLS certificate: what binds a channel to the SDP that announced it (RFC 8122 §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// The text is not `AB:CD:…` with 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 fingerprint of 32 bytes in hex with colons")]
pub struct FingerprintError;

impl Fingerprint {
    /// Wraps the 32 bytes of the digest.
    pub fn new(digest: [u8; 32]) -> Self {
        Fingerprint(digest)
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let mut digest = [0; 32];
        let mut parts = text.split(':');
        for byte in &mut digest {
            // A sign would pass from_str_radix.
            let part = parts.next().filter(|part| part.len() == 2 && !part.starts_with('+')).ok_or(FingerprintError)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| FingerprintError)?;
        }
        if parts.next().is_some() {
            return Err(FingerprintError);
        }
        Ok(Fingerprint(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_anything_else_is_refused() {
        let print = Fingerprint::new([0xAB; 32]);
        let text = print.to_string();
        assert_eq!(text.parse(), Ok(print));
        assert_eq!(text.to_lowercase().parse(), Ok(print));
        for bad in ["", "AB", &text[1..], &format!("{text}:AB"), &text.replace("AB", "+1"), &text.replace(':', "")] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(FingerprintError), "{bad}");
        }
    }
}
