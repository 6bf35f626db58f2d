/**
 * Makes a release on GitHub with its files. It stays a draft until all of them are there, so that half of one is not downloaded; when it was
 * interrupted, the next call goes on with the draft.
 *
 * Source: GitHub REST API, "Releases" and "Release assets".
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { sha256 } from "../setup.mjs";
import { RELEASE_FILES, releaseFile } from "./files.ts";

interface Asset {
  id: number;
  name: string;
  state: string;
  size: number;
  /** `sha256:` and hex digits. Releases of older servers have none. */
  digest?: string | null;
}

interface Release {
  id: number;
  tag_name: string;
  draft: boolean;
  upload_url: string;
  assets: Asset[];
}

/** What a release on GitHub consists of. */
export interface GithubRelease {
  /** Top of a checkout of the release, built. */
  top: string;
  /** Its version, `X.Y.Z`, which is its tag. */
  version: string;
  /** `owner/name` of the repository. */
  repository: string;
  /** What is said about it, as Markdown. */
  notes: string;
  /** Token that may write the contents of the repository. */
  token: string;
}

/** Sends one request. @throws when it does not succeed. */
async function send<T>(token: string, method: string, url: string, body?: BodyInit, type?: string): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${token}`,
      "x-github-api-version": "2022-11-28",
      ...(body === undefined ? {} : { "content-type": type ?? "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
    // A redirect could lead the token elsewhere.
    redirect: "error",
    signal: AbortSignal.timeout(120_000),
  });
  const text = await response.text();
  if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
  throw new Error(
    `Cannot ${method} ${new URL(url).pathname}: GitHub answered ${response.status} ${text.slice(0, 300)}`,
  );
}

/**
 * Where files of a release go.
 *
 * @param named What the release names.
 * @throws when that is not GitHub's own place: the token goes there.
 */
function uploadAddress(api: string, named: string): string {
  const [own, url] = [new URL(api), new URL(named.replace(/\{.*/, ""))];
  // Source: GitHub REST API, "Upload a release asset": uploads.github.com. Servers of a company have one host for all.
  const hosts = [own.host, own.host.replace(/^api\./, "uploads.")];
  if (url.protocol === own.protocol && hosts.includes(url.host)) return url.href;
  throw new Error(`Cannot upload to ${url.origin}: the token is for ${hosts.join(" and ")}`);
}

/** Checks an asset of a release that is public. @throws when it is missing, or has other bytes. */
function checkAsset(top: string, name: string, asset: Asset | undefined): void {
  const bytes = readFileSync(releaseFile(top, name));
  const same = asset !== undefined && asset.size === bytes.length &&
    (asset.digest == null || asset.digest === `sha256:${sha256(bytes)}`);
  if (same) return;
  throw new Error(`Cannot release again: the release is public, and its "${name}" is not the file of this checkout`);
}

/**
 * Makes the release, or goes on with its draft.
 *
 * @returns What was done, as a sentence.
 * @throws when GitHub refuses, or when the release is public with other files.
 */
export async function releaseOnGithub({ top, version, repository, notes, token }: GithubRelease): Promise<string> {
  const api = (process.env.GITHUB_API_URL ?? "https://api.github.com").replace(/\/*$/, "");
  const releases = `${api}/repos/${repository}/releases`;
  // The list has drafts, which cannot be found by their tag.
  const all = await send<Release[]>(token, "GET", `${releases}?per_page=100`);
  let release = all.find(({ tag_name }) => tag_name === version);
  const found = (name: string) => release?.assets.find((each) => each.name === name);
  if (release?.draft === false) {
    for (const name of RELEASE_FILES) checkAsset(top, name, found(name));
    return `GitHub had the release ${version} of ${repository} already, with the same files`;
  }
  const about = { tag_name: version, name: `Mogplex CI ${version}`, body: notes, draft: true };
  release ??= await send<Release>(token, "POST", releases, JSON.stringify(about));
  const uploads = uploadAddress(api, release.upload_url);
  for (const name of RELEASE_FILES) {
    const old = found(name);
    // An upload that was interrupted left something of the same name.
    if (old !== undefined) await send(token, "DELETE", `${releases}/assets/${old.id}`);
    const url = `${uploads}?name=${encodeURIComponent(name)}`;
    const bytes = readFileSync(releaseFile(top, name));
    const asset = await send<Asset>(token, "POST", url, new Uint8Array(bytes), "application/octet-stream");
    if (asset.state !== "uploaded" || asset.size !== bytes.length) {
      throw new Error(`Cannot upload "${name}": GitHub has ${asset.size} of ${bytes.length} bytes`);
    }
  }
  await send(token, "PATCH", `${releases}/${release.id}`, JSON.stringify({ draft: false }));
  return `GitHub has the release ${version} of ${repository} now`;
}
