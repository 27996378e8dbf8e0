"""A peer of the channel of docs/spec/channel.md, on aiortc.

    peer.py offer|answer echo        sends every message back until the channel closes
    peer.py offer|answer send N,N,…  sends messages of these lengths, expects each back, then closes
    peer.py offer|answer break HEX   sends these bytes as one chunk, then waits to be closed
    peer.py bench                    times two of its own kind

SDPs go over standard output and input, each a line {"sdp": "…"}; a last line says what happened.
"""

import asyncio
import json
import sys
import time

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

MAX_MESSAGE = 256 * 1024
MAX_CHUNK = 16 * 1024

# The tests run on loopback, which aioice leaves out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


def cut(message):
    """Cuts a message into chunks."""
    assert 1 <= len(message) <= MAX_MESSAGE
    head = MAX_CHUNK - 5
    yield b"\x01" + len(message).to_bytes(4, "big") + message[:head]
    for at in range(head, len(message), MAX_CHUNK - 1):
        yield b"\x02" + message[at : at + MAX_CHUNK - 1]


class Assembler:
    """Joins chunks to messages."""

    def __init__(self):
        self.length = 0
        self.parts = bytearray()

    def push(self, chunk):
        assert isinstance(chunk, bytes) and 1 < len(chunk) <= MAX_CHUNK, "chunk"
        if chunk[0] == 1:
            assert self.length == 0, "unfinished"
            self.length = int.from_bytes(chunk[1:5], "big")
            assert 1 <= self.length <= MAX_MESSAGE, "length"
            body, room = chunk[5:], MAX_CHUNK - 5
        else:
            assert chunk[0] == 2 and self.length, "kind"
            body, room = chunk[1:], MAX_CHUNK - 1
        assert len(body) == min(room, self.length - len(self.parts)), "every chunk but the last is full"
        self.parts += body
        if len(self.parts) < self.length:
            return None
        message, self.length, self.parts = bytes(self.parts), 0, bytearray()
        return message


class Channel:
    """Whole messages over an RTCDataChannel."""

    def __init__(self, channel):
        self.channel, self.assembler = channel, Assembler()
        self.messages = asyncio.Queue()
        channel.on("message", self.on_chunk)
        channel.on("close", lambda: self.messages.put_nowait(None))

    def on_chunk(self, chunk):
        message = self.assembler.push(chunk)
        if message is not None:
            self.messages.put_nowait(message)

    def send(self, message):
        for chunk in cut(message):
            self.channel.send(chunk)


def pattern(length):
    return bytes((at * 31 + at // 251) & 255 for at in range(length))


def peer():
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def read_sdp(kind):
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return RTCSessionDescription(sdp=json.loads(line)["sdp"], type=kind)


def say(**what):
    print(json.dumps(what), flush=True)


async def connect(role):
    """Opens the channel and gives it with its connection."""
    connection = peer()
    opened = asyncio.get_running_loop().create_future()
    if role == "offer":
        channel = connection.createDataChannel("pumasi")
        channel.on("open", lambda: opened.set_result(Channel(channel)))
        await connection.setLocalDescription(await connection.createOffer())
        say(sdp=connection.localDescription.sdp)
        await connection.setRemoteDescription(await read_sdp("answer"))
    else:
        connection.on("datachannel", lambda channel: opened.set_result(Channel(channel)))
        await connection.setRemoteDescription(await read_sdp("offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        say(sdp=connection.localDescription.sdp)
    return connection, await asyncio.wait_for(opened, 20)


async def echo(channel):
    count = 0
    while (message := await channel.messages.get()) is not None:
        channel.send(message)
        count += 1
    say(closed=True, messages=count)


async def send(channel, lengths):
    for length in lengths:
        channel.send(pattern(length))
        assert await asyncio.wait_for(channel.messages.get(), 20) == pattern(length), length
    say(echoed=lengths)


async def bench():
    """Opens two connections of this process to each other; round trips of 4 kB; 16 MB one way."""
    opens = []
    for _ in range(4):
        began = time.perf_counter()
        one, two = peer(), peer()
        opened = asyncio.get_running_loop().create_future()
        arrived = asyncio.get_running_loop().create_future()
        raw = one.createDataChannel("pumasi")
        raw.on("open", lambda: opened.set_result(None))
        two.on("datachannel", lambda channel: arrived.set_result(Channel(channel)))
        await one.setLocalDescription(await one.createOffer())
        await two.setRemoteDescription(one.localDescription)
        await two.setLocalDescription(await two.createAnswer())
        await one.setRemoteDescription(two.localDescription)
        there = await arrived
        await opened
        opens.append(time.perf_counter() - began)
        here = Channel(raw)
        if len(opens) < 4:
            await asyncio.gather(one.close(), two.close())

    answering = asyncio.ensure_future(echo_quietly(there))
    message = pattern(4096)
    rounds = []
    for _ in range(300):
        began = time.perf_counter()
        here.send(message)
        await here.messages.get()
        rounds.append(time.perf_counter() - began)
    answering.cancel()

    count, message = 64, pattern(MAX_MESSAGE)
    began = time.perf_counter()
    for _ in range(count):
        here.send(message)
        while raw.bufferedAmount > 4 * MAX_MESSAGE:
            await asyncio.sleep(0.001)
    for _ in range(count):
        await there.messages.get()
    bulk = count * MAX_MESSAGE / (time.perf_counter() - began)
    say(open_ms=1e3 * sorted(opens)[2], round_ms=1e3 * sorted(rounds)[150], bulk_mb_s=bulk / 1e6)
    await asyncio.gather(one.close(), two.close())


async def echo_quietly(channel):
    while (message := await channel.messages.get()) is not None:
        channel.send(message)


async def main():
    if sys.argv[1] == "bench":
        return await bench()
    role, task = sys.argv[1:3]
    connection, channel = await connect(role)
    if task == "echo":
        await echo(channel)
    elif task == "send":
        await send(channel, [int(length) for length in sys.argv[3].split(",")])
    elif task == "break":
        channel.channel.send(bytes.fromhex(sys.argv[3]))
        while await asyncio.wait_for(channel.messages.get(), 20) is not None:
            pass
        say(closed=True)
    await connection.close()


asyncio.run(main())
