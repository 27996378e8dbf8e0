use super::block_on;
use pumasi_crypto::hash::sha256;
use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::{Provider, RsaBits, pkcs8};
use pumasi_identity::Did;
use pumasi_transfer::{Keys, Peer};
use std::path::Path;
use std::sync::OnceLock;

/// Index of a person.
pub type Person = usize;
/// How many there are.
pub const PEOPLE: usize = 4;

type Signing = <NativeProvider as Provider>::RsaSigningKey;
type Unwrap = <NativeProvider as Provider>::RsaUnwrapKey;
type Identity = <NativeProvider as Provider>::Ed25519Key;

struct Secrets {
    identity: Identity,
    signing: Signing,
    unwrap: Unwrap,
}

/// Keys of a person. Two people have RSA keys of their own; the others borrow them, because making one takes a while,
/// and only the DID tells people apart anyway.
fn secrets(person: Person) -> &'static Secrets {
    static SECRETS: [OnceLock<Secrets>; PEOPLE] = [const { OnceLock::new() }; PEOPLE];
    SECRETS[person].get_or_init(|| {
        let provider = NativeProvider;
        let seed = [u8::try_from(person).unwrap() + 1; 32];
        let identity = block_on(provider.import_ed25519(&pkcs8::from_ed25519_seed(&seed))).unwrap();
        if person >= 2 {
            let lender = secrets(person % 2);
            return Secrets { identity, signing: lender.signing.clone(), unwrap: lender.unwrap.clone() };
        }
        let signing = block_on(provider.import_rsa_signing(&rsa(&format!("signing-{person}")))).unwrap();
        let unwrap = block_on(provider.import_rsa_unwrap(&rsa(&format!("unwrap-{person}")))).unwrap();
        Secrets { identity, signing, unwrap }
    })
}

/// A fresh RSA key, kept in the build folder for the other test processes of this and later runs.
fn rsa(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("test-only-{name}.der"));
    if let Ok(der) = std::fs::read(&path) {
        return der;
    }
    let der = block_on(NativeProvider.rsa_generate(RsaBits::B2048)).unwrap();
    let part = path.with_extension(std::process::id().to_string());
    std::fs::write(&part, &der).unwrap();
    // Where another process was faster, its key counts for both.
    let _ = std::fs::hard_link(&part, &path);
    std::fs::remove_file(&part).unwrap();
    std::fs::read(&path).unwrap()
}

pub fn did(person: Person) -> Did {
    peer(person).did
}

pub fn keys(person: Person) -> Keys<NativeProvider> {
    let Secrets { identity, signing, unwrap } = secrets(person);
    let did = Did::from_ed25519(NativeProvider.ed25519_public(identity));
    Keys {
        provider: NativeProvider,
        did,
        identity: identity.clone(),
        signing: signing.clone(),
        signing_kid: format!("{did}#signing-1"),
        profile: sha256(&[did.to_string().as_bytes()]),
        unwrap: vec![(format!("{did}#unwrap-1"), unwrap.clone())],
    }
}

/// A person as the others know it.
pub fn peer(person: Person) -> &'static Peer {
    static PEERS: [OnceLock<Peer>; PEOPLE] = [const { OnceLock::new() }; PEOPLE];
    PEERS[person].get_or_init(|| public(person))
}

fn public(person: Person) -> Peer {
    let provider = NativeProvider;
    let keys = keys(person);
    Peer {
        did: keys.did,
        profile: keys.profile,
        signing: provider.rsa_signing_public(&keys.signing),
        signing_kid: keys.signing_kid,
        unwrap: provider.rsa_unwrap_public(&keys.unwrap[0].1),
        unwrap_kid: keys.unwrap[0].0.clone(),
        contact: true,
    }
}
