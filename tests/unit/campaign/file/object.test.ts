import { expect, test } from "bun:test";
import type * as z from "zod/mini";
import { parse } from "yaml";
import { CampaignFileError } from "../../../../lib/campaign/file/mistakes.ts";
import type { CampaignDefinition } from "../../../../lib/campaign/file/object.ts";
import { readCampaignObject, type ReadCampaignOptions } from "../../../../lib/campaign/file/read.ts";
import type { campaignSchema } from "../../../../lib/campaign/file/schema.ts";
import { fakeIo, type FakeIoOptions } from "../../cli/fake_io.ts";
import { read } from "./files.ts";
import { WRONG_FILES } from "./wrong_files.ts";

/** A type with the keys of a file in camelCase, as an object has them. */
type InCamelCase<T> = T extends readonly (infer I)[] ? readonly InCamelCase<I>[]
  : T extends object ? { [K in keyof T as K extends string ? Camel<K> : K]: InCamelCase<T[K]> }
  : T;
type Camel<K extends string> = K extends `${infer A}-${infer B}${infer C}` ? `${A}${Uppercase<B>}${Camel<C>}` : K;

const dashed = (letter: string) => `-${letter.toLowerCase()}`;
const camel = (key: string) => key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A value of a file as an object has it. */
function asObject(value: unknown, name?: string): unknown {
  if (Array.isArray(value)) return value.map((each) => asObject(each));
  if (typeof value !== "object" || value === null) return value;
  const isChosen = name === "variables";
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [isChosen ? key : camel(key), asObject(inner, key)]),
  );
}

const GOOD = { name: "fix", prompt: "Fix it", repositories: ["acme/web"] };

const readObject = (value: unknown, options: ReadCampaignOptions = {}, io: FakeIoOptions = {}) =>
  readCampaignObject(value, fakeIo(io), options);

/** The lines of the error about an object. */
async function linesOf(value: unknown, files: Record<string, string> = {}): Promise<readonly string[]> {
  const error: unknown = await readObject(value, {}, { files }).catch((error) => error);
  if (error instanceof CampaignFileError) return error.lines;
  throw error;
}

test("CampaignDefinition has the keys and the types of the file, and version is 1 when it is left out", () => {
  type InFile = InCamelCase<z.input<ReturnType<typeof campaignSchema>>>;
  type Keys<T> = { [K in keyof T]-?: true };
  const keys: Keys<CampaignDefinition> & Keys<InFile> = {
    $schema: true,
    version: true,
    name: true,
    round: true,
    home: true,
    title: true,
    prompt: true,
    promptFile: true,
    variables: true,
    repositories: true,
    exclude: true,
    excludeFile: true,
    agent: true,
    branch: true,
    result: true,
    success: true,
    limits: true,
    canary: true,
    windows: true,
    onFailedChecks: true,
    pullRequests: true,
    merge: true,
    notPeople: true,
    notify: true,
  };
  const ofFile = (input: InFile): CampaignDefinition => input;
  expect(ofFile({ version: 1, ...GOOD })).toMatchObject(GOOD);
  expect(Object.keys(keys).length).toBe(24);
});

test("readCampaignObject() reads what readCampaignFile() reads from the same keys in kebab-case, but for places and hash", async () => {
  const value = {
    ...GOOD,
    round: undefined,
    prompt: "Fix it\r\nnow {{ ticket }}",
    variables: { ticket: "OPS-12" },
    repositories: [
      "acme/web",
      { repo: "acme/api", root: ".", baseBranch: "develop", variables: { ticket: "OPS-13" } },
      { query: "acme/", exclude: ["acme/old-*"] },
      { file: "list.txt" },
    ],
    limits: { runTimeout: 90, stopAfterFailures: "10%" },
    canary: { size: 2 },
    pullRequests: { reviewers: ["ann", "codeowners"], labels: ["agent"] },
    merge: { when: "approved", after: "1h", atMost: 5, withoutChecks: ["acme/docs-*"] },
    notPeople: ["approver"],
    windows: ["Mon-Fri 20:00-06:00 Europe/Vienna"],
  } satisfies CampaignDefinition;
  const files = { "list.txt": "acme/shop\n" };
  const one = await readObject(value, {}, { files });
  const inFile = JSON.stringify({ version: 1, ...value }).replace(
    /"(\w+)":/g,
    (text) => text.replace(/[A-Z]/g, dashed),
  );
  const other = await read(inFile, { files });
  expect(one.file.repositories.map(({ place }) => place)).toEqual([
    { key: "repositories[0]" },
    { key: "repositories[1]" },
    { key: "repositories[2]" },
    { file: "list.txt", line: 1, column: 1 },
  ]);
  const placed = one.file.repositories.map((entry, index) => ({
    ...entry,
    place: other.file.repositories[index]?.place,
  }));
  expect(JSON.stringify({ ...one.file, repositories: placed })).toBe(
    JSON.stringify({ ...other.file, prompt: "Fix it\nnow {{ ticket }}" }),
  );
  expect(one.includes).toEqual(other.includes);
});

