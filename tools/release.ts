/**
 * Prepares a release. `npm run release -- X.Y.Z` does the following:
 * - looks up the digest of the default image
 * - writes version, digest and places into all files that contain them
 * - changes every document to its released state
 * - builds, and copies the built files that the repository contains
 * - adds the version to releases.json
 * - prints the commands that a person runs next
 *
 * Nothing is written before all checks have passed.
 *
 * Without a version, it only builds and copies: templates, action, and pins in documents and recipes.
 *
 * `--digest sha256:HEX` sets the digest of the default image, for a rehearsal without a network.
 *
 * The tag is `X.Y.Z`, the form that GitLab's catalog requires. The tag `vX` moves, for users of the GitHub action. CONTRIBUTING.md, "Releasing",
 * describes the setup.
 *
 * `--check [X.Y.Z]` runs in the pipelines of the release commit and of the tag, on the files that the pipeline has built. It prints the notes of the
 * release, or every reason against the release. It runs on Deno without any package.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { publishedProblems, writePublished } from "./build/published.ts";
import { type Places, readPlaces } from "./publish/places.ts";
import { isUnreleased, releasedText } from "./publish/released.ts";
import { lookUpDigest } from "./registry.ts";
import { sha256 } from "./setup.mjs";

/** The files that contain the version. In each pattern, the first group is the text before the version, and the second group is the version. */
const VERSION_PLACES: Readonly<Record<string, RegExp>> = {
  "package.json": /("name": "@mogplex\/ci",\s*"version": ")([^"]*)/g,
  "package-lock.json": /("name": "@mogplex\/ci",\s*"version": ")([^"]*)/g,
  "deno.json": /("name": "@mogplex\/ci",\s*"version": ")([^"]*)/g,
  "lib/version.ts": /(VERSION = ")([^"]*)/g,
};
const IMAGE = "components/image.json";
const CHANGELOG = "CHANGELOG.md";
const PLACE_FILES = ["mogplex.json", "github.yml", "gitlab.yml"].map((name) => `examples/updates/${name}`);
const PROGRAM = "dist/mogplex.mjs";

/** The releases, newest first, in the format of Renovate's custom datasource. Each release includes the whole file. */
export const RELEASES = "releases.json";

interface Releases {
  releases: { version: string; digest: string; releaseTimestamp: string }[];
}

interface Image {
  image: string;
  tag: string;
  digest: string;
}

export interface ReleaseOptions {
  top: string;
  version: string;
  date: string;
  build: () => void;
  digest?: string | undefined;
}

function read(top: string, path: string): string {
  return readFileSync(join(top, path), "utf8");
}

function versionOf(top: string): string {
  return /VERSION = "([^"]*)"/.exec(read(top, "lib/version.ts"))?.[1] ?? "";
}

function readImage(top: string): Image {
  return JSON.parse(read(top, IMAGE));
}

