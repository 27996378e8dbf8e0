use crate::{Lang, Say, plain};

/// The story with a page, as `pumasi demo --web` tells it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum WebDemo<'a> {
    /// It begins.
    Begin,
    /// The bootstrap nodes are up.
    Nodes {
        /// Their gateways.
        gateways: &'a str,
    },
    /// The directory is up.
    Directory {
        /// Where.
        url: &'a str,
    },
    /// The shop is open.
    Shop {
        /// Its endpoint.
        endpoint: &'a str,
    },
    /// The shop is in the directory.
    Listed,
    /// The page can be used.
    Ready {
        /// Where.
        url: &'a str,
        /// Where everything is kept.
        folder: &'a str,
    },
    /// The shop has something to say.
    AtTheShop {
        /// What.
        what: &'a str,
    },
}

impl Say for WebDemo<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Begin => say!(lang,
                ko: "이 컴퓨터에 작은 골목을 만들어요. 모두 진짜 프로세스예요.";
                en: "Building a small street on this machine, of real processes."),
            Self::Nodes { gateways } => say!(lang,
                ko: "부트스트랩 노드 둘이 떴어요. 게이트웨이: {}", gateways;
                en: "Two bootstrap nodes are up. Gateways: {}", gateways),
            Self::Directory { url } => say!(lang, ko: "디렉터리가 떴어요: {}", url; en: "The directory is up: {}", url),
            Self::Shop { endpoint } => say!(lang,
                ko: "‘할매국밥’이 문을 열었어요. 처음 보는 손님에게서 50,000원까지 받아요: {}", endpoint;
                en: "The shop 할매국밥 is open and takes up to 50,000 KRW from strangers: {}", endpoint),
            Self::Listed => say!(lang,
                ko: "가게가 ‘식당’으로 등록했어요.";
                en: "The shop is listed under 식당 and restaurant."),
            Self::Ready { url, folder } => say!(lang,
                ko: "준비됐어요: {}\n페이지에서 새로 시작하고, ‘식당’을 찾아 12,000원을 보내 보세요. 가게의 신원은 {}/shop에 있어요(비밀번호 demo).\nCtrl-C로 모두 멈춰요.", url, plain(folder);
                en: "Ready: {}\nStart anew on the page, find “restaurant”, and pay it 12,000 KRW. The shop's identity is in {}/shop (password demo).\nCtrl-C stops everything.", url, plain(folder)),
            Self::AtTheShop { what } => say!(lang, ko: "가게: {}", what; en: "At the shop: {}", what),
        }
    }
}
