//! The network of one session: entered when a peer starts, left when it stops.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::Network;
#[cfg(target_arch = "wasm32")]
pub(crate) use web::Network;

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use crate::error::AgentError;
    use crate::net::overlay::{enter, remember_peers};
    use crate::net::{Entry, NetOptions, Records};
    use crate::wallet::Wallet;
    use pumasi_overlay::Overlay;
    use std::path::PathBuf;
    use std::time::Duration;

    /// How long entering the overlay may take.
    const JOIN: Duration = Duration::from_secs(15);

    /// A node of the overlay.
    pub(crate) struct Network {
        overlay: Overlay,
        folder: PathBuf,
    }

    impl Network {
        pub(crate) async fn enter(wallet: &Wallet, options: &NetOptions, entry: Entry) -> Result<Self, AgentError> {
            let overlay = enter(wallet, options, entry, JOIN).await?;
            Ok(Self { overlay, folder: wallet.folder().to_owned() })
        }

        pub(crate) fn records(&self) -> Records {
            Records::new(self.overlay.clone())
        }

        pub(crate) fn overlay(&self) -> &Overlay {
            &self.overlay
        }

        /// Keeps the way back, while everyone is still connected.
        pub(crate) async fn remember(&self) {
            if let Err(error) = remember_peers(&self.folder, &self.overlay).await {
                tracing::debug!(%error, "no peers remembered");
            }
        }

        pub(crate) async fn leave(self) {
            if let Err(error) = self.overlay.shutdown().await {
                tracing::debug!(%error, "the overlay did not stop cleanly");
            }
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use crate::error::AgentError;
    use crate::net::{Entry, NetOptions, Records};
    use crate::wallet::Wallet;
    use pumasi_http::Gateways;

    /// The gateways that a page asks.
    pub(crate) struct Network {
        records: Records,
    }

    impl Network {
        pub(crate) async fn enter(wallet: &Wallet, options: &NetOptions, _: Entry) -> Result<Self, AgentError> {
            let named = if options.gateways.is_empty() { &wallet.config().gateways } else { &options.gateways };
            let gateways = match named.is_empty() {
                true => None,
                false => Some(Gateways::new(options.client()?, named, crate::clock::now)?),
            };
            Ok(Self { records: Records::new(gateways) })
        }

        pub(crate) fn records(&self) -> Records {
            self.records.clone()
        }

        /// Gateways are in the settings.
        pub(crate) async fn remember(&self) {}

        pub(crate) async fn leave(self) {}
    }
}
