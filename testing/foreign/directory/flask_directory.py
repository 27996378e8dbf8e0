"""The same directory as a Python developer would write it: Flask, SQLite with FTS5, `cryptography`. For the benchmark only.

Usage: DIRECTORY_DB=FILE gunicorn --workers 2 --worker-class gthread --threads 16 flask_directory:app

It takes the same bodies, checks the same signature, stamp, times, bounds and sequence, indexes the same pairs of syllables, and
answers the same. What it leaves out costs nothing here: the log, heartbeats, limits of sources.
"""

import base64
import hashlib
import json
import os
import sqlite3
import threading
import time
import unicodedata

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, jsonify, request

DATABASE = os.environ["DIRECTORY_DB"]
DIFFICULTY = int(os.environ.get("DIRECTORY_DIFFICULTY", "4"))
ALPHABET = {character: value for value, character in enumerate(
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
# "bm25", as FTS5's manual does it, or "rowid", which does not look at every match.
ORDER = {"bm25": "bm25(term, 10, 5, 1)", "rowid": "term.rowid"}[os.environ.get("DIRECTORY_ORDER", "bm25")]
FIELDS = ("name", "description", "categories", "bootstrap_nodes", "service_endpoint")
app = Flask(__name__)
app.json.ensure_ascii = False
local = threading.local()


def connection() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(DATABASE, timeout=30, isolation_level=None)
        local.connection.executescript("""
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS entry (
                id INTEGER PRIMARY KEY, did TEXT UNIQUE, sequence INTEGER, expires INTEGER, body TEXT);
            CREATE VIRTUAL TABLE IF NOT EXISTS term USING fts5 (category, name, description, tokenize = 'unicode61');
        """)
    return local.connection


def is_syllable(character: str) -> bool:
    return "가" <= character <= "힣" or "一" <= character <= "鿿"


def terms(text: str) -> list[str]:
    words, word = [], ""
    for character in unicodedata.normalize("NFC", text).lower() + " ":
        if character.isalnum() and (not word or is_syllable(word[-1]) == is_syllable(character)):
            word += character
            continue
        if word:
            if is_syllable(word[0]):
                words.extend(word[at:at + 2] for at in range(len(word) - 1))
                words.append(word[-1])
            else:
                words.append(word)
        word = character if character.isalnum() else ""
    return words


def match(query: str) -> str:
    parts, word = [], ""
    for character in unicodedata.normalize("NFC", query).lower() + " ":
        if character.isalnum():
            word += character
        elif word:
            pairs = [word[at:at + 2] for at in range(len(word) - 1)] if is_syllable(word[0]) else []
            parts.append('"' + " ".join(pairs) + '"' if pairs else f'"{word}" *')
            word = ""
    return " AND ".join(parts)


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public_key(did: str) -> Ed25519PublicKey:
    number = 0
    for character in did.removeprefix("did:key:z"):
        number = number * 58 + ALPHABET[character]
    raw = number.to_bytes(34, "big")
    if raw[:2] != b"\xed\x01":
        raise ValueError("not an Ed25519 key")
    return Ed25519PublicKey.from_public_bytes(raw[2:])


def verify(body: dict) -> dict:
    header, payload, signature = body["proof"].split(".")
    head, said = json.loads(unb64(header)), json.loads(unb64(payload))
    did = said["did"]
    if head != {"alg": "EdDSA", "kid": did + "#" + did.removeprefix("did:key:"), "typ": "pumasi/1/listing"}:
        raise ValueError("header")
    signing_input = f"{header}.{payload}".encode()
    public_key(did).verify(unb64(signature), signing_input)
    digest = hashlib.sha256(signing_input).digest()
    if 256 - int.from_bytes(digest, "big").bit_length() < DIFFICULTY:
        raise ValueError("stamp")
    if said["did"] != body["did"] or any(said.get(field) != body.get(field) for field in FIELDS):
        raise ValueError("mismatch")
    now = time.time() * 1000
    if not (now - 600_000 <= said["created"] <= now + 300_000 and now < said["expires"]):
        raise ValueError("time")
    if len(said["description"]) > 500 or not 1 <= len(said["categories"]) <= 8 or len(said["bootstrap_nodes"]) > 8:
        raise ValueError("bounds")
    return said


def keep(database: sqlite3.Connection, body: dict, said: dict) -> bool:
    entry = {field: said[field] for field in ("did", *FIELDS) if field in said}
    entry |= {"sequence": said["sequence"], "expires": said["expires"], "proof": body["proof"]}
    known = database.execute("SELECT id, sequence FROM entry WHERE did = ?", (said["did"],)).fetchone()
    if known and known[1] >= said["sequence"]:
        return False
    if known:
        database.execute("DELETE FROM entry WHERE id = ?", (known[0],))
        database.execute("DELETE FROM term WHERE rowid = ?", (known[0],))
    row = database.execute(
        "INSERT INTO entry (did, sequence, expires, body) VALUES (?, ?, ?, ?)",
        (said["did"], said["sequence"], said["expires"], json.dumps(entry, ensure_ascii=False)))
    columns = (" ".join(said["categories"]), said.get("name", ""), said["description"])
    database.execute(
        "INSERT INTO term (rowid, category, name, description) VALUES (?, ?, ?, ?)",
        (row.lastrowid, *(" ".join(terms(column)) for column in columns)))
    return True


@app.post("/register")
def register():
    body = request.get_json()
    try:
        said = verify(body)
    except Exception as error:  # noqa: BLE001
        return jsonify(title="refused", detail=str(error)), 403
    database = connection()
    database.execute("BEGIN IMMEDIATE")
    kept = keep(database, body, said)
    database.execute("COMMIT")
    return jsonify(status="DID registered successfully") if kept else (jsonify(title="stale"), 409)


@app.get("/search")
def search():
    found = connection().execute(
        "SELECT entry.body FROM term JOIN entry ON entry.id = term.rowid WHERE term MATCH ? AND entry.expires > ? "
        f"ORDER BY {ORDER} LIMIT 20", (match(request.args["query"]), time.time() * 1000))
    return jsonify(results=[json.loads(body) for (body,) in found])


@app.get("/healthz")
def health():
    connection()
    return jsonify(status="ok")


def load(path: str) -> None:
    """Fills the database from a file of registrations, a line each."""
    database = connection()
    database.execute("BEGIN")
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            body = json.loads(line)
            keep(database, body, json.loads(unb64(body["proof"].split(".")[1])))
    database.execute("COMMIT")


if __name__ == "__main__":
    import sys

    load(sys.argv[1])
