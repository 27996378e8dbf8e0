use crate::plain::is_trick;
use crate::{Lang, Say, plain};

/// What is said in topics and between two people, and what becomes of it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Talk<'a> {
    /// A topic is joined.
    Joined {
        /// Its name.
        topic: &'a str,
    },
    /// How many say that they are in a topic.
    Members {
        /// Its name.
        topic: &'a str,
        /// How many.
        count: usize,
    },
    /// Nobody says that they are in a topic.
    NoMembers {
        /// Its name.
        topic: &'a str,
    },
    /// Somebody says too much in a topic.
    Muted {
        /// Who.
        name: &'a str,
    },
    /// A topic message is out.
    Spoken {
        /// Neighbours that listen.
        listening: usize,
    },
    /// Nobody is there to hear it.
    Unheard {
        /// The topic's name.
        topic: &'a str,
    },
    /// The members of a topic have told of nothing.
    NoHistory {
        /// The topic's name.
        topic: &'a str,
        /// How many were asked with success.
        answered: usize,
    },
    /// A topic was left.
    Left {
        /// Its name.
        topic: &'a str,
    },
    /// How far a message of mine is.
    Message {
        /// To whom.
        name: &'a str,
        /// How far.
        state: MessageState,
    },
    /// A message cannot be brought now, and the recipient has no inbox that this identity can find.
    NoInbox {
        /// Who.
        name: &'a str,
    },
    /// The recipient was reached, and does not take it.
    NotTaken {
        /// Who.
        name: &'a str,
    },
    /// It is left to the process that listens.
    LeftToListener,
    /// Messages of people whom nobody here knows.
    Requests {
        /// How many.
        count: usize,
    },
    /// There are no messages.
    NoMessages,
    /// A stranger's messages are shown from now on.
    Accepted {
        /// Who.
        name: &'a str,
    },
    /// Nothing of somebody is taken any more.
    Unwanted {
        /// Who.
        name: &'a str,
    },
    /// Some before this one are missing.
    Missing {
        /// How many.
        count: u64,
        /// Whose.
        name: &'a str,
    },
    /// This one came after others that were said later.
    Late,
    /// Nobody here knows who this is.
    Unknown {
        /// The end of the DID.
        did: &'a str,
    },
    /// The owner.
    Me,
    /// Nothing to send.
    NothingToSay,
    /// Too much to send at once.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// A control character in what is to be sent.
    Control,
    /// Too much that was not delivered yet.
    OutboxFull {
        /// To whom.
        name: &'a str,
        /// How many.
        limit: u64,
    },
    /// Listening for messages is not possible.
    NoTalk {
        /// Why.
        reason: &'a str,
    },
}

/// How far a message is, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// Here only.
    Queued,
    /// In the recipient's inbox in the DHT.
    Mailbox,
    /// The recipient has it.
    Delivered,
    /// The recipient's owner has seen it.
    Read,
    /// Given up; nobody has signed for it.
    Expired,
}

impl Say for MessageState {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Queued => say!(lang, ko: "보내는 중"; en: "queued"),
            Self::Mailbox => say!(lang, ko: "우편함에 있음"; en: "in their mailbox"),
            Self::Delivered => say!(lang, ko: "전달됨"; en: "delivered"),
            Self::Read => say!(lang, ko: "읽음"; en: "read"),
            Self::Expired => say!(lang, ko: "기한 지남"; en: "expired"),
        }
    }
}

