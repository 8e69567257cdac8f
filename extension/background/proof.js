// How a server proves that it is the one the person chose. Over https its certificate does;
// over http on this computer any program could take its port, so the server proves a key.
//
// The server's side is server/src/proof.rs: it signs the same text and shows the same
// fingerprint.

import { failure } from "./failure.js";
import { request } from "./http.js";

const DOMAIN = "stagepass server proof\0";
const NONCE_BYTES = 32;
const HTTP_PORT = 80;
const FINGERPRINT_BYTES = 16;
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

/** Whether the server at `url` must prove a key. */
export function needsProof(url) {
  return new URL(url).protocol === "http:";
}

/** Throws `server_unproven` unless the server at `url` proves `key`, and `server_unconfirmed` without a key. */
// Decision: docs/decisions/extension.md#the-servers-proof-is-checked-in-javascript
export async function prove({ url, key }) {
  if (!needsProof(url)) return;
  if (!key) throw failure("server_unconfirmed");
  const found = await findKey(url).catch((error) => {
    throw error.code === "server_away" ? error : failure("server_unproven");
  });
  if (found !== key) throw failure("server_unproven");
}

/** The key, in base64, that the server at `url` proves. */
export async function findKey(url) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const body = { nonce: toBase64(nonce) };
  const answer = await request(`${url}/api/server/proof`, { method: "POST", body });
  const key = await verifiedKey(answer, signedText(url, nonce)).catch(() => null);
  if (!key) throw failure("server_unproven");
  return key;
}

async function verifiedKey(answer, text) {
  const point = fromBase64(answer.public_key);
  const key = await crypto.subtle.importKey("raw", point, CURVE, false, ["verify"]);
  const isRight = await crypto.subtle.verify(SIGNATURE, key, fromBase64(answer.signature), text);
  return isRight ? toBase64(point) : null;
}

/** Unambiguous: only the host name varies in length, and it comes last. */
function signedText(url, nonce) {
  const { hostname, port } = new URL(url);
  const number = Number(port || HTTP_PORT);
  const encoder = new TextEncoder();
  const parts = [encoder.encode(DOMAIN), nonce, [number >> 8, number & 255], encoder.encode(hostname)];
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** The fingerprint that people compare: `3F2A 91C0 …`. */
export async function fingerprintOf(key) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", fromBase64(key)));
  const hex = [...digest.slice(0, FINGERPRINT_BYTES)].map((byte) => byte.toString(16).padStart(2, "0"));
  return hex.join("").toUpperCase().match(/.{4}/g).join(" ");
}

function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0));
}
