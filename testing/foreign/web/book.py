"""What a payee keeps and decides (`docs/spec/transfer.md` §5, `docs/spec/ledger.md` §1), without a link and without a clock.

It keeps everything in memory, for as long as a test lives.
"""

import re

from peer import digest
from pumasi import b64, jcs, jws_id

MONTH = 30 * 86_400_000
SKEW = 300_000
MAX_MINOR = 10**18
MAX_OPEN = 1024
AMOUNT = re.compile(r"0|[1-9][0-9]{0,18}")
UNIT = re.compile(r"[A-Z]{3}|[a-z0-9-]{1,16}@did:key:z[0-9A-Za-z]{1,102}")
MEMBERS = {"type", "from", "to", "issued", "expires", "nonce"}
SAYS = {
    "transfer": {"money", "memo", "prev", "profile"},
    "bye": {"transfer", "result", "head", "balance"},
    "query": {"transfer", "expired", "prev", "unit"},
}


def money(amount, unit):
    return {"amount": str(amount), "unit": unit}


def is_head(value):
    return (value.keys() == {"sequence", "hash"} and type(value["sequence"]) is int and value["sequence"] >= 0
            and re.fullmatch("[0-9a-f]{64}", value["hash"]) is not None)


def check_form(said, kind, me, peer):
    """The members, the parties and the bounds of a message; an error drops it."""
    assert MEMBERS | SAYS[kind] <= said.keys() <= MEMBERS | SAYS[kind] | {"request"}, "members"
    assert kind == "transfer" or "request" not in said, "members"
    assert (said["type"], said["from"], said["to"]) == (kind, peer, me), "parties"
    assert re.fullmatch("[A-Za-z0-9_-]{22}", said["nonce"]), "nonce"
    assert type(said["issued"]) is int and type(said["expires"]) is int, "times"
    if kind != "transfer":
        return
    assert 1 <= said["expires"] - said["issued"] <= MONTH, "life"
    assert said["money"].keys() == {"amount", "unit"} and UNIT.fullmatch(said["money"]["unit"]), "unit"
    assert AMOUNT.fullmatch(said["money"]["amount"]) and int(said["money"]["amount"]) <= MAX_MINOR, "amount"
    assert len(said["memo"]) <= 256 and not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in said["memo"]), "memo"
    assert is_head(said["prev"]), "prev"