impl Say for Talk<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Joined { topic } => say!(lang,
                ko: "{} 토픽에 들어왔어요. 쓰는 줄마다 모두에게 보여요. 나가려면 Ctrl-C를 누르세요.", plain(topic);
                en: "You are in {}. Each line you type is shown to everyone there. Ctrl-C leaves.", plain(topic)),
            Self::Members { topic, count } => say!(lang,
                ko: "{} 토픽에 {}명이 있어요.", plain(topic), count;
                en: "{} in {}.", if count == 1 { "1 person is".into() } else { format!("{count} people are") }, plain(topic)),
            Self::NoMembers { topic } => say!(lang,
                ko: "지금 {} 토픽에 있다고 말하는 사람이 없어요.", plain(topic);
                en: "Nobody says that they are in {} now.", plain(topic)),
            Self::Muted { name } => say!(lang,
                ko: "{} 님이 너무 많이 말해서 10분 동안 듣지 않아요. 다른 사람에게도 전하지 않아요.", plain(name);
                en: "{} says too much: not heard for ten minutes, and not passed on.", plain(name)),
            Self::Spoken { listening } => say!(lang,
                ko: "보냈어요. 이웃 노드 {}개가 듣고 있어요.", listening;
                en: "Sent; {} listening.", if listening == 1 { "1 neighbour is".into() } else { format!("{listening} neighbours are") }),
            Self::Unheard { topic } => say!(lang,
                ko: "아무도 듣지 못했어요. 지금 {} 토픽에 닿는 사람이 없어요. 누가 들어온 뒤에 다시 보내 주세요.", plain(topic);
                en: "Nobody heard it: nobody in {} can be reached now. Say it again when somebody is there.", plain(topic)),
            Self::NoHistory { topic, answered: 0 } => say!(lang,
                ko: "{} 토픽에 있는 사람 가운데 대답한 사람이 없어서 지난 이야기를 알 수 없어요.", plain(topic);
                en: "Nobody in {} answered, so what was said is not known.", plain(topic)),
            Self::NoHistory { topic, answered } => say!(lang,
                ko: "{} 토픽의 {}명에게 물었는데, 지난 24시간 동안 한 이야기가 없어요.", plain(topic), answered;
                en: "Nothing was said in {} in the last 24 hours, by the word of {}.", plain(topic), if answered == 1 { "1 member".into() } else { format!("{answered} members") }),
            Self::Left { topic } => {
                say!(lang, ko: "{} 토픽에서 나왔어요.", plain(topic); en: "You have left {}.", plain(topic))
            }
            Self::Message { name, state: MessageState::Queued } => say!(lang,
                ko: "{} 님에게 아직 보내지 못했어요. 서명해서 이 기기에 적어 두었고, `pumasi listen`이 켜져 있는 동안 7일까지 다시 시도해요.", plain(name);
                en: "Not sent to {} yet. It is signed and written down here, and is tried again for seven days while `pumasi listen` runs.", plain(name)),
            Self::Message { name, state: MessageState::Mailbox } => say!(lang,
                ko: "{} 님은 지금 없어요. 봉해서 DHT 우편함에 넣어 두었어요. 7일 안에 들어오면 받아요.", plain(name);
                en: "{} is not there now. It lies sealed in their mailbox in the DHT, for seven days.", plain(name)),
            Self::Message { name, state: MessageState::Delivered } => say!(lang,
                ko: "{} 님에게 전달됐어요. 받았다는 서명이 왔어요.", plain(name);
                en: "Delivered: {} has it, and signed for it.", plain(name)),
            Self::Message { name, state: MessageState::Read } => say!(lang,
                ko: "{} 님이 읽었어요.", plain(name); en: "{} has read it.", plain(name)),
            Self::Message { name, state: MessageState::Expired } => say!(lang,
                ko: "{} 님에게 보낸 말의 기한이 지났어요. 받았는지는 알 수 없어요. 필요하면 다시 보내 주세요.", plain(name);
                en: "The time of a message to {} is over, and nobody has signed for it. Send it again if it still matters.", plain(name)),
            Self::NoInbox { name } => say!(lang,
                ko: "{} 님은 지금 없고, 서로 아는 사이가 아니라서 우편함에 넣을 수 없어요. 서명해서 적어 두었고, 두 사람이 함께 켜져 있을 때 전달돼요.", plain(name);
                en: "{} is not there now, and a mailbox is only for people who know each other. It is written down here, and is delivered when both of you are there.", plain(name)),
            Self::NotTaken { name } => say!(lang,
                ko: "{} 님에게 닿았지만 받지 않았어요. 모르는 사람의 말은 자리가 없거나 받지 않기로 했을 수 있어요. 여기 적어 두었고, 7일 동안 다시 시도해요.", plain(name);
                en: "{} was reached and does not take it: there may be no room for people they do not know, or they may not want it. It is written down here, and is tried again for seven days.", plain(name)),
            Self::LeftToListener => say!(lang,
                ko: "켜져 있는 `pumasi listen`이 보내고 있어요…";
                en: "The `pumasi listen` that is running brings it…"),
            Self::Requests { count } => say!(lang,
                ko: "모르는 사람에게서 온 말이 {}개 있어요. 보려면 `pumasi messages --requests`를 쓰세요.", count;
                en: "{} from people you do not know. To see: pumasi messages --requests", if count == 1 { "1 message".into() } else { format!("{count} messages") }),
            Self::NoMessages => say!(lang, ko: "아직 주고받은 말이 없어요."; en: "No messages yet."),
            Self::Accepted { name } => say!(lang,
                ko: "이제 {} 님의 말을 다른 말과 함께 보여 드려요. 본인인지는 아직 확인하지 않았어요.", plain(name);
                en: "What {} says is shown among the others from now on. Nobody has verified who it is.", plain(name)),
            Self::Unwanted { name } => say!(lang,
                ko: "이제 {} 님의 말은 받지 않아요.", plain(name);
                en: "Nothing of {} is taken any more.", plain(name)),
            Self::Missing { count, name } => say!(lang,
                ko: "({} 님의 말 {}개가 오지 않았어요)", plain(name), count;
                en: "({} of {} did not come)", if count == 1 { "1 message".into() } else { format!("{count} messages") }, plain(name)),
            Self::Late => say!(lang, ko: "(늦게 옴)"; en: "(late)"),
            Self::Unknown { did } => say!(lang, ko: "{}(모르는 사람)", plain(did); en: "{} (unknown)", plain(did)),
            Self::Me => say!(lang, ko: "나"; en: "me"),
            Self::NothingToSay => say!(lang, ko: "보낼 말이 없어요."; en: "There is nothing to send."),
            Self::TooLong { len, limit } => say!(lang,
                ko: "{}바이트는 너무 길어요. {}바이트까지 보낼 수 있어요. 아무것도 보내지 않았어요.", len, limit;
                en: "{} bytes are too long; the limit is {} bytes. Nothing was sent.", len, limit),
            Self::Control => say!(lang,
                ko: "줄 바꿈과 탭이 아닌 제어 문자는 보낼 수 없어요. 아무것도 보내지 않았어요.";
                en: "Control characters other than line ends and tabs cannot be sent. Nothing was sent."),
            Self::OutboxFull { name, limit } => say!(lang,
                ko: "{} 님에게 보낸 말 {}개가 아직 전달되지 않았어요. 하나라도 전달되거나 기한이 지난 뒤에 다시 보내 주세요.", plain(name), limit;
                en: "{1} messages to {0} are not delivered yet. Send this when one of them is, or has expired.", plain(name), limit),
            Self::NoTalk { reason } => say!(lang,
                ko: "말을 주고받을 수 없어요({}). 돈을 받는 일은 그대로 돼요.", reason;
                en: "Messages cannot be taken ({}). Payments can.", reason),
        }
    }
}

