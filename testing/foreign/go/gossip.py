"""Topics as `docs/spec/overlay.md` §9 and `docs/spec/messages.md` §1, §2 and §4 have them: gossipsub v1.1 without signatures of nodes."""

import asyncio
import hashlib
import unicodedata

from cryptography.exceptions import InvalidSignature

from pumasi import now, read_json, unb64, verify_jws
from wire import fields, framed, one, parse, read_framed

PROTOCOL = "/meshsub/1.1.0"
MAX_RPC = 64 * 1024
MAX_MESSAGE = 8192
SUBSCRIPTION, PUBLISH, CONTROL = 1, 2, 3
IHAVE, IWANT, GRAFT = 1, 2, 3
DATA, TOPIC = 2, 4
# What a message that says nothing of its node must not have.
NAMED = {1, 3, 5, 6}
TYPE = "pumasi/1/topic"


def topic_id(name):
    return hashlib.sha256(b"pumasi/topic/1\0" + name.encode())


def gossip_topic(name):
    return "/pumasi/topic/" + topic_id(name).hexdigest()


def member_key(name):
    return b"/pumasi/member/" + topic_id(name).digest()


def make_member(person, name, node, addresses):
    """The entry of a member for half an hour (`messages.md` §4)."""
    at = now()
    entry = {"addresses": addresses, "expires": at + 1_800_000, "from": person.did, "left": False, "node": node,
             "sequence": at, "topic": topic_id(name).hexdigest()}
    return person.sign(entry, "pumasi/1/member").encode()


def read_message(name, data):
    """A topic message by the rule of `messages.md` §1 and §2, but for what only a memory of earlier ones tells."""
    assert len(data) <= MAX_MESSAGE, "too long"
    text = data.decode("ascii")
    said = read_json(unb64(text.split(".")[1]))
    assert said.keys() == {"from", "issued", "sequence", "text", "topic"}, "members"
    verify_jws(text, said["from"], TYPE)
    assert said["topic"] == name and unicodedata.is_normalized("NFC", name), "of another topic"
    assert 1 <= said["sequence"] < 2**53 and 1 <= len(said["text"].encode()) <= 4096, "bounds"
    assert -120_000 <= now() - said["issued"] <= 300_000, "not of now"
    return said


def make_message(person, name, text):
    at = now()
    return person.sign({"from": person.did, "issued": at, "sequence": at, "text": text, "topic": name}, TYPE).encode()


class Gossip:
    def __init__(self, daemon, say):
        self.daemon, self.say = daemon, say
        self.names, self.seen, self.out = {}, set(), {}

    async def serve(self):
        await self.daemon.handle(PROTOCOL, self.listen)

    async def listen(self, peer, reader, _writer):
        """What a neighbour sends, on the stream that it has opened for that."""
        while message := await read_framed(reader, MAX_RPC):
            rpc = parse(message)
            for published in rpc.get(PUBLISH, []):
                self.take(parse(published))
            control = parse(one(rpc, CONTROL, b""))
            wanted = [each for have in control.get(IHAVE, []) for each in parse(have).get(2, []) if each not in self.seen]
            if wanted:
                want = fields(*((1, each) for each in wanted))
                await self.send(peer, fields((CONTROL, fields((IWANT, want)))))

    def take(self, message):
        data = one(message, DATA, b"")
        name = self.names.get(one(message, TOPIC, b"").decode())
        identity = hashlib.sha256(data).digest()
        if name is None or identity in self.seen:
            return
        self.seen.add(identity)
        try:
            assert not message.keys() & NAMED, "it names its node"
            said = read_message(name, data)
            self.say("heard", {"from": said["from"], "text": said["text"]})
        except InvalidSignature:
            self.say("refused", {"why": "the signature does not verify"})
        except (ValueError, AssertionError, KeyError) as error:
            self.say("refused", {"why": str(error)})

    async def send(self, peer, rpc):
        """On the stream that is ours for what we say to this neighbour."""
        if peer not in self.out:
            self.out[peer] = await self.daemon.open(peer, PROTOCOL)
        writer = self.out[peer][1]
        writer.write(framed(rpc))
        await asyncio.wait_for(writer.drain(), 10)

    async def join(self, peer, name):
        """Subscribes with one neighbour, and asks to be of its mesh."""
        topic = gossip_topic(name)
        self.names[topic] = name
        await self.send(peer, fields((SUBSCRIPTION, fields((1, 1), (2, topic)))))
        await self.send(peer, fields((CONTROL, fields((GRAFT, fields((1, topic)))))))

    async def publish(self, name, data):
        self.seen.add(hashlib.sha256(data).digest())
        message = fields((DATA, data), (TOPIC, gossip_topic(name)))
        for peer in list(self.out):
            await self.send(peer, fields((PUBLISH, message)))
