import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { forgejo, gitea, github } from "../../../lib/ci/github.ts";
import { gitlab } from "../../../lib/ci/gitlab.ts";
import * as systems from "../../../lib/ci/systems.ts";
import { detectPlatform, platformVariables } from "../../../lib/ci/detect.ts";
import type { JobIdentity, JobState, Platform, PlatformFiles, PlatformLinks } from "../../../lib/ci/platform.ts";
import { deriveKey, KEY_SCOPES, type KeyScope } from "../../../lib/run/key.ts";
import { VARIABLES } from "../../../lib/variables.ts";

type Environment = Record<string, string>;
type KeyOf = "same" | "other" | "random";

/** An environment as the documentation of a system describes it, and the expected results of reading it. */
interface Documented {
  name: string;
  /** Where the variables are documented. */
  source: string;
  environment: Environment;
  identity: JobIdentity | null;
  links: PlatformLinks;
  files: PlatformFiles;
  state: JobState;
  /** Scopes under which its key is random. */
  random?: KeyScope[];
  variants: Variant[];
}

/** The same environment with some changes. */
interface Variant {
  what: string;
  /** Variables that differ; null means not set. */
  change: Record<string, string | null>;
  /** How the key compares with the key of the unchanged environment. */
  key: Record<"pipeline" | "job" | "day", KeyOf>;
  state?: JobState;
  /** The two jobs differ, but no variable shows it. */
  hidden?: true;
  /** Fields that no variable provides, so that the key is random. */
  incomplete?: (keyof JobIdentity)[];
}

const directory = join(import.meta.dir, "environments");
const DOCUMENTED = readdirSync(directory).map((file) =>
  JSON.parse(readFileSync(join(directory, file), "utf8")) as Documented
);
const SCOPES = KEY_SCOPES.filter((scope) => scope !== "random");
const REPO_ID = "8f3a2b1c-1234-4abc-9def-1234567890ab";
const NOW_MS = Date.UTC(2026, 7, 10, 12);

function changed(environment: Environment, change: Variant["change"]): Environment {
  const entries = Object.entries({ ...environment, ...change }).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as Environment;
}

function look(environment: Environment) {
  const read = (name: string) => environment[name];
  const platform = detectPlatform(read);
  return { platform, read, identity: platform.identity(read) };
}

/** The value without undefined fields, so that undefined and absent are equal. */
function present<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<T>;
}

async function keyOf(environment: Environment, scope: KeyScope, keyPart?: string) {
  return await deriveKey({ scope, identity: look(environment).identity, repoId: REPO_ID, nowMs: NOW_MS, keyPart });
}

async function compare(one: Environment, other: Environment, scope: KeyScope): Promise<KeyOf> {
  const [first, second] = [await keyOf(one, scope), await keyOf(other, scope)];
  if (second.scope === "random") return "random";
  return first.key === second.key ? "same" : "other";
}

/** Names of the systems that have a table in `lib/ci`. */
const SYSTEM_NAMES = Object.values<Partial<Platform>>({ forgejo, gitea, github, gitlab, ...systems }).flatMap((
  { name, identity },
) => identity && name ? [name] : []);

/** The documented one of the systems that are known by name alone. when it gets a place in `systems.ts`, take another one. */
const NAMED = "drone";

test("tests/unit/ci/environments has every system with a table, one that is known by name, one unknown and none", () => {
  const names = SYSTEM_NAMES;
  expect(names.length).toBeGreaterThanOrEqual(11);
  expect(names, `"${NAMED}" is there now: name another system in NAMED, and document it`).not.toContain(NAMED);
  const advice = "Document the system's environment in tests/unit/ci/environments";
  expect(DOCUMENTED.map(({ name }) => name).sort(), advice).toEqual([...names, NAMED, "ci", "none"].sort());
});

for (const { name, environment, identity, links, files, state, random = [], variants } of DOCUMENTED) {
  test(`detectPlatform() reads identity, links, files and state from the environment of ${name}`, async () => {
    const { platform, read } = look(environment);
    expect(platform.name).toBe(name);
    expect(platform.identity(read)).toEqual(identity);
    expect(present(platform.links(read))).toEqual(links);
    expect(present(platform.files(read))).toEqual(files);
    expect(platform.jobState(read)).toBe(state);
    for (const scope of SCOPES) {
      expect([scope, (await keyOf(environment, scope)).scope]).toEqual([
        scope,
        random.includes(scope) ? "random" : scope,
      ]);
    }
  });

  test(`the platform of ${name} reads listed variables only`, () => {
    const listed = new Set([...platformVariables(), ...VARIABLES]);
    const asked: string[] = [];
    const read = (variable: string) => (asked.push(variable), environment[variable]);
    const platform = detectPlatform(read);
    for (const ask of [platform.identity, platform.links, platform.files, platform.jobState]) ask(read);
    expect(asked.filter((variable) => !listed.has(variable))).toEqual([]);
  });

  for (const { what, change, key, hidden, incomplete, state: standing = state } of variants) {
    test(`the key of ${name}: ${what}`, async () => {
      const other = changed(environment, change);
      const { platform, read } = look(other);
      expect([platform.name, platform.jobState(read)]).toEqual([name, standing]);
      if (incomplete !== undefined) {
        const fields = Object.entries(platform.identity(read) ?? {});
        const missing = fields.filter(([field, value]) => value === null && !/^(attempt|date)$/.test(field));
        expect(missing.map(([field]) => field)).toEqual(incomplete);
        expect((await keyOf(other, "pipeline")).scope).toBe("random");
        return;
      }
      const found = await Promise.all(SCOPES.map(async (scope) => [scope, await compare(environment, other, scope)]));
      expect(Object.fromEntries(found)).toEqual(key);
      if (hidden === undefined) return;
      // When no variable shows the difference, the platform must say so, and a key part from the caller must distinguish the two.
      expect(platform.hidesNode).toBe(true);
      const parted = await keyOf(other, "pipeline", "windows");
      expect(parted.key).not.toBe((await keyOf(environment, "pipeline", "linux")).key);
    });
  }
}

test("a step of Bitbucket that MOGPLEX_CI_JOB names has the same key all day", async () => {
  const { environment, variants } = DOCUMENTED.find(({ name }) => name === "bitbucket") as Documented;
  const pipeline = variants.find(({ what }) => what.startsWith("another pipeline")) as Variant;
  const named = { ...environment, MOGPLEX_CI_JOB: "tidy" };
  expect(await compare(named, changed(named, pipeline.change), "day")).toBe("same");
  expect(await compare(named, changed(named, pipeline.change), "pipeline")).toBe("other");
});

test("a step of Buildkite with a key has the same key all day", async () => {
  const { environment, variants } = DOCUMENTED.find(({ name }) => name === "buildkite") as Documented;
  const rebuilt = variants.find(({ what }) => what.includes("rebuilt")) as Variant;
  const keyed = { ...environment, BUILDKITE_STEP_KEY: "tidy" };
  expect(await compare(keyed, changed(keyed, rebuilt.change), "day")).toBe("same");
});
