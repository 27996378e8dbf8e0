//! A database of the browser, and the list of them.
//!
//! The database `pumasi` lists the identities of this site: for each the name of its own database, its DID and the name
//! that it was given. An identity is whole once it is listed; a database that is not was left by a page that was closed
//! while it made one, and is removed at the next start.

use crate::error::AgentError;
use crate::home::{Config, HomeError};
use js_sys::{Function, Object, Promise, Reflect};
use pumasi_crypto::{Provider as _, WebProvider};
use pumasi_identity::{Did, KeyFiles};
use pumasi_ledger::HeadMarker;
use pumasi_store_web::WebStore;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::oneshot;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

/// The database that lists the others.
const REGISTRY: &str = "pumasi";
/// Its files: `identity/<database>`, and `unfinished/<database>` while one is made.
const IDENTITY: &str = "identity/";
const UNFINISHED: &str = "unfinished/";
const KEYS: &str = "keys/";
const MARKER: &str = "head";
const CONFIG: &str = "config.json";

/// The name of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(String);

impl Place {
    /// A place where nothing is yet.
    ///
    /// # Errors
    /// [`AgentError::Crypto`] without random bytes.
    pub fn fresh() -> Result<Self, AgentError> {
        let mut random = [0; 8];
        WebProvider.random(&mut random)?;
        Ok(Self(format!("pumasi-{:016x}", u64::from_be_bytes(random))))
    }
}

/// An identity that can be opened here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Where it lives.
    pub place: Place,
    /// Who it is.
    pub did: Did,
    /// How it is called, where it has a name.
    pub name: Option<String>,
}

/// The identities of this browser, and what a page that was closed too early left is removed.
///
/// # Errors
/// What the browser's storage says.
pub async fn identities() -> Result<Vec<Known>, AgentError> {
    let registry = WebStore::open(REGISTRY).await?;
    for (name, _) in registry.files(UNFINISHED).await? {
        let database = name.strip_prefix(UNFINISHED).unwrap_or_default();
        // Another tab may be making it at this moment.
        let Ok(_lock) = Lock::take(database).await else { continue };
        if WebStore::remove(database).await.is_ok() {
            registry.write_files(&[(name.clone(), None)]).await?;
        }
    }
    let mut known: Vec<Known> = Vec::new();
    for (_, text) in registry.files(IDENTITY).await? {
        // One that cannot be read is not offered; its database stays.
        known.extend(serde_json::from_slice::<Known>(&text));
    }
    known.sort_by(|a, b| a.name.cmp(&b.name).then(a.did.cmp(&b.did)));
    Ok(known)
}

/// An identity's database.
pub(crate) struct Home {
    place: Place,
    store: WebStore,
    _lock: Lock,
}

impl Home {
    /// Makes a database for a new identity.
    pub(crate) async fn create(place: &Place, _doing: &str) -> Result<Self, AgentError> {
        let lock = Lock::take(&place.0).await?;
        let registry = WebStore::open(REGISTRY).await?;
        if registry.file(&format!("{IDENTITY}{}", place.0)).await?.is_some() {
            return Err(HomeError::Occupied(place.0.clone().into()).into());
        }
        registry.write_files(&[(format!("{UNFINISHED}{}", place.0), Some(Vec::new()))]).await?;
        WebStore::remove(&place.0).await?;
        Ok(Self { place: place.clone(), store: WebStore::open(&place.0).await?, _lock: lock })
    }

    /// Takes the database of an identity, for writing.
    pub(crate) async fn open(place: &Place, _doing: &str) -> Result<Self, AgentError> {
        let registry = WebStore::open(REGISTRY).await?;
        if registry.file(&format!("{IDENTITY}{}", place.0)).await?.is_none() {
            return Err(HomeError::Empty(place.0.clone().into()).into());
        }
        let lock = Lock::take(&place.0).await?;
        Ok(Self { place: place.clone(), store: WebStore::open(&place.0).await?, _lock: lock })
    }

    /// A page has no second one that reads while it writes.
    pub(crate) fn is_writable(&self) -> bool {
        true
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) async fn config(&self) -> Result<Config, AgentError> {
        let Some(text) = self.store.file(CONFIG).await? else { return Ok(Config::default()) };
        serde_json::from_slice(&text)
            .map_err(|error| HomeError::Config { path: CONFIG.into(), reason: error.to_string() }.into())
    }

    pub(crate) async fn write_config(&self, config: &Config) -> Result<(), AgentError> {
        let text = serde_json::to_vec(config).expect("a configuration is plain data");
        Ok(self.store.write_files(&[(CONFIG.into(), Some(text))]).await?)
    }

