use crate::{Lang, Say, plain};

/// What `pumasi web` says.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Served<'a> {
    /// The page is served.
    Serving {
        /// Where.
        url: &'a str,
    },
    /// There is no page to serve.
    NoPage,
    /// An address of other machines, without TLS.
    NotThisMachine {
        /// The address.
        address: &'a str,
    },
}

impl Say for Served<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Serving { url } => say!(lang,
                ko: "페이지를 열었어요: {}\nCtrl-C로 멈춰요.", url;
                en: "The page is at {}\nCtrl-C stops.", url),
            Self::NoPage => say!(lang,
                ko: "이 프로그램에는 페이지가 들어 있지 않아요. `cargo xtask web`으로 만든 뒤에 `pumasi web --dist target/web`으로 열거나, PUMASI_WEB_DIST=target/web으로 다시 빌드해 주세요.";
                en: "There is no page in this program. Build one with `cargo xtask web`, then `pumasi web --dist target/web`, or build the program again with PUMASI_WEB_DIST=target/web."),
            Self::NotThisMachine { address } => say!(lang,
                ko: "{} 주소로는 열지 않았어요. 브라우저는 HTTPS가 아니면 열쇠를 만들지 못해요. TLS를 맡는 프록시 뒤라면 `--behind-proxy`를 붙여 주세요.", plain(address);
                en: "{} was not opened: without HTTPS a browser makes no keys. Behind a proxy that does TLS, say --behind-proxy.", plain(address)),
        }
    }
}
