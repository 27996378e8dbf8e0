//! Topics: gossip that a rule looks at before it is passed on.

use super::{Node, Reply};
use crate::gossip::{Rule, TopicId, Verdict};
use crate::score::Offence;
use crate::{NodeId, OverlayError};
use libp2p::PeerId;
use libp2p::gossipsub::{
    Event, IdentTopic, Message, MessageAcceptance, MessageId, PublishError, TopicHash, TopicScoreParams,
};
use std::collections::HashMap;
use tokio::sync::mpsc;

pub(super) struct Subscription {
    rule: Rule,
    heard: mpsc::Sender<Vec<u8>>,
}

pub(super) type Subscriptions = HashMap<TopicHash, Subscription>;

/// How a neighbour is judged by what it passes on. What a quiet topic does not deliver is no fault of anybody.
fn scores() -> TopicScoreParams {
    TopicScoreParams {
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        // The square of the number of refused messages, of which a tenth is forgiven each second.
        invalid_message_deliveries_weight: -10.0,
        invalid_message_deliveries_decay: 0.9,
        ..TopicScoreParams::default()
    }
}

impl Node {
    pub(super) fn subscribe(&mut self, topic: TopicId, rule: Rule, heard: mpsc::Sender<Vec<u8>>, reply: Reply<()>) {
        self.unsubscribe_gone();
        let ident = IdentTopic::new(topic.to_string());
        let limit = self.limits.topics;
        let subscribed = if self.topics.contains_key(&ident.hash()) {
            Err(OverlayError::Taken { service: "topic" })
        } else if self.topics.len() >= limit {
            Err(OverlayError::Busy { what: "topics", limit })
        } else {
            let gossip = &mut self.swarm.behaviour_mut().gossip;
            gossip
                .set_topic_params(ident.clone(), scores())
                .map_err(str::to_owned)
                .and_then(|()| gossip.subscribe(&ident).map(drop).map_err(|error| error.to_string()))
                .map_err(|reason| OverlayError::Config(format!("topic: {reason}")))
        };
        if subscribed.is_ok() {
            self.topics.insert(ident.hash(), Subscription { rule, heard });
        }
        let _ = reply.send(subscribed);
    }

    /// Leaves the topics whose [`Gossip`](crate::Gossip) was dropped.
    pub(super) fn unsubscribe_gone(&mut self) {
        let gone: Vec<TopicHash> =
            self.topics.iter().filter(|(_, topic)| topic.heard.is_closed()).map(|(hash, _)| hash.clone()).collect();
        for hash in gone {
            self.topics.remove(&hash);
            self.swarm.behaviour_mut().gossip.unsubscribe(&IdentTopic::new(hash.into_string()));
        }
    }

    /// Says something in a topic; answers with the number of neighbours that listen to it.
    pub(super) fn say(&mut self, topic: TopicId, bytes: Vec<u8>, reply: Reply<usize>) {
        let ident = IdentTopic::new(topic.to_string());
        let hash = ident.hash();
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        let said = match gossip.publish(ident, bytes) {
            // What was said already is said.
            Ok(_) | Err(PublishError::Duplicate) => {
                Ok(gossip.all_peers().filter(|(_, topics)| topics.contains(&&hash)).count())
            }
            Err(PublishError::NoPeersSubscribedToTopic) => Ok(0),
            Err(error) => Err(OverlayError::NotSaid { reason: error.to_string() }),
        };
        let _ = reply.send(said);
    }

    pub(super) fn on_gossip(&mut self, event: Event) {
        if let Event::Message { propagation_source, message_id, message } = event {
            self.on_heard(propagation_source, &message_id, message);
        }
    }

    fn on_heard(&mut self, neighbour: PeerId, id: &MessageId, message: Message) {
        let Some(topic) = self.topics.get(&message.topic) else { return };
        let verdict = (topic.rule)(NodeId(neighbour), &message.data);
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        if verdict == Verdict::Accept {
            // One that does not keep up misses some; the history has them.
            let _ = topic.heard.try_send(message.data);
        } else {
            tracing::debug!(%neighbour, ?verdict, "a gossiped message goes no further");
        }
        if verdict == Verdict::Reject {
            self.store().blame(neighbour, Offence::RejectedGossip);
        }
        self.swarm.behaviour_mut().gossip.report_message_validation_result(id, &neighbour, acceptance);
    }
}
