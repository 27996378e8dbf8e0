"""A payee on `aiortc` that has nothing but `docs/spec/`: its profile by a gateway, offers at its own endpoint, payments taken.

Prints one JSON object for each thing that happens. A line `closed` or `open` that it reads says whether it takes offers. It
serves until it is killed, or for five minutes.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from aiortc import RTCSessionDescription
from cryptography.exceptions import InvalidTag

from book import Book, money, receipt
from peer import (DEADLINE, MAX_SEALED, Channel, Peer, connection, decrypt, digest, kind_of, prove, verify_message,
                  verify_pss)
from pumasi import (SIGNAL, InvalidSignature, ask, b64, in_time, jcs, jws_id, now, pack_sdp, post, read_json, trusting,
                    unb64, unpack_sdp, verify_jws, verify_profile)

MAX_BODY = 20_192
MAX_LINKS = 32
SERVES = 300
LISTING = "pumasi/1/listing"
DAY = 86_400_000
# What a message that is not as it should be ends in.
WRONG = (AssertionError, InvalidSignature, InvalidTag, KeyError, TypeError, ValueError)


def tell(event, **members):
    print(json.dumps({"event": event} | members), flush=True)


class Refused(Exception):
    """A problem (`docs/spec/https.md` §2)."""

    def __init__(self, status, code):
        self.status, self.code = status, code


def check(passes, status, code):
    if not passes:
        raise Refused(status, code)


class Payee:
    def __init__(self, me, book, context, gateway, lose):
        self.me, self.book, self.context, self.gateway, self.lose = me, book, context, gateway, lose
        self.offers, self.links, self.open = {}, set(), True

    def check_offer(self, body):
        """The checks of `docs/spec/https.md` §2, in their order; gives the offer and who makes it."""
        try:
            body = read_json(body)
            assert {"did", "offer"} <= body.keys() <= {"did", "offer", "profile", "callback"}
            did, offer = body["did"], body["offer"]
            signal = verify_jws(offer, did, SIGNAL)
        except InvalidSignature:
            raise Refused(403, "signature") from None
        except WRONG:
            raise Refused(400, "malformed") from None
        check(signal["from"] == did, 403, "sender")
        check(signal["to"] == self.me.did, 403, "recipient")
        check(in_time(signal), 403, "expired")
        check(signal["content"]["type"] == "offer", 400, "malformed")
        self.offers = {name: until for name, until in self.offers.items() if until > now()}
        check(jws_id(offer) not in self.offers, 409, "replayed")
        self.offers[jws_id(offer)] = signal["expires"]
        if "profile" in body:
            check(self.meet(jcs(body["profile"]), did), 403, "profile")
        check(did in self.book.contacts, 403, "profile-needed")
        check(self.open and len(self.links) < MAX_LINKS, 503, "busy")
        return did, signal

    def meet(self, text, did):
        try:
            return self.book.meet(verify_profile(text, did), text, now())
        except WRONG:
            return False

    async def receive_offer(self, body):
        did, signal = self.check_offer(body)
        link, opened = connection(), asyncio.get_running_loop().create_future()
        # Taken at once: what the other side sends first must find its reader.
        link.on("datachannel", lambda raw: opened.done() or opened.set_result(Channel(raw)))
        try:
            sdp = unpack_sdp(signal["content"]["sdp"])
            await link.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
            await link.setLocalDescription(await link.createAnswer())
        except WRONG:
            await link.close()
            raise Refused(400, "malformed") from None
        task = asyncio.ensure_future(self.serve(link, opened, did))
        self.links.add(task)
        task.add_done_callback(self.links.discard)
        content = {"type": "answer", "offer": jws_id_of(body), "sdp": pack_sdp(link.localDescription.sdp)}
        return {"did": self.me.did, "answer": self.me.signal(did, content, session=signal["session"])}

    async def serve(self, link, opened, did):
        """One link, from the proof to its end."""
        try:
            channel = await asyncio.wait_for(opened, DEADLINE)
            assert channel.channel.label == "pumasi" and channel.channel.ordered, "another channel"
            await prove(channel, link.sctp.transport, self.me, did, "answerer")
            tell("linked", peer=did)
            # An accepted result is said again until the payer has signed for it.
            for answer in self.book.unsigned(did):
                channel.send(answer)
            while self.handle(channel, did, await channel.receive()):
                pass
        except (*WRONG, ConnectionError, TimeoutError) as error:
            tell("unlinked", peer=did, why=str(error) or type(error).__name__)
        finally:
            await link.close()

    def handle(self, channel, did, text):
        """Takes one message. What is wrong is dropped; says whether the link stays."""
        try:
            assert len(text) <= MAX_SEALED, "longer than a message may be"
            answers = self.answers(did, text)
        except WRONG as error:
            tell("dropped", peer=did, why=str(error) or type(error).__name__)
            return True
        if len(answers) > 1 and self.lose:
            # What a crash between the commit and the sending leaves behind.
            self.lose -= 1
            tell("lost", peer=did)
            return False
        for answer in answers:
            channel.send(answer)
        return True

    def answers(self, did, text):
        if text.startswith("{"):
            return self.transfer(did, decrypt(text, self.me))
        kind = kind_of(text)
        assert kind in ("bye", "query"), "no place here"
        said = verify_message(text, did, kind)
        if kind == "query":
            answer = self.book.query(did, said, now())
            tell("asked", transfer=said["transfer"], answered=answer is not None)
            return [answer] if answer else []
        settled = self.book.countersign(did, text, said, now())
        if settled:
            tell("countersigned", transfer=said["transfer"], balance=said["balance"], receipt=receipt(settled))
        return []

    def transfer(self, did, compact):
        name = jws_id(compact)
        stored = self.book.repeat(did, name)
        if stored:
            tell("again", transfer=name)
            return [stored]
        unread = read_json(unb64(compact.split(".")[1]))
        if unread["profile"] != digest(self.book.contacts[did][1]) and not self.renew(did, unread["profile"]):
            assert (kind_of(compact), unread["from"], unread["to"]) == ("transfer", did, self.me.did), "parties"
            unit = unread["money"]["unit"]
            return [self.book.unread(did, name, unread["prev"], unit, "unknown-profile", now())]
        said = verify_pss(compact, self.book.contacts[did][0])
        answers = self.book.take(did, compact, said, now())
        outcome = verify_message(answers[-1], self.me.did, "result")["outcome"]
        tell(outcome["status"], transfer=name, money=said["money"], memo=said["memo"], outcome=outcome)
        return answers

    def renew(self, did, wanted):
        """Looks for the newer profile that a transfer names."""
        status, _, text = ask(self.context, "GET", f"{self.gateway}/v1/records/profile/{did}")
        return status == 200 and digest(text) == wanted and self.meet(text, did)


def jws_id_of(body):
    return jws_id(json.loads(body)["offer"])


def handler(loop, payee):
    """`POST /receive-offer`, handed to the loop that everything else lives in."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = DEADLINE

        def do_POST(self):
            try:
                status, said = 200, self.offer()
            except Refused as refused:
                status = refused.status
                said = {"type": f"urn:pumasi:problem:{refused.code}", "title": refused.code, "status": status, "detail": ""}
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if status == 200 else "application/problem+json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Access-Control-Allow-Origin", "*")
            if status == 503:
                self.send_header("Retry-After", "5")
            if status != 200:
                self.close_connection = True
            try:
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True  # who asked has gone

        def offer(self):
            check(self.path == "/receive-offer", 404, "not-found")
            length = self.headers.get("Content-Length", "")
            check(length.isascii() and length.isdigit() and len(length) < 9, 400, "malformed")
            check(int(length) <= MAX_BODY, 413, "too-large")
            check(self.headers.get_content_type() == "application/json", 415, "media-type")
            made = asyncio.run_coroutine_threadsafe(payee.receive_offer(self.rfile.read(int(length))), loop)
            return made.result(DEADLINE)

        def log_message(self, *args):
            pass

    return Handler


