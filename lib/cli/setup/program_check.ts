import { messageOf } from "../../error_sentence.ts";
import { UsageError } from "../../errors.ts";
import { isLoopback } from "../../loopback.ts";
import { sha256Hex } from "../../sha256.ts";
import { isNotPermitted } from "../../runtime.ts";
import { readPublicFile } from "../../service/post.ts";
import { type Check, failed, ok, warning } from "../../check.ts";
import type { Context, Option } from "../verb.ts";
import { programVersion } from "./init.ts";
import { CHECKSUM_FILE, PROGRAM_FILE } from "./recipes.ts";

const MAX_PROGRAM_BYTES = 4 * 1024 * 1024;

/** Enough for about 5,000 releases. */
const MAX_RELEASES_BYTES = 1024 * 1024;

const LIMIT_MS = 10_000;

export const RELEASES: Option<string> = {
  name: "releases",
  value: "ADDRESS",
  help: "Look for a newer release in the `releases.json` at this address. By default, there is no check",
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol === "https:" || url?.protocol === "http:" && isLoopback(url.hostname)) return text;
    throw new UsageError({
      attempted: "look up the newest release",
      why: "--releases must be the https:// address of a releases.json",
      value: JSON.stringify(text),
    });
  },
};

export async function checkProgram(context: Context): Promise<Check[]> {
  const address = context.option(RELEASES);
  const read = (path: string, most: number) => context.io.readFile(path, most, "refuse", "replace");
  let version: string | undefined;
  const checks: Check[] = [];
  try {
    const text = read(PROGRAM_FILE, MAX_PROGRAM_BYTES);
    if (text !== undefined) {
      version = programVersion(text);
      checks.push(compare(version, sha256Hex(text), read(CHECKSUM_FILE, 1_000)));
    }
  } catch (error) {
    const advice = isNotPermitted(error)
      ? "Allow Deno to read it: --allow-read"
      : `Make ${PROGRAM_FILE} a regular file`;
    checks.push(failed("program", messageOf(error), advice, "usage"));
  }
  if (address !== undefined) checks.push(await checkAge(context, address, version));
  return checks;
}

function compare(version: string, digest: string, sums: string | undefined): Check {
  if (sums === undefined) {
    const advice = `Write its checksum: (cd ci && sha256sum mogplex.mjs > mogplex.mjs.sha256)`;
    return warning("program", `${PROGRAM_FILE} has no checksum next to it`, advice);
  }
  if (sums.toLowerCase().startsWith(digest)) {
    return ok("program", `${PROGRAM_FILE} ${version} matches its checksum`);
  }
  return failed(
    "program",
    `${PROGRAM_FILE} has the SHA-256 ${digest}, which is not in ${CHECKSUM_FILE}`,
    "Find out what changed it: git log -- ci. To replace it: npm --prefix ../mogplex-ci run init -- --update --force",
    "internal",
  );
}

async function checkAge(context: Context, address: string, version: string | undefined): Promise<Check> {
  const { clock, fetch } = context;
  const what = "look up the newest release";
  try {
    const answer = await readPublicFile(
      { what, url: address, maxBytes: MAX_RELEASES_BYTES },
      { clock, fetch, limitMs: LIMIT_MS },
    );
    if (answer.status !== 200) throw new Error(`${new URL(address).host} answered with HTTP ${answer.status}`);
    const newest: unknown = JSON.parse(answer.text)?.releases?.[0]?.version;
    if (typeof newest !== "string" || !/^\d+\.\d+\.\d+$/.test(newest)) {
      throw new Error("the file does not contain a version");
    }
    if (version === undefined) {
      return ok("releases", `the newest release is ${newest}; ${PROGRAM_FILE} does not exist here`);
    }
    if (newest === version) return ok("releases", `${version} is the newest release`);
    return warning(
      "releases",
      `the newest release is ${newest}, but this program is ${version}`,
      "Update it: init --update",
    );
  } catch (error) {
    return warning("releases", `Cannot ${what}: ${messageOf(error)}`, `Check the address ${address}`);
  }
}
