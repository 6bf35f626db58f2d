/**
 * Prepares a release: `npm run release -- X.Y.Z` looks up the digest of the default image, writes digest and version into all files that
 * contain them, builds, copies what is kept in the repository of what was built, and prints the commands that publish. Nothing is written
 * before all checks have passed. The address of the project's page, of the remote `origin` or given behind the version, goes into
 * package.json.
 *
 * Without a version it builds and copies: templates, action, and pins in documents and recipes.
 *
 * `--publish X.Y.Z npm`, `jsr` or `github OWNER/NAME` publishes it there, once the pipeline of its tag has passed. npm and JSR log in as
 * their own programs do; `github` takes GITHUB_TOKEN. Each can be repeated: what is there is compared, not sent again.
 *
 * The tag is `X.Y.Z`, the form that GitLab's catalog asks for; `vX` moves, for users of the GitHub action. A project needs once: the switch
 * "CI/CD Catalog project", protected tags `*.*.*`, and PIPELINE_TOKEN (scope `read_api`) for `component-jobs` if it is not public.
 *
 * `--check [X.Y.Z]` runs in the pipeline of the release commit and of the tag, on what that pipeline has built: it prints the notes of the
 * release, or every reason against it. It runs on Deno without any package.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { publishedProblems, writePublished } from "./build/published.ts";
import { lookUpDigest } from "./registry.ts";

/** The files with the version. The first group of a pattern is the text before the version, the second is the version. */
const VERSION_PLACES: Readonly<Record<string, RegExp>> = {
  "package.json": /("name": "@mogplex\/ci",\s*"version": ")([^"]*)/g,
  "package-lock.json": /("name": "@mogplex\/ci",\s*"version": ")([^"]*)/g,
  "deno.json": /("name": "@mogplex\/ci",\s*"version": ")([^"]*)/g,
  "lib/version.ts": /(VERSION = ")([^"]*)/g,
};
const IMAGE = "components/image.json";
const CHANGELOG = "CHANGELOG.md";

interface Image {
  image: string;
  tag: string;
  digest: string;
}

/** Options of {@linkcode prepareRelease}. */
export interface ReleaseOptions {
  /** Top of the checkout. */
  top: string;
  /** Version to release, `X.Y.Z`. */
  version: string;
  /** Date of the release, `YYYY-MM-DD`. */
  date: string;
  /** Builds, and writes the generated files that are kept in the repository. */
  build: () => void;
  /** Address of the project's page. @default that of the remote `origin`, if it is one on the web */
  address?: string | undefined;
}

function read(top: string, path: string): string {
  return readFileSync(join(top, path), "utf8");
}

/** Version of the checkout. */
function versionOf(top: string): string {
  return /VERSION = "([^"]*)"/.exec(read(top, "lib/version.ts"))?.[1] ?? "";
}

function readImage(top: string): Image {
  return JSON.parse(read(top, IMAGE));
}

/** The text below a heading of the changelog. Undefined if there is no such heading. */
function section(changelog: string, heading: string): string | undefined {
  const parts = changelog.split(/^## /m).slice(1);
  const found = parts.find((part) => (part.split("\n", 1)[0] ?? "").split(" ", 1)[0] === heading);
  return found?.slice(found.indexOf("\n")).trim();
}

/** What documents and recipes say while nothing is published. */
const NOTICE = "No release is published yet";

/** Files that say so. */
function filesWithNotice(top: string): string[] {
  // The code that removes the sentence has to hold it.
  const found = git(top, "ls-files", "*.md", "examples").split("\n").filter((path) => path !== "");
  return found.filter((path) => read(top, path).includes(NOTICE));
}

/** A text without the notice: two lines of comment in a recipe, a marked part of a document. */
export function withoutNotice(text: string): string {
  return text.replace(/<!-- unreleased -->.*?<!-- \/unreleased -->\n*/gs, "")
    .replace(new RegExp(`^(?:#|//) ${NOTICE}\\..*\\n(?:#|//) .*\\n`, "gm"), "");
}

/** Every version in the files of `VERSION_PLACES`. A file without any has the version "". */
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

/** Address of the project's page: what was given, else the remote `origin`. Undefined when neither is an address on the web. */
function projectAddress({ top, address }: ReleaseOptions): string | undefined {
  const remote = git(top, "remote").split("\n").includes("origin") ? git(top, "remote", "get-url", "origin") : "";
  const given = (address ?? remote).replace(/^(?:ssh:\/\/)?git@([^:/]+)[:/]/, "https://$1/").replace(
    /\.git\/?$|\/$/,
    "",
  );
  return /^https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)+\/[\w./-]+$/i.test(given) ? given : undefined;
}

/** The text of package.json with the addresses of the project. Those that it has stay when the address is not known. */
function withAddresses(text: string, address: string | undefined): string {
  if (address === undefined) return text;
  const { name, version, description, ...rest } = JSON.parse(text);
  const addresses = {
    repository: { type: "git", url: `git+${address}.git` },
    bugs: { url: `${address}/issues` },
  };
  return `${JSON.stringify({ name, version, description, ...rest, ...addresses }, null, 2)}\n`;
}

