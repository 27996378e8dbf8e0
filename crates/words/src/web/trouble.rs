use crate::{Lang, Say, money, plain};
use pumasi_units::Money;

/// Why a screen did not get what it asked for: what happened, what was kept safe, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The identity is not open.
    Locked,
    /// The password opens nothing.
    WrongPassword,
    /// A password of nothing.
    EmptyPassword,
    /// An identity with this DID is here already.
    AlreadyHere,
    /// Another tab has it open.
    HeldByOtherTab,
    /// The browser gives no store, as in some private windows.
    NoStore,
    /// The store is full.
    StoreFull,
    /// Something of the identity is missing from the store.
    Incomplete,
    /// The ledger is damaged; an audit says how.
    Damaged,
    /// A backup is older than what was written since.
    StaleBackup,
    /// A file is not a backup.
    NotABackup,
    /// A backup of another identity.
    OtherBackup,
    /// A file is larger than may be read.
    FileTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The browser lacks something that is needed.
    Unsupported {
        /// What, as developers call it.
        what: &'static str,
    },
    /// This machine does not reach the network.
    Offline,
    /// No directory is set.
    NoDirectory,
    /// No directory answered.
    DirectoriesSilent,
    /// No gateway is set.
    NoGateway,
    /// No gateway answered.
    GatewaysSilent,
    /// The gateways that answered know no such profile.
    NoProfile,
    /// The only profiles to be had are forged or expired.
    BadProfile,
    /// An older profile than the one that is pinned; the newer one was kept.
    OldProfile,
    /// Two profiles with one sequence, both signed.
    TwoProfiles,
    /// The endpoint does not answer.
    EndpointSilent,
    /// The endpoint wants an API token.
    TokenNeeded,
    /// The endpoint or a server asks to come back later.
    TooManyRequests {
        /// In how many seconds, where it says so.
        after: Option<u32>,
    },
    /// The payee takes nothing from strangers.
    NoStrangers,
    /// Nobody answered.
    NoAnswer,
    /// They answered, and no way was found.
    NoPath,
    /// The other end could not prove its DID.
    NotProven,
    /// A typed text is neither a DID nor a link.
    NotALink,
    /// A request that was cut off or changed.
    BadRequest,
    /// A request that is over.
    RequestExpired,
    /// A request that somebody else is to pay.
    RequestForOther,
    /// A request of my own.
    OwnRequest,
    /// A typed text is not an amount.
    BadAmount,
    /// An amount of nothing.
    ZeroAmount,
    /// A memo of too many characters, or with control characters.
    BadMemo,
    /// A name of nothing, or of too many characters.
    BadName,
    /// More than the payee lets me owe.
    OverLine {
        /// What is left.
        available: Money,
    },
    /// The other one is I.
    Myself,
    /// Bitcoin cannot be paid here yet.
    NoBitcoin,
    /// The keys of the other side have changed, and the owner has not been told.
    KeysChanged,
    /// The address book is full.
    TooManyContacts,
    /// Nobody is known by that DID.
    UnknownPerson,
    /// There is no such payment.
    UnknownPayment,
    /// No result, so no receipt.
    NoReceipt,
    /// An address of the settings is not one.
    BadAddress {
        /// What was typed.
        address: String,
    },
    /// More addresses than are taken.
    TooManyAddresses,
    /// A kind of failure that has no words of its own.
    Failed,
}