test("readCampaignObject() gives one hash whatever the order of keys is, and another one when something changes", async () => {
  const hash = async (value: unknown) => (await readObject(value)).hash;
  const { name, ...rest } = GOOD;
  expect(await hash({ ...rest, version: 1, name })).toBe(await hash(GOOD));
  expect(await hash({ ...GOOD, repositories: ["acme/web", "acme/api"] })).not.toBe(await hash(GOOD));
});

test("readCampaignObject() tells every mistake at once, by its key in place of a line", async () => {
  expect(
    await linesOf({
      nme: "fix",
      prompt: "{{ tiket }}",
      variables: { ticket: "OPS-12" },
      repositories: ["acme/web", { repo: "acme/api" }, "acme/web", "acme"],
      limits: { runTimeot: "60m", parallel: 9 },
      canary: new Map(),
    }),
  ).toEqual([
    "Cannot use the campaign: it has 8 mistakes",
    "canary: it is of type Map; only text, numbers, true, false, lists and plain objects are allowed",
    "name: it is missing; it must be text of 1 to 40 characters",
    'repositories[3]: it is "acme"; it must be the owner/name, address or id (a UUID) of a repository; for all repositories of ' +
    "an owner write { query: acme/ }",
    "limits.parallel: it is the number 9; it must be a whole number from 1 to 3",
    'limits.runTimeot: there is no such key; did you mean "runTimeout"?',
    'nme: there is no such key; did you mean "name"?',
    'repositories[2]: "acme/web" appears twice, first in repositories[0]; remove one of the two',
    'prompt: there is no variable "tiket"; define it in variables, or write {{{{ for a literal {{; did you mean "{{ ticket }}"?',
  ]);
});

test("readCampaignObject() refuses what is no object, has no end, or names a file outside of the working directory", async () => {
  for (const wrong of [null, undefined, "campaign.yml", 1, []]) {
    expect(await linesOf(wrong)).toEqual([
      "Cannot use the campaign: it has 1 mistake",
      "it must be an object, such as { name, prompt, repositories }",
    ]);
  }
  const endless: Record<string, unknown> = { ...GOOD };
  endless.agent = endless;
  expect((await linesOf(endless))[1]).toMatch(/^agent\.agent\..*: it is nested more than 20 levels deep$/);
  const outside = await linesOf({ ...GOOD, repositories: [{ file: "no.txt" }] });
  expect(outside[1]).toContain("give its path relative to the working directory");
});

test("readCampaignObject() refuses a key in kebab-case with its name in camelCase, and leaves the names of variables alone", async () => {
  const variables = { "base-branch": "main", promptFile: "x" };
  const text = "{{ base-branch }} {{ promptFile }}";
  const { file } = await readObject({ ...GOOD, prompt: `Fix it ${text}`, variables });
  expect([file.prompt, file.variables]).toEqual([`Fix it ${text}`, variables]);
  const repositories = [{ repo: "acme/web", "base-branch": "main" }];
  expect(await linesOf({ ...GOOD, repositories, limits: { "run-timeout": "1m", attempts: 99 } })).toEqual([
    "Cannot use the campaign: it has 3 mistakes",
    "repositories[0].base-branch: the keys of an object are in camelCase; write baseBranch",
    "limits.run-timeout: the keys of an object are in camelCase; write runTimeout",
    "limits.attempts: it is the number 99; it must be a whole number from 1 to 10",
  ]);
});

