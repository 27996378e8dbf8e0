"""A shop and a customer of a directory, by docs/spec/directory.md with `cryptography` alone.

Usage: peer.py URL [DID]
Registers a shop of its own, finds it, checks what came, sends a heartbeat, updates, deletes; tries what must be refused. With a
DID it also fetches and checks the entry of that DID, which another program registered. Prints one JSON line of what it saw.
"""

import base64
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
TYP = "pumasi/1/listing"
FIELDS = ("name", "description", "categories", "bootstrap_nodes", "service_endpoint")
HOUR = 3_600_000


def now() -> int:
    return time.time_ns() // 1_000_000


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jcs(value) -> bytes:
    # RFC 8785 for what an operation holds: ASCII names, whole numbers, texts, lists of texts.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


def unbase58(text: str) -> bytes:
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def zero_bits(digest: bytes) -> int:
    return len(digest) * 8 - int.from_bytes(digest, "big").bit_length()


class Shop:
    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.fragment = "z" + base58(b"\xed\x01" + public)
        self.did = "did:key:" + self.fragment

    def sign(self, difficulty: int, **said) -> str:
        payload = {"did": self.did, "nonce": b64(os.urandom(16)), "created": now(), "expires": now() + HOUR, **said}
        header = b64(jcs({"alg": "EdDSA", "kid": f"{self.did}#{self.fragment}", "typ": TYP}))
        counter = 0
        while True:
            signing_input = header + "." + b64(jcs({**payload, "stamp": f"{counter:012x}"}))
            if zero_bits(hashlib.sha256(signing_input.encode()).digest()) >= difficulty:
                return signing_input + "." + b64(self.key.sign(signing_input.encode()))
            counter += 1


def verify(proof: str, did: str) -> dict:
    """What an operation says, or an error."""
    header, payload, signature = proof.split(".")
    head, said = json.loads(unb64(header)), json.loads(unb64(payload))
    key = unbase58(did.removeprefix("did:key:z"))
    assert key[:2] == b"\xed\x01" and len(key) == 34, "not an Ed25519 key"
    assert head == {"alg": "EdDSA", "kid": did + "#" + did.removeprefix("did:key:"), "typ": TYP}, head
    assert said["did"] == did, "by another DID"
    Ed25519PublicKey.from_public_bytes(key[2:]).verify(unb64(signature), f"{header}.{payload}".encode())
    return said


def identity(proof: str) -> str:
    return hashlib.sha256(proof.rpartition(".")[0].encode()).hexdigest()


def check(entry: dict) -> dict:
    """Section 3: everything that is shown was signed, and still stands."""
    said = verify(entry["proof"], entry["did"])
    assert said["action"] in ("register", "update")
    for field in FIELDS:
        assert entry.get(field) == said.get(field), f"{field} is forged"
    last = said
    if "heartbeat" in entry:
        last = verify(entry["heartbeat"], entry["did"])
        assert last["action"] == "heartbeat" and last["listing"] == identity(entry["proof"])
        assert last["sequence"] > said["sequence"]
    assert (entry["sequence"], entry["expires"]) == (last["sequence"], last["expires"])
    assert entry["expires"] > now()
    return entry


class Directory:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}") as answer:
            return json.load(answer)

    def post(self, path: str, body: dict) -> tuple[int, dict]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            assert refusal.headers["Content-Type"] == "application/problem+json"
            return refusal.code, json.load(refusal)


def main() -> None:
    directory = Directory(sys.argv[1])
    seen = {}
    difficulty = directory.get("/v1/policy")["difficulty"]
    shop = Shop()
    listing = {
        "name": "파이썬 식당",
        "description": "서울 종로구, 비빔밥과 \"막걸리\"",
        "categories": ["식당", "주점"],
        "bootstrap_nodes": ["/ip4/203.0.113.7/tcp/8468"],
        "service_endpoint": "https://python.example:8443",
    }
    proof = shop.sign(difficulty, action="register", sequence=1, **listing)
    body = {"did": shop.did, **listing, "proof": proof}
    seen["register"] = directory.post("/register", body)
    seen["replay"] = directory.post("/register", body)[0]
    forged = {**body, "service_endpoint": "https://evil.example"}
    seen["forged"] = directory.post("/register", forged)[1]["type"]
    stranger = {**body, "did": Shop().did}
    seen["stranger"] = directory.post("/register", stranger)[1]["type"]
    lazy = shop.sign(0, action="update", sequence=2, **listing)
    while zero_bits(bytes.fromhex(identity(lazy))) >= difficulty:
        lazy = shop.sign(0, action="update", sequence=2, **listing)
    seen["lazy"] = directory.post("/update", {**body, "proof": lazy})[1]["difficulty"] == difficulty

    found = {entry["did"]: check(entry) for entry in directory.get("/search", query="종로구 식당에서")["results"]}
    seen["found"] = shop.did in found
    beat = shop.sign(difficulty, action="heartbeat", sequence=2, listing=identity(proof))
    seen["heartbeat"] = directory.post("/heartbeat", {"did": shop.did, "proof": beat})[1]
    seen["sequence"] = check(directory.get(f"/v1/listings/{shop.did}"))["sequence"]
    listing["categories"] = ["카페"]
    update = shop.sign(difficulty, action="update", sequence=3, **listing)
    seen["update"] = directory.post("/update", {"did": shop.did, **listing, "proof": update})[1]
    seen["categories"] = check(directory.get(f"/v1/listings/{shop.did}"))["categories"]

    # A mirror: every operation of the log holds, and its numbers rise.
    after, numbers = 0, []
    while True:
        page = directory.get("/export", after=after, limit=2)
        for operation in page["operations"]:
            payload = json.loads(unb64(operation["proof"].split(".")[1]))
            verify(operation["proof"], payload["did"])
            numbers.append(operation["number"])
        after = page["next"]
        if after >= page["head"]:
            break
    seen["log"] = numbers == sorted(set(numbers)) and len(numbers) >= 2

    delete = shop.sign(difficulty, action="delete", sequence=4)
    seen["delete"] = directory.post("/delete", {"did": shop.did, "proof": delete})[1]
    seen["gone"] = directory.post("/delete", {"did": shop.did, "proof": shop.sign(difficulty, action="delete", sequence=5)})[0]

    if len(sys.argv) > 2:
        entry = check(directory.get(f"/v1/listings/{sys.argv[2]}"))
        seen["other"] = entry["service_endpoint"]
        broken = entry["proof"][:-4] + ("AAAA" if entry["proof"][-4:] != "AAAA" else "BBBB")
        try:
            verify(broken, sys.argv[2])
            seen["broken"] = "accepted"
        except InvalidSignature:
            seen["broken"] = "refused"
        document = directory.get(f"/1.0/identifiers/{sys.argv[2]}")["didDocument"]
        seen["document"] = document["verificationMethod"][0]["publicKeyMultibase"] == sys.argv[2].removeprefix("did:key:")
    print(json.dumps(seen, ensure_ascii=False))


if __name__ == "__main__":
    main()
