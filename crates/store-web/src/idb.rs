//! IndexedDB with Rust's types: requests and transactions as futures.
//!
//! A transaction ends by itself as soon as nothing is asked of it. A future that waits for one of its requests goes on in
//! the microtask after the request's event, while the transaction still takes more; it must not wait for anything else in
//! between.

use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use pumasi_ledger::store::StoreError;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{
    DomException, Event, IdbDatabase, IdbFactory, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
};

/// The format. A page refuses a database of a newer one; the browser sees to that.
const VERSION: u32 = 1;

/// Where the ledger is: one record.
pub(crate) const LEDGER: &str = "ledger";
/// Tokens by sequence.
pub(crate) const ENTRY: &str = "entry";
/// `tag ‖ sequence`.
pub(crate) const TAG: &str = "tag";
/// Sequence by `once` tag.
pub(crate) const ONCE: &str = "once";
/// Tokens by `space ‖ key`.
pub(crate) const CELL: &str = "cell";
/// What lies beside the ledger, by name.
pub(crate) const FILE: &str = "file";

const STORES: [&str; 6] = [LEDGER, ENTRY, TAG, ONCE, CELL, FILE];

pub(crate) struct Database {
    idb: IdbDatabase,
    _on_version_change: Closure<dyn FnMut()>,
}

fn factory() -> Result<IdbFactory, StoreError> {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into()).ok();
    let factory = factory.filter(|factory| factory.is_object());
    factory.map(|it| it.unchecked_into()).ok_or_else(|| StoreError::Failed("this browser has no IndexedDB".into()))
}

impl Database {
    pub(crate) async fn open(name: &str) -> Result<Self, StoreError> {
        let request = factory()?.open_with_u32(name, VERSION).map_err(|error| translate(&error))?;
        let upgrade = {
            let request = request.clone();
            Closure::<dyn FnMut()>::new(move || {
                let made = request.result().map(|database| {
                    let database: IdbDatabase = database.unchecked_into();
                    STORES.iter().try_for_each(|store| database.create_object_store(store).map(drop))
                });
                // Should it fail, the stores are missing, and the first transaction says so.
                drop(made);
            })
        };
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let idb: IdbDatabase = wait_open(&request).await?.unchecked_into();
        // Another page wants to remove the database or to bring it to a newer format: let go of it.
        let closing = idb.clone();
        let on_version_change = Closure::<dyn FnMut()>::new(move || closing.close());
        idb.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
        Ok(Self { idb, _on_version_change: on_version_change })
    }

    pub(crate) async fn remove(name: &str) -> Result<(), StoreError> {
        let request = factory()?.delete_database(name).map_err(|error| translate(&error))?;
        wait_open(&request).await.map(drop)
    }

    pub(crate) fn read(&self, stores: &[&str]) -> Result<IdbTransaction, StoreError> {
        self.idb.transaction_with_str_sequence(&names(stores)).map_err(|error| translate(&error))
    }

    /// A transaction that is on the disk when it says that it is complete (IndexedDB 3.0, "durability").
    pub(crate) fn write(&self, stores: &[&str]) -> Result<IdbTransaction, StoreError> {
        let options = Object::new();
        let set = Reflect::set(&options, &"durability".into(), &"strict".into());
        let begin: Result<JsValue, JsValue> = set.and_then(|_| {
            let transaction: Function = Reflect::get(&self.idb, &"transaction".into())?.unchecked_into();
            transaction.call3(&self.idb, &names(stores), &"readwrite".into(), &options)
        });
        begin.map(|it| it.unchecked_into()).map_err(|error| translate(&error))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.idb.set_onversionchange(None);
        // Transactions that are under way are finished first.
        self.idb.close();
    }
}

fn names(stores: &[&str]) -> Array {
    stores.iter().map(|store| JsValue::from_str(store)).collect()
}

/// A store of a transaction.
pub(crate) fn store(transaction: &IdbTransaction, name: &str) -> Result<IdbObjectStore, StoreError> {
    transaction.object_store(name).map_err(|error| translate(&error))
}

/// What a request will give. It is set up when it is made, so that nothing is missed before it is awaited.
pub(crate) struct Pending {
    request: IdbRequest,
    result: oneshot::Receiver<Result<JsValue, StoreError>>,
    _on_success: Closure<dyn FnMut()>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl Pending {
    pub(crate) fn new(request: Result<IdbRequest, JsValue>) -> Result<Self, StoreError> {
        let request = request.map_err(|error| translate(&error))?;
        let (sender, result) = oneshot::channel();
        let sender = std::rc::Rc::new(std::cell::Cell::new(Some(sender)));
        let on_success = {
            let (request, sender) = (request.clone(), sender.clone());
            Closure::<dyn FnMut()>::new(move || {
                if let Some(sender) = sender.take() {
                    drop(sender.send(request.result().map_err(|error| translate(&error))));
                }
            })
        };
        let on_error = {
            let request = request.clone();
            Closure::<dyn FnMut(Event)>::new(move |_| {
                if let Some(sender) = sender.take() {
                    drop(sender.send(Err(error_of(request.error().ok().flatten()))));
                }
            })
        };
        request.set_onsuccess(Some(on_success.as_ref().unchecked_ref()));
        request.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { request, result, _on_success: on_success, _on_error: on_error })
    }
}

