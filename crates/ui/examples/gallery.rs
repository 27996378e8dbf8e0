//! Every screen over the fixture of the tests, for screenshots: `cargo xtask web --example gallery`, then open it with
//! `?scene=full`. Never shipped.

#[cfg(target_arch = "wasm32")]
#[path = "../tests/fixture/mod.rs"]
mod fixture;

#[cfg(target_arch = "wasm32")]
fn main() {
    use fixture::{Fixture, Scene};
    let search = web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    let scene = match search.as_str() {
        "?scene=empty" => Scene::Empty,
        "?scene=full" => Scene::Full,
        "?scene=offline" => Scene::Offline,
        "?scene=changed" => Scene::Changed,
        _ => Scene::First,
    };
    pumasi_ui::mount(Fixture::new(scene, 400));
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}