test("readCampaignObject() names keys as an object has them in every message, and quotes what was given as it is", async () => {
  const notify = { webhookVariable: "HOOK", host: "hooks.example.com", on: ["done"] };
  expect(await linesOf({ ...GOOD, prompt: undefined, runTimeout: 1, notify, repositories: ["run-timeout"] })).toEqual([
    "Cannot use the campaign: it has 4 mistakes",
    'repositories[0]: it is "run-timeout"; it must be the owner/name, address or id (a UUID) of a repository; for all repositories ' +
    "of an owner write { query: runTimeout/ }",
    'runTimeout: there is no such key; did you mean "limits.runTimeout"?',
    "prompt: it is missing; give the task as prompt or as promptFile",
    "notify.webhookVariable: its name must begin with CAMPAIGN_ or MOGPLEX_WEBHOOK, so that a file cannot send any other " +
    'secret of the job; rename it, or allow it with the option webhookVariable: "HOOK"',
  ]);
});

test("a mistake in an object has no file, line or column", async () => {
  const error = await readObject({ ...GOOD, name: 1 }).catch((error) => error);
  expect([error.exitCode, error.count, error.mistakes]).toEqual([2, 1, [{
    file: null,
    line: null,
    column: null,
    key: "name",
    message: 'it is the number 1; it must be text of 1 to 40 characters; put it in quotes: "1"',
  }]]);
});

/** Mistakes of a text alone: its syntax, words with two readings, forms of numbers, comments. */
const OF_TEXT =
  /YAML readers|comment|uplicate|quotes|blank|space after|"- "|not allowed|is not a key|plain digits|line|ordinary spaces|expected|merge|anchor/;

/** Wrong files that an object can be like. */
const SAME = WRONG_FILES.flatMap(({ name, text, files = {}, mistakes }) => {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    // Not YAML.
  }
  const isOfText = /[&*]\w/.test(text) ||
    mistakes.some(([place, words]) => OF_TEXT.test(words) || !/^\d+:\d+ ./.test(place));
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isOfText || !isObject ? [] : [[name, value, files, mistakes] as const];
});

test.each(SAME)(
  "readCampaignObject() says what readCampaignFile() says of this mistake: %s",
  async (_name, value, files, mistakes) => {
    const [, ...lines] = await linesOf(asObject(value), files);
    expect(lines.length).toBe(mistakes.length);
    for (const [place, words] of mistakes) {
      const key = camel(place.split(" ").slice(1).join(" "));
      // Where the other one of two is, where files are looked for, and what permits a name, are no lines, no folder and no flag.
      const [same = ""] = words.split(/c\.yaml|the folder|--/);
      const inObject = same.replace(/\b(?:base|prompt|run)-(?:branch|file|timeout)\b/g, camel);
      expect(lines.filter((line) => line.includes(`${key}: `)).join("\n")).toContain(inObject);
    }
  },
);

test("an object can have a good part of the mistakes that a file can have", () => {
  expect(SAME.length).toBeGreaterThan(40);
});

test("readCampaignFile() refuses each key in camelCase or snake_case, and proposes it as files have it", async () => {
  const lines = ["version: 1", "name: fix", "prompt: Fix it", "repositories:", "  - repo: acme/web"];
  const keys = {
    "prompt-file": "%: t.md",
    "exclude-file": "%: t.txt",
    "on-failed-checks": "%: { prompt: Fix the checks }",
    "accept-unchanged": "success: { %: true }",
    "run-timeout": "limits: { %: 60m }",
    "stop-after-failures": "limits: { %: 5 }",
    "open-pull-requests": "limits: { %: 5 }",
    "pull-requests": "%: { labels: [agent] }",
    "not-people": "%: [approver]",
    "at-most": "merge: { when: approved, %: 5 }",
    "without-checks": "merge: { when: approved, %: [acme/docs] }",
    "webhook-variable": "notify: { %: CAMPAIGN_HOOK, host: hooks.slack.com }",
  };
  for (const [key, line] of Object.entries({ "base-branch": "    %: main", ...keys })) {
    for (const written of [camel(key), key.replaceAll("-", "_")]) {
      const text = [...lines, line.replace("%", written)].join("\n");
      const error = await read(`${text}\n`, { files: {} }).catch((thrown) => thrown);
      expect([written, error.lines]).toEqual([
        written,
        expect.arrayContaining([expect.stringContaining(`there is no such key; did you mean "${key}"?`)]),
      ]);
    }
  }
});
