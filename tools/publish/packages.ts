/**
 * Publishes the package to npm and to JSR by their own programs, which know how to log in. A version that is there already is compared, not
 * sent again: both registries keep a version for ever.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../setup.mjs";

/** What is published, and how. */
export interface Publication {
  /** Top of a checkout of the release, built. */
  top: string;
  /** Its version, `X.Y.Z`. */
  version: string;
  /** Further arguments for the program that publishes, such as `--tag next`. */
  args: readonly string[];
}

const PACKAGE = "@mogplex/ci";
// On Windows npm is a script, which needs a shell; releases are made on other systems.
const NPM = "npm";

/** @returns What a program printed on standard output, where npm puts its reasons, too. @throws when it fails. */
async function output(top: string, program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { cwd: top, stdio: ["ignore", "pipe", "ignore"] });
  const chunks: Uint8Array[] = [];
  child.stdout.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  const [code] = await once(child, "close");
  const text = Buffer.concat(chunks).toString().trim();
  if (code !== 0) throw new Error(`${program} ${args[0]} ended with ${code}: ${text}`);
  return text;
}

/** Lets a program publish, and ask for a login at the terminal. @throws when it fails. */
async function publishBy(top: string, program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { cwd: top, stdio: ["inherit", 2, 2] });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`Cannot publish: ${program} ended with ${code}`);
}

/** Checksum of the tarball that the registry has for a version; undefined when it has none. */
async function publishedSum({ top, version, args }: Publication): Promise<string | undefined> {
  const asked = ["view", `${PACKAGE}@${version}`, "dist.shasum", "--json", ...args];
  try {
    const text = await output(top, NPM, asked);
    return text === "" ? undefined : JSON.parse(text);
  } catch (error) {
    // With --json the reason is on standard output.
    if (/"code": "E404"/.test(`${error}`)) return undefined;
    throw new Error(`Cannot ask npm for ${PACKAGE}@${version}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Publishes to npm with `npm publish`.
 *
 * @returns What was done, as a sentence.
 * @throws when npm refuses, or when the version is there with other bytes.
 */
export async function publishToNpm(publication: Publication): Promise<string> {
  const { top, version, args } = publication;
  const published = await publishedSum(publication);
  if (published === undefined) {
    await publishBy(top, NPM, ["publish", "--access", "public", ...args]);
    return `npm has ${PACKAGE}@${version} now`;
  }
  const [packed] = JSON.parse(await output(top, NPM, ["pack", "--dry-run", "--json", "--ignore-scripts"]));
  if (packed.shasum !== published) {
    throw new Error(
      `Cannot publish ${PACKAGE}@${version} to npm: it is there with the checksum ${published}, not ${packed.shasum}; make another version`,
    );
  }
  return `npm had ${PACKAGE}@${version} already, with the same bytes`;
}

/** Address of JSR, which its own programs read from the same variable. */
function jsr(): string {
  return (process.env.JSR_URL ?? "https://jsr.io/").replace(/\/*$/, "/");
}

/**
 * Publishes to JSR with `deno publish`.
 *
 * @returns What was done, as a sentence.
 * @throws when JSR refuses or cannot be asked.
 */
export async function publishToJsr({ top, version, args }: Publication): Promise<string> {
  const { name } = JSON.parse(readFileSync(join(top, "deno.json"), "utf8"));
  const [scope = "", short = ""] = name.replace("@", "").split("/");
  const url = `${jsr()}api/scopes/${scope}/packages/${short}/versions/${version}`;
  const { status } = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (status === 200) return `JSR had ${name}@${version} already`;
  if (status !== 404) throw new Error(`Cannot ask JSR for ${name}@${version}: it answered ${status}`);
  await publishBy(top, runtimes.deno, ["publish", ...args]);
  return `JSR has ${name}@${version} now`;
}
