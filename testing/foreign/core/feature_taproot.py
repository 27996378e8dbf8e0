#!/usr/bin/env python3
"""Runs Core's feature_taproot, unmodified, against a node without a wallet: the rig plays the wallet.

What the test checks is how the node judges thousands of spends. It asks a wallet only for coins to fund them: addresses,
the list of its coins, and signatures. Core skips the test where its node was built without one. Here these four calls
are answered beside the node, with the framework's own keys and signatures; every other call goes to the node.

Usage: feature_taproot.py FUNCTIONAL_FOLDER [options of the test]
"""

import sys
from decimal import Decimal

sys.path.insert(0, sys.argv.pop(1))

import feature_taproot as core  # noqa: E402
from test_framework.address import (  # noqa: E402
    address_to_scriptpubkey, base58_to_byte, key_to_p2pkh, key_to_p2sh_p2wpkh, key_to_p2wpkh)
from test_framework.key import ECKey  # noqa: E402
from test_framework.messages import CTxInWitness, tx_from_hex  # noqa: E402
from test_framework.script import (  # noqa: E402
    CScript, LegacySignatureHash, OP_CHECKSIG, SegwitV0SignatureHash, SIGHASH_ALL, hash160)
from test_framework.script_util import keyhash_to_p2pkh_script, key_to_p2wpkh_script  # noqa: E402
from test_framework.test_node import TestNode  # noqa: E402

MATURITY = 100
CALLS = ("getnewaddress", "getaddressinfo", "listunspent", "signrawtransactionwithwallet")


class Wallet:
    """The keys, and the coins that pay to them."""

    ADDRESSES = {"legacy": key_to_p2pkh, "p2sh-segwit": key_to_p2sh_p2wpkh, "bech32": key_to_p2wpkh}

    def __init__(self, node):
        self.node = node
        self.keys = {}  # by scriptPubKey: the key, the kind of address
        self.coins = {}  # by (txid, vout): scriptPubKey, amount in BTC, height, whether of a coinbase
        self.height = -1
        # The key that the framework mines to.
        payload, _ = base58_to_byte(node.get_deterministic_priv_key().key)
        key = ECKey()
        key.set(payload[:32], compressed=len(payload) > 32)
        self.add(key, "legacy")

    def add(self, key, kind):
        public = key.get_pubkey().get_bytes()
        # The test mines to bare keys of the wallet as well.
        self.keys[bytes(CScript([public, OP_CHECKSIG]))] = (key, "pubkey")
        self.keys[bytes(address_to_scriptpubkey(self.ADDRESSES[kind](public)))] = (key, kind)

    def getnewaddress(self, label="", address_type="bech32"):
        key = ECKey()
        key.generate()
        self.add(key, address_type)
        return self.ADDRESSES[address_type](key.get_pubkey().get_bytes())

    def getaddressinfo(self, address):
        script = bytes(address_to_scriptpubkey(address))
        return {"scriptPubKey": script.hex(), "pubkey": self.keys[script][0].get_pubkey().get_bytes().hex()}

    def scan(self):
        """Follows the node's chain; the test never reorganises it."""
        tip = self.node.getblockcount()
        while self.height < tip:
            self.height += 1
            block = self.node.getblock(self.node.getblockhash(self.height), 2)
            for tx in block["tx"]:
                for txin in tx["vin"]:
                    self.coins.pop((txin.get("txid"), txin.get("vout")), None)
                for out in tx["vout"]:
                    script = bytes.fromhex(out["scriptPubKey"]["hex"])
                    if script in self.keys:
                        coinbase = "coinbase" in tx["vin"][0]
                        self.coins[tx["txid"], out["n"]] = (script, out["value"], self.height, coinbase)

    def listunspent(self):
        self.scan()
        return [{"txid": txid, "vout": vout, "amount": Decimal(amount)}
                for (txid, vout), (_, amount, height, coinbase) in self.coins.items()
                if not coinbase or self.height - height + 1 > MATURITY]

    def signrawtransactionwithwallet(self, text):
        tx = tx_from_hex(text)
        tx.wit.vtxinwit = [CTxInWitness() for _ in tx.vin]
        spent = [self.coins[f"{txin.prevout.hash:064x}", txin.prevout.n] for txin in tx.vin]
        for index, (script, amount, _, _) in enumerate(spent):
            key, kind = self.keys[script]
            public = key.get_pubkey().get_bytes()
            if kind in ("legacy", "pubkey"):
                digest, err = LegacySignatureHash(CScript(script), tx, index, SIGHASH_ALL)
                assert err is None
                signature = key.sign_ecdsa(digest) + bytes([SIGHASH_ALL])
                tx.vin[index].scriptSig = CScript([signature] + ([public] if kind == "legacy" else []))
                continue
            program = keyhash_to_p2pkh_script(hash160(public))
            digest = SegwitV0SignatureHash(program, tx, index, SIGHASH_ALL, int(amount * 100_000_000))
            tx.wit.vtxinwit[index].scriptWitness.stack = [key.sign_ecdsa(digest) + bytes([SIGHASH_ALL]), public]
            if kind == "p2sh-segwit":
                tx.vin[index].scriptSig = CScript([bytes(key_to_p2wpkh_script(public))])
        return {"hex": tx.serialize().hex(), "complete": True}


def with_wallet(getattr_of_core):
    def attribute(self, name):
        if name not in CALLS:
            return getattr_of_core(self, name)
        if "_rig_wallet" not in self.__dict__:
            self.__dict__["_rig_wallet"] = Wallet(self)
        return getattr(self.__dict__["_rig_wallet"], name)
    return attribute


if __name__ == "__main__":
    TestNode.__getattr__ = with_wallet(TestNode.__getattr__)
    core.TaprootTest.skip_test_if_missing_module = lambda self: None
    core.TaprootTest(core.__file__).main()
