"""The same payment by Python: `cryptography` and `aiortc`, the libraries that note 001 names.

Two peers in one process on loopback: a data channel, then N transfers, one after another. Each is signed (RSA-PSS),
encrypted (AES-256-GCM under a one-time key wrapped by RSA-OAEP), verified, chained, written to the payee's ledger
(one Fernet file, written beside, synced, renamed), answered with a signed result, and written to the payer's ledger.

Prints one JSON line: seconds for the channel, and seconds for each payment from the first byte to both ledgers durable.
"""

import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time

from aiortc import RTCPeerConnection
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
DEADLINE = 60


class Ledger:
    """Note 001, section 7: the chain as JSON, encrypted with Fernet, in one file."""

    def __init__(self, path):
        self.path, self.fernet, self.entries = path, Fernet(Fernet.generate_key()), []

    def append(self, payload):
        previous = self.entries[-1]["hash"] if self.entries else "0" * 64
        text = json.dumps(payload, sort_keys=True)
        self.entries.append({
            "previous": previous,
            "payload": payload,
            "hash": hashlib.sha256((previous + text).encode()).hexdigest(),
        })
        token = self.fernet.encrypt(json.dumps(self.entries).encode())
        with open(self.path + ".new", "wb") as file:
            file.write(token)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)


def seal(payload, signing, recipient):
    body = json.dumps(payload, sort_keys=True).encode()
    signature = signing.sign(body, PSS, hashes.SHA256())
    key, nonce = os.urandom(32), os.urandom(12)
    inner = json.dumps({"body": body.decode(), "signature": signature.hex()}).encode()
    return json.dumps({
        "key": recipient.encrypt(key, OAEP).hex(),
        "nonce": nonce.hex(),
        "data": AESGCM(key).encrypt(nonce, inner, None).hex(),
    })


def unseal(text, unwrap, sender):
    message = json.loads(text)
    key = unwrap.decrypt(bytes.fromhex(message["key"]), OAEP)
    inner = json.loads(AESGCM(key).decrypt(bytes.fromhex(message["nonce"]), bytes.fromhex(message["data"]), None))
    sender.verify(bytes.fromhex(inner["signature"]), inner["body"].encode(), PSS, hashes.SHA256())
    return json.loads(inner["body"])


async def gathered(peer):
    while peer.iceGatheringState != "complete":
        await asyncio.sleep(0.005)


async def main(count):
    payer_key, payee_key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        payer_ledger, payee_ledger = (Ledger(os.path.join(folder, who)) for who in ("payer", "payee"))

        started = time.perf_counter()
        payer, payee = RTCPeerConnection(), RTCPeerConnection()
        channel = payer.createDataChannel("pumasi")
        opened, results = asyncio.Event(), asyncio.Queue()
        channel.on("open", opened.set)
        channel.on("message", results.put_nowait)

        @payee.on("datachannel")
        def on_channel(other):
            @other.on("message")
            def on_message(text):
                transfer = unseal(text, payee_key, payer_key.public_key())
                payee_ledger.append(transfer)
                other.send(seal({"id": transfer["id"], "status": "accepted"}, payee_key, payer_key.public_key()))

        await payer.setLocalDescription(await payer.createOffer())
        await gathered(payer)
        await payee.setRemoteDescription(payer.localDescription)
        await payee.setLocalDescription(await payee.createAnswer())
        await gathered(payee)
        await payer.setRemoteDescription(payee.localDescription)
        await asyncio.wait_for(opened.wait(), DEADLINE)
        channel_seconds = time.perf_counter() - started

        payments = []
        for number in range(count):
            started = time.perf_counter()
            transfer = {"id": number, "from": "payer", "to": "payee", "amount": 12000, "unit": "KRW", "at": time.time()}
            channel.send(seal(transfer, payer_key, payee_key.public_key()))
            result = unseal(await asyncio.wait_for(results.get(), DEADLINE), payer_key, payee_key.public_key())
            assert result == {"id": number, "status": "accepted"}
            payer_ledger.append({"transfer": transfer, "result": result})
            payments.append(time.perf_counter() - started)
        await asyncio.gather(payer.close(), payee.close())
        print(json.dumps({"channel": channel_seconds, "payments": payments}))


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
