"""Presence by docs/spec/presence.md alone: reads one that is given, makes one, opens a sealed one and seals one.

One JSON object on standard input, one on standard output. Only `cryptography` and the standard library.
"""

import base64
import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = ALPHABET[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def unbase58(text):
    number = 0
    for char in text:
        number = number * 58 + ALPHABET.index(char)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def canonical(value):
    # Texts of ASCII, and integers: for these, RFC 8785 is this.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def raw(key):
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def multibase(key):
    return "z" + base58(b"\xed\x01" + key)


def did_of(key):
    return "did:key:" + multibase(key)


def key_of(did):
    data = unbase58(did.removeprefix("did:key:z"))
    assert data[:2] == b"\xed\x01" and len(data) == 34
    return data[2:]


def node_of(key):
    return base58(bytes.fromhex("002408011220") + key)


def sign(key, statement):
    public = raw(key.public_key())
    header = {"alg": "EdDSA", "kid": did_of(public) + "#" + multibase(public), "typ": "pumasi/1/presence"}
    signed = b64(canonical(header)) + "." + b64(canonical(statement))
    return signed + "." + b64(key.sign(signed.encode()))


def verify(text, did, to, now):
    assert len(text) <= 2048
    header, payload, signature = text.split(".")
    public = key_of(did)
    assert json.loads(unb64(header)) == {
        "alg": "EdDSA",
        "kid": did + "#" + multibase(public),
        "typ": "pumasi/1/presence",
    }
    Ed25519PublicKey.from_public_bytes(public).verify(unb64(signature), f"{header}.{payload}".encode())
    said = json.loads(unb64(payload))
    assert set(said) == {"did", "node", "addresses", "to", "sequence", "expires"}
    assert said["did"] == did and said["to"] == to
    assert said["sequence"] <= now + 120_000 and now < said["expires"]
    assert 0 < said["expires"] - said["sequence"] <= 3_600_000
    assert len(said["addresses"]) <= 8 and all(text.startswith("/") for text in said["addresses"])
    assert unbase58(said["node"])[:6] == bytes.fromhex("002408011220") and len(said["node"]) == 52
    return said


def place(did):
    return hashlib.sha256(b"pumasi/presence/1\0" + did.encode()).digest()


def hkdf(salt, secret, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


class Slot:
    """signalling.md section 1, with the label of presence.md section 2."""

    def __init__(self, secret, sender, recipient, epoch):
        label = b"presence" + key_of(sender) + key_of(recipient) + epoch.to_bytes(8, "big")
        keys = hkdf(b"pumasi/slot/1", secret, label, 64)
        self.signer = Ed25519PrivateKey.from_private_bytes(keys[:32])
        self.public = raw(self.signer.public_key())
        self.seal_key = keys[32:]
        self.record_key = hashlib.sha256(self.public).digest()

    def cipher(self, salt):
        keys = hkdf(b"pumasi/slot/1/seal", self.seal_key, salt, 44)
        return AESGCM(keys[:32]), keys[32:]

    def bound(self, sequence, expires):
        return self.record_key + sequence.to_bytes(8, "big") + expires.to_bytes(8, "big")

    def open(self, record):
        record = json.loads(record)
        signature = unb64(record.pop("signature"))
        Ed25519PublicKey.from_public_bytes(unb64(record["key"])).verify(signature, canonical(record))
        assert unb64(record["key"]) == self.public and record["v"] == 1
        body = unb64(record["body"])
        cipher, nonce = self.cipher(body[:32])
        return cipher.decrypt(nonce, body[32:], self.bound(record["sequence"], record["expires"]))

    def seal(self, content, sequence, expires, salt):
        cipher, nonce = self.cipher(salt)
        body = salt + cipher.encrypt(nonce, content, self.bound(sequence, expires))
        record = {"v": 1, "key": b64(self.public), "sequence": sequence, "expires": expires, "body": b64(body)}
        record["signature"] = b64(self.signer.sign(canonical(record)))
        return canonical(record).decode()


KEM = b"KEM" + (0x20).to_bytes(2, "big")
HPKE = b"HPKE" + bytes.fromhex("002000010002")


def extract(suite, salt, label, secret):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + secret, hashlib.sha256).digest()


def expand(suite, secret, label, info, length):
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    done, block, counter = b"", b"", 1
    while len(done) < length:
        block = hmac.new(secret, block + info + bytes([counter]), hashlib.sha256).digest()
        done, counter = done + block, counter + 1
    return done[:length]


def hpke(shared, enc, recipient, info):
    """RFC 9180, base mode, single shot."""
    secret = expand(KEM, extract(KEM, b"", b"eae_prk", shared), b"shared_secret", enc + recipient, 32)
    context = b"\0" + extract(HPKE, b"", b"psk_id_hash", b"") + extract(HPKE, b"", b"info_hash", info)
    secret = extract(HPKE, secret, b"secret", b"")
    return AESGCM(expand(HPKE, secret, b"key", context, 32)), expand(HPKE, secret, b"base_nonce", context, 12)


def box_info(slot):
    return b"pumasi/1/presence\0" + slot.record_key


def unbox(mine, slot, box):
    enc = box[:32]
    shared = mine.exchange(X25519PublicKey.from_public_bytes(enc))
    cipher, nonce = hpke(shared, enc, raw(mine.public_key()), box_info(slot))
    return cipher.decrypt(nonce, box[32:], b"")


def box(theirs, slot, text):
    ephemeral = X25519PrivateKey.generate()
    enc = raw(ephemeral.public_key())
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(theirs))
    cipher, nonce = hpke(shared, enc, theirs, box_info(slot))
    return enc + cipher.encrypt(nonce, text, b"")


def main():
    asked = json.load(sys.stdin)
    now, them = asked["now"], asked["did"]
    said = verify(asked["public"], them, "everyone", now)

    # The other one of a pair: made here, with the seeds that both know.
    key = Ed25519PrivateKey.from_private_bytes(bytes([asked["seed"]] * 32))
    mine = X25519PrivateKey.from_private_bytes(bytes([asked["seed"]] * 32))
    me, theirs = did_of(raw(key.public_key())), unb64(asked["agreement"])
    pair = mine.exchange(X25519PublicKey.from_public_bytes(theirs))
    epoch = now // 3_600_000

    incoming = Slot(pair, them, me, epoch)
    assert unb64(asked["slot"]) == incoming.record_key
    text = unbox(mine, incoming, incoming.open(asked["sealed"]))
    assert len(text) == 2048
    told = verify(text.rstrip(b"\0").decode(), them, me, now)

    statement = {
        "did": me,
        "node": node_of(raw(Ed25519PrivateKey.generate().public_key())),
        "addresses": ["/ip4/192.0.2.8/tcp/4001"],
        "to": "everyone",
        "sequence": now,
        "expires": now + 3_600_000,
    }
    public = sign(key, statement)
    confided = sign(key, {**statement, "to": them, "expires": now + 900_000})
    outgoing = Slot(pair, me, them, epoch)
    boxed = box(theirs, outgoing, confided.encode().ljust(2048, b"\0"))
    json.dump(
        {
            "read": said["addresses"],
            "told": told["addresses"],
            "place": b64(place(them)),
            "did": me,
            "public": public,
            "slot": b64(outgoing.record_key),
            "sealed": outgoing.seal(boxed, now, now + 900_000, hashlib.sha256(boxed).digest()),
        },
        sys.stdout,
    )


main()
