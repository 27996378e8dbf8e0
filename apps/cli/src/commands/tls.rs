//! `tls`.

use crate::args::{TlsAction, TlsDev};
use crate::context::Context;
use crate::tls::folder;
use pumasi_words::{Exit, Https, Say as _, Trusting};
use serde_json::json;
use std::path::Path;
use std::time::SystemTime;
use time::format_description::well_known::Rfc3339;

pub(crate) fn tls(context: &mut Context, args: TlsAction) -> anyhow::Result<Exit> {
    let TlsAction::Dev(args) = args;
    dev(context, &args)
}

fn dev(context: &mut Context, args: &TlsDev) -> anyhow::Result<Exit> {
    let folder = folder(args.tls_folder.as_deref())?;
    let made = pumasi_tls::dev::make(&folder, &args.host, SystemTime::now().into())?;
    let until = made.expires.date().to_string();
    let hosts = made.hosts.join(", ");
    let mut lines =
        vec![context.say(&Https::DevMade { hosts: &hosts, until: &until, folder: &folder.display().to_string() })];
    if made.new_authority {
        let file = made.authority.display().to_string();
        lines.push(String::new());
        lines.push(context.say(&Https::DevTrust { file: &file, fingerprint: &made.fingerprint }));
        lines.push(context.say(&Https::DevAuthorityNew));
        lines.extend(how_to_trust(context, &made.authority));
    } else {
        lines.push(context.say(&Https::DevAuthorityKept));
    }
    let object = json!({
        "event": "certificate",
        "authority": made.authority,
        "certificate": made.chain,
        "key": made.key,
        "hosts": made.hosts,
        "sha256": made.fingerprint,
        "new_authority": made.new_authority,
        "expires": made.expires.format(&Rfc3339)?,
    });
    context.ui.print(&object, lines.join("\n"));
    Ok(Exit::Done)
}

/// The commands that make a machine trust an authority. They are printed and not run: whom a machine trusts is for its
/// owner to say.
fn how_to_trust(context: &Context, authority: &Path) -> Vec<String> {
    let file = shell_word(&authority.display().to_string());
    let name = "pumasi-dev";
    let ways = [
        (
            Trusting::Debian,
            format!("sudo cp {file} /usr/local/share/ca-certificates/{name}.crt && sudo update-ca-certificates"),
        ),
        (
            Trusting::Fedora,
            format!("sudo cp {file} /etc/pki/ca-trust/source/anchors/{name}.pem && sudo update-ca-trust"),
        ),
        (Trusting::Chromium, format!("certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n {name} -i {file}")),
        (Trusting::Firefox, String::new()),
        (Trusting::Mac, format!("security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {file}")),
        (Trusting::Windows, format!("certutil -user -addstore Root {file}")),
        (Trusting::Curl, format!("curl --cacert {file} https://localhost:PORT/")),
    ];
    let line = |(on, command): (Trusting, String)| {
        let on = on.say(context.lang);
        if command.is_empty() { format!("  {on}") } else { format!("  {on}\n    {command}") }
    };
    ways.into_iter().map(line).collect()
}

/// A path as one word of a shell.
fn shell_word(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-:\\".contains(char);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn a_folder_with_spaces_stays_one_word() {
        assert_eq!(shell_word("/home/a/tls/authority.pem"), "/home/a/tls/authority.pem");
        assert_eq!(shell_word("/home/a b/it's"), "'/home/a b/it'\\''s'");
    }
}