impl Say for Trouble {
    fn say(&self, lang: Lang) -> String {
        let [ko, en] = match self {
            Self::FileTooLarge { limit } => {
                return say!(lang,
                    ko: "파일이 너무 커요. {}MB까지 읽을 수 있어요.", limit / 1_000_000;
                    en: "The file is too large. Up to {} MB can be read.", limit / 1_000_000);
            }
            Self::Unsupported { what } => {
                return say!(lang,
                    ko: "이 브라우저에는 {} 기능이 없어요. 다른 브라우저에서 열어 주세요.", what;
                    en: "This browser lacks {}. Open the page in another one.", what);
            }
            Self::TooManyRequests { after: Some(seconds) } => {
                return say!(lang,
                    ko: "요청이 많아서 기다려 달라고 해요. {}초 뒤에 다시 해 주세요.", seconds;
                    en: "The server asks to wait. Try again in {} s.", seconds);
            }
            Self::OverLine { available } => {
                let available = money(available, lang);
                return say!(lang,
                    ko: "상대가 허락한 한도를 넘어요. {}까지 보낼 수 있어요. 서명한 것은 없어요.", available;
                    en: "That is more than they let you owe. {} is left. Nothing was signed.", available);
            }
            Self::BadAddress { address } => {
                return say!(lang,
                    ko: "‘{}’은(는) 쓸 수 있는 주소가 아니에요. https://로 시작해야 해요. 바꾼 것은 없어요.", plain(address);
                    en: "“{}” is not an address that can be used. It must begin with https://. Nothing was changed.", plain(address));
            }
            Self::Locked => ["잠겨 있어요. 비밀번호로 열어 주세요.", "It is locked. Open it with your password."],
            Self::WrongPassword => [
                "비밀번호가 맞지 않아요. 열린 것도, 바뀐 것도 없어요.",
                "That password opens nothing. Nothing was changed.",
            ],
            Self::EmptyPassword => ["비밀번호를 입력해 주세요.", "Type a password."],
            Self::AlreadyHere => [
                "이 신원은 이미 이 브라우저에 있어요. 덮어쓰지 않았어요.",
                "This identity is in this browser already. It was not overwritten.",
            ],
            Self::HeldByOtherTab => [
                "다른 탭에서 이 지갑을 열고 있어요. 그 탭을 쓰거나 닫은 뒤에 다시 열어 주세요.",
                "Another tab has this wallet open. Use that tab, or close it and try again.",
            ],
            Self::NoStore => [
                "브라우저가 저장 공간을 주지 않아요. 비공개 창이라면 보통 창에서 열어 주세요.",
                "The browser gives no storage. If this is a private window, use an ordinary one.",
            ],
            Self::StoreFull => [
                "저장 공간이 가득 찼어요. 이미 적힌 것은 안전하고, 이번 것은 적지 않았어요. 자리를 비우고 다시 해 주세요.",
                "The storage is full. What was written before is safe; nothing of this was kept. Free some space and try again.",
            ],
            Self::Incomplete => [
                "저장된 것의 일부가 없어요. 백업이 있으면 되살릴 수 있어요.",
                "Part of what was stored is missing. If you have a backup, restore it.",
            ],
            Self::Damaged => [
                "원장이 손상되었어요. 바꾼 것은 없어요. 검사해 보고, 믿을 수 있는 백업으로 되살려 주세요.",
                "The ledger is damaged. Nothing was changed. Audit it, and restore a backup that you trust.",
            ],
            Self::StaleBackup => [
                "이 백업보다 나중에 쓴 기록이 있어요. 지키려고 쓰지 않았어요. 더 새로운 백업을 찾아 주세요.",
                "More was written after this backup was made. To keep that safe it was not used. Look for a newer one.",
            ],
            Self::NotABackup => [
                "품앗이 백업 파일이 아니에요. 바꾼 것은 없어요.",
                "That file is not a Pumasi backup. Nothing was changed.",
            ],
            Self::OtherBackup => [
                "다른 신원의 백업이에요. 바꾼 것은 없어요.",
                "That is the backup of another identity. Nothing was changed.",
            ],
            Self::TooManyRequests { after: None } => [
                "요청이 많아서 기다려 달라고 해요. 잠시 뒤에 다시 해 주세요.",
                "The server asks to wait. Try again in a while.",
            ],
            Self::Offline => [
                "인터넷에 닿지 않아요. 적어 둔 것은 그대로 있고, 연결되면 이어서 해요.",
                "There is no network. What is written down stays, and goes on once there is.",
            ],
            Self::NoDirectory => [
                "찾아볼 디렉터리가 없어요. 설정에서 주소를 적어 주세요.",
                "No directory is set. Add one in the settings.",
            ],
            Self::DirectoriesSilent => [
                "디렉터리가 답하지 않아요. 잠시 뒤에 다시 하거나 설정에서 주소를 확인해 주세요.",
                "No directory answered. Try again, or check the addresses in the settings.",
            ],
            Self::NoGateway => [
                "프로필을 물어볼 게이트웨이가 없어요. 설정에서 주소를 적어 주세요.",
                "No gateway is set to ask for the profile. Add one in the settings.",
            ],
            Self::GatewaysSilent => [
                "게이트웨이가 답하지 않아요. 잠시 뒤에 다시 하거나 설정에서 주소를 확인해 주세요.",
                "No gateway answered. Try again, or check the addresses in the settings.",
            ],
            Self::NoProfile => [
                "네트워크에 이 DID의 프로필이 없어요. 상대가 켜져 있을 때 다시 해 주세요.",
                "The network has no profile of this DID. Try again when they are online.",
            ],
            Self::BadProfile => {
                ["받은 프로필이 유효하지 않아서 쓰지 않았어요.", "The profile that came is not valid and was not used."]
            }
            Self::OldProfile => [
                "옛 프로필이 왔어요. 쓰지 않고 알고 있던 것을 지켰어요.",
                "An old profile came in. It was not taken; the one you have was kept.",
            ],
            Self::TwoProfiles => [
                "주의: 서로 다른 프로필 두 개가 같은 번호로 서명되어 있어요. 알고 있던 것을 지켰어요. 본인에게 물어보세요.",
                "WARNING: two different profiles carry the same number, both signed. The one you have was kept. Ask them.",
            ],
            Self::EndpointSilent => ["상대의 주소가 답하지 않아요.", "Their endpoint does not answer."],
            Self::TokenNeeded => [
                "상대의 주소가 토큰을 요구해요. 상대에게 받아 주세요.",
                "Their endpoint asks for a token. Get one from them.",
            ],
            Self::NoStrangers => [
                "상대가 모르는 사람에게서는 받지 않아요. 오간 것은 없어요.",
                "They take nothing from people they do not know. Nothing has changed hands.",
            ],
            Self::NoAnswer => [
                "상대의 답이 없어요. 지금은 켜져 있지 않은 것 같아요. 적어 둔 것은 연결되면 보내요.",
                "They did not answer and do not seem to be there right now. What is written down leaves once they are.",
            ],
            Self::NoPath => [
                "상대가 답했지만 서로 닿는 길이 없어요. 다른 네트워크에서 다시 해 주세요.",
                "They answered, but no way was found between you. Try from another network.",
            ],
            Self::NotProven => [
                "연결된 쪽이 본인이라는 것을 증명하지 못했어요. 아무것도 말하지 않고 끊었어요.",
                "The other end could not prove who it is. The link was closed and nothing was said.",
            ],
            Self::NotALink => [
                "DID나 요청 링크가 아니에요. did:key: 또는 pumasi:request:로 시작해야 해요.",
                "That is neither a DID nor a request. It must begin with did:key: or pumasi:request:.",
            ],
            Self::BadRequest => [
                "요청이 잘렸거나 바뀌었어요. 다시 받아 주세요.",
                "The request was cut off or changed. Ask for it again.",
            ],
            Self::RequestExpired => {
                ["기한이 지난 요청이에요. 새로 받아 주세요.", "This request has expired. Ask for a new one."]
            }
            Self::RequestForOther => ["다른 사람에게 보낸 요청이에요.", "This request is for somebody else to pay."],
            Self::OwnRequest => ["내가 만든 요청이에요.", "This is your own request."],
            Self::BadAmount => ["금액으로 읽을 수 없어요. 예: 12,000", "That is not an amount. Example: 12,000"],
            Self::ZeroAmount => ["0보다 큰 금액을 적어 주세요.", "The amount must be more than zero."],
            Self::BadMemo => {
                ["메모는 256자까지, 한 줄로 적어 주세요.", "A memo has at most 256 characters, on one line."]
            }
            Self::BadName => ["이름은 1자에서 64자까지예요.", "A name has 1 to 64 characters."],
            Self::Myself => ["나에게는 보낼 수 없어요.", "You cannot pay yourself."],
            Self::NoBitcoin => [
                "비트코인은 아직 여기에서 보낼 수 없어요. 서명한 것은 없어요.",
                "Bitcoin cannot be paid from here yet. Nothing was signed.",
            ],
            Self::KeysChanged => [
                "상대의 열쇠가 바뀌었어요. 먼저 상대의 화면에서 확인해 주세요. 서명한 것은 없어요.",
                "Their keys have changed. Look at their page first. Nothing was signed.",
            ],
            Self::TooManyContacts => [
                "연락처가 가득 찼어요. 쓰지 않는 사람을 지워 주세요.",
                "The address book is full. Forget somebody whom you do not need.",
            ],
            Self::UnknownPerson => ["연락처에 없는 사람이에요.", "That person is not in your contacts."],
            Self::UnknownPayment => ["그런 이체가 없어요.", "There is no such payment."],
            Self::NoReceipt => {
                ["아직 결과가 나오지 않아서 영수증이 없어요.", "It is not settled yet, so there is no receipt."]
            }
            Self::TooManyAddresses => {
                ["주소는 종류마다 여덟 개까지예요.", "There can be eight addresses of each kind."]
            }
            Self::Failed => [
                "알 수 없는 문제가 생겼어요. 원장에 적힌 것은 그대로예요. 페이지를 다시 열어 주세요.",
                "Something unexpected went wrong. What the ledger holds is untouched. Reload the page.",
            ],
        };
        match lang {
            Lang::Ko => ko,
            Lang::En => en,
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_address_cannot_turn_the_text_around() {
        let bad = Trouble::BadAddress { address: "http://x\u{202e}y".into() };
        assert!(bad.say(Lang::En).starts_with("“http://x·y” is not"));
    }

    #[test]
    fn what_is_over_the_line_says_what_is_left_and_that_nothing_was_signed() {
        let over = Trouble::OverLine { available: "3,000 KRW".parse().unwrap() };
        assert!(over.say(Lang::Ko).contains("3,000원까지"));
        assert!(over.say(Lang::En).ends_with("Nothing was signed."));
    }
}
