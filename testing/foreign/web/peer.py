"""The keys, the profile, the channel and the messages of a payment as `docs/spec/` has them, with `cryptography` and `aiortc`."""

import asyncio
import hashlib
import json
import os
import time

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pumasi import Person, b58, b64, jcs, jws_id, kid, now, public_key, read_json, unb64, verify_jws, verify_profile

DEADLINE = 20
MAX_MESSAGE = 256 * 1024
MAX_CHUNK = 16 * 1024
MAX_SEALED = 16_384
MAX_SIGNED = 8_192
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
CONTEXT = [
    "https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1", "https://w3id.org/security/jwk/v1",
    "https://w3id.org/security/data-integrity/v2", {"@vocab": "urn:pumasi:profile:1#"},
]

# The tests run on loopback, which aioice leaves out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


def jwk(key, alg, use):
    modulus = key.public_key().public_numbers().n
    return {"alg": alg, "e": "AQAB", "kty": "RSA", "n": b64(modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")), "use": use}


def thumbprint(key):
    """RFC 7638."""
    return b64(hashlib.sha256(jcs({name: key[name] for name in ("e", "kty", "n")})).digest())


def rsa_key(key):
    return rsa.RSAPublicNumbers(65537, int.from_bytes(unb64(key["n"]), "big")).public_key()


class Peer(Person):
    """Someone with all four keys and a signed profile."""

    def __init__(self, name, services=()):
        super().__init__()
        self.agreement = x25519.X25519PrivateKey.generate()
        self.signing, self.unwrapping = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        self.profile = self.sign_profile(name, services)
        self.digest = hashlib.sha256(self.profile).hexdigest()

    def sign_profile(self, name, services):
        did = self.did
        agreement = "z" + b58(b"\xec\x01" + self.agreement.public_key().public_bytes_raw())
        signing, unwrapping = jwk(self.signing, "PS256", "sig"), jwk(self.unwrapping, "RSA-OAEP-256", "enc")
        self.signing_kid, self.unwrap_kid = (f"{did}#{thumbprint(key)}" for key in (signing, unwrapping))

        def method(of, kind, key, value):
            return {"controller": did, "id": of, "type": kind, key: value}

        stamp = "%Y-%m-%dT%H:%M:%SZ"
        created = time.time()
        document = {
            "@context": CONTEXT,
            "id": did, "name": name, "sequence": 1,
            "created": time.strftime(stamp, time.gmtime(created)),
            "expires": time.strftime(stamp, time.gmtime(created + 86_400)),
            "assertionMethod": [kid(did), self.signing_kid],
            "authentication": [kid(did)],
            "keyAgreement": [f"{did}#{agreement}", self.unwrap_kid],
            "verificationMethod": [
                method(kid(did), "Multikey", "publicKeyMultibase", did.removeprefix("did:key:")),
                method(f"{did}#{agreement}", "Multikey", "publicKeyMultibase", agreement),
                method(self.signing_kid, "JsonWebKey", "publicKeyJwk", signing),
                method(self.unwrap_kid, "JsonWebKey", "publicKeyJwk", unwrapping),
            ],
            "service": [{"id": f"{did}#{name}", "type": kind, "serviceEndpoint": url} for name, kind, url in services],
        }
        proof = {
            "@context": CONTEXT, "created": document["created"], "cryptosuite": "eddsa-jcs-2022",
            "proofPurpose": "assertionMethod", "type": "DataIntegrityProof", "verificationMethod": kid(did),
        }
        signed = hashlib.sha256(jcs(proof)).digest() + hashlib.sha256(jcs(document)).digest()
        text = jcs(document | {"proof": proof | {"proofValue": "z" + b58(self.key.sign(signed))}})
        verify_profile(text, did)
        return text

    def sign_pss(self, payload):
        header = {"alg": "PS256", "kid": self.signing_kid, "typ": "pumasi-transfer"}
        signing_input = b64(jcs(header)) + "." + b64(jcs(payload))
        return signing_input + "." + b64(self.signing.sign(signing_input.encode(), PSS, hashes.SHA256()))


def digest(text):
    return hashlib.sha256(text).hexdigest()


def signing_key(document):
    """The key that the owner of a profile signs transfers with, and its id."""
    method = document["verificationMethod"][2]
    assert method["publicKeyJwk"]["alg"] == "PS256"
    return rsa_key(method["publicKeyJwk"]), method["id"]


def unwrap_key(document):
    """The key that transfers for the owner of a profile are encrypted with, and its id."""
    method = document["verificationMethod"][3]
    assert method["publicKeyJwk"]["alg"] == "RSA-OAEP-256"
    return rsa_key(method["publicKeyJwk"]), method["id"]


def encrypt(text, document):
    key, name = unwrap_key(document)
    protected = b64(jcs({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": name}))
    content, iv = os.urandom(32), os.urandom(12)
    sealed = AESGCM(content).encrypt(iv, text.encode(), protected.encode())
    return json.dumps({
        "protected": protected, "encrypted_key": b64(key.encrypt(content, OAEP)), "iv": b64(iv),
        "ciphertext": b64(sealed[:-16]), "tag": b64(sealed[-16:]),
    }).encode()


def decrypt(text, me):
    """The JWS in a JWE for one's own key (`docs/spec/envelope.md` §3)."""
    assert len(text) <= MAX_SEALED, "longer than a message may be"
    sealed = read_json(text)
    assert sealed.keys() == {"protected", "encrypted_key", "iv", "ciphertext", "tag"}, "members"
    protected = read_json(unb64(sealed["protected"]))
    assert protected == {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": me.unwrap_kid}, "protected header"
    iv, tag = unb64(sealed["iv"]), unb64(sealed["tag"])
    assert (len(iv), len(tag)) == (12, 16), "lengths"
    try:
        content = me.unwrapping.decrypt(unb64(sealed["encrypted_key"]), OAEP)
    except ValueError:
        content = b""
    if len(content) != 32:
        content = os.urandom(32)
    compact = AESGCM(content).decrypt(iv, unb64(sealed["ciphertext"]) + tag, sealed["protected"].encode()).decode()
    assert len(compact) <= MAX_SIGNED, "longer than a signed message may be"
    return compact


def verify_pss(compact, document):
    """The payload of a transfer, by the key that a profile names."""
    header, payload, signature = compact.split(".")
    key, name = signing_key(document)
    assert read_json(unb64(header)) == {"alg": "PS256", "kid": name, "typ": "pumasi-transfer"}, "header"
    key.verify(unb64(signature), f"{header}.{payload}".encode(), PSS, hashes.SHA256())
    return read_json(unb64(payload))


def kind_of(compact):
    return json.loads(unb64(compact.split(".")[0]))["typ"].removeprefix("pumasi-")


def verify_message(compact, sender, kind):
    """A message that is signed with the key of a DID; gives its payload."""
    assert len(compact) <= MAX_SIGNED, "longer than a signed message may be"
    message = verify_jws(compact, sender, f"pumasi-{kind}")
    assert message["type"] == kind and message["from"] == sender
    return message


def connection():
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


class Channel:
    """Whole messages over a data channel (`docs/spec/channel.md`)."""

    def __init__(self, channel):
        self.channel, self.messages = channel, asyncio.Queue()
        self.length, self.parts = 0, bytearray()
        channel.on("message", self.on_chunk)
        channel.on("close", lambda: self.messages.put_nowait(None))

    def on_chunk(self, chunk):
        if chunk[0] == 1:
            assert self.length == 0
            self.length, body = int.from_bytes(chunk[1:5], "big"), chunk[5:]
            assert 1 <= self.length <= MAX_MESSAGE
        else:
            assert chunk[0] == 2 and self.length
            body = chunk[1:]
        self.parts += body
        if len(self.parts) >= self.length:
            assert len(self.parts) == self.length
            self.messages.put_nowait(bytes(self.parts))
            self.length, self.parts = 0, bytearray()

    def send(self, message):
        message = message if isinstance(message, bytes) else message.encode()
        head = MAX_CHUNK - 5
        self.channel.send(b"\x01" + len(message).to_bytes(4, "big") + message[:head])
        for at in range(head, len(message), MAX_CHUNK - 1):
            self.channel.send(b"\x02" + message[at : at + MAX_CHUNK - 1])

    async def receive(self):
        message = await asyncio.wait_for(self.messages.get(), DEADLINE)
        assert message is not None, "the channel was closed"
        return message.decode()


async def prove(channel, dtls, me, them, role):
    """Both prove who they are, bound to both certificates (`docs/spec/signalling.md` §6)."""
    mine = next(each.value for each in dtls.getLocalParameters().fingerprints if each.algorithm == "sha-256")
    mine = mine.replace(":", "").lower()
    theirs = dtls._ssl.get_peer_certificate(as_cryptography=True).fingerprint(hashes.SHA256()).hex()
    nonce = b64(os.urandom(16))
    hello = jcs({
        "capabilities": [], "did": me.did, "nonce": nonce, "profile": {"digest": me.digest, "sequence": 1},
        "type": "pumasi/1/hello", "versions": {"max": 1, "min": 1},
    })
    channel.send(hello)
    answer = (await channel.receive()).encode()
    said = json.loads(answer)
    assert said["type"] == "pumasi/1/hello" and said["did"] == them and said["nonce"] != nonce
    assert said["versions"]["min"] <= 1 <= said["versions"]["max"]

    def side(did, fingerprint, text):
        return {"did": did, "fingerprint": fingerprint, "hello": hashlib.sha256(text).hexdigest()}

    sides = {role: side(me.did, mine, hello), other(role): side(them, theirs, answer)}
    transcript = {"type": "pumasi/1/channel-proof"} | sides
    channel.send(jcs({"signature": b64(me.key.sign(jcs(transcript | {"role": role}))), "type": "pumasi/1/proof"}))
    proof = json.loads(await channel.receive())
    assert proof["type"] == "pumasi/1/proof"
    public_key(them).verify(unb64(proof["signature"]), jcs(transcript | {"role": other(role)}))


def other(role):
    return "answerer" if role == "offerer" else "offerer"


def message(kind, me, them, life, **members):
    issued = now()
    return {"type": kind, "from": me.did, "to": them, "issued": issued, "expires": issued + life,
            "nonce": b64(os.urandom(16))} | members


async def pay(channel, me, document, amount, unit, memo):
    """One transfer, from the first message to the countersignature; gives what became of it."""
    them = document["id"]
    prev = {"sequence": 1, "hash": hashlib.sha256(me.profile).hexdigest()}
    transfer = me.sign_pss(message("transfer", me, them, 86_400_000, money={"amount": amount, "unit": unit}, memo=memo,
                                   prev=prev, profile=me.digest))
    channel.send(encrypt(transfer, document))
    told = []
    while True:
        text = await channel.receive()
        kind = kind_of(text)
        said = verify_message(text, them, kind)
        assert said["to"] == me.did
        if said.get("transfer") != jws_id(transfer):
            continue
        told.append(kind)
        if kind == "result":
            break
    assert said["payer_head"] == prev
    if said["outcome"]["status"] == "accepted":
        outcome = {"sequence": 3, "hash": hashlib.sha256(text.encode()).hexdigest()}
        channel.send(me.sign(message("bye", me, them, 2_592_000_000, transfer=jws_id(transfer), result=jws_id(text),
                                     head=outcome, balance=said["balance"]), "pumasi-bye"))
    return {"told": told, "outcome": said["outcome"], "balance": said["balance"], "transfer": jws_id(transfer)}