class Book:
    """The payee's chain, what each payer owes and may owe, and the state of each transfer."""

    def __init__(self, me, limit, unit, at):
        self.me, self.limit, self.unit = me, int(limit), unit
        self.entries, self.contacts, self.records = [], {}, {}
        self.owed, self.claims = {}, {}
        self.append({"kind": "opened", "owner": me.did}, at)

    def append(self, body, at):
        previous = self.entries[-1]["hash"] if self.entries else "0" * 64
        entry = {"at": at, "body": body, "sequence": len(self.entries) + 1}
        self.entries.append(entry | {"previous": previous, "hash": digest(bytes.fromhex(previous) + jcs(entry))})

    def head(self):
        return {name: self.entries[-1][name] for name in ("sequence", "hash")}

    def meet(self, document, text, at):
        """Takes a stranger as a contact with the line of strangers, or a contact's newer profile. Says whether it was taken."""
        did, before = document["id"], self.contacts.get(document["id"])
        if before is None:
            self.append({"kind": "limit", "peer": did, "limit": money(self.limit, self.unit)}, at)
        elif text != before[1] and document["sequence"] <= before[0]["sequence"]:
            return False
        self.contacts[did] = (document, text)
        return True

    def line(self, peer, unit):
        """Its limit, or None where no line was opened; and what is left of it."""
        limit = self.limit if unit == self.unit else None
        return limit, min(max((limit or 0) - self.owed.get((peer, unit), 0), 0), MAX_MINOR)

    def forked(self, peer, head, following=None):
        """Keeps a claim of a peer about its own chain. Says whether it contradicts an earlier one."""
        held = self.claims.setdefault((peer, head["sequence"]), [head["hash"], following])
        held[1] = held[1] or following
        return held[0] != head["hash"] or following not in (None, held[1])

    def refusal(self, peer, name, said, at):
        """The first rule of §5 that fails."""
        amount, unit = int(said["money"]["amount"]), said["money"]["unit"]
        limit, available = self.line(peer, unit)
        rules = [
            ("unknown-peer", peer not in self.contacts),
            ("forked", self.forked(peer, said["prev"], name)),
            ("expired", at > said["expires"]),
            ("clock", said["issued"] > at + SKEW),
            ("amount-zero", amount == 0),
            ("chain-node-needed", unit == "BTC"),
            ("request-unknown", "request" in said),
            ("over-limit", amount > available),
        ]
        code = next((code for code, fails in rules if fails), None)
        if code == "over-limit":
            return {"code": code, "limit": money(limit or 0, unit), "available": money(available, unit)}
        return code and {"code": code}

    def message(self, kind, peer, at, expires, **members):
        nonce = b64(bytes.fromhex(digest(kind.encode() + members["transfer"].encode()))[:16])
        return self.me.sign({"type": kind, "from": self.me.did, "to": peer, "issued": at, "expires": expires, "nonce": nonce}
                            | members, f"pumasi-{kind}")

    def result(self, peer, name, prev, unit, outcome, at):
        limit, _ = self.line(peer, unit)
        members = {"transfer": name, "outcome": outcome, "head": self.head(), "payer_head": prev,
                   "balance": money(self.owed.get((peer, unit), 0), unit)}
        if limit is not None:
            members["limit"] = money(limit, unit)
        return self.message("result", peer, at, at + MONTH, **members)

    def repeat(self, peer, name):
        """The stored answer to a transfer or a query that is known."""
        record = self.records.get(name)
        return record["result"] if record and record["peer"] == peer else None

    def keep(self, peer, name, **record):
        assert self.open(peer) < MAX_OPEN, "no room"
        self.records[name] = record | {"peer": peer}

    def open(self, peer):
        return sum(record["peer"] == peer and record["state"] != "countersigned" for record in self.records.values())

    def unread(self, peer, name, prev, unit, code, at):
        """The refusal of a transfer that was not read."""
        answer = self.result(peer, name, prev, unit, {"status": "refused", "code": code}, at)
        self.keep(peer, name, state="refused", result=answer)
        return answer

    def take(self, peer, compact, said, at):
        """A transfer that came for the first time; gives the answers to it, in their order."""
        check_form(said, "transfer", self.me.did, peer)
        name, unit = jws_id(compact), said["money"]["unit"]
        refusal = self.refusal(peer, name, said, at)
        if refusal:
            answer = self.result(peer, name, said["prev"], unit, {"status": "refused"} | refusal, at)
            self.keep(peer, name, state="refused", result=answer, transfer=compact, said=said)
            return [answer]
        received = self.message("received", peer, at, said["expires"], transfer=name)
        self.append({"kind": "incoming", "id": name, "peer": peer, "money": said["money"], "memo": said["memo"],
                     "document": compact, "profile": said["profile"]}, at)
        self.owed[peer, unit] = self.owed.get((peer, unit), 0) + int(said["money"]["amount"])
        answer = self.result(peer, name, said["prev"], unit, {"status": "accepted"}, at)
        self.keep(peer, name, state="accepted", result=answer, transfer=compact, said=said,
                  profile=self.contacts[peer][1].decode())
        return [received, answer]

    def query(self, peer, said, at):
        check_form(said, "query", self.me.did, peer)
        assert is_head(said["prev"]) and UNIT.fullmatch(said["unit"]), "query"
        stored = self.repeat(peer, said["transfer"])
        if stored or at <= said["expired"]:
            return stored
        return self.unread(peer, said["transfer"], said["prev"], said["unit"], "expired", at)

    def countersign(self, peer, compact, said, at):
        """Takes a `bye`; gives the record that it settled, or None when it was settled before."""
        check_form(said, "bye", self.me.did, peer)
        record = self.records[said["transfer"]]
        assert record["peer"] == peer and record["state"] in ("accepted", "countersigned"), "nothing to sign for"
        assert said["result"] == jws_id(record["result"]), "another result"
        assert said["balance"]["unit"] == record["said"]["money"]["unit"] and is_head(said["head"]), "bye"
        if record["state"] == "countersigned":
            return None
        self.forked(peer, said["head"])
        self.append({"kind": "countersigned", "id": said["transfer"], "peer": peer, "result": record["result"],
                     "document": compact}, at)
        record |= {"state": "countersigned", "bye": compact, "balance": said["balance"]}
        self.records[said["transfer"]] = record
        return record

    def unsigned(self, peer):
        """The accepted results that a payer has not signed for."""
        records = self.records.values()
        return [record["result"] for record in records if record["peer"] == peer and record["state"] == "accepted"]


def receipt(record):
    """`docs/spec/transfer.md` §8."""
    return {"format": "pumasi-receipt", "version": 1, "transfer": record["transfer"], "result": record["result"],
            "bye": record["bye"], "profile": record["profile"]}