def stamped(me, difficulty, said):
    """An operation of a directory (`docs/spec/directory.md` §1)."""
    said |= {"did": me.did, "sequence": now(), "nonce": b64(os.urandom(16)), "created": now(), "expires": now() + DAY}
    for counter in itertools.count():
        text = me.signing_input(said | {"stamp": f"{counter:x}"}, LISTING)
        if int(digest(text.encode()), 16) >> (256 - difficulty) == 0:
            return text + "." + b64(me.key.sign(text.encode()))


def register(me, directory, name, category, endpoint):
    _, _, policy = ask(None, "GET", f"{directory}/v1/policy")
    listing = {"name": name, "description": "docs/spec", "categories": [category], "bootstrap_nodes": [],
               "service_endpoint": endpoint}
    proof = stamped(me, json.loads(policy)["difficulty"], {"action": "register"} | listing)
    status, said = post(None, f"{directory}/register", {"did": me.did, "proof": proof} | listing)
    assert status == 200, said


async def main(args):
    loop, context = asyncio.get_running_loop(), trusting(args.authority) if args.authority else None
    server = ThreadingHTTPServer(("127.0.0.1", 0), None)
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    me = Peer(args.name, [("offers", "PumasiSignaling", endpoint)])
    book = Book(me, args.limit, args.unit, now())
    payee = Payee(me, book, context, args.gateway, args.lose)
    server.RequestHandlerClass = handler(loop, payee)
    Thread(target=server.serve_forever, daemon=True).start()
    Thread(target=read_lines, args=(payee,), daemon=True).start()
    path = f"{args.gateway}/v1/records/profile/{me.did}"
    status, _, said = await asyncio.to_thread(ask, context, "PUT", path, me.profile)
    assert status == 200, said
    if args.directory:
        await asyncio.to_thread(register, me, args.directory, args.name, args.category, endpoint)
    tell("listening", did=me.did, endpoint=endpoint, limit=money(args.limit, args.unit))
    await asyncio.sleep(SERVES)


def read_lines(payee):
    for line in sys.stdin:
        payee.open = line.strip() == "open"
        tell("open" if payee.open else "closed")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gateway", help="base of the gateway that the profile is put into the overlay by")
    parser.add_argument("--authority", help="certificate of the gateway's authority, as PEM")
    parser.add_argument("--name", default="파이썬 식당")
    parser.add_argument("--limit", default="50000", help="what a stranger may owe, in smallest parts")
    parser.add_argument("--unit", default="KRW")
    parser.add_argument("--directory", help="base of a directory to register in")
    parser.add_argument("--category", default="식당")
    parser.add_argument("--lose", type=int, default=0, help="of so many transfers the first answers are stored and not sent")
    return parser.parse_args()


asyncio.run(main(arguments()))