impl Future for Pending {
    type Output = Result<JsValue, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result).poll(context).map(|result| result.unwrap_or_else(|_| Err(error_of(None))))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.request.set_onsuccess(None);
        self.request.set_onerror(None);
    }
}

/// A request that opens or removes a database can also be kept waiting by another page.
async fn wait_open(request: &IdbOpenDbRequest) -> Result<JsValue, StoreError> {
    let (sender, blocked) = oneshot::channel();
    let on_blocked = Closure::once(move || {
        let _ = sender.send(()); // nobody may be waiting any more
    });
    request.set_onblocked(Some(on_blocked.as_ref().unchecked_ref()));
    let pending = Pending::new(Ok(request.clone().unchecked_into()))?;
    let result = unless_blocked(pending, blocked).await;
    request.set_onblocked(None);
    request.set_onupgradeneeded(None);
    result
}

async fn unless_blocked(mut pending: Pending, mut blocked: oneshot::Receiver<()>) -> Result<JsValue, StoreError> {
    std::future::poll_fn(move |context| {
        if let Poll::Ready(result) = Pin::new(&mut pending).poll(context) {
            return Poll::Ready(result);
        }
        // An error means that the event will never come.
        match Pin::new(&mut blocked).poll(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(StoreError::Busy)),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Waits until a transaction is complete.
pub(crate) struct Completion {
    transaction: IdbTransaction,
    result: oneshot::Receiver<Result<(), StoreError>>,
    _on_complete: Closure<dyn FnMut()>,
    _on_abort: Closure<dyn FnMut()>,
}

impl Completion {
    pub(crate) fn of(transaction: &IdbTransaction) -> Self {
        let (sender, result) = oneshot::channel();
        let sender = std::rc::Rc::new(std::cell::Cell::new(Some(sender)));
        let on_complete = {
            let sender = sender.clone();
            Closure::<dyn FnMut()>::new(move || drop(sender.take().map(|sender| sender.send(Ok(())))))
        };
        let on_abort = {
            let transaction = transaction.clone();
            Closure::<dyn FnMut()>::new(move || {
                drop(sender.take().map(|sender| sender.send(Err(error_of(transaction.error())))));
            })
        };
        transaction.set_oncomplete(Some(on_complete.as_ref().unchecked_ref()));
        transaction.set_onabort(Some(on_abort.as_ref().unchecked_ref()));
        Self { transaction: transaction.clone(), result, _on_complete: on_complete, _on_abort: on_abort }
    }
}

impl Future for Completion {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result).poll(context).map(|result| result.unwrap_or_else(|_| Err(error_of(None))))
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        self.transaction.set_oncomplete(None);
        self.transaction.set_onabort(None);
    }
}

fn error_of(exception: Option<DomException>) -> StoreError {
    match exception {
        Some(exception) => translate(exception.as_ref()),
        None => StoreError::Failed("IndexedDB ended the transaction".into()),
    }
}

/// What an exception of IndexedDB means to the ledger.
pub(crate) fn translate(error: &JsValue) -> StoreError {
    let Some(exception) = error.dyn_ref::<DomException>() else {
        return StoreError::Failed(format!("IndexedDB: {error:?}"));
    };
    match exception.name().as_str() {
        "QuotaExceededError" => StoreError::Full,
        // The browser does not say which format it found.
        "VersionError" => StoreError::Newer { found: VERSION + 1, known: VERSION },
        "DataError" | "NotFoundError" | "NotReadableError" => StoreError::Corrupt(text(exception)),
        _ => StoreError::Failed(text(exception)),
    }
}

fn text(exception: &DomException) -> String {
    format!("IndexedDB: {}: {}", exception.name(), exception.message())
}

/// A byte string that was read.
pub(crate) fn bytes(value: &JsValue) -> Result<Vec<u8>, StoreError> {
    value
        .dyn_ref::<Uint8Array>()
        .map(Uint8Array::to_vec)
        .ok_or_else(|| StoreError::Corrupt("a value that is not bytes".into()))
}

/// A key that was read: IndexedDB gives binary keys back as `ArrayBuffer`.
pub(crate) fn key_bytes(key: &JsValue) -> Vec<u8> {
    Uint8Array::new(key).to_vec()
}

/// A number as a key. Numbers of JavaScript are exact up to 2^53, which no ledger will reach.
pub(crate) fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}
