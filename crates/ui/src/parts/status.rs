//! The words of a payment and of the link that carries it: never more than is known.

use super::Tone;
use crate::app::{Cx, Link, LinkState};
use crate::backend::{Backend, Direction, PaymentState, PaymentView, Refusal};
use pumasi_words::web::{Saying, Text};

/// How a payment stands, in a word. Waiting is no error.
pub(crate) fn tone(payment: &PaymentView) -> (Tone, Text) {
    let mine = payment.direction == Direction::Out;
    match payment.state {
        PaymentState::Queued => (Tone::Quiet, Text::StateQueued),
        PaymentState::Sent => (Tone::Quiet, Text::StateSent),
        PaymentState::Received if mine => (Tone::Quiet, Text::StateReceived),
        PaymentState::Received => (Tone::Warn, Text::StateAsks),
        PaymentState::Expired => (Tone::Warn, Text::StateExpired),
        PaymentState::Accepted => (Tone::Good, Text::StateAccepted),
        PaymentState::Settled => (Tone::Good, Text::StateSettled),
        PaymentState::Refused(_) => (Tone::Bad, Text::StateRefused),
    }
}

/// How a payment stands, in a sentence.
pub(crate) fn headline<B: Backend>(cx: Cx<B>, payment: &PaymentView) -> String {
    let name = payment.name.as_str();
    let mine = payment.direction == Direction::Out;
    match &payment.state {
        PaymentState::Queued => cx.say(&Saying::Queued { name }),
        PaymentState::Sent => cx.say(&Saying::Sent { name }),
        PaymentState::Received if mine => cx.say(&Saying::Received { name }),
        PaymentState::Received => cx.say(&Saying::Asked { name }),
        PaymentState::Expired => cx.t(Text::ExpiredUnknown).to_owned(),
        PaymentState::Accepted if mine => cx.say(&Saying::Accepted { name }),
        PaymentState::Accepted => cx.say(&Saying::Taken { name }),
        PaymentState::Settled => cx.t(Text::BothSigned).to_owned(),
        PaymentState::Refused(why) => {
            let (limit, available) = match why {
                Refusal::OverLimit { limit, available } => (Some(limit), Some(available)),
                _ => (None, None),
            };
            let why = pumasi_words::Refusal::of(why.code(), limit, available);
            cx.say(&Saying::Refused { name, mine, why })
        }
    }
}

/// What happens on the way to somebody right now.
pub(crate) fn link_line<B: Backend>(cx: Cx<B>, link: &Link) -> (Tone, String) {
    use crate::backend::{Road, Step};
    use pumasi_words::Say as _;
    match &link.state {
        LinkState::Trying { step, road } => {
            let text = match (step, road) {
                (Step::LookingUp, _) => Text::StepLookingUp,
                (Step::Gathering, _) => Text::StepGathering,
                (Step::Offering, Road::Endpoint) => Text::StepOfferingEndpoint,
                (Step::Offering, Road::Mailbox) => Text::StepOfferingMailbox,
                (Step::Waiting, _) => Text::StepWaiting,
                (Step::Checking, _) => Text::StepChecking,
                (Step::Securing, _) => Text::StepSecuring,
                (Step::Proving, _) => Text::StepProving,
            };
            (Tone::Quiet, cx.t(text).to_owned())
        }
        LinkState::Up { path, road } => {
            let endpoint = *road == Road::Endpoint;
            (Tone::Good, cx.say(&Saying::Connected { path: *path, endpoint }))
        }
        LinkState::Down => (Tone::Quiet, cx.t(Text::LinkDown).to_owned()),
        LinkState::Failed { why, .. } => (Tone::Warn, why.say(cx.lang)),
    }
}
