//! Requests of mine, and the links that carry them.

use super::{Desk, DeskError};
use crate::books::Books;
use crate::envelope::{Verified, sign_statement};
use crate::limits::DEFAULT_LIFETIME;
use crate::message::{Kind, Payload as _, Request};
use crate::record::RequestRecord;
use pumasi_crypto::Provider;
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_ledger::{Space, TransferId};
use pumasi_units::{Millis, Money, Timestamp};

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestOrder {
    /// Who shall pay; anyone when `None`.
    pub to: Option<Did>,
    /// How much.
    pub money: Money,
    /// What for; may be empty.
    pub memo: String,
    /// How long it can be paid.
    pub lifetime: Millis,
}

impl RequestOrder {
    /// A request that anyone may pay within a day.
    #[must_use]
    pub fn new(money: Money, memo: impl Into<String>) -> Self {
        Self { to: None, money, memo: memo.into(), lifetime: DEFAULT_LIFETIME }
    }
}

impl<P: Provider> Desk<P> {
    /// Signs a request and stores it. Show it once the commit is durable: [`Verified::to_link`].
    ///
    /// # Errors
    /// [`DeskError::Order`] when something is out of bounds, and what the keys and the books say.
    pub async fn request(
        &mut self,
        books: &mut impl Books,
        order: RequestOrder,
        now: Timestamp,
    ) -> Result<Verified<Request>, DeskError> {
        let RequestOrder { to, money, memo, lifetime } = order;
        let nonce = self.nonce()?;
        let (kind, from, expires) = (Kind::Request, self.keys.did, now + lifetime);
        let request = Request { kind, from, to, issued: now, expires, nonce, money, memo };
        request.check_content().map_err(DeskError::Order)?;
        let document = sign_statement(&self.keys, &request).await?.document;
        let verified = Verified::request(&document)?;
        let record = RequestRecord { request, document, paid: None };
        self.cells.put(books, Space::Request, &verified.id().0, &record)?;
        Ok(verified)
    }

    /// A request of mine, by its id.
    ///
    /// # Errors
    /// [`DeskError::Books`].
    pub async fn request_record(&self, books: &impl Books, id: &Digest) -> Result<Option<RequestRecord>, DeskError> {
        self.cells.read(books, Space::Request, &id.0).await
    }

    /// Marks a request paid; the rules have checked that it can be.
    pub(super) async fn pay_request(
        &mut self,
        books: &mut impl Books,
        request: &Digest,
        transfer: TransferId,
    ) -> Result<(), DeskError> {
        if let Some(record) = self.request_record(books, request).await? {
            let paid = RequestRecord { paid: Some(transfer), ..record };
            self.cells.put(books, Space::Request, &request.0, &paid)?;
        }
        Ok(())
    }
}
