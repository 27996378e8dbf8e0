"""A payer on `aiortc` that has nothing but `docs/spec/` and the payee's DID: profile by a gateway, offer by HTTPS, payment.

Arguments: the authority's certificate, a gateway, the payee's DID, amount, unit. Prints one JSON object.
"""

import asyncio
import json
import sys

from aiortc import RTCSessionDescription

from peer import DEADLINE, Channel, Peer, connection, pay, prove
from pumasi import ask, jws_id, pack_sdp, post, trusting, unpack_sdp, verify_profile, verify_signal


async def main(authority, gateway, payee, amount, unit):
    context, me = trusting(authority), Peer("파이썬")
    status, _, text = ask(context, "GET", f"{gateway}/v1/records/profile/{payee}")
    assert status == 200, text
    document = verify_profile(text, payee)
    endpoint = next(service["serviceEndpoint"] for service in document["service"] if service["type"] == "PumasiSignaling")

    link = connection()
    raw = link.createDataChannel("pumasi")
    opened = asyncio.Event()
    raw.on("open", opened.set)
    channel = Channel(raw)
    await link.setLocalDescription(await link.createOffer())
    offer = me.signal(payee, {"type": "offer", "sdp": pack_sdp(link.localDescription.sdp)})
    body = {"did": me.did, "offer": offer, "profile": json.loads(me.profile)}
    status, said = await asyncio.to_thread(post, context, f"{endpoint.rstrip('/')}/receive-offer", body)
    assert status == 200, said
    answer = verify_signal(said["answer"], payee, me.did)["content"]
    assert answer["type"] == "answer" and answer["offer"] == jws_id(offer), answer
    await link.setRemoteDescription(RTCSessionDescription(sdp=unpack_sdp(answer["sdp"]), type="answer"))
    await asyncio.wait_for(opened.wait(), DEADLINE)

    await prove(channel, link.sctp.transport, me, payee, "offerer")
    paid = await pay(channel, me, document, amount, unit, "파이썬에서")
    # The countersignature has to leave before the channel is closed.
    while raw.bufferedAmount:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    await link.close()
    print(json.dumps(paid | {"payer": me.did, "endpoint": endpoint}))


asyncio.run(main(*sys.argv[1:]))
