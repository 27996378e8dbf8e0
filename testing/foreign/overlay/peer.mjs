// A peer on js-libp2p that knows docs/spec only: joins the overlay, finds a profile and verifies it, and talks in a topic.
// One JSON request per line in, one answer per line out.

import { createHash, webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

// js-libp2p 3 is written for Node 22.
Promise.withResolvers ??= () => {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};

// An import looks beside this file only; the modules are wherever the test says.
const modules = createRequire(join(process.env.PUMASI_NODE_MODULES, "here.js"));
const load = (name) => {
  const paths = modules.resolve.paths(name);
  for (const folder of paths) {
    try {
      const manifest = modules(join(folder, name, "package.json"));
      const entry = manifest.exports["."];
      const file = typeof entry === "string" ? entry : entry.import.default ?? entry.import;
      return import(pathToFileURL(join(folder, name, file)));
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new Error(`no module ${name}`);
};
const { createLibp2p } = await load("libp2p");
const { tcp } = await load("@libp2p/tcp");
const { noise } = await load("@libp2p/noise");
const { yamux } = await load("@libp2p/yamux");
const { identify } = await load("@libp2p/identify");
const { ping } = await load("@libp2p/ping");
const { gossipsub } = await load("@libp2p/gossipsub");
const { kadDHT, passthroughMapper } = await load("@libp2p/kad-dht");
const { multiaddr } = await load("@multiformats/multiaddr");

const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));
const bytes = (text) => new TextEncoder().encode(text);
const text = (array) => new TextDecoder("utf-8", { fatal: true }).decode(array);
const sha256 = (data) => createHash("sha256").update(data).digest();

// base58btc, as in did:key and in the proof.
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
function base58(multibase) {
  if (multibase[0] !== "z") throw new Error("not base58btc");
  const digits = multibase.slice(1);
  let number = 0n;
  for (const digit of digits) {
    const value = ALPHABET.indexOf(digit);
    if (value < 0) throw new Error("not base58btc");
    number = number * 58n + BigInt(value);
  }
  const hex = number === 0n ? "" : number.toString(16);
  const zeros = digits.match(/^1*/)[0].length;
  return Buffer.concat([Buffer.alloc(zeros), Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex")]);
}

function toBase58(data) {
  let number = BigInt(`0x${Buffer.from(data).toString("hex") || "0"}`);
  let digits = "";
  for (; number > 0n; number /= 58n) digits = ALPHABET[number % 58n] + digits;
  const zeros = data.findIndex((byte) => byte !== 0);
  return `z${"1".repeat(Math.max(zeros, 0))}${digits}`;
}

// RFC 8785, for what a profile and a message hold: objects, arrays, strings and whole numbers.
function jcs(value) {
  if (Array.isArray(value)) return `[${value.map(jcs).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${jcs(value[name])}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}

// identity.md §1: the Ed25519 key in a DID.
async function keyOf(did) {
  const raw = base58(did.replace(/^did:key:/, ""));
  if (raw.length !== 34 || raw[0] !== 0xed || raw[1] !== 0x01) throw new Error("not an Ed25519 did:key");
  return webcrypto.subtle.importKey("raw", raw.subarray(2), "Ed25519", false, ["verify"]);
}

// identity.md §2.2 and §2.3.
async function verifyProfile(json, did) {
  if (json.length > 8192) throw new Error("too long");
  const document = JSON.parse(text(json));
  if (jcs(document) !== text(json)) throw new Error("not in canonical form");
  if (document.id !== did) throw new Error("of another");
  const { proof, ...rest } = document;
  const { proofValue, ...options } = proof;
  const wanted = {
    type: "DataIntegrityProof",
    cryptosuite: "eddsa-jcs-2022",
    proofPurpose: "assertionMethod",
    verificationMethod: keyId(did),
    created: document.created,
    "@context": document["@context"],
  };
  if (jcs(options) !== jcs(wanted)) throw new Error("another proof");
  const signed = Buffer.concat([sha256(jcs(options)), sha256(jcs(rest))]);
  if (!(await webcrypto.subtle.verify("Ed25519", await keyOf(did), base58(proofValue), signed))) {
    throw new Error("the proof does not verify");
  }
  const now = Date.now();
  if (now >= Date.parse(document.expires)) throw new Error("expired");
  if (Date.parse(document.created) > now + 10 * 60_000) throw new Error("from the future");
  return document;
}

// overlay.md §2.
const profileKey = (did) => Buffer.concat([bytes("/pumasi/profile/"), sha256(did)]);

// overlay.md §3: what a node keeps for others. This one keeps profiles only.
async function checkRecord(key, value) {
  const did = JSON.parse(text(value)).id;
  if (!profileKey(did).equals(Buffer.from(key))) throw new Error("not under its key");
  await verifyProfile(value, did);
  kept.set(did, sequence(value));
}

// Who this peer is in messages; its node has a key of its own.
const own = await webcrypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
const ownRaw = Buffer.from(await webcrypto.subtle.exportKey("raw", own.publicKey));
const ownDid = `did:key:${toBase58(Buffer.concat([Buffer.from([0xed, 0x01]), ownRaw]))}`;
const keyId = (did) => `${did}#${did.replace(/^did:key:/, "")}`;

// messages.md, its beginning: a compact JWS of one who is named in it.
async function sign(typ, payload) {
  const part = (value) => Buffer.from(jcs(value)).toString("base64url");
  const input = `${part({ alg: "EdDSA", kid: keyId(payload.from), typ })}.${part(payload)}`;
  const signature = await webcrypto.subtle.sign("Ed25519", own.privateKey, bytes(input));
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

async function verify(typ, most, data, members) {
  if (data.length > most) throw new Error("too long");
  const [header, payload, signature, ...more] = text(data).split(".");
  if (signature === undefined || more.length) throw new Error("not a compact JWS");
  const said = JSON.parse(Buffer.from(payload, "base64url"));
  if (Object.keys(said).sort().join() !== members) throw new Error("other members");
  const wanted = { alg: "EdDSA", kid: keyId(said.from), typ };
  if (Buffer.from(header, "base64url").toString() !== jcs(wanted)) throw new Error("another header");
  const input = bytes(`${header}.${payload}`);
  const key = await keyOf(said.from);
  if (!(await webcrypto.subtle.verify("Ed25519", key, Buffer.from(signature, "base64url"), input))) {
    throw new Error("the signature does not verify");
  }
  return said;
}

// messages.md §1 and §4.
const topicId = (name) => sha256(Buffer.concat([bytes("pumasi/topic/1\0"), bytes(name)]));
const gossipTopic = (name) => `/pumasi/topic/${topicId(name).toString("hex")}`;
const memberKey = (name) => Buffer.concat([bytes("/pumasi/member/"), topicId(name)]);

async function readMessage(name, data) {
  const said = await verify("pumasi/1/topic", 8192, data, "from,issued,sequence,text,topic");
  if (said.topic !== name) throw new Error("of another topic");
  const age = Date.now() - said.issued;
  if (age > 5 * 60_000 || age < -2 * 60_000) throw new Error("not of now");
  return said;
}

async function readMember(name, data) {
  const said = await verify("pumasi/1/member", 2048, data, "addresses,expires,from,left,node,sequence,topic");
  if (said.topic !== topicId(name).toString("hex")) throw new Error("of another topic");
  if (said.expires <= Date.now() || said.expires - said.sequence > 30 * 60_000) throw new Error("not of now");
  return said;
}

// overlay.md §7: one request and one answer, each behind its length.
function leb128(number) {
  const out = [];
  for (; number >= 0x80; number >>= 7) out.push((number & 0x7f) | 0x80);
  return Buffer.from([...out, number]);
}

function takeLength(data) {
  let length = 0;
  for (let at = 0; at < Math.min(4, data.length); at += 1) {
    length |= (data[at] & 0x7f) << (7 * at);
    if (!(data[at] & 0x80)) {
      const end = at + 1 + length;
      return end <= data.length ? [data.subarray(at + 1, end), data.subarray(end)] : undefined;
    }
  }
  return undefined;
}

async function askSet(peer, request) {
  const stream = await node.dialProtocol(peer, "/pumasi/set/1.0.0", { signal: AbortSignal.timeout(10_000) });
  stream.send(Buffer.concat([leb128(request.length), request]));
  let got = Buffer.alloc(0);
  for await (const chunk of stream) {
    got = Buffer.concat([got, Buffer.from(chunk.subarray())]);
    const whole = takeLength(got);
    if (whole) {
      await stream.close();
      return whole[0];
    }
    if (got.length > 262_144 + 4) throw new Error("the answer is too long");
  }
  throw new Error("no answer");
}

async function nearest(key) {
  const peers = new Map();
  for await (const event of node.services.dht.getClosestPeers(key)) {
    if (event.name === "FINAL_PEER") peers.set(event.peer.id.toString(), event.peer.id);
  }
  return [...peers.values()];
}

async function listMembers(name) {
  const key = memberKey(name);
  const found = new Map();
  for (const peer of await nearest(key)) {
    const answer = await askSet(peer, Buffer.concat([Buffer.from([0x02]), leb128(key.length), key])).catch(() => []);
    if (answer[0] !== 0x03) continue;
    let rest = answer.subarray(1);
    for (let next = takeLength(rest); next; next = takeLength(rest)) {
      rest = next[1];
      const member = await readMember(name, next[0]).catch(() => undefined);
      if (member && !(found.get(member.from)?.sequence >= member.sequence)) found.set(member.from, member);
    }
  }
  return [...found.values()].filter((member) => !member.left && member.from !== ownDid);
}

async function beMember(name) {
  const key = memberKey(name);
  const sequence = Date.now();
  const entry = await sign("pumasi/1/member", {
    addresses: node.getMultiaddrs().map((at) => at.toString().replace(/\/p2p\/.*/, "")),
    expires: sequence + 30 * 60_000,
    from: ownDid,
    left: false,
    node: node.peerId.toString(),
    sequence,
    topic: topicId(name).toString("hex"),
  });
  const add = Buffer.concat([Buffer.from([0x01]), leb128(key.length), key, bytes(entry)]);
  let kept = 0;
  for (const peer of await nearest(key)) {
    const answer = await askSet(peer, add).catch(() => []);
    kept += answer[0] === 0x01 ? 1 : 0;
  }
  return kept;
}

const kept = new Map();
const sequence = (json) => JSON.parse(text(json)).sequence;
const node = await createLibp2p({
  addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionGater: { denyDialMultiaddr: () => false },
  services: {
    identify: identify(),
    ping: ping(),
    // overlay.md §9.
    gossip: gossipsub({
      globalSignaturePolicy: "StrictNoSign",
      msgIdFn: (message) => sha256(message.data),
      allowPublishToZeroTopicPeers: true,
      emitSelf: false,
      maxInboundDataLength: 64 * 1024,
    }),
    dht: kadDHT({
      protocol: "/pumasi/kad/1.0.0",
      clientMode: false,
      allowQueryWithZeroPeers: true,
      peerInfoMapper: passthroughMapper,
      validators: {
        pumasi: checkRecord,
      },
      selectors: {
        // The highest sequence is the newest.
        pumasi: (key, records) => records.reduce((best, one, at) => (sequence(one) > sequence(records[best]) ? at : best), 0),
      },
    }),
  },
});
node.addEventListener("connection:open", ({ detail }) => say("connected", { peer: detail.remotePeer.toString() }));

const does = {
  async join({ address }) {
    await node.dial(multiaddr(address));
    // Identify tells that the other speaks the protocol.
    for (let tries = 0; tries < 100 && node.services.dht.routingTable.size === 0; tries += 1) await sleep(100);
    for await (const _ of node.services.dht.getClosestPeers(node.peerId.toMultihash().bytes)) {
      // The events of the walk; what counts is that it ends.
    }
    return { routable: node.services.dht.routingTable.size };
  },
  async find({ did }) {
    const key = profileKey(did);
    let found;
    for await (const event of node.services.dht.get(key)) {
      if (event.name === "VALUE") found = event;
    }
    if (!found) throw new Error("not found");
    const { id, sequence, name } = await verifyProfile(found.value, did);
    return { id, sequence, name, from: found.from.toString() };
  },
  // Finds who is in a topic in the DHT, connects to them, and listens.
  async topic({ name }) {
    const topic = gossipTopic(name);
    node.services.gossip.topicValidators.set(topic, async (peer, message) => {
      try {
        const { from, text, issued } = await readMessage(name, message.data);
        say("heard", { from, text, issued });
        return "accept";
      } catch (error) {
        say("refused", { why: String(error.message) });
        return "reject";
      }
    });
    node.services.gossip.subscribe(topic);
    const members = await listMembers(name);
    for (const member of members) {
      const at = member.addresses.filter((address) => address.includes("/tcp/"));
      await node.dial(at.map((address) => multiaddr(`${address.replace(/\/p2p\/.*/, "")}/p2p/${member.node}`)));
    }
    const kept = await beMember(name);
    return { did: ownDid, members: members.map((member) => member.from), kept };
  },
  async say({ name, text: words }) {
    const issued = Date.now();
    const payload = { from: ownDid, issued, sequence: issued, text: words, topic: name };
    const { recipients } = await node.services.gossip.publish(gossipTopic(name), bytes(await sign("pumasi/1/topic", payload)));
    return { neighbours: recipients.length };
  },
  // Whether a profile was put here, by one of ours that took this for a node like any other.
  async kept({ did }) {
    for (let tries = 0; tries < 300 && !kept.has(did); tries += 1) await sleep(100);
    if (!kept.has(did)) throw new Error("nobody has put it here");
    return { sequence: kept.get(did) };
  },
};

await node.start();
say("started", { peer: node.peerId.toString(), addresses: node.getMultiaddrs().map(String) });
for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  try {
    say(ask.do, await does[ask.do](ask));
  } catch (error) {
    say("failed", { at: ask.do, why: String(error.message ?? error) });
  }
}
await node.stop();
