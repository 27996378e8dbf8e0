"""A shop in the DHT, by docs/spec/find.md with `cryptography` alone.

Usage: listed.py NOW
Makes a key, signs an entry for each of its categories, reads back what it made, and prints one JSON line: for each entry its place, its name under
that key, its rank and its bytes. NOW is the time in milliseconds.
"""

import hashlib
import json
import pathlib
import re
import sys
import unicodedata

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from peer import Shop, b64, jcs, unb64, zero_bits

TYP = "pumasi/1/listed"
HOUR = 3_600_000
SPEC = pathlib.Path(__file__).resolve().parents[3] / "docs" / "spec" / "find.md"


def block(name: str):
    return json.loads(re.search(rf"^```json {name}\n(.*?)^```", SPEC.read_text(encoding="utf-8"), re.M | re.S)[1])


SYNONYMS = block("synonyms")


def canonical(word: str) -> str:
    key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).lower())
    key = " ".join(key.split())
    forms = [key, key[:-1]] if key.isascii() and key.endswith("s") else [key]
    for form in forms:
        for group in SYNONYMS:
            if form in group:
                return group[0]
    return key


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


class Listed(Shop):
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def place(self, category: str) -> bytes:
        shard = sha256(b"pumasi/listed/shard/1", self.public())[0] % 8
        return sha256(b"pumasi/listed/place/1", category.encode(), b"\0", bytes([shard]))

    def entry(self, category: str, now: int, **said) -> str:
        payload = {"did": self.did, "category": category, "sequence": now, "created": now, "expires": now + HOUR, **said}
        header = b64(jcs({"alg": "EdDSA", "kid": f"{self.did}#{self.fragment}", "typ": TYP}))
        counter = 0
        while True:
            signing_input = (header + "." + b64(jcs({**payload, "stamp": f"{counter:x}"}))).encode()
            if zero_bits(hashlib.sha256(signing_input).digest()) >= 16:
                return signing_input.decode() + "." + b64(self.key.sign(signing_input))
            counter += 1


def main() -> None:
    now = int(sys.argv[1])
    for case in block("queries")[:2]:
        assert canonical(case["query"].removesuffix("에서")) == case["categories"][0], case
    shop = Listed()
    words = ["음식점", "Coffee  Shop", "두부공방"]
    said = {
        "name": "파이썬 식당",
        "description": "서울 종로구, 비빔밥과 \"막걸리\"",
        "categories": words,
        "service_endpoint": "https://python.example:8443",
    }
    entries = []
    for word in words:
        category = canonical(word)
        entry = shop.entry(category, now, **said)
        signing_input = entry.rpartition(".")[0]
        assert json.loads(unb64(entry.split(".")[1]))["category"] == category
        entries.append({
            "category": category,
            "place": shop.place(category).hex(),
            "name": sha256(b"pumasi/listed/name/1", shop.public()).hex(),
            "rank": zero_bits(hashlib.sha256(signing_input.encode()).digest()),
            "entry": entry,
        })
    example = block("entry")
    signing_input, _, signature = example["entry"].rpartition(".")
    assert zero_bits(hashlib.sha256(signing_input.encode()).digest()) == example["rank"]
    assert len(unb64(signature)) == 64
    print(json.dumps({"did": shop.did, "entries": entries}, ensure_ascii=False))


if __name__ == "__main__":
    main()
