//! One payment as it goes on, and its receipt.

use crate::app::{Cx, act, load, name};
use crate::backend::{Backend, Direction, PaymentId, PaymentState, PaymentView};
use crate::browser;
use crate::parts::{Icon, Tone, amount, big_amount, did_line, headline, icon, link_line, note, page, shown, tone};
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::web::{Saying, Text};

pub(crate) fn payment<B: Backend>(cx: Cx<B>, id: PaymentId) -> AnyView {
    let payment = load(cx, move |backend: B| async move { backend.payment(&id).await });
    let body = shown(cx, payment, move |payment| detail(cx, &payment));
    page(cx, cx.t(Text::PaymentTitle), body)
}

fn detail<B: Backend>(cx: Cx<B>, payment: &PaymentView) -> AnyView {
    let (tone, word) = tone(payment);
    let mine = payment.direction == Direction::Out;
    let sign = match tone {
        Tone::Good => Icon::Check,
        Tone::Bad => Icon::Close,
        Tone::Warn => Icon::Warn,
        Tone::Quiet => Icon::Clock,
    };
    let called = name(&payment.name);
    let to_whom = if mine { Text::To } else { Text::From };
    let memo = name(&payment.memo);
    let id = payment.id.to_string();
    let copied = id.clone();
    view! {
        <section class="card result" role="status" aria-live="polite">
            <span class=format!("result-sign {}", tone.class())>{icon(sign)}</span>
            {big_amount(cx, &payment.money)}
            <p class="strong" id="state">{cx.t(word)}</p>
            <p class="muted" id="headline">{headline(cx, payment)}</p>
        </section>
        {under_way(cx, payment)}
        {decide(cx, payment)}
        {mine.then(|| timeline(cx, payment))}
        {payment.state.has_receipt().then(|| receipt(cx, payment))}
        <section class="card">
            <dl class="facts">
                <div><dt>{cx.t(to_whom)}</dt><dd><a href=Route::Shop(payment.peer).hash()>{called}</a>" "{did_line(&payment.peer)}</dd></div>
                <div><dt>{cx.t(Text::Amount)}</dt><dd>{amount(cx, &payment.money)}</dd></div>
                {(!memo.is_empty()).then(|| view! { <div><dt>{cx.t(Text::Memo)}</dt><dd>{memo.clone()}</dd></div> })}
                <div><dt>{cx.t(Text::When)}</dt><dd>{cx.date(payment.at)}</dd></div>
                <div>
                    <dt>{cx.t(Text::PaymentNumber)}</dt>
                    <dd class="row-s">
                        <span class="mono" title=id.clone()>{format!("{}…", &id[..12])}</span>
                        <button type="button" class="icon-btn" aria-label=cx.t(Text::CopyNumber) on:click=move |_| cx.copy(copied.clone())>{icon(Icon::Copy)}</button>
                    </dd>
                </div>
            </dl>
        </section>
    }
    .into_any()
}

/// What happens right now, while it has no result.
fn under_way<B: Backend>(cx: Cx<B>, payment: &PaymentView) -> AnyView {
    let waits = matches!(
        payment.state,
        PaymentState::Queued | PaymentState::Sent | PaymentState::Received | PaymentState::Expired
    );
    if !waits || payment.direction == Direction::In {
        return ().into_any();
    }
    let peer = payment.peer;
    let busy = RwSignal::new(false);
    let again = move |_| act(cx, busy, move |backend| async move { backend.connect(&peer).await });
    let line = move || {
        let link = cx.app.links.with(|links| links.get(&peer).cloned());
        let Some(link) = link else {
            return view! { <p class="row-s muted">{icon(Icon::Clock)}{cx.t(Text::NotConnected)}</p> }.into_any();
        };
        let (tone, text) = link_line(cx, &link);
        let going = matches!(link.state, crate::app::LinkState::Trying { .. });
        let fell = link.fell.map(|(road, why)| {
            let endpoint = road == crate::backend::Road::Endpoint;
            view! { <p class="muted small">{cx.say(&Saying::FellBack { endpoint, why: &why })}</p> }
        });
        view! {
            <p class=format!("row-s {}", tone.class()) id="step">
                {if going { view! { <span class="spinner" aria-hidden="true"></span> }.into_any() } else { icon(Icon::Link) }}
                {text}
            </p>
            {fell}
        }
        .into_any()
    };
    view! {
        <section class="card stack-s">
            <div aria-live="polite" class="stack-s">{line}</div>
            <p class="muted small">{cx.t(Text::SafeToLeave)}</p>
            <button type="button" class="btn secondary small" disabled=move || busy.get() on:click=again>{icon(Icon::Refresh)}{cx.t(Text::TryNow)}</button>
        </section>
    }
    .into_any()
}

