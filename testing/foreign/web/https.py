"""A payer that knows `docs/spec/https.md` only: asks an endpoint and two gateways over TLS, and checks what they say.

Arguments: the authority's certificate, the endpoint, the payee's DID, an API token, the two gateways, one of which lies.
Prints one JSON object of what it saw.
"""

import json
import sys

from pumasi import (InvalidSignature, Person, ask, jws_id, pack_sdp, post, trusting, unpack_sdp, verify_profile,
                    verify_signal)

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def code(answer):
    status, body = answer
    assert body["status"] == status
    return f"{status} {body['type'].removeprefix('urn:pumasi:problem:')}"


def main(authority, endpoint, payee, token, honest, lying):
    context = trusting(authority)
    payer = Person()
    seen = {}

    def offer(jws, did=None, token=token):
        return post(context, f"{endpoint}/receive-offer", {"did": did or payer.did, "offer": jws}, token)

    made = payer.signal(payee, {"type": "offer", "sdp": pack_sdp(SDP)})
    seen["no token"] = code(offer(made, token=None))
    status, body = offer(made)
    assert status == 200, body
    answer = verify_signal(body["answer"], payee, payer.did)
    assert body["did"] == payee and answer["content"]["type"] == "answer"
    assert answer["content"]["offer"] == jws_id(made)
    seen["answer"] = unpack_sdp(answer["content"]["sdp"])
    seen["again"] = code(offer(made))
    seen["for somebody else"] = code(offer(payer.signal(Person().did, {"type": "offer", "sdp": pack_sdp(SDP)})))
    seen["by somebody else"] = code(offer(payer.signal(payee, {"type": "offer", "sdp": pack_sdp(SDP)}), Person().did))
    seen["old"] = code(offer(payer.signal(payee, {"type": "offer", "sdp": pack_sdp(SDP)}, issued=1_700_000_000_000)))
    candidates = {"type": "candidates", "offer": jws_id(made), "end": True,
                  "candidates": ["candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host"]}
    trickled = {"did": payer.did, "candidates": payer.signal(payee, candidates)}
    seen["candidates"], _ = post(context, f"{endpoint}/candidates", trickled, token)

    best = None
    for name, gateway in (("honest", honest), ("lying", lying)):
        status, headers, text = ask(context, "GET", f"{gateway}/v1/records/profile/{payee}")
        assert status == 200 and headers["Access-Control-Allow-Origin"] == "*", text
        try:
            document = verify_profile(text, payee)
            seen[name] = document["sequence"]
            best = max(best or document, document, key=lambda document: document["sequence"])
        except (InvalidSignature, AssertionError):
            seen[name] = "lied"
    seen["endpoint"] = [service["serviceEndpoint"] for service in best["service"]]
    # Given back as it came: the record is held already.
    status, _, text = ask(context, "PUT", f"{honest}/v1/records/profile/{payee}", json_of(best))
    assert status == 200, text
    seen["node"] = sorted(json.loads(ask(context, "GET", f"{honest}/v1/node")[2]))
    print(json.dumps(seen))


def json_of(document):
    from pumasi import jcs
    return jcs(document)


main(*sys.argv[1:])
