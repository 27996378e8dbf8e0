use crate::{Lang, Say, plain};

/// Which path a connection took, and why the better ones were not to be had.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum PathReport<'a> {
    /// A relay stands between.
    Via {
        /// Its address.
        relay: &'a str,
        /// `UDP`, `TCP` or `TLS`.
        transport: &'a str,
    },
    /// Addresses that did not answer.
    NoAnswer {
        /// Which way it would have been.
        way: WayWord,
        /// One of them.
        to: &'a str,
        /// How many more there are.
        more: usize,
    },
    /// A STUN or TURN server that was of no use.
    Server {
        /// Its host and port.
        server: &'a str,
        /// `UDP`, `TCP` or `TLS`.
        transport: &'a str,
        /// Why.
        why: ServerWord,
    },
}

/// How two peers come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayWord {
    /// To an address of the other machine.
    Direct,
    /// To an address of the other side's router.
    Punched,
    /// Over a relay.
    Relayed,
}

/// Why a server was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerWord {
    /// Its name is not known, or it cannot be reached.
    Unreachable,
    /// Its certificate is not trusted.
    NotTrusted,
    /// It does not take the user name and password.
    Credentials,
    /// It refuses: a limit, perhaps.
    Refused,
    /// It does not answer.
    Silent,
}

impl Say for WayWord {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Direct => say!(lang, ko: "직접"; en: "Direct"),
            Self::Punched => say!(lang, ko: "공유기를 지나서"; en: "Through the router"),
            Self::Relayed => say!(lang, ko: "중계 서버로"; en: "Relayed"),
        }
    }
}

impl Say for ServerWord {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Unreachable => say!(lang, ko: "닿지 않아요"; en: "cannot be reached"),
            Self::NotTrusted => say!(lang, ko: "인증서를 믿을 수 없어요"; en: "has a certificate that is not trusted"),
            Self::Credentials => {
                say!(lang, ko: "계정과 비밀번호를 받지 않아요"; en: "does not take the account and its password")
            }
            Self::Refused => say!(lang, ko: "중계해 주지 않아요"; en: "refuses to relay"),
            Self::Silent => say!(lang, ko: "답하지 않아요"; en: "does not answer"),
        }
    }
}

impl Say for PathReport<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Via { relay, transport } => say!(lang,
                ko: "{}에서 중계해요({}).", plain(relay), plain(transport);
                en: "Relayed by {} ({}).", plain(relay), plain(transport)),
            Self::NoAnswer { way, to, more: 0 } => say!(lang,
                ko: "{}: {}에서 답이 없었어요.", way.say(lang), plain(to);
                en: "{}: no answer from {}.", way.say(lang), plain(to)),
            Self::NoAnswer { way, to, more } => say!(lang,
                ko: "{}: {} 외 {}곳에서 답이 없었어요.", way.say(lang), plain(to), more;
                en: "{}: no answer from {} and {} more.", way.say(lang), plain(to), more),
            Self::Server { server, transport, why } => say!(lang,
                ko: "서버 {}({}): {}.", plain(server), plain(transport), why.say(lang);
                en: "The server {} ({}) {}.", plain(server), plain(transport), why.say(lang)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_was_not_to_be_had_is_named_with_its_reason() {
        let direct = PathReport::NoAnswer { way: WayWord::Direct, to: "192.0.2.1:4711", more: 2 };
        assert_eq!(direct.say(Lang::En), "Direct: no answer from 192.0.2.1:4711 and 2 more.");
        assert_eq!(direct.say(Lang::Ko), "직접: 192.0.2.1:4711 외 2곳에서 답이 없었어요.");
        let server = PathReport::Server { server: "relay.example:3478", transport: "UDP", why: ServerWord::Silent };
        assert_eq!(server.say(Lang::En), "The server relay.example:3478 (UDP) does not answer.");
        assert_eq!(server.say(Lang::Ko), "서버 relay.example:3478(UDP): 답하지 않아요.");
    }
}
