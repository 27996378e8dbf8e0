//! The page: `cargo xtask web` builds it, `pumasi web` serves it. There is nothing to run outside of a browser.

#[cfg(target_arch = "wasm32")]
mod peer;

#[cfg(target_arch = "wasm32")]
fn main() {
    let remote = peer::Remote::default();
    pumasi_ui::mount(remote.clone());
    // Fetched while the first screen is read. What fails here is tried again, and told, by whatever needs the peer.
    wasm_bindgen_futures::spawn_local(async move { drop(remote.peer().await) });
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}