function section(changelog: string, heading: string): string | undefined {
  const parts = changelog.split(/^## /m).slice(1);
  const found = parts.find((part) => (part.split("\n", 1)[0] ?? "").split(" ", 1)[0] === heading);
  return found?.slice(found.indexOf("\n")).trim();
}

/**
 * Paths of the files with parts that apply only before the first release. Does not run Git, because the release job is not allowed to start a
 * program.
 */
function unreleasedFiles(top: string): string[] {
  const folders = ["action", "components", "docs", "examples"].flatMap((folder) =>
    existsSync(join(top, folder))
      ? readdirSync(join(top, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`)
      : []
  );
  const paths = [...readdirSync(top), ...folders].filter((path) => /\.(?:md|ya?ml)$/.test(path));
  return paths.filter((path) => !path.includes("node_modules") && isUnreleased(read(top, path))).sort();
}

function versionsIn(top: string): [path: string, version: string][] {
  return Object.entries(VERSION_PLACES).flatMap(([path, pattern]) => {
    const found = [...read(top, path).matchAll(pattern)].map((match): [string, string] => [path, match[2] ?? ""]);
    return found.length === 0 ? [[path, ""] as [string, string]] : found;
  });
}

function isLater(version: string, than: string): boolean {
  const [left, right] = [version, than].map((each) => each.split(".").map(Number));
  const at = left?.findIndex((value, index) => value !== right?.[index]) ?? -1;
  return at >= 0 && (left?.[at] ?? 0) > (right?.[at] ?? 0);
}

function git(top: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd: top, encoding: "utf8" }).trim();
}

function withAddresses(text: string, { github }: Places): string {
  const address = `https://github.com/${github}`;
  const { name, version, description, ...rest } = JSON.parse(text);
  const addresses = { repository: { type: "git", url: `git+${address}.git` }, bugs: { url: `${address}/issues` } };
  return `${JSON.stringify({ name, version, description, ...rest, ...addresses }, null, 2)}\n`;
}

function readReleases(top: string): Releases {
  return JSON.parse(read(top, RELEASES));
}

function checkPrepared(options: ReleaseOptions): void {
  const { top, version } = options;
  const refuse = (why: string): never => {
    throw new Error(`Cannot prepare release ${JSON.stringify(version)}: ${why}`);
  };
  if (!/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(version)) refuse("a version has the form X.Y.Z");
  const current = versionOf(top);
  if (!isLater(version, current)) refuse(`it must be later than the current version: "${current}"`);
  if (git(top, "tag", "--list", version) !== "") refuse("its tag already exists");
  if (options.digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(options.digest)) {
    refuse(`a digest has the form sha256:HEX: ${JSON.stringify(options.digest)}`);
  }
  readPlaces(top);
  const changes = git(top, "status", "--porcelain");
  if (changes !== "") refuse(`commit or discard the changes first:\n${changes}`);
  if (!section(read(top, CHANGELOG), "Unreleased")) refuse(`${CHANGELOG} has nothing below "## Unreleased"`);
}

/**
 * The commands that move the action's tag, because users refer to an action by its major version. Run these commands after the pipeline of the
 * release has passed, because nothing else checks the commit of this tag. Source: GitHub, "Using tags for release management".
 */
function actionTag(version: string, { github }: Places): string[] {
  const tag = `v${version.split(".")[0]}`;
  return [
    `# \`uses: ${github}/action@${tag}\` refers to this release from then on.`,
    `git tag --force ${tag} ${version}^{}`,
    `git push --force git@github.com:${github}.git ${tag}`,
  ];
}

export async function prepareRelease(options: ReleaseOptions): Promise<string[]> {
  checkPrepared(options);
  const { top, version, date, build } = options;
  const places = readPlaces(top);
  const image = readImage(top);
  const digest = options.digest ?? await lookUpDigest(image.image, image.tag);
  const write = (path: string, text: string) => writeFileSync(join(top, path), text);
  for (const [path, pattern] of Object.entries(VERSION_PLACES)) {
    write(path, read(top, path).replace(pattern, (_, before: string) => before + version));
  }
  const values = { version, ...places };
  for (const path of unreleasedFiles(top)) write(path, releasedText(read(top, path), values));
  for (const path of PLACE_FILES) write(path, read(top, path).replaceAll("OWNER/NAME", places.github));
  write("package.json", withAddresses(read(top, "package.json"), places));
  write(CHANGELOG, read(top, CHANGELOG).replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} (${date})`));
  write(IMAGE, `${JSON.stringify({ ...image, digest }, null, 2)}\n`);
  build();
  const { releases } = readReleases(top);
  const release = { version, digest: sha256(read(top, PROGRAM)), releaseTimestamp: `${date}T00:00:00Z` };
  write(RELEASES, `${JSON.stringify({ releases: [release, ...releases] }, null, 2)}\n`);
  return [
    "npm test",
    `git commit --all --message "release: ${version}"`,
    `git tag --annotate ${version} --message "Mogplex CI ${version}"`,
    `git push --atomic git@gitlab.com:${places.gitlab}.git HEAD:main ${version}`,
    "# Its pipeline checks the release, signs it, and publishes the components. Once it has passed:",
    `git push --atomic git@github.com:${places.github}.git HEAD:main ${version}`,
    "# The workflow `release` makes the release with its attestations, publishes to JSR, and stages the package on npm.",
    `npm stage list ${places.npm}`,
    "npm stage approve <stage-id>",
    ...actionTag(version, places),
  ];
}

/** The template whose jobs need Node and Git, which the default image of the other templates does not contain. */
const NO_DEFAULT_IMAGE = "campaign.yml";

function templateProblems(top: string, version: string, { image, tag, digest }: Image): string[] {
  const names = readdirSync(join(top, "templates"));
  if (names.length === 0) return ["templates/ is empty"];
  return names.flatMap((name) => {
    const text = read(top, `templates/${name}`);
    const found: string[] = [];
    if (!text.startsWith(`# Mogplex CI ${version}, `)) found.push(`templates/${name} is not of version ${version}`);
    if (name !== NO_DEFAULT_IMAGE && !text.includes(`default: "${image}:${tag}@${digest}"\n`)) {
      found.push(`templates/${name} does not have the image "${image}:${tag}@${digest}"`);
    }
    return found;
  });
}

function releasesProblems(top: string, version: string): string[] {
  const [newest] = readReleases(top).releases;
  const digest = sha256(read(top, PROGRAM));
  if (newest?.version !== version) return [`${RELEASES} has "${newest?.version ?? ""}" as its newest version`];
  return newest.digest === digest ? [] : [`${RELEASES} has digest "${newest.digest}" where ${PROGRAM} has "${digest}"`];
}

async function imageProblems({ image, tag, digest }: Image, expected: string | undefined): Promise<string[]> {
  if (digest === "") return [`${IMAGE} has no digest: run "npm run release"`];
  const now = expected ?? await lookUpDigest(image, tag);
  return now === digest
    ? []
    : [`${IMAGE} has digest "${digest}" where the registry has "${now}" for "${image}:${tag}"`];
}

/**
 * Checks whether a checkout is a release that may be published.
 *
 * @param tag Tag of the release, `X.Y.Z`. @default the version of the checkout
 * @param digest Digest of the default image, for a rehearsal. @default the digest in the registry
 * @returns The notes of the release.
 * @throws with every reason against the release in one message.
 */
export async function checkRelease(top: string, tag: string = versionOf(top), digest?: string): Promise<string> {
  const notes = section(read(top, CHANGELOG), tag);
  const image = readImage(top);
  const problems = [
    ...versionsIn(top).filter(([, version]) => version !== tag).map(([path, version]) =>
      `${path} has version "${version}"`
    ),
    ...(notes ? [] : [`${CHANGELOG} has no notes below "## ${tag}"`]),
    ...templateProblems(top, tag, image),
    ...publishedProblems(top),
    ...(existsSync(join(top, PROGRAM)) ? releasesProblems(top, tag) : []),
    ...unreleasedFiles(top).map((path) => `${path} has a part for the time before the first release`),
    ...await imageProblems(image, digest),
  ];
  if (problems.length === 0) return `${notes}\n`;
  throw new Error(`Cannot release "${tag}":\n${problems.map((problem) => `- ${problem}`).join("\n")}`);
}

// Do not use task.mjs: its setup would install all packages again, because the lock file has a new version.
function runTool(top: string, ...line: string[]): void {
  execFileSync(process.execPath, ["--no-env-file", ...line], { cwd: top, stdio: ["ignore", 2, 2] });
}

async function main(args: readonly string[]): Promise<number> {
  const top = process.cwd();
  try {
    const { values: { check = false, digest }, positionals: [version = "", ...rest] } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { check: { type: "boolean" }, digest: { type: "string" } },
    });
    if (rest.length > 0) throw new Error(`Cannot prepare release: give one version, not also "${rest.join(" ")}"`);
    if (check) {
      process.stdout.write(await checkRelease(top, version === "" ? undefined : version, digest));
      return 0;
    }
    if (version === "") {
      runTool(top, "tools/build.ts", "--dist");
      writePublished(top);
      return 0;
    }
    // Each tool runs in a separate process, which reads the new version.
    const build = () => {
      ["tools/release.ts", "tools/docs.ts"].forEach((tool) => runTool(top, tool));
      // The new version and places differ in length from the text that they replace.
      execFileSync(join(top, "node_modules/deno/deno"), ["fmt", "--quiet"], { cwd: top, stdio: ["ignore", 2, 2] });
    };
    const date = new Date().toISOString().slice(0, 10);
    const commands = await prepareRelease({ top, version, date, build, digest });
    process.stdout.write(`Release ${version} is prepared. Next:\n${commands.join("\n")}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = await main(process.argv.slice(2));
}
