/**
 * Publishes a release that was prepared, tagged and passed: `npm run release -- --publish X.Y.Z npm`, `jsr` or `github OWNER/NAME`. What
 * follows `npm` or `jsr` goes to their programs. Each can be called again: what is there already is compared, not sent twice.
 *
 * GitLab's catalog needs none of it: the pipeline of the tag publishes there.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { sha256 } from "../setup.mjs";
import { RELEASE_FILES, releaseFile } from "./files.ts";
import { releaseOnGithub } from "./github_release.ts";
import { publishToJsr, publishToNpm } from "./packages.ts";

/** Options of {@linkcode publish}. */
export interface PublishOptions {
  /** Top of the checkout. */
  top: string;
  /** Version, `X.Y.Z`. */
  version: string;
  /** Where to, and what its program or its address needs. */
  target: readonly string[];
  /** Checks that the checkout is that release. @returns its notes */
  check: (top: string, version: string) => Promise<string>;
}

/** @throws when HEAD is not the tag, something has changed, or `dist/` is not built. */
function checkCheckout(top: string, version: string): void {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: top, encoding: "utf8" }).trim();
  const refuse = (why: string): never => {
    throw new Error(`Cannot publish "${version}": ${why}`);
  };
  if (git("tag", "--points-at", "HEAD", "--list", version) !== version) refuse(`check the tag "${version}" out first`);
  const changes = git("status", "--porcelain");
  if (changes !== "") refuse(`the checkout has changes:\n${changes}`);
  const missing = RELEASE_FILES.filter((name) => !existsSync(releaseFile(top, name)));
  if (missing.length > 0) refuse(`dist/ has no ${missing.join(", ")}: run "npm run build"`);
  for (const name of RELEASE_FILES.filter((each) => each.endsWith(".sha256"))) {
    const program = name.slice(0, -".sha256".length);
    const text = readFileSync(releaseFile(top, program), "utf8");
    const [sum = ""] = readFileSync(releaseFile(top, name), "utf8").split(" ");
    if (sum !== sha256(text)) refuse(`dist/${name} is not the checksum of dist/${program}: run "npm run build"`);
    if (!text.includes(`// @mogplex/ci ${version} ${program} `)) {
      refuse(`dist/${program} is of another version: run "npm run build"`);
    }
  }
}

/**
 * Publishes a release to one place.
 *
 * @returns What was done, as a sentence.
 * @throws when the checkout is not the release, the place is not known, or it refuses.
 */
export async function publish({ top, version, target: [place = "", ...args], check }: PublishOptions): Promise<string> {
  if (!["npm", "jsr", "github"].includes(place)) {
    throw new Error(`Cannot publish to "${place}": it must be npm, jsr or github OWNER/NAME`);
  }
  const [repository = ""] = args;
  const token = process.env.GITHUB_TOKEN ?? "";
  if (place === "github" && !/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new Error(`Cannot publish to "${repository}" on GitHub: name its repository as OWNER/NAME`);
  }
  if (place === "github" && token === "") {
    throw new Error(
      "Cannot publish on GitHub: GITHUB_TOKEN must hold a token that may write the repository's contents",
    );
  }
  checkCheckout(top, version);
  const notes = await check(top, version);
  if (place === "npm") return await publishToNpm({ top, version, args });
  if (place === "jsr") return await publishToJsr({ top, version, args });
  return await releaseOnGithub({ top, version, repository, notes, token });
}
