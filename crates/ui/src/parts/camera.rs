//! Reading a QR code with the camera, where the browser has a `BarcodeDetector`. Elsewhere a code is pasted.

use super::{Icon, icon};
use crate::app::Cx;
use crate::backend::Backend;
use crate::browser::window;
use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pumasi_words::web::Text;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};

/// Looks at the picture so often, in milliseconds.
const EVERY: i32 = 200;

fn detector() -> Option<JsValue> {
    let class: Function = Reflect::get(&window(), &"BarcodeDetector".into()).ok()?.dyn_into().ok()?;
    let options = Object::new();
    Reflect::set(&options, &"formats".into(), &Array::of1(&"qr_code".into())).ok()?;
    Reflect::construct(&class, &Array::of1(&options)).ok()
}

/// A button that opens the camera, and hands over the first text that a code in its picture holds. Nothing where the
/// browser cannot read codes.
pub(crate) fn scanner<B: Backend>(cx: Cx<B>, found: impl Fn(String) + Copy + 'static) -> AnyView {
    let Some(detector) = detector() else { return ().into_any() };
    let detector = StoredValue::new_local(detector);
    let dialog = NodeRef::<html::Dialog>::new();
    let video = NodeRef::<html::Video>::new();
    // Each opening has a number; whoever works for an earlier one stops.
    let turn = StoredValue::new(0_u32);

    let close = move || {
        turn.update_value(|turn| *turn += 1);
        if let Some(video) = video.get_untracked() {
            stop(&video);
        }
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let open = move |_| {
        let (Some(dialog), Some(video)) = (dialog.get_untracked(), video.get_untracked()) else { return };
        let _ = dialog.show_modal();
        turn.update_value(|turn| *turn += 1);
        let mine = turn.get_value();
        spawn_local(async move {
            if start(&video).await.is_none() {
                close();
                cx.toast(cx.t(Text::NoCamera));
                return;
            }
            while turn.try_get_value() == Some(mine) {
                if let Some(text) = look(&detector.get_value(), &video).await {
                    close();
                    found(text);
                    return;
                }
                rest().await;
            }
            stop(&video);
        });
    };
    on_cleanup(move || turn.update_value(|turn| *turn += 1));
    view! {
        <button type="button" class="btn secondary" on:click=open>{icon(Icon::Scan)}{cx.t(Text::Scan)}</button>
        <dialog node_ref=dialog class="sheet" aria-label=cx.t(Text::Scan) on:cancel=move |_: web_sys::Event| close()>
            <div class="stack">
                <video node_ref=video class="camera" playsinline="" muted=""></video>
                <p class="muted">{cx.t(Text::ScanHint)}</p>
                <button type="button" class="btn secondary wide" on:click=move |_| close()>{cx.t(Text::Cancel)}</button>
            </div>
        </dialog>
    }
    .into_any()
}

async fn start(video: &HtmlVideoElement) -> Option<()> {
    let constraints = MediaStreamConstraints::new();
    let facing = Object::new();
    Reflect::set(&facing, &"facingMode".into(), &"environment".into()).ok()?;
    constraints.set_video(&facing);
    let devices = window().navigator().media_devices().ok()?;
    let stream = JsFuture::from(devices.get_user_media_with_constraints(&constraints).ok()?).await.ok()?;
    video.set_src_object(Some(stream.unchecked_ref::<MediaStream>()));
    JsFuture::from(video.play().ok()?).await.ok()?;
    Some(())
}

fn stop(video: &HtmlVideoElement) {
    if let Some(stream) = video.src_object() {
        for track in stream.get_tracks() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
    }
    video.set_src_object(None);
}

async fn look(detector: &JsValue, video: &HtmlVideoElement) -> Option<String> {
    let detect: Function = Reflect::get(detector, &"detect".into()).ok()?.dyn_into().ok()?;
    let codes: Promise = detect.call1(detector, video).ok()?.dyn_into().ok()?;
    let codes: Array = JsFuture::from(codes).await.ok()?.dyn_into().ok()?;
    Reflect::get(&codes.get(0), &"rawValue".into()).ok()?.as_string().filter(|text| !text.is_empty())
}

async fn rest() {
    let promise = Promise::new(&mut |resolve, _| {
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, EVERY);
    });
    let _ = JsFuture::from(promise).await;
}
