use crate::SignalError;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The most candidates in one signal.
pub const MAX_CANDIDATES: usize = 16;
/// The longest candidate, in bytes.
pub const MAX_CANDIDATE: usize = 256;
/// What each begins with (RFC 8839 §5.1), as `RTCIceCandidate.candidate` and SDP attributes have it.
const PREFIX: &str = "candidate:";

/// At most [`MAX_CANDIDATES`] candidates of ICE, each the text of `RTCIceCandidate.candidate`: `candidate:` and printable
/// ASCII, at most [`MAX_CANDIDATE`] bytes. They belong to the one data channel that a session has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Candidates(Vec<String>);

impl Candidates {
    /// Takes candidates.
    ///
    /// # Errors
    /// [`SignalError::Candidates`].
    pub fn new(candidates: Vec<String>) -> Result<Self, SignalError> {
        let bad = |reason: String| Err(SignalError::Candidates { reason });
        if candidates.len() > MAX_CANDIDATES {
            return bad(format!("{}, the limit is {MAX_CANDIDATES}", candidates.len()));
        }
        for candidate in &candidates {
            if candidate.len() > MAX_CANDIDATE {
                return bad(format!("one of {} bytes, the limit is {MAX_CANDIDATE}", candidate.len()));
            }
            let printable = candidate.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            if !candidate.starts_with(PREFIX) || !printable {
                return bad(format!("one that is not \"{PREFIX}\" and printable ASCII"));
            }
        }
        Ok(Self(candidates))
    }

    /// Their texts.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Candidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The JWS around it bounds what is read here.
        Self::new(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_candidate_or_too_much_is_refused() {
        let good = "candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host";
        assert!(Candidates::new(vec![good.into(); MAX_CANDIDATES]).is_ok());
        assert!(Candidates::new(Vec::new()).is_ok());
        let bad = [
            vec![good.into(); MAX_CANDIDATES + 1],
            vec![format!("{PREFIX}{}", "a".repeat(MAX_CANDIDATE))],
            vec!["a=candidate:1".into()],
            vec!["candidate:1\r\na=ice-lite".into()],
            vec!["candidate:가".into()],
        ];
        for bad in bad {
            assert!(serde_json::from_value::<Candidates>(serde_json::json!(bad)).is_err(), "{bad:?}");
            assert!(matches!(Candidates::new(bad), Err(SignalError::Candidates { .. })));
        }
    }
}
