"""Varints, protobuf fields and multiaddrs, as far as libp2p's messages need them."""

import ipaddress
import sys
from pathlib import Path

# The identities are those of the other peers in Python.
sys.path.append(str(Path(__file__).parent.parent / "web"))

from pumasi import b58, unb58  # noqa: E402

MAX_PACKET = 16 * 1024
IP4, TCP, UDP, UNIX, P2P, QUIC = 4, 6, 273, 400, 421, 461


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def take_varint(data, at):
    number = 0
    for shift in range(0, 64, 7):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError("a varint is too long")


def fields(*pairs):
    """A protobuf message of (number, value): numbers as varints, bytes and texts behind their length."""
    out = b""
    for number, value in pairs:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else bytes(value)
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def parse(data):
    """The fields of a protobuf message: number to the list of its values."""
    found, at = {}, 0
    while at < len(data):
        tag, at = take_varint(data, at)
        if tag & 7 == 0:
            value, at = take_varint(data, at)
        elif tag & 7 == 2:
            length, at = take_varint(data, at)
            value, at = data[at : at + length], at + length
            if len(value) != length:
                raise ValueError("a field is cut off")
        else:
            raise ValueError("a kind of field that no message here has")
        found.setdefault(tag >> 3, []).append(value)
    return found


def one(found, number, default=None):
    """The last value counts, as in protobuf."""
    return found.get(number, [default])[-1]


def framed(message):
    return varint(len(message)) + message


async def read_framed(reader, most=MAX_PACKET):
    """The next message behind its length; nothing when the stream has ended."""
    prefix = b""
    while not prefix or prefix[-1] >= 0x80:
        byte = await reader.read(1)
        if not byte:
            return None
        prefix += byte
        if len(prefix) > 9:
            raise ValueError("a length is too long")
    length, _ = take_varint(prefix, 0)
    if length > most:
        raise ValueError("a message is too long")
    return await reader.readexactly(length)


def multiaddr(text):
    """The bytes of an address of `docs/spec/overlay.md` §1, without the node id at its end."""
    parts, out = iter(text.split("/p2p/")[0].strip("/").split("/")), b""
    for part in parts:
        if part == "ip4":
            out += varint(IP4) + ipaddress.IPv4Address(next(parts)).packed
        elif part in ("tcp", "udp"):
            out += varint(TCP if part == "tcp" else UDP) + int(next(parts)).to_bytes(2, "big")
        elif part == "quic-v1":
            out += varint(QUIC)
        else:
            raise ValueError(f"not dialled here: {text}")
    return out


def tcp_host(address):
    """Host and port of an address over TCP and IPv4, with or without a node id; nothing for others."""
    code, at = take_varint(address, 0)
    if code != IP4:
        return None
    host, at = str(ipaddress.IPv4Address(address[at : at + 4])), at + 4
    code, at = take_varint(address, at)
    port, at = int.from_bytes(address[at : at + 2], "big"), at + 2
    ends = at == len(address) or take_varint(address, at)[0] == P2P
    return (host, port) if code == TCP and ends else None


def is_quic(address):
    return varint(QUIC) in address[6:]


def unix(path):
    return varint(UNIX) + framed(path.encode())


def peer_id(address):
    """The bytes of the node id at the end of an address."""
    return unb58(address.rsplit("/p2p/", 1)[1])


def peer_name(peer):
    return b58(peer)
