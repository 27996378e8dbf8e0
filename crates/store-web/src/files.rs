//! What lies beside the ledger: key files, settings, the head marker. Named byte strings of at most 1 MiB.

use crate::WebStore;
use crate::idb::{Completion, FILE, Pending, bytes, store, translate};
use js_sys::{Array, Uint8Array};
use pumasi_ledger::store::StoreError;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::IdbKeyRange;

/// Longest file, in bytes.
const MAX_FILE: usize = 1024 * 1024;
/// Most files that one listing gives.
const MAX_LISTED: u32 = 1_000;

impl WebStore {
    /// The file of this name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Failed`].
    pub async fn file(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let transaction = self.database.read(&[FILE])?;
        let value = Pending::new(store(&transaction, FILE)?.get(&name.into()))?.await?;
        if value.is_undefined() { Ok(None) } else { bytes(&value).map(Some) }
    }

    /// The files whose names begin so, by name; at most 1,000.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Failed`].
    pub async fn files(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let files = store(&self.database.read(&[FILE])?, FILE)?;
        // The highest code unit: no name goes on with it.
        let end = format!("{prefix}\u{ffff}");
        let range = IdbKeyRange::bound(&prefix.into(), &end.into()).map_err(|error| translate(&error))?;
        let names = Pending::new(files.get_all_keys_with_key_and_limit(&range, MAX_LISTED))?;
        let values = Pending::new(files.get_all_with_key_and_limit(&range, MAX_LISTED))?;
        let (names, values): (Array, Array) = (names.await?.unchecked_into(), values.await?.unchecked_into());
        let file = |(name, value): (JsValue, JsValue)| {
            let name = name.as_string().ok_or_else(|| StoreError::Corrupt("the name of a file".into()))?;
            Ok((name, bytes(&value)?))
        };
        names.iter().zip(values.iter()).map(file).collect()
    }

    /// Writes files (`Some`) and removes them (`None`), all of them or none.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Full`], [`StoreError::Failed`]. Nothing was changed.
    pub async fn write_files(&self, files: &[(String, Option<Vec<u8>>)]) -> Result<(), StoreError> {
        let failed = |error: JsValue| translate(&error);
        for (_, bytes) in files {
            let len = bytes.as_ref().map_or(0, Vec::len);
            if len > MAX_FILE {
                return Err(StoreError::TooLarge { what: "file: bytes", len, limit: MAX_FILE });
            }
        }
        let transaction = self.database.write(&[FILE])?;
        let completion = Completion::of(&transaction);
        let target = store(&transaction, FILE)?;
        for (name, bytes) in files {
            match bytes {
                Some(bytes) => target.put_with_key(&Uint8Array::from(&bytes[..]), &name.into()).map_err(failed)?,
                None => target.delete(&name.into()).map_err(failed)?,
            };
        }
        completion.await
    }
}
