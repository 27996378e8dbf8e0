//! ICE restart (RFC 8445 §9): the same channel over new addresses.

use str0m::change::{SdpAnswer, SdpOffer};

use super::Driver;
use super::clock::Phase;
use crate::native::gather::Gathered;
use crate::sdp::RemoteSdp;
use crate::{LinkError, Progress};

/// The most outside addresses of former networks that are remembered.
const MAX_REFLEXIVE: usize = 16;

impl Driver {
    /// Takes the addresses that this machine has now in place of the old ones. The one in use stays: it may work still.
    fn replace_addresses(&mut self, gathered: Gathered) {
        let used = self.path.local();
        let (kept, dropped): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.candidates).into_iter().partition(|it| Some(it.base) == used);
        for it in &dropped {
            self.rtc.direct_api().invalidate_candidate(&it.candidate);
        }
        self.candidates = kept;
        self.sockets.retain(|address| Some(address) == used);
        self.bindings.clear();

        for it in &gathered.candidates {
            self.rtc.add_local_candidate(it.candidate.clone());
        }
        self.candidates.extend(gathered.candidates);
        self.sockets.extend(gathered.sockets);
        self.path.reflexive.truncate(MAX_REFLEXIVE);
        self.path.reflexive.extend(gathered.reflexive);
    }

    pub(super) fn offer_restart(&mut self, gathered: Gathered) -> Result<String, LinkError> {
        if self.phase != Phase::Open {
            return Err(LinkError::Restart("the link is not open".to_owned()));
        }
        self.replace_addresses(gathered);
        let mut change = self.rtc.sdp_api();
        change.ice_restart(true);
        let (offer, pending) = change.apply().expect("a restart needs a negotiation");
        self.restart = Some(pending);
        Ok(offer.to_sdp_string())
    }

    pub(super) fn answer_restart(
        &mut self,
        remote: &RemoteSdp,
        offer: SdpOffer,
        gathered: Gathered,
    ) -> Result<String, LinkError> {
        if self.phase != Phase::Open {
            return Err(LinkError::Restart("the link is not open".to_owned()));
        }
        // Both sides may offer at once. Then the one that made the first offer of the connection goes on with its own.
        if self.restart.is_some() && self.is_offerer {
            return Err(LinkError::Restart("ours is on its way".to_owned()));
        }
        self.restart = None;
        self.replace_addresses(gathered);
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|error| LinkError::Restart(error.to_string()))?;
        self.restarted(remote);
        Ok(answer.to_sdp_string())
    }

    pub(super) fn finish_restart(&mut self, remote: &RemoteSdp, answer: SdpAnswer) -> Result<(), LinkError> {
        let pending = self.restart.take().ok_or_else(|| LinkError::Restart("none was offered".to_owned()))?;
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        accepted.map_err(|error| LinkError::Restart(error.to_string()))?;
        self.restarted(remote);
        Ok(())
    }

    fn restarted(&mut self, remote: &RemoteSdp) {
        self.path.remote.clone_from(&remote.candidates);
        self.sockets.permit(remote.candidates.iter().map(|end| end.address.ip()));
        self.observer.notify(Progress::Checking);
    }
}
