/**
 * Replacements for Node's modules in a browser and in an edge runtime. Files and processes do not exist there, so code that needs them throws.
 * SHA-256 works, because pages are rendered with it.
 *
 * @module
 */
import type { Plugin } from "esbuild";
import { dirname } from "node:path";

/** The part of `node:crypto` that `lib/sha256.ts` uses. The hash is computed here, because the platform's hash function is asynchronous. */
const CRYPTO = `
const K = Array.from({ length: 64 }, (_, i) => {
  let n = 2;
  for (let count = -1;; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (prime && ++count === i) break;
  }
  return Math.floor((Math.cbrt(n) % 1) * 2 ** 32) | 0;
});
const BEGIN = [2, 3, 5, 7, 11, 13, 17, 19].map((n) => Math.floor((Math.sqrt(n) % 1) * 2 ** 32) | 0);
const bytesOf = (content) => typeof content === "string" ? new TextEncoder().encode(content) : content;
function sha256(bytes) {
  const padded = new Uint8Array((bytes.length + 72) >> 6 << 6);
  padded.set(bytes);
  padded[bytes.length] = 128;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const h = BEGIN.slice();
  const w = new Int32Array(64);
  const rotate = (x, n) => x >>> n | x << 32 - n;
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const [a, b] = [w[i - 15], w[i - 2]];
      w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >>> 3) + w[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ b >>> 10);
    }
    let [a, b, c, d, e, f, g, last] = h;
    for (let i = 0; i < 64; i++) {
      const one = last + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e & f ^ ~e & g) + K[i] + w[i] | 0;
      const two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
      [a, b, c, d, e, f, g, last] = [one + two | 0, a, b, c, d + one | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, last].forEach((value, i) => h[i] = h[i] + value | 0);
  }
  const result = new DataView(new ArrayBuffer(32));
  h.forEach((value, i) => result.setInt32(4 * i, value));
  return new Uint8Array(result.buffer);
}
const textOf = (bytes, form) => form === "base64"
  ? btoa(String.fromCharCode(...bytes))
  : [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const hash = (_name, content, form) => textOf(sha256(bytesOf(content)), form);
export const createHash = () => {
  let content;
  const made = { update: (given) => (content = given, made), digest: (form) => hash("sha256", content, form) };
  return made;
};
const none = () => { throw new Error("not in a browser"); };
export const createHmac = none;
export const timingSafeEqual = none;
export const randomUUID = () => globalThis.crypto.randomUUID();
`;

const PROCESS = `
const none = { env: {}, argv: [], execArgv: [], versions: {}, platform: "browser", cwd: () => "/" };
export default globalThis.process ?? none;
`;

/** Replaces the module that a script loads for a result file. Without Git and the tokens of a job, no repository can be read. */
const RESULTS = `
import { UsageError } from "../errors.ts";
function refuse() {
  throw new UsageError({
    attempted: "read the result file",
    why: "there is no Git in a browser, and no token of a forge",
    advice: "call run() on a server",
  });
}
export const filesOfScript = async () => refuse();
export const jsonSchemaOfZod = refuse;
`;

/** Replaces Node's modules. A missing name of a replacement is `undefined`, and the compiler does not check this. */
export const withoutNode: Plugin = {
  name: "without-node",
  setup(build) {
    build.onResolve(
      { filter: /^node:/ },
      ({ path }) => ({ path: path.slice("node:".length), namespace: "without-node" }),
    );
    build.onLoad(
      { filter: /library\/(?:files_of_script|zod_schema)\.ts$/ },
      ({ path }) => ({ contents: RESULTS, resolveDir: dirname(path) }),
    );
    build.onLoad({ filter: /.*/, namespace: "without-node" }, ({ path }) => ({
      contents: path === "crypto" ? CRYPTO : path === "process" ? PROCESS : "module.exports = {};",
      loader: "js",
    }));
  },
};
