"""The overlay's Kademlia as `docs/spec/overlay.md` §1 to §4 has it: asks others, and keeps and tells profiles for others."""

import asyncio
import hashlib
import json

from cryptography.exceptions import InvalidSignature

from pumasi import verify_profile
from wire import MAX_PACKET, fields, framed, one, parse, read_framed

PROTOCOL = "/pumasi/kad/1.0.0"
PUT_VALUE, GET_VALUE, FIND_NODE = 0, 1, 4
PROFILE = b"/pumasi/profile/"
K, ALPHA = 20, 3


def sha256(data):
    return hashlib.sha256(data).digest()


def profile_key(did):
    return PROFILE + sha256(did.encode())


def distance(key, peer):
    return int.from_bytes(sha256(key)) ^ int.from_bytes(sha256(peer))


def checked(key, value):
    """The document of a profile that lies under its key."""
    document = verify_profile(value, json.loads(value)["id"])
    if profile_key(document["id"]) != key:
        raise ValueError("not under its key")
    return document


def record(key, value):
    return fields((1, key), (2, value))


class Kad:
    def __init__(self, daemon, over=lambda address: True):
        # Which addresses are dialled.
        self.daemon, self.over = daemon, over
        # Who is known, with addresses; and the profiles that are kept for others, by their keys.
        self.peers, self.kept, self.told = {}, {}, 0

    async def serve(self):
        await self.daemon.handle(PROTOCOL, self.answer_all)

    async def answer_all(self, peer, reader, writer):
        link = self.daemon.link
        message = await link.first_request(read_framed(reader))
        while message:
            with link.answering():
                if answer := self.answer(parse(message)):
                    before = link.sent
                    writer.write(framed(answer))
                    await link.passed_on(before)
            message = await read_framed(reader)

    def answer(self, asked):
        kind, key = one(asked, 1, 0), one(asked, 2, b"")
        if kind == PUT_VALUE:
            return self.keep(key, parse(one(asked, 3, b"")))
        if kind not in (GET_VALUE, FIND_NODE):
            return None
        found = []
        if kind == GET_VALUE and key in self.kept:
            self.told += 1
            found = [(3, record(key, self.kept[key]))]
        closer = [(8, fields((1, peer), *((2, at) for at in self.peers[peer]))) for peer in self.nearest(key)]
        return fields((1, kind), (2, key), *found, *closer)

    def keep(self, key, given):
        value = one(given, 2, b"")
        try:
            document = checked(key, value)
            held = self.kept.get(key)
            known = json.loads(held)["sequence"] if held else 0
            if held != value and document["sequence"] <= known:
                raise ValueError("no newer than what is held")
        except (ValueError, KeyError, AssertionError, InvalidSignature):
            return fields((1, FIND_NODE))
        self.kept[key] = value
        return fields((1, PUT_VALUE), (2, key), (3, record(key, value)))

    def nearest(self, key):
        return sorted(self.peers, key=lambda peer: distance(key, peer))[:K]

    async def ask(self, peer, message):
        return parse(await self.daemon.exchange(peer, PROTOCOL, message, MAX_PACKET))

    async def walk(self, message, key):
        """Asks the nodes nearest to a key, and whom they name, until the nearest have answered; gives the answers."""
        answers, failed = {}, set()
        while True:
            asked = [peer for peer in self.nearest(key) if peer not in answers and peer not in failed][:ALPHA]
            if not asked:
                return answers
            got = await asyncio.gather(*(self.visit(peer, message) for peer in asked), return_exceptions=True)
            for peer, answer in zip(asked, got):
                if isinstance(answer, BaseException):
                    failed.add(peer)
                    continue
                answers[peer] = answer
                for named in answer.get(8, []):
                    named = parse(named)
                    addresses = [at for at in named.get(2, [])[:8] if self.over(at)]
                    if one(named, 1) != self.daemon.id and addresses:
                        self.peers.setdefault(one(named, 1), addresses)

    async def visit(self, peer, message):
        await self.daemon.connect(peer, self.peers[peer])
        return await self.ask(peer, message)

    async def nodes(self, key):
        """The nodes nearest to a key, as far as they answer."""
        return list(await self.walk(fields((1, FIND_NODE), (2, key)), key))

    async def join(self, peer, address):
        self.peers[peer] = [address]
        return await self.nodes(self.daemon.id)

    async def find(self, did):
        """The newest profile among the answers, each of them checked."""
        key = profile_key(did)
        found = []
        for peer, answer in (await self.walk(fields((1, GET_VALUE), (2, key)), key)).items():
            if 3 in answer:
                value = one(parse(one(answer, 3)), 2)
                found.append((verify_profile(value, did), peer))
        return max(found, key=lambda each: each[0]["sequence"], default=(None, None))