/// The stages of a payment of mine. A stage has its mark only once it is known to be reached.
fn timeline<B: Backend>(cx: Cx<B>, payment: &PaymentView) -> AnyView {
    let reached = match payment.state {
        PaymentState::Queued => 1,
        PaymentState::Sent | PaymentState::Expired => 2,
        PaymentState::Received => 3,
        PaymentState::Accepted => 4,
        PaymentState::Settled => 5,
        PaymentState::Refused(_) => return ().into_any(),
    };
    let stages = [Text::StageSigned, Text::StageSent, Text::StageReceived, Text::StageAccepted, Text::StageSettled];
    let stages = stages.into_iter().enumerate().map(|(at, text)| {
        let done = at < reached;
        let class = if done { "done" } else if at == reached { "now" } else { "" };
        let mark = if done { Text::Done } else { Text::NotYet };
        view! { <li class=class><span class="stage-mark">{done.then(|| icon(Icon::Check))}</span>{cx.t(text)}<span class="sr">{cx.t(mark)}</span></li> }
    });
    view! { <section class="card"><h2 class="sr">{cx.t(Text::Stages)}</h2><ol class="stages">{stages.collect_view()}</ol></section> }
        .into_any()
}

/// A payment to me that waits for a yes or a no.
fn decide<B: Backend>(cx: Cx<B>, payment: &PaymentView) -> AnyView {
    if payment.direction == Direction::Out || payment.state != PaymentState::Received {
        return ().into_any();
    }
    let (id, busy) = (payment.id, RwSignal::new(false));
    let answer = move |take: bool| {
        act(cx, busy, move |backend| async move {
            backend.decide(&id, take).await?;
            cx.app.changed();
            Ok(())
        });
    };
    view! {
        <div class="pair">
            <button type="button" class="btn secondary" disabled=move || busy.get() on:click=move |_| answer(false)>{cx.t(Text::TurnDown)}</button>
            <button type="button" class="btn primary" disabled=move || busy.get() on:click=move |_| answer(true)>{cx.t(Text::Take)}</button>
        </div>
    }
    .into_any()
}

/// The receipt, to save and to share.
fn receipt<B: Backend>(cx: Cx<B>, payment: &PaymentView) -> AnyView {
    let (id, busy) = (payment.id, RwSignal::new(false));
    let save = move |_| {
        act(cx, busy, move |backend| async move {
            let file = backend.receipt(&id).await?;
            cx.toast(if browser::save(&file) {
                cx.say(&Saying::Saved { file: &file.name })
            } else {
                cx.t(Text::NotSaved).into()
            });
            Ok(())
        });
    };
    let share = move |_| {
        act(cx, busy, move |backend| async move {
            let file = backend.receipt(&id).await?;
            if !browser::share_file(&file).await {
                browser::save(&file);
                cx.toast(cx.say(&Saying::Saved { file: &file.name }));
            }
            Ok(())
        });
    };
    let good = !matches!(payment.state, PaymentState::Refused(_));
    view! {
        <section class="card stack-s" id="receipt">
            <h2>{cx.t(Text::ReceiptTitle)}</h2>
            <p class="muted small">{cx.t(if good { Text::ReceiptText } else { Text::RefusalText })}</p>
            <div class="pair">
                <button type="button" class="btn secondary" disabled=move || busy.get() on:click=save>{icon(Icon::Save)}{cx.t(Text::Save)}</button>
                {browser::can_share().then(|| view! {
                    <button type="button" class="btn secondary" disabled=move || busy.get() on:click=share>{icon(Icon::Share)}{cx.t(Text::Share)}</button>
                })}
            </div>
            {(payment.state == PaymentState::Accepted).then(|| note(Tone::Quiet, cx.t(Text::NotSettledYet)))}
        </section>
    }
    .into_any()
}
