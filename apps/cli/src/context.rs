//! What every command starts from: the folder, the language, the password, the output.

use crate::args::{Global, Language, Network};
use crate::password::Source;
use crate::ui::Ui;
use anyhow::Context as _;
use etcetera::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use pumasi_agent::Wallet;
use pumasi_agent::home::read_bounded;
use pumasi_agent::net::NetOptions;
use pumasi_crypto::password::Password;
use pumasi_words::{Home, Lang, Say};
use std::path::PathBuf;

/// The state of one command.
pub(crate) struct Context {
    pub(crate) ui: Ui,
    pub(crate) lang: Lang,
    pub(crate) home: PathBuf,
    passwords: Source,
}

impl Context {
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        let lang = match global.lang {
            Some(Language::Ko) => Lang::Ko,
            Some(Language::En) => Lang::En,
            None => Lang::detect(|name| std::env::var(name).ok()),
        };
        let home = match &global.home {
            Some(home) => home.clone(),
            None => default_home()?,
        };
        Ok(Self { ui: Ui::new(global.json), lang, home, passwords: Source::new(global.password_fd) })
    }

    /// The words of a message in the language of this command.
    pub(crate) fn say(&self, message: &impl Say) -> String {
        message.say(self.lang)
    }

    /// The password of the identity.
    pub(crate) fn password(&self) -> anyhow::Result<Password> {
        Ok(Password::new(&self.passwords.current(&self.say(&Home::AskPassword))?))
    }

    /// A password for something new.
    pub(crate) fn first_password(&self) -> anyhow::Result<Password> {
        let [first, again, differ] = [Home::AskNewPassword, Home::AskPasswordAgain, Home::PasswordsDiffer];
        Ok(Password::new(&self.passwords.first(&self.say(&first), &self.say(&again), &self.say(&differ))?))
    }

    /// The password to change to.
    pub(crate) fn new_password(&self) -> anyhow::Result<Password> {
        let [new, again, differ] = [Home::AskNewPassword, Home::AskPasswordAgain, Home::PasswordsDiffer];
        Ok(Password::new(&self.passwords.new_one(&self.say(&new), &self.say(&again), &self.say(&differ))?))
    }

    /// Opens the identity for writing.
    pub(crate) async fn open(&self, doing: &str) -> anyhow::Result<Wallet> {
        Ok(Wallet::open(&self.home, &self.password()?, doing).await?)
    }

    /// Opens the identity beside a process that may be writing.
    pub(crate) async fn read(&self) -> anyhow::Result<Wallet> {
        Ok(Wallet::open_read_only(&self.home, &self.password()?).await?)
    }
}

/// The folder of the user's data, as the platform has it.
pub(crate) fn default_home() -> anyhow::Result<PathBuf> {
    let args = AppStrategyArgs { top_level_domain: "org".into(), author: "pumasi".into(), app_name: "pumasi".into() };
    Ok(choose_app_strategy(args).context("no home folder; name one with --home")?.data_dir())
}

/// Largest certificate of an authority, in bytes.
const MAX_AUTHORITY: u64 = 64 * 1024;

impl TryFrom<Network> for NetOptions {
    type Error = anyhow::Error;

    fn try_from(network: Network) -> anyhow::Result<Self> {
        let mut authorities = Vec::new();
        for path in &network.authorities {
            let bytes =
                read_bounded(path, MAX_AUTHORITY)?.with_context(|| format!("{}: no such file", path.display()))?;
            authorities.push(String::from_utf8(bytes).with_context(|| format!("{}: not PEM", path.display()))?);
        }
        Ok(Self { bootstrap: network.bootstrap, loopback: network.loopback, authorities, ..Self::default() })
    }
}