    /// The ledger's store.
    pub(crate) async fn store(&self) -> Result<WebStore, AgentError> {
        Ok(self.store.clone())
    }

    /// The database is new, and so is its store.
    pub(crate) async fn new_store(&self) -> Result<WebStore, AgentError> {
        Ok(self.store.clone())
    }

    /// Lists the identity, which is whole now.
    pub(crate) async fn list(&self, did: Did, name: Option<&str>) -> Result<(), AgentError> {
        let known = Known { place: self.place.clone(), did, name: name.map(str::to_owned) };
        let text = serde_json::to_vec(&known).expect("plain data");
        let registry = WebStore::open(REGISTRY).await?;
        let listed = (format!("{IDENTITY}{}", self.place.0), Some(text));
        Ok(registry.write_files(&[listed, (format!("{UNFINISHED}{}", self.place.0), None)]).await?)
    }

    /// The encrypted keys.
    pub(crate) async fn read_keys(&self) -> Result<KeyFiles, AgentError> {
        let files = self.store.files(KEYS).await?.into_iter();
        let texts = files.map(|(name, text)| {
            let name = name.strip_prefix(KEYS).unwrap_or_default().to_owned();
            (name, String::from_utf8_lossy(&text).into_owned())
        });
        Ok(KeyFiles::from_texts(texts)?)
    }

    /// Writes key files, all of them or none.
    pub(crate) async fn write_keys(&self, keys: &KeyFiles) -> Result<(), AgentError> {
        let files: Vec<_> =
            keys.texts().map(|(name, text)| (format!("{KEYS}{name}"), Some(text.as_bytes().to_vec()))).collect();
        Ok(self.store.write_files(&files).await?)
    }

    /// Removes the key files that these have replaced.
    pub(crate) async fn remove_other_keys(&self, keys: &KeyFiles) -> Result<(), AgentError> {
        let keep: Vec<String> = keys.texts().map(|(name, _)| format!("{KEYS}{name}")).collect();
        let listed = self.store.files(KEYS).await?.into_iter().map(|(name, _)| name);
        let gone: Vec<_> = listed.filter(|name| !keep.contains(name)).map(|name| (name, None)).collect();
        Ok(self.store.write_files(&gone).await?)
    }

    /// The head marker, where there is one.
    pub(crate) async fn read_marker(&self) -> Result<Option<HeadMarker>, AgentError> {
        let Some(text) = self.store.file(MARKER).await? else { return Ok(None) };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| HomeError::Config { path: MARKER.into(), reason: error.to_string() }.into())
    }

    pub(crate) async fn write_marker(&self, marker: &HeadMarker) -> Result<(), AgentError> {
        let text = serde_json::to_vec(marker).expect("a marker is plain data");
        Ok(self.store.write_files(&[(MARKER.into(), Some(text))]).await?)
    }
}

/// A Web Lock: one tab writes. The browser lets go of it when the page is gone, however that happens.
struct Lock {
    release: Function,
    _granted: Closure<dyn FnMut(JsValue) -> JsValue>,
}

impl Lock {
    async fn take(name: &str) -> Result<Self, HomeError> {
        let missing = || HomeError::Browser("this browser has no Web Locks, so two tabs could write one ledger".into());
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).map_err(|_| missing())?;
        let locks = Reflect::get(&navigator, &"locks".into()).map_err(|_| missing())?;
        let request: Function = Reflect::get(&locks, &"request".into())
            .ok()
            .and_then(|request| request.dyn_into().ok())
            .ok_or_else(missing)?;

        // The lock is held until the promise that the callback gives is settled.
        let release = Rc::new(RefCell::new(None));
        let held = Promise::new(&mut |resolve, _| *release.borrow_mut() = Some(resolve));
        let (sender, answer) = oneshot::channel();
        let sender = RefCell::new(Some(sender));
        let granted = Closure::<dyn FnMut(JsValue) -> JsValue>::new(move |lock: JsValue| {
            let taken = !lock.is_null();
            if let Some(sender) = sender.borrow_mut().take() {
                let _ = sender.send(taken); // whoever asked may have gone
            }
            if taken { held.clone().into() } else { JsValue::UNDEFINED }
        });
        let options = Object::new();
        Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE).map_err(|_| missing())?;
        let name = format!("pumasi/{name}");
        let asked = request.call3(&locks, &name.into(), &options, granted.as_ref()).map_err(|_| missing())?;
        // The promise of the request ends with the lock; that it was refused is told by the callback.
        let _ = asked.unchecked_into::<Promise>();
        let release = release.borrow_mut().take().expect("a promise calls its executor at once");
        match answer.await {
            Ok(true) => Ok(Self { release, _granted: granted }),
            _ => Err(HomeError::Held { holder: None }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}
