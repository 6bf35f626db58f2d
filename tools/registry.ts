/**
 * Looks up which image a tag currently names in its container registry.
 *
 * Source: OCI Distribution Specification, "Pulling manifests"; CNCF Distribution, "Token Authentication Specification".
 *
 * @module
 */
// Imports nothing of this project, because the release job runs this module on Deno without packages and without access to the environment.
import { createHash } from "node:crypto";

/**
 * Media types of an image for several platforms. The tag of the default image must have one of these types, so that the image runs on every platform.
 */
const INDEXES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const TIMEOUT_MS = 30_000;

function manifests(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  if (!isHost) return `https://registry-1.docker.io/v2/${rest.length === 0 ? `library/${first}` : image}/manifests`;
  // As in Docker, the protocol for registries on loopback is plain HTTP.
  const scheme = /^(localhost|127\.0\.0\.1)(:|$)/.test(first) ? "http" : "https";
  return `${scheme}://${first}/v2/${rest.join("/")}/manifests`;
}

async function get(url: string, headers: Record<string, string>, method = "GET"): Promise<Response> {
  try {
    return await fetch(url, { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new Error(`Cannot reach "${new URL(url).host}": ${error instanceof Error ? error.message : error}`);
  }
}

async function anonymousToken(challenge: string): Promise<string> {
  const said = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  const { realm = "", service, scope } = said as Record<string, string | undefined>;
  if (!/^Bearer /i.test(challenge) || !URL.canParse(realm)) {
    throw new Error(`Cannot log in to the registry: it asks for something other than a token: "${challenge}"`);
  }
  const url = new URL(realm);
  for (const [name, value] of Object.entries({ service, scope })) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const answer = await get(url.href, {});
  const body = answer.ok ? await answer.json() as { token?: string; access_token?: string } : {};
  const token = body.token ?? body.access_token;
  if (token === undefined) throw new Error(`Cannot log in to the registry: ${url.host} answered ${answer.status}`);
  return token;
}

/**
 * Fetches the manifest of an image and computes its digest, so that a wrong answer of the registry is detected.
 *
 * @param image Name without tag, such as `denoland/deno` or `registry.example/group/name`.
 * @param tag Tag of the image, such as `alpine-2.9.6`.
 * @returns `sha256:` and 64 hexadecimal digits.
 * @throws if the registry cannot be reached, does not know the tag, or sends a manifest with another digest.
 */
export async function lookUpDigest(image: string, tag: string): Promise<string> {
  const name = `${image}:${tag}`;
  const base = manifests(image);
  const headers: Record<string, string> = { accept: INDEXES.join(", ") };
  let head = await get(`${base}/${tag}`, headers, "HEAD");
  if (head.status === 401) {
    headers.authorization = `Bearer ${await anonymousToken(head.headers.get("www-authenticate") ?? "")}`;
    head = await get(`${base}/${tag}`, headers, "HEAD");
  }
  if (!head.ok) throw new Error(`Cannot look up image "${name}": the registry answered ${head.status}`);
  const type = head.headers.get("content-type") ?? "";
  if (!INDEXES.includes(type)) {
    throw new Error(`Cannot look up image "${name}": the registry has no list of platforms for it, but "${type}"`);
  }
  const digest = head.headers.get("docker-content-digest") ?? "";
  if (!DIGEST.test(digest)) throw new Error(`Cannot look up image "${name}": the registry reports digest "${digest}"`);
  const answer = await get(`${base}/${digest}`, headers);
  if (!answer.ok) throw new Error(`Cannot fetch image "${name}": the registry answered ${answer.status}`);
  const hash = createHash("sha256").update(new Uint8Array(await answer.arrayBuffer())).digest("hex");
  if (digest === `sha256:${hash}`) return digest;
  throw new Error(`Cannot trust image "${name}": what the registry sent as "${digest}" has digest "sha256:${hash}"`);
}
