use crate::{Lang, Say, josa, plain};

/// Certificates, gateways, and the tokens of an endpoint.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Https<'a> {
    /// A certificate for this machine was made.
    DevMade {
        /// Whom it speaks for.
        hosts: &'a str,
        /// Until when.
        until: &'a str,
        /// The folder.
        folder: &'a str,
    },
    /// Its authority is the one of before.
    DevAuthorityKept,
    /// Its authority is new, so nothing trusts it yet.
    DevAuthorityNew,
    /// How to trust the authority.
    DevTrust {
        /// Its certificate.
        file: &'a str,
        /// The SHA-256 of it.
        fingerprint: &'a str,
    },
    /// What stands before the command of a platform.
    TrustOn(Trusting),
    /// A gateway is up.
    GatewayUp {
        /// Where.
        url: &'a str,
    },
    /// A certificate is asked for; until it is there, nobody is served.
    AskingCertificate {
        /// For whom.
        domains: &'a str,
    },
    /// It is there.
    CertificateHere,
    /// Plain HTTP outside of this machine.
    PlainOutside {
        /// Where it would have listened.
        address: &'a str,
    },
    /// A token was issued: this is the only time that it is shown.
    TokenIssued {
        /// What it is called.
        name: &'a str,
        /// Itself.
        token: &'a str,
    },
    /// It is over at.
    TokenUntil {
        /// When.
        until: &'a str,
    },
    /// One was revoked.
    TokenRevoked {
        /// What it was called.
        name: &'a str,
    },
    /// None was issued.
    NoTokens,
    /// None is called so.
    UnknownToken {
        /// What was typed.
        name: &'a str,
    },
    /// A token whose time is over, in a list.
    TokenExpired,
    /// A token without an end, in a list.
    TokenForever,
}

/// Who is to trust an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trusting {
    /// Debian, Ubuntu.
    Debian,
    /// Fedora, RHEL.
    Fedora,
    /// Chromium on Linux.
    Chromium,
    /// Firefox.
    Firefox,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
    /// curl.
    Curl,
}

impl Say for Trusting {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Debian => "Debian, Ubuntu".into(),
            Self::Fedora => "Fedora, RHEL".into(),
            Self::Chromium => say!(lang, ko: "Linux의 Chromium, Chrome"; en: "Chromium, Chrome on Linux"),
            Self::Firefox => say!(lang,
                ko: "Firefox: 설정 → 개인 정보 및 보안 → 인증서 보기 → 인증 기관 → 가져오기";
                en: "Firefox: Settings → Privacy & Security → View Certificates → Authorities → Import"),
            Self::Mac => "macOS".into(),
            Self::Windows => "Windows".into(),
            Self::Curl => "curl".into(),
        }
    }
}

impl Say for Https<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::DevMade { hosts, until, folder } => say!(lang,
                ko: "이 컴퓨터에서 쓸 인증서를 만들었어요: {}\n{}까지 쓸 수 있고, {}에 있어요.", hosts, until, plain(folder);
                en: "A certificate for this machine is made: {}\nIt lasts until {} and is in {}.", hosts, until, plain(folder)),
            Self::DevAuthorityKept => say!(lang,
                ko: "인증 기관은 전과 같아요. 이미 믿게 했다면 더 할 일이 없어요.";
                en: "Its authority is the one of before. Where that is trusted already, there is nothing more to do."),
            Self::DevAuthorityNew => say!(lang,
                ko: "인증 기관을 새로 만들었어요. 위의 이름만 보증할 수 있어요. 브라우저와 프로그램이 믿게 하려면:";
                en: "Its authority is new, and can speak for the names above only. To make browsers and programs trust it:"),
            Self::DevTrust { file, fingerprint } => say!(lang,
                ko: "인증 기관의 인증서: {}\nSHA-256: {}", plain(file), fingerprint;
                en: "The authority's certificate: {}\nSHA-256: {}", plain(file), fingerprint),
            Self::TrustOn(trusting) => trusting.say(lang),
            Self::GatewayUp { url } => say!(lang,
                ko: "브라우저를 위한 게이트웨이가 {}에서 기다리고 있어요.", plain(url);
                en: "The gateway for browsers listens at {}.", plain(url)),
            Self::AskingCertificate { domains } => say!(lang,
                ko: "{}의 인증서를 받고 있어요. 받을 때까지는 연결되지 않아요.", plain(domains);
                en: "Asking for a certificate for {}. Nobody is served until it is here.", plain(domains)),
            Self::CertificateHere => say!(lang, ko: "인증서를 받았어요."; en: "The certificate is here."),
            Self::PlainOutside { address } => say!(lang,
                ko: "{}에서는 암호화 없이 열지 않아요. 인증서를 주거나(--tls-cert와 --tls-key, --acme, --tls-dev), 앞에 있는 프록시가 TLS를 맡는다면 --behind-proxy를 주세요.", plain(address);
                en: "{} is not opened without encryption. Name a certificate (--tls-cert and --tls-key, --acme, --tls-dev), or say --behind-proxy if a proxy in front of it does the TLS.", plain(address)),
            Self::TokenIssued { name, token } => say!(lang,
                ko: "‘{}’ 토큰이에요. 지금 한 번만 보여 드려요. 안전한 곳에 옮겨 두세요.\n{}", plain(name), token;
                en: "The token “{}”. It is shown this once; keep it somewhere safe.\n{}", plain(name), token),
            Self::TokenUntil { until } => {
                say!(lang, ko: "{}까지 쓸 수 있어요.", until; en: "It works until {}.", until)
            }
            Self::TokenRevoked { name } => say!(lang,
                ko: "{} 취소했어요. 실행 중인 `pumasi listen`도 곧 받지 않아요.", josa::eul(&format!("‘{}’", plain(name)));
                en: "“{}” is revoked. A running `pumasi listen` refuses it within a second or two.", plain(name)),
            Self::NoTokens => say!(lang,
                ko: "아직 만든 토큰이 없어요. `pumasi token issue --name 이름`으로 만들어 주세요.";
                en: "No token has been issued yet. Issue one: `pumasi token issue --name NAME`."),
            Self::UnknownToken { name } => say!(lang,
                ko: "‘{}’(이)라는 이름이나 번호의 토큰이 없어요. `pumasi token list`에서 찾아 주세요.", plain(name);
                en: "No token has the name or number “{}”. See `pumasi token list`.", plain(name)),
            Self::TokenExpired => say!(lang, ko: "기한이 지났어요"; en: "expired"),
            Self::TokenForever => say!(lang, ko: "기한 없음"; en: "no end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_on_a_line_of_its_own_to_be_copied() {
        for lang in [Lang::Ko, Lang::En] {
            let said = Https::TokenIssued { name: "page", token: "pumasi_00000000_x" }.say(lang);
            assert_eq!(said.lines().last(), Some("pumasi_00000000_x"));
        }
    }

    #[test]
    fn particles_follow_the_name() {
        assert!(Https::TokenRevoked { name: "가게" }.say(Lang::Ko).starts_with("‘가게’를 취소했어요."));
    }
}
