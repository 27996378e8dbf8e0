"""The envelope by joserfc: opens what Pumasi made, makes what Pumasi opens. One JSON request in, one answer out."""

import json
import sys

from joserfc import errors, jwe, jws
from joserfc.jwk import OKPKey, RSAKey

WRAP = ["RSA-OAEP-256", "A256GCM"]
ask = json.load(sys.stdin)


def verify(token, key, algorithm):
    return json.loads(jws.deserialize_compact(token, key, algorithms=[algorithm]).payload)


def decrypt(token):
    key = RSAKey.import_key(ask["unwrap_private"])
    return jwe.decrypt_json(json.loads(token), key, algorithms=WRAP).plaintext.decode()


def sign(algorithm, kid, typ, key):
    header = {"alg": algorithm, "kid": kid, "typ": typ}
    return jws.serialize_compact(header, json.dumps(ask["payload"]), key, algorithms=[algorithm])


def encrypt(plaintext, kid):
    # joserfc's JSON form always has a "header" member, which we refuse; its compact form has the same five parts.
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": kid}
    key = RSAKey.import_key(ask["unwrap_public"])
    parts = jwe.encrypt_compact(header, plaintext.encode(), key, algorithms=WRAP).split(".")
    return json.dumps(dict(zip(("protected", "encrypted_key", "iv", "ciphertext", "tag"), parts)))


try:
    decrypt(ask["tampered"])
    refused = False
except (errors.JoseError, ValueError):
    refused = True

transfer = sign("PS256", ask["signing_kid"], "transfer", RSAKey.import_key(ask["signing_private"]))
json.dump(
    {
        "transfer": verify(decrypt(ask["jwe"]), RSAKey.import_key(ask["signing_public"]), "PS256"),
        "result": verify(ask["jws"], OKPKey.import_key(ask["did_public"]), "EdDSA"),
        "refused": refused,
        "jwe": encrypt(transfer, ask["unwrap_kid"]),
        "jws": sign("EdDSA", ask["did_kid"], "result", OKPKey.import_key(ask["did_private"])),
    },
    sys.stdout,
)
