//! Rows of lists.

use super::{Icon, Tone, amount, icon, tone};
use crate::app::{Cx, name};
use crate::backend::{Backend, Direction, PaymentView};
use crate::parts::avatar;
use crate::route::Route;
use leptos::prelude::*;
use pumasi_words::web::Text;

/// One payment in a list. It leads to its own screen.
pub(crate) fn payment_row<B: Backend>(cx: Cx<B>, payment: &PaymentView) -> AnyView {
    let called = name(&payment.name);
    let out = payment.direction == Direction::Out;
    let (tone, word) = tone(payment);
    let memo = name(&payment.memo);
    let second = if memo.is_empty() { cx.ago(payment.at) } else { format!("{memo} · {}", cx.ago(payment.at)) };
    let taken = matches!(tone, Tone::Good);
    let class = match (taken, out) {
        (true, false) => "side in",
        (true, true) => "side",
        _ => "side open",
    };
    let sign = if out { "−" } else { "+" };
    let spoken = cx.t(if out { Text::Paid } else { Text::Got });
    view! {
        <li>
            <a class="item" href=Route::Payment(payment.id).hash()>
                <span class="avatar-box">
                    {avatar(&payment.peer, &called)}
                    <span class=if out { "dot out" } else { "dot in" }>{icon(if out { Icon::Send } else { Icon::Receive })}</span>
                </span>
                <span class="grow">
                    <span class="strong clip">{called}</span>
                    <span class="muted small clip">{second}</span>
                </span>
                <span class=class>
                    <span class="row-n"><span class="sr">{spoken}</span><span aria-hidden="true">{sign}</span>{amount(cx, &payment.money)}</span>
                    {(!taken).then(|| view! { <span class=format!("tag {}", tone.class())>{cx.t(word)}</span> })}
                </span>
            </a>
        </li>
    }
    .into_any()
}
