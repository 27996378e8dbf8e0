//! How much, and what for.

use crate::amount::{number, read, regroup};
use crate::app::{Cx, Draft, load, name};
use crate::backend::{Backend, Did, ShopView, Trouble, Unit};
use crate::parts::{Tone, changed_note, note, note_with, page, person, shown};
use crate::route::Route;
use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use pumasi_words::web::Text;
use wasm_bindgen::JsCast as _;

/// Units that can be owed here. Bitcoin settles on its chain, which no page has.
pub(crate) const UNITS: [&str; 6] = ["KRW", "USD", "EUR", "JPY", "GBP", "CNY"];
/// Won that one press adds.
const STEPS: [u64; 3] = [1_000, 5_000, 10_000];
/// Longest memo, in characters (docs/spec/transfer.md).
const MAX_MEMO: usize = pumasi_transfer::limits::MAX_MEMO_CHARS;

pub(crate) fn amount<B: Backend>(cx: Cx<B>, did: Did) -> AnyView {
    let draft = cx.app.draft.get_value().filter(|draft| draft.to == did).unwrap_or_else(|| Draft::to(did));
    let shop = load(cx, move |backend: B| async move { backend.shop(&did).await });
    let fixed = draft.request.is_some();
    let (amount, unit, memo) =
        (RwSignal::new(draft.amount.clone()), RwSignal::new(draft.unit.clone()), RwSignal::new(draft.memo.clone()));
    let wrong = RwSignal::new(None::<Trouble>);
    let start = StoredValue::new(draft);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let read = unit.get_untracked().parse::<Unit>().map_err(|_| Trouble::BadAmount);
        let read = read.and_then(|unit| read_amount(&amount.get_untracked(), &unit));
        let memo = memo.get_untracked().trim().to_owned();
        match read {
            Err(trouble) => wrong.set(Some(trouble)),
            Ok(_) if memo.chars().count() > MAX_MEMO => wrong.set(Some(Trouble::BadMemo)),
            Ok(money) => {
                let before = start.get_value();
                let mut draft =
                    Draft { amount: number(&money), unit: money.unit().to_string(), memo, ..before.clone() };
                // Another payment than the one that was looked at before is another payment, not a second try of it.
                let same = (&draft.amount, &draft.unit, &draft.memo) == (&before.amount, &before.unit, &before.memo);
                if !same {
                    draft.key = crate::browser::idempotency_key();
                }
                cx.app.draft.set_value(Some(draft));
                cx.go(&Route::Review(did));
            }
        }
    };
    let body = view! {
        {steps(cx, 1)}
        {shown(cx, shop, move |shop| whom(cx, &shop))}
        {fixed.then(|| {
            let own = move |_| {
                cx.app.draft.set_value(None);
                cx.app.again();
            };
            let button = view! { <button type="button" class="btn secondary small" on:click=own>{cx.t(Text::AmountOwn)}</button> };
            note_with(Tone::Quiet, cx.t(Text::AmountAsked), button.into_any())
        })}
        <form class="stack" on:submit=submit>
            <div class="card stack">
                {amount_field(cx, amount, unit, fixed)}
                {memo_field(cx, memo, fixed)}
            </div>
            {move || wrong.get().map(|trouble| note(Tone::Bad, cx.say(&trouble)))}
            <button type="submit" class="btn primary wide" disabled=move || amount.with(String::is_empty)>{cx.t(Text::Next)}</button>
        </form>
    };
    page(cx, cx.t(Text::HowMuch), body)
}

fn read_amount(typed: &str, unit: &Unit) -> Result<crate::backend::Money, Trouble> {
    if unit.is_bitcoin() { Err(Trouble::NoBitcoin) } else { read(typed, unit) }
}

fn whom<B: Backend>(cx: Cx<B>, shop: &ShopView) -> AnyView {
    view! {
        <a class="card plain-link" href=Route::Shop(shop.did).hash()>{person(cx, &shop.did, &shop.name, shop.trust)}</a>
        {changed_note(cx, &shop.did, &name(&shop.name), shop.trust, true)}
    }
    .into_any()
}

