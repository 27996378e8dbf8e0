//! People and balances.

use super::session::Session;
use super::{Named, convert};
use pumasi_agent::AgentError;
use pumasi_identity::{Contact, Did};
use pumasi_ledger::Accounts;
use pumasi_ui::backend::{AccountView, ContactView, PaymentView, Trouble};
use std::collections::HashMap;

/// The address book and the accounts, as they are between two commits.
struct Book {
    contacts: Vec<Contact>,
    accounts: Accounts,
}

impl Session {
    async fn book(&self) -> Result<Book, Trouble> {
        self.with(|wallet| {
            Box::pin(async move {
                let contacts = wallet.contacts().await?;
                Ok(Book { contacts, accounts: wallet.ledger().accounts() })
            })
        })
        .await
    }

    /// What everyone is called.
    pub(super) async fn names(&self) -> Result<HashMap<Did, String>, Trouble> {
        let contacts = self.with(|wallet| Box::pin(async move { wallet.contacts().await })).await?;
        Ok(contacts.into_iter().map(|contact| (contact.did, contact.name)).collect())
    }

    /// A payment with the name of its other side.
    pub(super) async fn named(&self, payment: pumasi_agent::wallet::Payment) -> Result<PaymentView, Trouble> {
        let peer = payment.peer;
        let known = self.with(move |wallet| Box::pin(async move { wallet.contact(&peer).await })).await?;
        let (payment, name): Named = (payment, known.map_or_else(|| peer.short(), |contact| contact.name));
        Ok(convert::payment(payment, name))
    }

    pub(super) async fn contacts(&self) -> Result<Vec<ContactView>, Trouble> {
        let book = self.book().await?;
        Ok(book.contacts.iter().map(|contact| self.view(&book, contact)).collect())
    }

    pub(super) async fn contact(&self, did: Did) -> Result<ContactView, Trouble> {
        let book = self.book().await?;
        let contact = book.contacts.iter().find(|contact| contact.did == did).ok_or(Trouble::UnknownPerson)?;
        Ok(self.view(&book, contact))
    }

    fn view(&self, book: &Book, contact: &Contact) -> ContactView {
        let accounts = book.accounts.iter().filter(|(peer, ..)| **peer == contact.did);
        ContactView {
            did: contact.did,
            name: contact.name.clone(),
            trust: convert::trust(contact),
            safety: pumasi_identity::safety_number(&self.did, &contact.did),
            accounts: accounts.map(|(peer, unit, it)| convert::account(peer, unit, it, contact.name.clone())).collect(),
        }
    }

    pub(super) async fn accounts(&self) -> Result<Vec<AccountView>, Trouble> {
        let book = self.book().await?;
        let name = |did: &Did| {
            let known = book.contacts.iter().find(|contact| contact.did == *did);
            known.map_or_else(|| did.short(), |contact| contact.name.clone())
        };
        Ok(book.accounts.iter().map(|(peer, unit, it)| convert::account(peer, unit, it, name(peer))).collect())
    }

    pub(super) async fn mark_compared(&self, did: Did) -> Result<(), Trouble> {
        self.with(move |wallet| {
            Box::pin(async move {
                let contact = wallet.contact(&did).await?;
                let contact = contact.ok_or_else(|| AgentError::UnknownPerson(did.to_string()))?;
                wallet.mark_verified(contact).await.map(drop)
            })
        })
        .await
    }
}
