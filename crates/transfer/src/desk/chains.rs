//! Following the peers' chains: each signed head is compared with what its signer said before.

use super::cells::{claim_key, fork_key, newest_key};
use super::{Desk, DeskError};
use crate::books::Books;
use crate::fork::{Claim, ForkProof};
use crate::record::PayeeState;
use pumasi_crypto::Provider;
use pumasi_identity::Did;
use pumasi_ledger::{Space, TransferId};
use pumasi_units::Unit;

/// What a signed head tells.
pub(super) struct Followed {
    /// Set when it contradicts an earlier one. The proof is stored.
    pub(super) fork: Option<ForkProof>,
    /// Whether no earlier message of the peer quotes a later entry.
    pub(super) newest: bool,
}

impl<P: Provider> Desk<P> {
    /// Compares a claim with the earlier ones and keeps it.
    pub(super) async fn follow(
        &mut self,
        books: &mut impl Books,
        signer: Did,
        claim: Claim,
    ) -> Result<Followed, DeskError> {
        let sequence = claim.head.sequence;
        let newest: u64 = self.cells.read(books, Space::Document, &newest_key(&signer)).await?.unwrap_or(0);
        if sequence > newest {
            self.cells.put(books, Space::Document, &newest_key(&signer), &sequence)?;
        }
        let key = claim_key(&signer, sequence);
        let earlier: Option<Claim> = self.cells.read(books, Space::Document, &key).await?;
        let fork = match earlier {
            Some(earlier) if earlier.contradicts(&claim) => {
                let proof = ForkProof { signer, first: earlier, second: claim };
                self.cells.put(books, Space::Document, &fork_key(&signer, sequence), &proof)?;
                Some(proof)
            }
            Some(earlier) if !claim.says_more_than(&earlier) => None,
            Some(_) | None => {
                self.cells.put(books, Space::Document, &key, &claim)?;
                None
            }
        };
        Ok(Followed { fork, newest: sequence > newest })
    }

    /// Whether no other transfer with the peer in this unit is under way in either direction.
    pub(super) fn nothing_else_under_way(&self, peer: &Did, unit: &Unit, but: &TransferId) -> bool {
        let mine = self
            .payers
            .values()
            .map(|payer| payer.record())
            .any(|record| record.peer == *peer && record.money.unit() == unit && record.id != *but);
        let theirs = self.payees.values().any(|payee| {
            let offer = payee.offer();
            let unsigned = matches!(payee.state(), Some(PayeeState::Accepted { .. }));
            offer.peer == *peer && offer.money.unit() == unit && offer.id != *but && unsigned
        });
        !mine && !theirs
    }
}
