"""Opens an exported ledger with nothing but the password, checks its chain, and prints what it says.

Usage: PUMASI_PASSWORD=… open_export.py FILE
"""

import base64
import hashlib
import json
import os
import sys
import unicodedata

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC


def key(password: str, salt: bytes, rounds: int) -> bytes:
    password = unicodedata.normalize("NFC", password)
    kdf = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=rounds)
    return base64.urlsafe_b64encode(kdf.derive(password.encode()))


def jcs(value) -> bytes:
    # RFC 8785 for what a ledger holds: ASCII keys, whole numbers, text.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def link(previous: str, sequence: int, at: int, body: dict) -> str:
    payload = jcs({"at": at, "body": body, "sequence": sequence})
    return hashlib.sha256(bytes.fromhex(previous) + payload).hexdigest()


def open_export(file: dict, password: str) -> dict:
    salt = base64.urlsafe_b64decode(file["kdf"]["salt"] + "==")
    return json.loads(Fernet(key(password, salt, file["kdf"]["rounds"])).decrypt(file["token"]))


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as source:
        ledger = open_export(json.load(source), os.environ["PUMASI_PASSWORD"])
    previous = "0" * 64
    for number, entry in enumerate(ledger["entries"], 1):
        assert entry["sequence"] == number and entry["previous"] == previous, f"entry {number} is not linked"
        assert entry["hash"] == link(previous, number, entry["at"], entry["body"]), f"entry {number}: its hash"
        previous = entry["hash"]
    assert ledger["head"] == {"sequence": len(ledger["entries"]), "hash": previous}, "the head"
    json.dump(ledger, sys.stdout)


if __name__ == "__main__":
    main()
