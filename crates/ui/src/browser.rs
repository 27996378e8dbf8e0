//! What we need of the browser, with an answer for browsers that lack it.

use crate::app::Theme;
use crate::backend::{File, IdempotencyKey, Timestamp};
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use pumasi_words::Lang;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, Document, HtmlAnchorElement, HtmlElement, Storage, Url, Window};

const LANGUAGE: &str = "pumasi.lang";
const THEME: &str = "pumasi.theme";
const LOCK_AFTER: &str = "pumasi.lock";

pub(crate) fn window() -> Window {
    web_sys::window().expect("the screens run in a window")
}

pub(crate) fn document() -> Document {
    window().document().expect("a window has a document")
}

/// Preferences only. Nothing of an identity is ever kept here.
fn preferences() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

fn preference(name: &str) -> Option<String> {
    preferences()?.get_item(name).ok().flatten()
}

fn prefer(name: &str, value: &str) {
    // A browser that keeps no preferences asks again next time.
    let _ = preferences().map(|store| store.set_item(name, value));
}

/// The language that was chosen, or else the browser's.
pub(crate) fn language() -> Lang {
    let chosen = preference(LANGUAGE).and_then(|tag| tag.parse().ok());
    let theirs = || window().navigator().language().map_or(Lang::En, |tag| Lang::of_locale(&tag));
    let lang = chosen.unwrap_or_else(theirs);
    mark_language(lang);
    lang
}

pub(crate) fn choose_language(lang: Lang) {
    prefer(LANGUAGE, lang.tag());
    mark_language(lang);
}

/// For screen readers and for the choice of glyphs.
fn mark_language(lang: Lang) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", lang.tag());
    }
}

pub(crate) fn theme() -> Theme {
    let theme = match preference(THEME).as_deref() {
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        _ => Theme::System,
    };
    mark_theme(theme);
    theme
}

pub(crate) fn choose_theme(theme: Theme) {
    prefer(THEME, theme_tag(theme));
    mark_theme(theme);
}

fn theme_tag(theme: Theme) -> &'static str {
    match theme {
        Theme::System => "system",
        Theme::Light => "light",
        Theme::Dark => "dark",
    }
}

fn mark_theme(theme: Theme) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-theme", theme_tag(theme));
    }
}

/// After how many minutes without a touch the identity is closed; 0 for never.
pub(crate) fn lock_after() -> u32 {
    preference(LOCK_AFTER).and_then(|minutes| minutes.parse().ok()).unwrap_or(15)
}

pub(crate) fn choose_lock_after(minutes: u32) {
    prefer(LOCK_AFTER, &minutes.to_string());
}

pub(crate) fn now() -> Timestamp {
    // Milliseconds since 1970: far below 2^53, and never negative.
    Timestamp(js_sys::Date::now() as u64)
}

/// The offset of this place from UTC at that moment.
pub(crate) fn utc_offset_minutes(at: Timestamp) -> i16 {
    let date = js_sys::Date::new(&JsValue::from_f64(at.0 as f64));
    -(date.get_timezone_offset() as i16)
}

pub(crate) fn idempotency_key() -> IdempotencyKey {
    let mut bytes = [0; 16];
    window()
        .crypto()
        .and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes))
        .expect("every browser that can hold keys has random numbers");
    IdempotencyKey(bytes)
}

pub(crate) fn hash() -> String {
    window().location().hash().unwrap_or_default()
}

pub(crate) fn go(hash: &str) {
    let _ = window().location().set_hash(hash);
}

/// Goes there in place of where we are, so that "back" does not come here again.
pub(crate) fn replace(hash: &str) {
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(hash));
        // `replaceState` fires no event of its own.
        if let Ok(event) = web_sys::Event::new("hashchange") {
            let _ = window().dispatch_event(&event);
        }
    }
}

pub(crate) fn back() {
    if let Ok(history) = window().history() {
        let _ = history.back();
    }
}

/// The address of this page without what comes after `#`.
pub(crate) fn address() -> String {
    let location = window().location();
    let (origin, path) = (location.origin().unwrap_or_default(), location.pathname().unwrap_or_default());
    format!("{origin}{path}")
}

/// Calls a method that the browser may not have.
fn call(target: &JsValue, name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let method: Function = Reflect::get(target, &name.into()).ok()?.dyn_into().ok()?;
    Reflect::apply(&method, target, &arguments.iter().collect::<Array>()).ok()
}

async fn settled(promise: Option<JsValue>) -> bool {
    match promise.and_then(|value| value.dyn_into::<Promise>().ok()) {
        Some(promise) => JsFuture::from(promise).await.is_ok(),
        None => false,
    }
}

pub(crate) async fn copy(text: &str) -> bool {
    let clipboard = Reflect::get(&window().navigator(), &"clipboard".into()).unwrap_or(JsValue::UNDEFINED);
    if clipboard.is_undefined() {
        return false;
    }
    settled(call(&clipboard, "writeText", &[text.into()])).await
}

/// Whether texts can be handed to other apps.
pub(crate) fn can_share() -> bool {
    Reflect::has(&window().navigator(), &"share".into()).unwrap_or(false)
}

pub(crate) async fn share_text(title: &str, text: &str) -> bool {
    let what = object(&[("title", title.into()), ("text", text.into())]);
    settled(call(&window().navigator(), "share", &[what])).await
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

fn parts(file: &File) -> Array {
    Array::of1(&Uint8Array::from(file.bytes.as_slice()))
}

/// Hands a file to another app, where the browser can.
pub(crate) async fn share_file(file: &File) -> bool {
    let options = web_sys::FilePropertyBag::new();
    options.set_type(file.media);
    let Ok(handed) = web_sys::File::new_with_u8_array_sequence_and_options(&parts(file), &file.name, &options) else {
        return false;
    };
    let what = object(&[("files", Array::of1(&handed).into()), ("title", file.name.as_str().into())]);
    let navigator = window().navigator();
    let can = call(&navigator, "canShare", std::slice::from_ref(&what)).is_some_and(|can| can.is_truthy());
    can && settled(call(&navigator, "share", &[what])).await
}

/// Saves a file where the browser saves files.
pub(crate) fn save(file: &File) -> bool {
    let options = BlobPropertyBag::new();
    options.set_type(file.media);
    let Ok(blob) = Blob::new_with_u8_array_sequence_and_options(&parts(file), &options) else { return false };
    let Ok(url) = Url::create_object_url_with_blob(&blob) else { return false };
    let link = document().create_element("a").ok().and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok());
    if let Some(link) = &link {
        link.set_href(&url);
        link.set_download(&file.name);
        link.click();
    }
    let _ = Url::revoke_object_url(&url);
    link.is_some()
}

/// What is in a chosen file, when it has no more than so many bytes.
pub(crate) async fn read(file: &web_sys::File, limit: f64) -> Option<Vec<u8>> {
    if file.size() > limit {
        return None;
    }
    let buffer = JsFuture::from(file.array_buffer()).await.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}

/// Names the window after what it shows, for tabs and for screen readers.
pub(crate) fn set_title(screen: &str, app: &str) {
    document().set_title(&format!("{screen} · {app}"));
}

/// Puts the focus on the heading of a new screen, so that a screen reader begins there.
pub(crate) fn focus_heading() {
    window().scroll_to_with_x_and_y(0.0, 0.0);
    let heading = document().query_selector("main h1").ok().flatten();
    if let Some(heading) = heading.and_then(|heading| heading.dyn_into::<HtmlElement>().ok()) {
        let _ = heading.focus();
    }
}