/// Where we are in the four steps of paying.
pub(crate) fn steps<B: Backend>(cx: Cx<B>, now: usize) -> AnyView {
    let names = [Text::StepWho, Text::StepAmount, Text::StepReview, Text::StepResult];
    let steps = names.into_iter().enumerate().map(|(at, text)| {
        let class = if at < now {
            "done"
        } else if at == now {
            "now"
        } else {
            ""
        };
        view! { <li class=class aria-current=(at == now).then_some("step")>{cx.t(text)}</li> }
    });
    view! { <ol class="steps" aria-label=cx.t(Text::PaySteps)>{steps.collect_view()}</ol> }.into_any()
}

/// The number and its unit.
pub(crate) fn amount_field<B: Backend>(
    cx: Cx<B>,
    amount: RwSignal<String>,
    unit: RwSignal<String>,
    fixed: bool,
) -> AnyView {
    let input = NodeRef::<html::Input>::new();
    let decimals = move || unit.with(|unit| unit.parse::<Unit>().map_or(0, |unit| unit.decimals()));
    let typed = move |_| {
        let Some(input) = input.get_untracked() else { return };
        let value = input.value();
        // The caret counts UTF-16 units; what is typed here is plain enough for that to be characters.
        let caret = input.selection_start().ok().flatten().map_or(value.len(), |caret| caret as usize);
        let (text, caret) = regroup(&value, caret, decimals());
        input.set_value(&text);
        let caret = u32::try_from(caret).unwrap_or(u32::MAX);
        let _ = input.set_selection_range(caret, caret);
        amount.set(text);
    };
    let add = move |step: u64| {
        let now = amount.with_untracked(|text| text.replace(',', "").parse::<u64>().unwrap_or(0));
        let text = now.saturating_add(step).to_string();
        amount.set(regroup(&text, text.len(), 0).0);
    };
    let choose_unit = move |event: leptos::ev::Event| {
        let Some(select) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlSelectElement>().ok())
        else {
            return;
        };
        unit.set(select.value());
        amount.update(|text| *text = regroup(text, text.len(), decimals()).0);
    };
    let won = move || unit.with(|unit| unit == "KRW");
    let spoken = move || {
        let number = amount.with(|text| text.replace(',', "").parse::<u64>().ok());
        number
            .filter(|number| won() && *number >= 10_000)
            .and_then(|number| pumasi_words::web::read_won(number, cx.lang))
    };
    let options =
        UNITS.map(|code| view! { <option value=code selected=move || unit.with(|unit| unit == code)>{code}</option> });
    view! {
        <div class="field">
            <label for="amount">{cx.t(Text::Amount)}</label>
            <div class="amount-field">
                <input
                    id="amount"
                    node_ref=input
                    class="amount-input"
                    type="text"
                    inputmode=move || if decimals() == 0 { "numeric" } else { "decimal" }
                    autocomplete="off"
                    placeholder="0"
                    readonly=fixed
                    aria-describedby="amount-spoken"
                    prop:value=move || amount.get()
                    on:input=typed
                />
                <label class="sr" for="unit">{cx.t(Text::Unit)}</label>
                <select id="unit" disabled=fixed on:change=choose_unit>{options.into_iter().collect_view()}</select>
            </div>
            <p class="hint right" id="amount-spoken" aria-live="polite">{spoken}</p>
            {move || (won() && !fixed).then(|| {
                let chips = STEPS.map(|step| {
                    let (text, _) = regroup(&step.to_string(), 0, 0);
                    view! { <button type="button" class="chip" on:click=move |_| add(step)>{format!("+{text}")}</button> }
                });
                view! {
                    <div class="chips end">
                        {chips.into_iter().collect_view()}
                        <button type="button" class="chip" on:click=move |_| amount.set(String::new())>{cx.t(Text::Clear)}</button>
                    </div>
                }
            })}
        </div>
    }
    .into_any()
}

pub(crate) fn memo_field<B: Backend>(cx: Cx<B>, memo: RwSignal<String>, fixed: bool) -> AnyView {
    view! {
        <div class="field">
            <label for="memo">{cx.t(Text::Memo)}<span class="muted small">{cx.t(Text::Optional)}</span></label>
            <input
                id="memo"
                type="text"
                autocomplete="off"
                readonly=fixed
                maxlength=MAX_MEMO.to_string()
                placeholder=cx.t(Text::MemoPlaceholder)
                prop:value=move || memo.get()
                on:input=move |event| memo.set(event_target_value(&event))
            />
        </div>
    }
    .into_any()
}
