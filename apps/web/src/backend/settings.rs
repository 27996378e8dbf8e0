//! Where the page asks, and whether the browser keeps what is stored.

use super::BrowserBackend;
use js_sys::{Function, Promise, Reflect};
use pumasi_ui::backend::{Persistence, Settings, Trouble};
use std::rc::Rc;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Most addresses of each kind.
const MAX_ADDRESSES: usize = 8;
/// Longest address, in bytes.
const MAX_ADDRESS: usize = 256;

impl BrowserBackend {
    /// Those of the open identity, else those that came with the page.
    pub(super) fn current_settings(&self) -> Settings {
        match self.session() {
            Ok(session) => self.settings_of(&session.set.borrow()),
            Err(_) => self.0.defaults.clone(),
        }
    }

    pub(super) async fn change_settings(&self, settings: Settings) -> Result<(), Trouble> {
        let session = self.session()?;
        let Settings { directories, gateways } = settings;
        let (directories, gateways) = (addresses(directories)?, addresses(gateways)?);
        let mut set = session.set.borrow().clone();
        set.directories = directories;
        set.gateways = gateways;
        // The peer asks other gateways from its next start on, which is now.
        let written = set.clone();
        session.with(move |wallet| Box::pin(async move { wallet.set_config(written).await })).await?;
        drop(session);
        let session = self.0.session.borrow_mut().take().ok_or(Trouble::Locked)?;
        let session = match Rc::try_unwrap(session) {
            Ok(session) => Rc::new(session),
            Err(shared) => shared,
        };
        match self.restart(session).await {
            Some(restarted) => restarted,
            None => Err(Trouble::Locked),
        }
    }

    /// Stops the peer and starts it again with the same wallet.
    async fn restart(&self, session: Rc<super::session::Session>) -> Option<Result<(), Trouble>> {
        let wallet = self.stop(session).await?;
        Some(self.start(wallet).await.map(drop))
    }
}

/// Checks addresses, and writes each in one way.
fn addresses(texts: Vec<String>) -> Result<Vec<String>, Trouble> {
    let mut checked: Vec<String> = Vec::new();
    for text in texts {
        let address = text.trim().trim_end_matches('/');
        if address.is_empty() {
            continue;
        }
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|own| address.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
        let secure = address.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
        let clean = address.len() <= MAX_ADDRESS && !address.contains(['?', '#', '@', ' ', '\\', '"']);
        if !(clean && (secure || loopback)) {
            return Err(Trouble::BadAddress { address: text.chars().take(80).collect() });
        }
        if !checked.iter().any(|known| known == address) {
            checked.push(address.to_owned());
        }
    }
    if checked.len() > MAX_ADDRESSES { Err(Trouble::TooManyAddresses) } else { Ok(checked) }
}

/// Asks `navigator.storage` (W3C Storage): `persisted`, or `persist`, which may ask the owner.
pub async fn persistence(question: &str) -> Persistence {
    let asked = || -> Result<Promise, JsValue> {
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
        let storage = Reflect::get(&navigator, &"storage".into())?;
        let ask: Function = Reflect::get(&storage, &question.into())?.dyn_into()?;
        ask.call0(&storage)?.dyn_into()
    };
    let Ok(answer) = asked() else { return Persistence::Unknown };
    match JsFuture::from(answer).await {
        Ok(kept) if kept.is_truthy() => Persistence::Kept,
        Ok(_) => Persistence::MayBeLost,
        Err(_) => Persistence::Unknown,
    }
}
