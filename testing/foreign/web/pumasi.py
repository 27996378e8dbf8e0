"""Identity, signals and HTTPS as `docs/spec/` has them, in Python with `cryptography` alone."""

import base64
import hashlib
import json
import os
import ssl
import time
import urllib.error
import urllib.request
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MULTICODEC = b"\xed\x01"
SIGNAL = "pumasi/1/signal"
MAX_SDP = 3072
MAX_LIFE = 300_000
SKEW = 120_000


def b58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def unb58(text):
    number = 0
    for char in text:
        number = number * 58 + ALPHABET.index(char)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert b64(data) == text, "another way to write it"
    return data


def jcs(value):
    """RFC 8785, for what is signed here: texts, whole numbers, lists and objects with names of ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_json(text):
    """An object in which no name stands twice, at any depth."""
    def once(members):
        assert len(dict(members)) == len(members), "a name stands twice"
        return dict(members)

    value = json.loads(text, object_pairs_hook=once)
    assert isinstance(value, dict), "not an object"
    return value


def now():
    return int(time.time() * 1000)


class Person:
    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        self.did = "did:key:z" + b58(MULTICODEC + self.key.public_key().public_bytes_raw())

    def signing_input(self, payload, typ):
        return b64(jcs({"alg": "EdDSA", "kid": kid(self.did), "typ": typ})) + "." + b64(jcs(payload))

    def sign(self, payload, typ=SIGNAL):
        signing_input = self.signing_input(payload, typ)
        return signing_input + "." + b64(self.key.sign(signing_input.encode()))

    def signal(self, to, content, session=None, issued=None, life=60_000):
        issued = now() if issued is None else issued
        return self.sign({
            "from": self.did, "to": to, "session": session or b64(os.urandom(16)), "nonce": b64(os.urandom(16)),
            "issued": issued, "expires": issued + life, "content": content,
        })


def kid(did):
    return did + "#" + did.removeprefix("did:key:")


def public_key(did):
    raw = unb58(did.removeprefix("did:key:z"))
    assert len(did) == 56 and raw[:2] == MULTICODEC and len(raw) == 34, "not a did:key of Ed25519"
    return Ed25519PublicKey.from_public_bytes(raw[2:])


def jws_id(compact):
    return hashlib.sha256(compact.rsplit(".", 1)[0].encode()).hexdigest()


def verify_jws(compact, sender, typ):
    """The payload of a JWS by the key of a DID."""
    header, payload, signature = compact.split(".")
    assert read_json(unb64(header)) == {"alg": "EdDSA", "kid": kid(sender), "typ": typ}, "header"
    public_key(sender).verify(unb64(signature), f"{header}.{payload}".encode())
    return read_json(unb64(payload))


def in_time(signal):
    at = now()
    return at < signal["expires"] <= signal["issued"] + MAX_LIFE and signal["issued"] <= at + SKEW


def verify_signal(compact, sender, recipient):
    """What `docs/spec/signalling.md` §3 asks of a reader; gives the payload."""
    signal = verify_jws(compact, sender, SIGNAL)
    assert signal["from"] == sender and signal["to"] == recipient and in_time(signal)
    return signal


def pack_sdp(text):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b64(squeeze.compress(text.encode()) + squeeze.flush())


def unpack_sdp(text):
    inflate = zlib.decompressobj(-15)
    sdp = inflate.decompress(unb64(text), MAX_SDP + 1)
    assert len(sdp) <= MAX_SDP and inflate.eof
    return sdp.decode()


def verify_profile(text, did):
    """The proof `eddsa-jcs-2022` by the DID's own key, and the times; gives the document."""
    document = json.loads(text)
    assert jcs(document) == text and len(text) <= 8192 and document["id"] == did
    proof = dict(document["proof"])
    signature = unb58(proof.pop("proofValue").removeprefix("z"))
    assert proof["cryptosuite"] == "eddsa-jcs-2022" and proof["verificationMethod"] == kid(did)
    bare = {name: value for name, value in document.items() if name != "proof"}
    hashes = hashlib.sha256(jcs(proof)).digest() + hashlib.sha256(jcs(bare)).digest()
    public_key(did).verify(signature, hashes)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert document["expires"] > stamp, "expired"
    return document


def ask(context, method, url, body=None, token=None):
    """Status, headers, body. An error status is an answer."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def post(context, url, body, token=None):
    status, headers, text = ask(context, "POST", url, json.dumps(body).encode(), token)
    return status, json.loads(text) if text else None


def trusting(authority):
    return ssl.create_default_context(cafile=authority)


__all__ = [name for name in dir() if not name.startswith("_")] + ["InvalidSignature"]
