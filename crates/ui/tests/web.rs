//! The screens in a real browser, driven as a person would: by what is written on them.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;

use fixture::{Fixture, PASSWORD, Scene};
use js_sys::Promise;
use pumasi_ui::backend::{Trouble, UiEvent};
use std::cell::RefCell;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Document, Element, HtmlElement, HtmlInputElement};

wasm_bindgen_test_configure!(run_in_browser);

/// Looks so often before a thing is given up, every 20 ms.
const LOOKS: u32 = 250;

thread_local! {
    /// What is on the page. Not in [`Page`]: a test that fails drops nothing, and two pages at once lead each other astray.
    static SCREENS: RefCell<Option<pumasi_ui::Mounted>> = const { RefCell::new(None) };
}

struct Page {
    document: Document,
    backend: Fixture,
}

async fn rest() {
    let promise = Promise::new(&mut |resolve, _| {
        let window = web_sys::window().unwrap();
        window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, 20).unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

impl Page {
    /// A new page at its first screen, in English.
    async fn new(scene: Scene) -> Self {
        let window = web_sys::window().unwrap();
        let document = window.document().unwrap();
        window.local_storage().unwrap().unwrap().set_item("pumasi.lang", "en").unwrap();
        SCREENS.take();
        window.location().set_hash("#/").unwrap();
        if let Some(old) = document.get_element_by_id("app") {
            old.remove();
        }
        let place = document.create_element("div").unwrap();
        place.set_id("app");
        document.body().unwrap().append_child(&place).unwrap();
        let backend = Fixture::new(scene, 20);
        SCREENS.set(Some(pumasi_ui::mount_for_now(backend.clone())));
        Self { document, backend }
    }

    /// The same, with the identity open.
    async fn open(scene: Scene) -> Self {
        let page = Self::new(scene).await;
        page.type_into("password", PASSWORD).await;
        page.press("Open").await;
        page.see("Hello, 민아").await;
        page
    }

    fn text(&self) -> String {
        let place = self.document.get_element_by_id("app").unwrap();
        place.unchecked_into::<HtmlElement>().inner_text()
    }

    async fn see(&self, text: &str) {
        for _ in 0..LOOKS {
            if self.text().contains(text) {
                return;
            }
            rest().await;
        }
        panic!("never saw {text:?}; there is:\n{}", self.text());
    }

    fn sees(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// The element with this text that can be pressed.
    fn find(&self, text: &str) -> Option<Element> {
        let all = self.document.query_selector_all("#app a, #app button, #app label, #app summary").unwrap();
        (0..all.length()).filter_map(|at| all.get(at)?.dyn_into::<Element>().ok()).find(|element| {
            let seen = element.clone().unchecked_into::<HtmlElement>();
            seen.inner_text().trim().contains(text)
                || element.get_attribute("aria-label").is_some_and(|label| label == text)
        })
    }

    async fn press(&self, text: &str) {
        for _ in 0..LOOKS {
            if let Some(element) = self.find(text).filter(|element| !element.has_attribute("disabled")) {
                element.unchecked_into::<HtmlElement>().click();
                return;
            }
            rest().await;
        }
        panic!("nothing to press with {text:?}; there is:\n{}", self.text());
    }

    async fn type_into(&self, id: &str, text: &str) {
        for _ in 0..LOOKS {
            if let Some(input) = self.document.get_element_by_id(id) {
                let input = input.unchecked_into::<HtmlInputElement>();
                input.set_value(text);
                let options = web_sys::EventInit::new();
                options.set_bubbles(true);
                let event = web_sys::Event::new_with_event_init_dict("input", &options).unwrap();
                input.dispatch_event(&event).unwrap();
                rest().await;
                return;
            }
            rest().await;
        }
        panic!("no field {id:?}; there is:\n{}", self.text());
    }

    fn value(&self, id: &str) -> String {
        self.document.get_element_by_id(id).unwrap().unchecked_into::<HtmlInputElement>().value()
    }

    /// Waits for a field, and so for the screen that has it.
    async fn wait_for(&self, id: &str) {
        for _ in 0..LOOKS {
            if self.document.get_element_by_id(id).is_some() {
                return;
            }
            rest().await;
        }
        panic!("no field {id:?}; there is:\n{}", self.text());
    }

    fn go(&self, hash: &str) {
        web_sys::window().unwrap().location().set_hash(hash).unwrap();
    }

    /// From the directory to the last look, with this amount.
    async fn up_to_review(&self, amount: &str) {
        self.go("#/find?q=식당");
        // The first screen has the same name, among the last payments.
        self.wait_for("query").await;
        self.press("할매국밥").await;
        self.press("Pay them").await;
        self.type_into("amount", amount).await;
        self.press("Next").await;
        self.see("Pay this?").await;
    }
}

#[wasm_bindgen_test]
async fn the_first_run_makes_an_identity_and_says_what_to_do_next() {
    let page = Page::new(Scene::First).await;
    page.see("No sign-up and no account").await;
    page.press("Start anew").await;
    page.type_into("name", "민아").await;
    page.type_into("password", PASSWORD).await;
    page.type_into("again", "something else").await;
    let make = page.document.query_selector("#app form button[type=submit]").unwrap().unwrap();
    make.unchecked_into::<HtmlElement>().click();
    page.see("The two passwords differ").await;
    page.type_into("again", PASSWORD).await;
    let make = page.document.query_selector("#app form button[type=submit]").unwrap().unwrap();
    make.unchecked_into::<HtmlElement>().click();
    page.see("Hello, 민아").await;
    page.see("Nothing has been paid yet").await;
    page.see("There is no backup yet").await;
}

#[wasm_bindgen_test]
async fn a_wrong_password_opens_nothing() {
    let page = Page::new(Scene::Full).await;
    page.type_into("password", "wrong").await;
    page.press("Open").await;
    page.see("That password opens nothing").await;
    assert!(!page.sees("Hello, 민아"));
    assert_eq!(page.value("password"), "", "what was typed is gone from the page");
}

#[wasm_bindgen_test]
async fn a_payment_goes_from_the_directory_to_the_receipt_through_every_true_state() {
    let page = Page::open(Scene::Empty).await;
    page.up_to_review("12000").await;
    page.see("Your signed promise, not cash").await;
    page.see("This is your first payment to 할매국밥, and nobody has verified that it is them.").await;
    page.press("Pay 12,000 KRW").await;
    page.see("Ready to leave").await;
    page.see("Handing an offer to their endpoint").await;
    page.see("Sent").await;
    page.see("Settled").await;
    page.see("Both have signed, and the two ledgers agree.").await;
    page.see("Anybody can check it with nothing but the file.").await;
    assert_eq!((page.backend.pressed(), page.backend.payments_made()), (1, 1));
}

#[wasm_bindgen_test]
async fn pressing_confirm_twice_asks_the_backend_once() {
    let page = Page::open(Scene::Empty).await;
    page.up_to_review("12000").await;
    let confirm = page.document.get_element_by_id("confirm").unwrap().unchecked_into::<HtmlElement>();
    confirm.click();
    confirm.click();
    page.see("Settled").await;
    assert_eq!((page.backend.pressed(), page.backend.payments_made()), (1, 1));
}

#[wasm_bindgen_test]
async fn the_amount_gets_its_separators_and_more_than_the_line_cannot_be_confirmed() {
    let page = Page::open(Scene::Empty).await;
    page.up_to_review("900000").await;
    page.see("50,000 KRW is left. Nothing was signed.").await;
    let confirm = page.document.get_element_by_id("confirm").unwrap();
    assert!(confirm.has_attribute("disabled"));
    page.press("Back").await;
    page.see("How much?").await;
    page.wait_for("amount").await;
    assert_eq!(page.value("amount"), "900,000");
}

#[wasm_bindgen_test]
async fn the_same_amount_again_must_be_said_to_be_meant() {
    let page = Page::open(Scene::Full).await;
    page.up_to_review("12000").await;
    page.see("You paid them the same amount (12,000 KRW) 5 h ago.").await;
    let confirm = page.document.get_element_by_id("confirm").unwrap();
    assert!(confirm.has_attribute("disabled"));
    page.press("Yes, pay once more").await;
    for _ in 0..LOOKS {
        if !confirm.has_attribute("disabled") {
            break;
        }
        rest().await;
    }
    assert!(!confirm.has_attribute("disabled"));
}

#[wasm_bindgen_test]
async fn changed_keys_drop_verified_and_stop_a_payment() {
    let page = Page::open(Scene::Changed).await;
    page.up_to_review("7000").await;
    page.see("WARNING: the keys of 할매국밥 have changed.").await;
    page.see("keys changed").await;
    assert!(page.document.get_element_by_id("confirm").unwrap().has_attribute("disabled"));
}

#[wasm_bindgen_test]
async fn who_lied_is_named_and_what_was_forged_is_not_listed() {
    let page = Page::open(Scene::Full).await;
    page.go("#/find?q=식당");
    page.see("The directory directory.example handed over a forged entry").await;
    page.see("Directories that did not answer: old.example").await;
    page.press("할매국밥").await;
    page.see("The gateway gate-two.example handed over a forged profile. It was not used.").await;
    page.see("older (no. 3)").await;
}

#[wasm_bindgen_test]
async fn waiting_is_no_error_and_being_offline_says_what_is_safe() {
    let page = Page::open(Scene::Full).await;
    page.go("#/history");
    page.see("Ready to leave").await;
    page.see("They have it").await;
    let queued = page.find("국밥").unwrap();
    assert_eq!(queued.query_selector(".tag.bad, .tag.warn").unwrap(), None);

    page.go("#/find?q=식당");
    page.see("every signature was checked").await;
    let offline = Page::open(Scene::Offline).await;
    offline.go("#/find?q=카페");
    offline.see("What is written down stays, and goes on once there is.").await;
}

#[wasm_bindgen_test]
async fn a_request_link_fills_in_the_payment_and_nothing_else_is_one() {
    let page = Page::open(Scene::Empty).await;
    page.go("#pumasi:request:ZXlK");
    page.see("Pay this?").await;
    page.see("점심 두 그릇").await;
    page.see("24,000").await;
    page.go("#/pay");
    page.type_into("link", "pumasi:something").await;
    page.press("Next").await;
    page.see("That is neither a DID nor a request.").await;
}

#[wasm_bindgen_test]
async fn the_language_changes_at_once_and_stays() {
    let page = Page::open(Scene::Full).await;
    page.go("#/settings");
    page.press("한국어").await;
    page.see("더보기").await;
    page.go("#/");
    page.see("민아 님").await;
    page.see("받을 것").await;
    let root = page.document.document_element().unwrap();
    assert_eq!(root.get_attribute("lang").as_deref(), Some("ko"));
    let kept = web_sys::window().unwrap().local_storage().unwrap().unwrap().get_item("pumasi.lang").unwrap();
    assert_eq!(kept.as_deref(), Some("ko"));
}

#[wasm_bindgen_test]
async fn locking_takes_everything_off_the_screen() {
    let page = Page::open(Scene::Full).await;
    page.see("국밥").await;
    page.press("Lock now").await;
    page.see("Welcome back").await;
    assert!(!page.sees("국밥"));
    page.backend.tell(&UiEvent::Warning { what: Trouble::HeldByOtherTab });
    page.see("Another tab has this wallet open").await;
}

#[wasm_bindgen_test]
async fn every_control_has_a_name_and_every_screen_one_heading() {
    let page = Page::open(Scene::Full).await;
    for hash in
        ["#/", "#/find?q=식당", "#/pay", "#/receive", "#/history", "#/contacts", "#/ledger", "#/backup", "#/settings"]
    {
        page.go(hash);
        for _ in 0..20 {
            rest().await;
        }
        let headings = page.document.query_selector_all("#app h1").unwrap().length();
        assert_eq!(headings, 1, "{hash}");
        let controls =
            page.document.query_selector_all("#app button, #app a, #app input, #app select, #app textarea").unwrap();
        for at in 0..controls.length() {
            let control: Element = controls.get(at).unwrap().dyn_into().unwrap();
            assert!(named(&page.document, &control), "{hash}: {}", control.outer_html());
        }
    }
}

/// Whether a screen reader has something to say for it.
fn named(document: &Document, control: &Element) -> bool {
    let text = control.text_content().unwrap_or_default();
    let by_label = || {
        let id = control.id();
        !id.is_empty() && document.query_selector(&format!("label[for='{id}']")).ok().flatten().is_some()
    };
    !text.trim().is_empty()
        || control.has_attribute("aria-label")
        || by_label()
        || control.closest("label").ok().flatten().is_some()
}
