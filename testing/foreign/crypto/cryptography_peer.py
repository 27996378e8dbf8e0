"""Keys, Fernet and sealed boxes by Python cryptography, both ways. One JSON request in, one answer out."""

import base64
import json
import sys
import unicodedata

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

ask = json.load(sys.stdin)
password = unicodedata.normalize("NFC", ask["password"]).encode()

# Fernet under a password: the ten lines that open an exported ledger.
derive = PBKDF2HMAC(algorithm=hashes.SHA256(), length=32, salt=bytes.fromhex(ask["salt"]), iterations=ask["rounds"])
fernet = Fernet(base64.urlsafe_b64encode(derive.derive(password)))
opened = fernet.decrypt(ask["token"].encode()).decode()


def public_pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


keys = [serialization.load_pem_private_key(pem.encode(), password) for pem in ask["pems"]]
made = keys[0].private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.BestAvailableEncryption(password),
)

suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
mine = X25519PrivateKey.generate()
recipient = X25519PrivateKey.from_private_bytes(bytes.fromhex(ask["x25519_secret"]))
info = ask["info"].encode()

json.dump(
    {
        "opened": opened,
        "token": fernet.encrypt(ask["text"].encode()).decode(),
        "publics": [public_pem(key) for key in keys],
        "pem": made.decode(),
        "unsealed": suite.decrypt(bytes.fromhex(ask["sealed"]), recipient, info=info).decode(),
        "sealed": suite.encrypt(ask["text"].encode(), recipient.public_key(), info=info).hex(),
    },
    sys.stdout,
)
