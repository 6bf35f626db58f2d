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
  type InFile = z.input<ReturnType<typeof campaignSchema>>;
  type Keys<T> = { [K in keyof T]-?: true };
  const keys: Keys<CampaignDefinition> & Keys<InFile> = {
    $schema: true,
    version: true,
    name: true,
    round: true,
    home: true,
    title: true,
    prompt: true,
    "prompt-file": true,
    variables: true,
    repositories: true,
    exclude: true,
    "exclude-file": true,
    agent: true,
    branch: true,
    success: true,
    limits: true,
    canary: true,
    windows: true,
    "on-failed-checks": true,
    notify: true,
  };
  const ofFile = (input: InFile): CampaignDefinition => input;
  expect(ofFile({ version: 1, ...GOOD })).toMatchObject(GOOD);
  expect(Object.keys(keys).length).toBe(20);
});

test("readCampaignObject() reads what readCampaignFile() reads from the same keys, but for places and hash", async () => {
  const value = {
    ...GOOD,
    round: undefined,
    prompt: "Fix it\r\nnow {{ ticket }}",
    variables: { ticket: "OPS-12" },
    repositories: [
      "acme/web",
      { repo: "acme/api", root: ".", "base-branch": "develop", variables: { ticket: "OPS-13" } },
      { query: "acme/", exclude: ["acme/old-*"] },
      { file: "list.txt" },
    ],
    limits: { "run-timeout": 90, "stop-after-failures": "10%" },
    canary: { size: 2 },
    windows: ["Mon-Fri 20:00-06:00 Europe/Vienna"],
  } satisfies CampaignDefinition;
  const files = { "list.txt": "acme/shop\n" };
  const one = await readObject(value, {}, { files });
  const other = await read(JSON.stringify({ version: 1, ...value }), { files });
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
      limits: { runTimeout: "60m", parallel: 9 },
      canary: new Map(),
    }),
  ).toEqual([
    "Cannot use campaign: it has 8 mistakes",
    "canary: it is of type Map; allowed are texts, numbers, true, false, lists and plain objects",
    "name: it is missing; it must be a text of 1 to 40 characters",
    'repositories[3]: it is "acme"; it must be owner/name or the id of a repository (a UUID); for all repositories of ' +
    "an owner write { query: acme/ }",
    "limits.parallel: it is the number 9; it must be a whole number from 1 to 3",
    'limits.runTimeout: there is no such key; did you mean "run-timeout"?',
    'nme: there is no such key; did you mean "name"?',
    'repositories[2]: "acme/web" is there twice, first in repositories[0]; remove one of the two',
    'prompt: there is no variable "tiket"; give it in variables, or write {{{{ for the text {{; did you mean "{{ ticket }}"?',
  ]);
});

test("readCampaignObject() refuses what is no object, has no end, or names a file outside of the working directory", async () => {
  for (const wrong of [null, undefined, "campaign.yml", 1, []]) {
    expect(await linesOf(wrong)).toEqual([
      "Cannot use campaign: it has 1 mistake",
      "it must be an object, such as { name, prompt, repositories }",
    ]);
  }
  const endless: Record<string, unknown> = { ...GOOD };
  endless.agent = endless;
  expect((await linesOf(endless))[1]).toMatch(/^agent\.agent\..*: it is nested more than 20 levels deep$/);
  const outside = await linesOf({ ...GOOD, repositories: [{ file: "no.txt" }] });
  expect(outside[1]).toContain("give its path as it is seen from the working directory");
});

test("a mistake in an object has no file, line or column", async () => {
  const error = await readObject({ ...GOOD, name: 1 }).catch((error) => error);
  expect([error.exitCode, error.count, error.mistakes]).toEqual([2, 1, [{
    file: null,
    line: null,
    column: null,
    key: "name",
    message: 'it is the number 1; it must be a text of 1 to 40 characters; put it in quotes: "1"',
  }]]);
});

/** Mistakes of a text alone: its syntax, words with two readings, forms of numbers, comments. */
const OF_TEXT =
  /readers of YAML|comment|uplicate|quotes|blank|"- "|not permitted|is no key|plain digits|line|ordinary spaces|expected|merge|anchor/;

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
    const [, ...lines] = await linesOf(value, files);
    expect(lines.length).toBe(mistakes.length);
    for (const [place, words] of mistakes) {
      const key = place.split(" ").slice(1).join(" ");
      // Where the other one of two is, and where files are looked for, are no lines and no folder.
      const [same = ""] = words.split(/c\.yaml|the folder/);
      expect(lines.some((line) => line.includes(`${key}: `) && line.includes(same))).toBe(true);
    }
  },
);

test("an object can have a good part of the mistakes that a file can have", () => {
  expect(SAME.length).toBeGreaterThan(40);
});