/// A text of another person over as many lines as it has, made safe for a terminal: nothing that moves the cursor, colours
/// or turns it, and no line that could pass for somebody else's. What is taken out leaves `·` behind.
#[must_use]
pub fn said(text: &str) -> String {
    let clean = |line: &str| {
        line.chars()
            .map(|it| {
                if it == '\t' {
                    ' '
                } else if is_trick(it) {
                    '·'
                } else {
                    it
                }
            })
            .collect()
    };
    text.split('\n').map(clean).collect::<Vec<String>>().join("\n      │ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_many_lines_cannot_pass_for_somebody_elses() {
        assert_eq!(said("hi\n12:00 Bob: I pay\x1b[1A"), "hi\n      │ 12:00 Bob: I pay·[1A");
        assert_eq!(said("a\u{202e}b\rc\td"), "a·b·c d");
        assert_eq!(said("점심 🍜"), "점심 🍜");
    }

    #[test]
    fn no_state_is_called_more_than_it_is() {
        let say = |state| Talk::Message { name: "Bob", state }.say(Lang::En);
        assert!(say(MessageState::Queued).starts_with("Not sent to Bob yet."));
        assert!(say(MessageState::Mailbox).contains("Bob is not there now"));
        assert!(say(MessageState::Delivered).contains("signed for it"));
        assert!(
            Talk::Message { name: "철수", state: MessageState::Queued }.say(Lang::Ko).contains("아직 보내지 못했어요")
        );
    }
}
