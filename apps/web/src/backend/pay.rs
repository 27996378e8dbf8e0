//! Payments, requests, and what leads to them.

use super::session::Session;
use super::{BrowserBackend, convert, trouble};
use pumasi_agent::PayKey;
use pumasi_agent::wallet::{Direction, State};
use pumasi_identity::Did;
use pumasi_transfer::message::Request;
use pumasi_transfer::{LINK_PREFIX, Order, Verified};
use pumasi_ui::backend::{
    File, LinkView, Page, PayOrder, PaymentId, PaymentPage, Repeated, RequestOrder, RequestView, ReviewView, Trouble,
    Trust,
};
use pumasi_units::Millis;

const DAY: Millis = 24 * 60 * 60 * 1_000;
/// Payments that are looked through for one like the one that is about to be made.
const RECENT: usize = 50;
/// Most payments of one page.
const MAX_PAGE: u8 = 100;

impl BrowserBackend {
    pub(super) async fn consider(&self, order: &PayOrder) -> Result<ReviewView, Trouble> {
        let session = self.session()?;
        check(&session, order)?;
        let (profile, _, known) = self.profile(&order.to).await?;
        let to = order.to;
        let unit = order.money.unit().clone();
        let (history, account) = session
            .with(move |wallet| {
                Box::pin(async move {
                    let (history, _) = wallet.history(Some(&to), None, RECENT).await?;
                    Ok((history, wallet.ledger().account(&to, &unit)))
                })
            })
            .await?;
        let mine = || history.iter().filter(|payment| payment.direction == Direction::Out);
        let now = pumasi_agent::now();
        let repeated = mine().find(|payment| payment.money == order.money && now.since(payment.at) < DAY);
        let view = convert::account(&to, order.money.unit(), &account, String::new());
        let name = match &known {
            Some(contact) => contact.name.clone(),
            None => profile.name().map_or_else(|| to.short(), str::to_owned),
        };
        Ok(ReviewView {
            name,
            trust: known.as_ref().map_or(Trust::New, convert::trust),
            safety: pumasi_identity::safety_number(&session.did, &to),
            first: !mine().any(|payment| matches!(payment.state, State::Accepted | State::Countersigned)),
            repeated: repeated.map(|payment| Repeated { id: payment.id, at: payment.at }),
            available: view.available_to_me,
        })
    }

    pub(super) async fn sign(&self, order: PayOrder) -> Result<PaymentId, Trouble> {
        let session = self.session()?;
        let request = check(&session, &order)?;
        let to = order.to;
        let known = session.with(move |wallet| Box::pin(async move { wallet.contact(&to).await })).await?;
        match known {
            Some(contact) if contact.changed.is_some() => return Err(Trouble::KeysChanged),
            Some(_) => {}
            // Its keys are pinned from here on.
            None => {
                let (profile, ..) = self.profile(&to).await?;
                session.agent.meet(profile).await.map_err(trouble::of)?;
            }
        }
        let key: PayKey = order.key.0;
        let order = match request {
            Some(request) => Order::for_request(&request),
            None => Order::new(to, order.money, order.memo),
        };
        session.agent.pay_once(order, key).await.map_err(trouble::of)
    }
}

/// What can be said against an order before anything is asked; the request that it pays.
fn check(session: &Session, order: &PayOrder) -> Result<Option<Verified<Request>>, Trouble> {
    if order.to == session.did {
        return Err(Trouble::Myself);
    }
    if order.money.unit().is_bitcoin() {
        return Err(Trouble::NoBitcoin);
    }
    if order.money.minor() == 0 {
        return Err(Trouble::ZeroAmount);
    }
    let Some(link) = &order.request else { return Ok(None) };
    let request = Verified::from_link(link).map_err(|_| Trouble::BadRequest)?;
    let asked = request.payload();
    if asked.from != order.to || asked.money != order.money {
        return Err(Trouble::BadRequest);
    }
    if asked.to.is_some_and(|payer| payer != session.did) {
        return Err(Trouble::RequestForOther);
    }
    if asked.expires <= pumasi_agent::now() {
        return Err(Trouble::RequestExpired);
    }
    Ok(Some(request))
}

/// What a text leads to.
pub(super) fn read_link(text: &str, me: Option<Did>) -> Result<LinkView, Trouble> {
    let text = text.trim();
    if let Ok(did) = text.parse::<Did>() {
        return if me == Some(did) { Err(Trouble::Myself) } else { Ok(LinkView::Person(did)) };
    }
    if !text.starts_with(LINK_PREFIX) {
        return Err(Trouble::NotALink);
    }
    let request = Verified::from_link(text).map_err(|_| Trouble::BadRequest)?;
    let Request { from, to, money, memo, expires, .. } = request.payload().clone();
    if me == Some(from) {
        return Err(Trouble::OwnRequest);
    }
    if to.is_some() && me.is_some() && to != me {
        return Err(Trouble::RequestForOther);
    }
    if expires <= pumasi_agent::now() {
        return Err(Trouble::RequestExpired);
    }
    Ok(LinkView::Request { from, money, memo, expires })
}

impl Session {
    pub(super) async fn payments(&self, page: Page) -> Result<PaymentPage, Trouble> {
        let Page { with, before, limit } = page;
        let limit = usize::from(limit.clamp(1, MAX_PAGE));
        let (found, more) = self
            .with(move |wallet| Box::pin(async move { wallet.history(with.as_ref(), before.as_ref(), limit).await }))
            .await?;
        let names = self.names().await?;
        let name = |peer: &Did| names.get(peer).cloned().unwrap_or_else(|| peer.short());
        let payments = found.into_iter().map(|payment| {
            let name = name(&payment.peer);
            convert::payment(payment, name)
        });
        Ok(PaymentPage { payments: payments.collect(), more })
    }

    pub(super) async fn receipt(&self, id: PaymentId) -> Result<File, Trouble> {
        let (receipt, _) = self.with(move |wallet| Box::pin(async move { wallet.receipt(&id).await })).await?;
        let short: String = id.to_string().chars().take(8).collect();
        let bytes = serde_json::to_vec_pretty(&receipt).map_err(|_| Trouble::Failed)?;
        Ok(File { name: format!("pumasi-receipt-{short}.json"), media: "application/json", bytes })
    }

    pub(super) async fn request(&self, order: RequestOrder) -> Result<RequestView, Trouble> {
        let RequestOrder { from, money, memo, lifetime } = order;
        if money.unit().is_bitcoin() {
            return Err(Trouble::NoBitcoin);
        }
        let order = pumasi_transfer::RequestOrder { to: from, money, memo, lifetime };
        let request = self.agent.request(order).await.map_err(trouble::of)?;
        Ok(view(request.to_link(), request.payload()))
    }

    pub(super) async fn open_requests(&self) -> Result<Vec<RequestView>, Trouble> {
        let open = self.with(|wallet| Box::pin(async move { wallet.open_requests().await })).await?;
        let link = |document: &str| Verified::request(document).map(|request| request.to_link());
        Ok(open.iter().filter_map(|record| Some(view(link(&record.document).ok()?, &record.request))).collect())
    }
}

fn view(link: String, request: &Request) -> RequestView {
    RequestView { link, money: request.money.clone(), memo: request.memo.clone(), expires: request.expires }
}
