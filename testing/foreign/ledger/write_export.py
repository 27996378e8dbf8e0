"""Writes a ledger as Pumasi exports it, made by hand, and prints it in clear too.

Usage: PUMASI_PASSWORD=… write_export.py FILE OWNER PEER
"""

import base64
import json
import os
import sys

from cryptography.fernet import Fernet

from open_export import key, link

ROUNDS = 600_000


def main() -> None:
    target, owner, peer = sys.argv[1:4]
    bodies = [
        {"kind": "opened", "owner": owner},
        {"kind": "limit", "peer": peer, "limit": {"amount": "50000", "unit": "KRW"}},
        {"kind": "incoming", "id": "ab" * 32, "peer": peer, "money": {"amount": "12000", "unit": "KRW"},
         "memo": "김장 품앗이 — \"배추\" 열 포기 🥬", "document": "e30.e30.AA", "profile": "00" * 32},
    ]
    entries, previous = [], "0" * 64
    for sequence, body in enumerate(bodies, 1):
        at = 1_795_247_280_000 + sequence
        entry = {"sequence": sequence, "previous": previous, "at": at, "body": body}
        entry["hash"] = previous = link(previous, sequence, at, body)
        entries.append(entry)
    head = {"sequence": len(entries), "hash": previous}
    ledger = {"format": "pumasi-ledger", "version": 1, "owner": owner, "generation": 1, "head": head, "entries": entries}
    salt = os.urandom(16)
    token = Fernet(key(os.environ["PUMASI_PASSWORD"], salt, ROUNDS)).encrypt(json.dumps(ledger).encode())
    kdf = {"name": "PBKDF2-HMAC-SHA256", "rounds": ROUNDS, "salt": base64.urlsafe_b64encode(salt).decode().rstrip("=")}
    with open(target, "w", encoding="utf-8") as out:
        json.dump({"format": "pumasi-ledger", "version": 1, "kdf": kdf, "token": token.decode()}, out)
    json.dump(ledger, sys.stdout)


if __name__ == "__main__":
    main()
