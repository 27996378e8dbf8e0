// The envelope by Node's jose: opens what Pumasi made, makes what Pumasi opens. One JSON request in, one answer out.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// An import looks beside this file only; the modules are wherever the test says.
const modules = createRequire(join(process.env.PUMASI_NODE_MODULES, "here.js"));
const jose = await import(pathToFileURL(modules.resolve("jose")));

const ask = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => new TextEncoder().encode(text);
const text = (array) => new TextDecoder().decode(array);

async function verify(token, pem, algorithm) {
  const key = await jose.importSPKI(pem, algorithm);
  const { payload } = await jose.compactVerify(token, key, { algorithms: [algorithm] });
  return JSON.parse(text(payload));
}

async function decrypt(token) {
  const key = await jose.importPKCS8(ask.unwrap_private, "RSA-OAEP-256");
  const allowed = { keyManagementAlgorithms: ["RSA-OAEP-256"], contentEncryptionAlgorithms: ["A256GCM"] };
  return text((await jose.flattenedDecrypt(JSON.parse(token), key, allowed)).plaintext);
}

async function sign(alg, kid, typ, pem) {
  const key = await jose.importPKCS8(pem, alg);
  return new jose.CompactSign(bytes(JSON.stringify(ask.payload))).setProtectedHeader({ alg, kid, typ }).sign(key);
}

async function encrypt(plaintext, kid) {
  const key = await jose.importSPKI(ask.unwrap_public, "RSA-OAEP-256");
  const header = { alg: "RSA-OAEP-256", enc: "A256GCM", kid };
  return JSON.stringify(await new jose.FlattenedEncrypt(bytes(plaintext)).setProtectedHeader(header).encrypt(key));
}

const refused = await decrypt(ask.tampered).then(
  () => false,
  (error) => error instanceof jose.errors.JWEDecryptionFailed,
);
const transfer = await sign("PS256", ask.signing_kid, "transfer", ask.signing_private);
const answer = {
  transfer: await verify(await decrypt(ask.jwe), ask.signing_public, "PS256"),
  result: await verify(ask.jws, ask.did_public, "EdDSA"),
  refused,
  jwe: await encrypt(transfer, ask.unwrap_kid),
  jws: await sign("EdDSA", ask.did_kid, "result", ask.did_private),
};
process.stdout.write(JSON.stringify(answer));
