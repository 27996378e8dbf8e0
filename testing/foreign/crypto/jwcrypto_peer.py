"""The envelope by jwcrypto: opens what Pumasi made, makes what Pumasi opens. One JSON request in, one answer out."""

import json
import sys

from jwcrypto import jwe, jwk, jws

ask = json.load(sys.stdin)


def key(pem):
    return jwk.JWK.from_pem(pem.encode())


def verify(token, pem, algorithm):
    read = jws.JWS()
    read.allowed_algs = [algorithm]
    read.deserialize(token, key(pem))
    return json.loads(read.payload)


def decrypt(token):
    read = jwe.JWE(algs=["RSA-OAEP-256", "A256GCM"])
    read.deserialize(token, key(ask["unwrap_private"]))
    return read.payload.decode()


def sign(algorithm, kid, typ, pem):
    made = jws.JWS(json.dumps(ask["payload"]))
    made.add_signature(key(pem), protected=json.dumps({"alg": algorithm, "kid": kid, "typ": typ}))
    return made.serialize(compact=True)


def encrypt(plaintext, kid):
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": kid}
    made = jwe.JWE(plaintext.encode(), protected=json.dumps(header))
    made.add_recipient(key(ask["unwrap_public"]))
    return made.serialize()


try:
    decrypt(ask["tampered"])
    refused = False
except jwe.InvalidJWEData:
    refused = True

transfer = sign("PS256", ask["signing_kid"], "transfer", ask["signing_private"])
json.dump(
    {
        "transfer": verify(decrypt(ask["jwe"]), ask["signing_public"], "PS256"),
        "result": verify(ask["jws"], ask["did_public"], "EdDSA"),
        "refused": refused,
        "jwe": encrypt(transfer, ask["unwrap_kid"]),
        "jws": sign("EdDSA", ask["did_kid"], "result", ask["did_private"]),
    },
    sys.stdout,
)
