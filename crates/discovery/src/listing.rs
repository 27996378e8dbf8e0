use crate::bounds::{MAX_ADDRESS, MAX_CATEGORIES, MAX_CATEGORY, MAX_DESCRIPTION, MAX_NAME, MAX_NODES};
use serde::{Deserialize, Serialize};

/// What a shop says of itself, in its own words. Bounded by [`Listing::check`]; nothing of it is known to be true but
/// that the DID's owner said it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The name to show, at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false, min_length = 1, max_length = 64))]
    pub name: Option<String>,
    /// What it is, at most 500 characters.
    #[cfg_attr(feature = "server", schema(min_length = 1, max_length = 500))]
    pub description: String,
    /// Under what it is found, 1 to 8, each at most 32 characters.
    #[cfg_attr(feature = "server", schema(min_items = 1, max_items = 8))]
    pub categories: Vec<String>,
    /// Where the overlay is entered to find its profile: multiaddr, or the HTTPS address of a gateway; at most 8.
    #[cfg_attr(feature = "server", schema(max_items = 8))]
    pub bootstrap_nodes: Vec<String>,
    /// Where it takes offers over HTTPS. Without one it is reached through the overlay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false, max_length = 256))]
    pub service_endpoint: Option<String>,
}

/// A field that is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The field, by its name on the wire.
    pub field: &'static str,
    /// What is wrong with it, with the limit.
    pub problem: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}

impl Listing {
    /// Checks every field against its bounds.
    ///
    /// # Errors
    /// [`FieldError`], for the first field that is out of them.
    pub fn check(&self) -> Result<(), FieldError> {
        self.check_words()?;
        count("bootstrap_nodes", self.bootstrap_nodes.len(), 0, MAX_NODES)?;
        for node in &self.bootstrap_nodes {
            address("bootstrap_nodes", node, true)?;
        }
        self.check_endpoint()?;
        if self.service_endpoint.is_none() && self.bootstrap_nodes.is_empty() {
            return Err(FieldError::new("service_endpoint", "needed where there is no bootstrap node either"));
        }
        Ok(())
    }

    /// Checks what it says: name, description, categories.
    pub(crate) fn check_words(&self) -> Result<(), FieldError> {
        if let Some(name) = &self.name {
            text("name", name, MAX_NAME)?;
        }
        text("description", &self.description, MAX_DESCRIPTION)?;
        count("categories", self.categories.len(), 1, MAX_CATEGORIES)?;
        for category in &self.categories {
            text("categories", category, MAX_CATEGORY)?;
            if crate::text::category_key(category).is_empty() {
                return Err(FieldError::new("categories", "one has no letter or digit"));
            }
        }
        let mut keys: Vec<_> = self.categories.iter().map(|category| crate::text::category_key(category)).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(FieldError::new("categories", "one is there twice"));
        }
        Ok(())
    }

    pub(crate) fn check_endpoint(&self) -> Result<(), FieldError> {
        self.service_endpoint.as_ref().map_or(Ok(()), |endpoint| address("service_endpoint", endpoint, false))
    }
}

/// Present, within `limit` characters, and nothing that could move a cursor or turn the text around.
fn text(field: &'static str, value: &str, limit: usize) -> Result<(), FieldError> {
    let length = value.chars().count();
    if length > limit {
        return Err(FieldError::new(field, format!("{length} characters, the limit is {limit}")));
    }
    if value.trim().is_empty() {
        return Err(FieldError::new(field, "empty"));
    }
    if value.chars().any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err(FieldError::new(field, "control characters are not allowed"));
    }
    Ok(())
}

fn count(field: &'static str, found: usize, least: usize, most: usize) -> Result<(), FieldError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(FieldError::new(field, format!("{found} of them, from {least} to {most} are allowed")))
}

/// `https://…`, `http://` on a loopback address, or, where it says so, a multiaddr.
fn address(field: &'static str, value: &str, multiaddr: bool) -> Result<(), FieldError> {
    if value.len() > MAX_ADDRESS {
        return Err(FieldError::new(field, format!("{} bytes, the limit is {MAX_ADDRESS}", value.len())));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'`')) {
        return Err(FieldError::new(field, "only printable ASCII without quotes and brackets is allowed"));
    }
    let is_multiaddr = multiaddr && value.len() > 1 && value.starts_with('/') && !value.starts_with("//");
    if is_multiaddr || is_web_address(value) {
        return Ok(());
    }
    let wanted = if multiaddr { "a multiaddr (/ip4/…) or an https:// address" } else { "an https:// address" };
    Err(FieldError::new(field, format!("not {wanted} (http:// is for loopback only)")))
}

fn is_web_address(value: &str) -> bool {
    let (rest, secure) = match (value.strip_prefix("https://"), value.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (_, Some(rest)) => (rest, false),
        _ => return false,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // No user info: it would hide the host that is really asked.
    if authority.is_empty() || authority.contains(['@', '\\']) {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    !host.is_empty() && (secure || host == "localhost" || is_loopback(host))
}

fn is_loopback(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn restaurant() -> Listing {
        Listing {
            name: Some("한밭식당".into()),
            description: "강남구 역삼동, 김치찌개와 제육볶음".into(),
            categories: vec!["식당".into(), "한식".into()],
            bootstrap_nodes: vec!["/ip4/203.0.113.7/tcp/8468".into(), "https://node.example:8443".into()],
            service_endpoint: Some("https://shop.example:8443".into()),
        }
    }

    fn refused(change: impl FnOnce(&mut Listing)) -> &'static str {
        let mut listing = restaurant();
        change(&mut listing);
        listing.check().expect_err("is out of bounds").field
    }

    #[test]
    fn a_field_out_of_bounds_is_named() {
        assert_eq!(restaurant().check(), Ok(()));
        assert_eq!(refused(|l| l.name = Some("가".repeat(65))), "name");
        assert_eq!(refused(|l| l.name = Some(" ".into())), "name");
        assert_eq!(refused(|l| l.description = "가".repeat(501)), "description");
        assert_eq!(refused(|l| l.description = "a\u{202e}b".into()), "description");
        assert_eq!(refused(|l| l.categories.clear()), "categories");
        assert_eq!(refused(|l| l.categories = vec!["a".into(); 9]), "categories");
        assert_eq!(refused(|l| l.categories = vec!["Cafe".into(), "cafe".into()]), "categories");
        assert_eq!(refused(|l| l.categories = vec!["!?".into()]), "categories");
        assert_eq!(refused(|l| l.bootstrap_nodes = vec!["/".into(); 9]), "bootstrap_nodes");
        assert_eq!(refused(|l| l.bootstrap_nodes = vec!["node.example".into()]), "bootstrap_nodes");
        assert_eq!(refused(|l| l.service_endpoint = Some(format!("https://{}", "a".repeat(250)))), "service_endpoint");
        let unreachable = |l: &mut Listing| (l.service_endpoint, l.bootstrap_nodes) = (None, vec![]);
        assert_eq!(refused(unreachable), "service_endpoint");
    }

    #[test]
    fn an_endpoint_is_https_or_loopback_and_hides_no_host() {
        for good in ["https://shop.example", "https://[2001:db8::1]:8443/x", "http://127.0.0.1:80", "http://[::1]:8080"]
        {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "http://shop.example",
            "https://",
            "https://bank.example@evil.example",
            "ftp://x",
            "https://:80",
            "http://127.0.0.1.evil.example",
            "javascript:alert(1)",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
