//! Topics: groups that anybody may join, under a name.

mod gate;
mod history;
mod message;
mod name;

pub use gate::{Gate, Judged, Limits, Refused, Verdict};
pub use history::{
    History, HistoryError, HistoryRequest, MAX_HISTORY, MAX_HISTORY_AGE, MAX_HISTORY_ANSWER, MAX_HISTORY_REQUEST,
    MAX_PER_AUTHOR, answer_bytes, read_answer,
};
pub use message::{
    MAX_AGE, MAX_SEQUENCE, MAX_TEXT, MAX_TOPIC_MESSAGE, SignedTopicMessage, TOPIC_TYP, TopicError, TopicMessage,
};
pub use name::{MAX_TOPIC_NAME, TopicId, TopicName, TopicNameError};
