//! A link or a DID that was pasted, scanned, or came with the address.

use crate::amount::number;
use crate::app::{Cx, Draft, load};
use crate::backend::{Backend, LinkView};
use crate::browser;
use crate::parts::{page, shown, waiting};
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::web::Text;

pub(crate) fn link<B: Backend>(cx: Cx<B>, text: String) -> AnyView {
    let asked = text.clone();
    let read = load(cx, move |backend: B| {
        let text = asked.clone();
        async move { backend.read_link(&text).await.map(Some) }
    });
    let body = shown(cx, read, move |link| {
        match link {
            Some(LinkView::Person(did)) => browser::replace(&Route::Shop(did).hash()),
            Some(LinkView::Request { from, money, memo, expires }) => {
                let unit = money.unit().to_string();
                let request = Some((text.clone(), expires));
                let draft = Draft { amount: number(&money), unit, memo, request, ..Draft::to(from) };
                cx.app.draft.set_value(Some(draft));
                browser::replace(&Route::Review(from).hash());
            }
            None => {}
        }
        waiting(cx)
    });
    page(cx, cx.t(Text::ReadingLink), body)
}
