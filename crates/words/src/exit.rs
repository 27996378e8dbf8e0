use crate::{Lang, Say};

/// How a command ended, as a number that scripts can use. The numbers never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something else went wrong; the text says what.
    Failed = 1,
    /// The command line is not understood.
    Usage = 2,
    /// Written down, not settled yet: it goes on with the next connection.
    Pending = 3,
    /// The other side refused.
    Refused = 4,
    /// The other side, or the network, cannot be reached.
    Unreachable = 5,
    /// The password is wrong.
    WrongPassword = 6,
    /// Another process holds the folder.
    Held = 7,
    /// An audit or a check found something wrong.
    Unsound = 8,
    /// A person said no, or gave up.
    Cancelled = 9,
    /// There is no such identity, person, entry or payment.
    NotFound = 10,
}

impl Exit {
    /// Every way to end, in the order of the numbers.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Pending,
        Self::Refused,
        Self::Unreachable,
        Self::WrongPassword,
        Self::Held,
        Self::Unsound,
        Self::Cancelled,
        Self::NotFound,
    ];

    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl Say for Exit {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Done => say!(lang, ko: "끝냈어요"; en: "done"),
            Self::Failed => say!(lang, ko: "다른 이유로 실패했어요"; en: "failed for another reason"),
            Self::Usage => say!(lang, ko: "명령을 알아듣지 못했어요"; en: "the command line is not understood"),
            Self::Pending => say!(lang,
                ko: "적어 두었고 아직 끝나지 않았어요. 다음에 연결되면 이어서 해요";
                en: "written down, not settled yet; it goes on with the next connection"),
            Self::Refused => say!(lang, ko: "상대가 거절했어요"; en: "refused by the other side"),
            Self::Unreachable => {
                say!(lang, ko: "상대나 네트워크에 닿지 않아요"; en: "the other side or the network cannot be reached")
            }
            Self::WrongPassword => say!(lang, ko: "비밀번호가 맞지 않아요"; en: "wrong password"),
            Self::Held => say!(lang, ko: "다른 프로세스가 폴더를 쓰고 있어요"; en: "another process holds the folder"),
            Self::Unsound => {
                say!(lang, ko: "검사에서 문제를 찾았어요"; en: "an audit or a check found something wrong")
            }
            Self::Cancelled => say!(lang, ko: "취소했어요"; en: "cancelled"),
            Self::NotFound => say!(lang, ko: "그런 것이 없어요"; en: "no such identity, person, entry or payment"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_a_promise_to_scripts() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, (0..=10).collect::<Vec<u8>>());
        assert_eq!((Exit::Usage.code(), Exit::Pending.code(), Exit::Refused.code()), (2, 3, 4));
        assert_eq!((Exit::WrongPassword.code(), Exit::Held.code(), Exit::Unsound.code()), (6, 7, 8));
    }
}
