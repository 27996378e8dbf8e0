use crate::{Lang, Say, plain};

/// The STUN and TURN server of a bootstrap node.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TurnServer<'a> {
    /// It is up.
    Up {
        /// Where others reach it.
        host: &'a str,
    },
    /// It listens on every address, and nobody said at which others reach it.
    NeedsHost,
    /// The name of its host says nothing of the address that relayed traffic comes from.
    NeedsExternal {
        /// The name.
        host: &'a str,
    },
}

impl Say for TurnServer<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Up { host } => say!(lang,
                ko: "직접 연결이 안 되는 사람들을 {}에서 중계해요(STUN, TURN).", plain(host);
                en: "Relaying at {} for those who cannot connect directly (STUN, TURN).", plain(host)),
            Self::NeedsHost => say!(lang,
                ko: "다른 사람이 중계 서버에 닿을 주소가 필요해요. `--turn-host`로 알려 주세요.";
                en: "Others need an address at which they reach the relay. Give it with --turn-host."),
            Self::NeedsExternal { host } => say!(lang,
                ko: "{}은(는) 이름이라서, 중계한 것이 어느 IP 주소에서 오는지 알 수 없어요. `--turn-external`로 알려 주세요.", plain(host);
                en: "{} is a name; say from which IP address relayed traffic comes, with --turn-external.", plain(host)),
        }
    }
}
