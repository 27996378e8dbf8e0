//! What is asked, and what is answered.

use crate::{DEFAULT_LIMIT, FetchError, MAX_REQUEST, MAX_URL};

/// What is done with a resource (RFC 9110 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Hand something over.
    Post,
    /// Put something in its place.
    Put,
    /// Remove it.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is done.
    pub method: Method,
    /// The whole address, `https:` or, on this machine, `http:`.
    pub url: String,
    /// Header fields, such as `content-type`.
    pub headers: Vec<(String, String)>,
    /// What is handed over, at most [`MAX_REQUEST`] bytes.
    pub body: Vec<u8>,
    /// The longest body of the answer that is read, in bytes.
    pub limit: usize,
}

impl std::fmt::Debug for Request {
    /// Without headers and body: they carry tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

impl Request {
    /// Reads.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::Get, url: url.into(), headers: Vec::new(), body: Vec::new(), limit: DEFAULT_LIMIT }
    }

    /// Hands a JSON document over.
    #[must_use]
    pub fn json(method: Method, url: impl Into<String>, body: Vec<u8>) -> Self {
        Self { method, body, ..Self::get(url) }.header("content-type", "application/json")
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a bearer token (RFC 6750).
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With another limit of the answer, in bytes.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Checks what can be checked before anything is sent.
    pub(crate) fn check(&self) -> Result<(), FetchError> {
        bound("address", self.url.len(), MAX_URL)?;
        bound("body", self.body.len(), MAX_REQUEST)?;
        let host = self.host();
        if host.is_empty() {
            return Err(FetchError::Url { url: self.url.chars().take(80).collect() });
        }
        if !has_scheme(&self.url, "https") && !is_this_machine(host) {
            return Err(FetchError::Insecure { host: host.into() });
        }
        Ok(())
    }

    /// The host of the address, or nothing when there is none.
    pub(crate) fn host(&self) -> &str {
        if !has_scheme(&self.url, "https") && !has_scheme(&self.url, "http") {
            return "";
        }
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        // A name and password in an address are how one host is made to look like another.
        if authority.contains('@') {
            return "";
        }
        if authority.starts_with('[') {
            return authority.split_inclusive(']').next().unwrap_or_default();
        }
        authority.split(':').next().unwrap_or_default()
    }
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.split_once("://").is_some_and(|(found, _)| found.eq_ignore_ascii_case(scheme))
}

/// Whether a host is this machine by its name or number alone, whatever a name server says.
fn is_this_machine(host: &str) -> bool {
    let number = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || number.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn bound(what: &'static str, len: usize, limit: usize) -> Result<(), FetchError> {
    if len > limit { Err(FetchError::TooLarge { what, len, limit }) } else { Ok(()) }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code (RFC 9110 §15).
    pub status: u16,
    /// Header fields that the platform shows, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status says that it was done: 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header field of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<(), FetchError> {
        Request::get(url).check()
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for fine in
            ["https://shop.example/a?b", "HTTPS://shop.example:8443", "http://127.0.0.1:8780/search", "http://[::1]:1"]
        {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for plain in [
            "http://shop.example/",
            "http://192.168.0.2/",
            "http://127.0.0.1.shop.example/",
            "http://localhost.example",
        ] {
            assert!(matches!(check(plain), Err(FetchError::Insecure { .. })), "{plain}");
        }
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for bad in
            ["", "shop.example", "ftp://shop.example", "https://", "https:///x", "javascript://x", "file:///etc/passwd"]
        {
            assert!(matches!(check(bad), Err(FetchError::Url { .. })), "{bad}");
        }
        // The host here is evil.example; a person reads another.
        assert!(matches!(check("https://shop.example@evil.example/"), Err(FetchError::Url { .. })));
        // To a browser a backslash is a slash (WHATWG URL §4.4), and so the host here is this machine.
        assert_eq!(check("http://localhost\\@evil.example/"), Ok(()));
    }

    #[test]
    fn lengths_are_bounded_before_anything_is_sent() {
        let long = format!("https://shop.example/{}", "a".repeat(MAX_URL));
        assert!(matches!(check(&long), Err(FetchError::TooLarge { what: "address", .. })));
        let mut request = Request::get("https://shop.example");
        request.body = vec![0; MAX_REQUEST + 1];
        assert!(matches!(request.check(), Err(FetchError::TooLarge { what: "body", .. })));
    }

    #[test]
    fn a_token_is_not_shown() {
        let request = Request::get("https://shop.example").bearer("secret");
        assert!(!format!("{request:?}").contains("secret"));
    }
}