/** @throws when the version is not a later one, or when the checkout has changes, the tag, or no notes for the release. */
function checkPrepared(options: ReleaseOptions): void {
  const { top, version } = options;
  const refuse = (why: string): never => {
    throw new Error(`Cannot prepare release ${JSON.stringify(version)}: ${why}`);
  };
  if (!/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(version)) refuse("a version has the form X.Y.Z");
  const current = versionOf(top);
  if (!isLater(version, current)) refuse(`it must be later than the present version: "${current}"`);
  if (git(top, "tag", "--list", version) !== "") refuse("its tag is there already");
  if (options.address !== undefined && projectAddress(options) === undefined) {
    refuse(`the address of the project must begin with https://: "${options.address}"`);
  }
  const changes = git(top, "status", "--porcelain");
  if (changes !== "") refuse(`commit or drop what was changed first:\n${changes}`);
  if (!section(read(top, CHANGELOG), "Unreleased")) refuse(`${CHANGELOG} has nothing below "## Unreleased"`);
}

/**
 * The commands that move the action's tag: people take an action by its major version. They run once the pipeline
 * of the release has passed: nothing else checks what that tag names. Source: GitHub, "Using tags for release management".
 */
function actionTag(version: string): string[] {
  const tag = `v${version.split(".")[0]}`;
  return [
    `# \`uses: <owner>/<repository>/action@${tag}\` takes this release from then on.`,
    `git tag --force ${tag} ${version}^{}`,
    `git push --force origin ${tag}`,
  ];
}

/**
 * Writes a release into the checkout.
 *
 * @returns The commands that publish the release.
 * @throws when the checkout is not ready, or the image cannot be looked up. Nothing has been written then.
 */
export async function prepareRelease(options: ReleaseOptions): Promise<string[]> {
  checkPrepared(options);
  const { top, version, date, build } = options;
  const image = readImage(top);
  const digest = await lookUpDigest(image.image, image.tag);
  const write = (path: string, text: string) => writeFileSync(join(top, path), text);
  for (const [path, pattern] of Object.entries(VERSION_PLACES)) {
    write(path, read(top, path).replace(pattern, (_, before: string) => before + version));
  }
  for (const path of filesWithNotice(top)) write(path, withoutNotice(read(top, path)));
  write("package.json", withAddresses(read(top, "package.json"), projectAddress(options)));
  write(CHANGELOG, read(top, CHANGELOG).replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} (${date})`));
  write(IMAGE, `${JSON.stringify({ ...image, digest }, null, 2)}\n`);
  build();
  return [
    "npm test",
    `git commit --all --message "release: ${version}"`,
    `git tag --annotate ${version} --message "Mogplex CI ${version}"`,
    `git push --atomic origin HEAD ${version}`,
    "# The pipeline of the tag publishes the GitLab components. Once it has passed:",
    ...["npm", "jsr", "github <owner>/<repository>"].map((place) => `npm run release -- --publish ${version} ${place}`),
    ...actionTag(version),
  ];
}

/** The template whose jobs need Node and Git, which the default image of the others does not have. */
const NO_DEFAULT_IMAGE = "campaign.yml";

/** Checks version and image of the templates. @returns One sentence for each problem. */
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

/** Compares the digest of the default image with the registry. @returns One sentence for each problem. */
async function imageProblems({ image, tag, digest }: Image): Promise<string[]> {
  if (digest === "") return [`${IMAGE} has no digest: run "npm run release"`];
  const now = await lookUpDigest(image, tag);
  return now === digest
    ? []
    : [`${IMAGE} has digest "${digest}" where the registry has "${now}" for "${image}:${tag}"`];
}

/**
 * Checks that a checkout is a release that may be published.
 *
 * @param top Top of the checkout.
 * @param tag Tag of the release, `X.Y.Z`. @default the version of the checkout
 * @returns The notes of the release.
 * @throws with every reason against the release in one message.
 */
export async function checkRelease(top: string, tag: string = versionOf(top)): Promise<string> {
  const notes = section(read(top, CHANGELOG), tag);
  const image = readImage(top);
  const problems = [
    ...versionsIn(top).filter(([, version]) => version !== tag).map(([path, version]) => `${path} says "${version}"`),
    ...(notes ? [] : [`${CHANGELOG} has no notes below "## ${tag}"`]),
    ...templateProblems(top, tag, image),
    ...publishedProblems(top),
    ...await imageProblems(image),
  ];
  if (problems.length === 0) return `${notes}\n`;
  throw new Error(`Cannot release "${tag}":\n${problems.map((problem) => `- ${problem}`).join("\n")}`);
}

// Not through task.mjs: its set-up would install all packages again, as the lock file has just got another version.
function runTool(top: string, ...line: string[]): void {
  execFileSync(process.execPath, ["--no-env-file", ...line], { cwd: top, stdio: ["ignore", 2, 2] });
}

async function main([first = "", second, ...rest]: readonly string[]): Promise<number> {
  const top = process.cwd();
  try {
    if (first === "--check") {
      process.stdout.write(await checkRelease(top, second));
      return 0;
    }
    if (first === "--publish") {
      // The release job imports this file without any package.
      const { publish } = await import("./publish/publish.ts");
      process.stdout.write(`${await publish({ top, version: second ?? "", target: rest, check: checkRelease })}\n`);
      return 0;
    }
    if (first === "") {
      runTool(top, "tools/build.ts", "--dist");
      writePublished(top);
      return 0;
    }
    // Each in a process of its own, which reads the new version.
    const build = () => ["tools/release.ts", "tools/docs.ts"].forEach((tool) => runTool(top, tool));
    const date = new Date().toISOString().slice(0, 10);
    const commands = await prepareRelease({ top, version: first, date, build, address: second });
    process.stdout.write(`Release ${first} is prepared. These publish it:\n${commands.join("\n")}\n`);
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
