import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Includes, MAX_FILE_BYTES, MAX_LIST_BYTES } from "../../../../lib/campaign/file/items.ts";
import { readCampaignFile } from "../../../../lib/campaign/file/read.ts";
import { processIo } from "../../../../lib/io.ts";
import { fakeIo } from "../../cli/fake_io.ts";

const io = await processIo();
let top = "";
let folder = "";

/** Writes a campaign file with these lines, and says what becomes of it. */
async function outcome(lines: string, allowOutside = false): Promise<string | string[]> {
  const path = join(folder, "campaign.yaml");
  writeFileSync(path, `version: 1\nname: fix\n${lines}\n`);
  try {
    return (await readCampaignFile(path, io, { allowOutside })).includes.map((each) => each.replace(`${top}/`, ""));
  } catch (error) {
    return (error as Error).message.split("\n").slice(1).map((line) => line.replaceAll(`${top}/`, "")).join("\n");
  }
}

const WEB = "repositories: [acme/web]";

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "mogplex-campaign-"));
  folder = join(top, "campaigns");
  mkdirSync(join(folder, "tasks"), { recursive: true });
  mkdirSync(join(folder, "..data"));
  writeFileSync(join(folder, "tasks/task.md"), "Fix it");
  writeFileSync(join(folder, "..data/task.md"), "Fix it");
  writeFileSync(join(top, "secret.md"), "secret");
  symlinkSync("tasks/task.md", join(folder, "inside.md"));
  symlinkSync("..data/task.md", join(folder, "mounted.md"));
  symlinkSync("../secret.md", join(folder, "outside.md"));
  symlinkSync("..", join(folder, "up"));
  symlinkSync("nowhere", join(folder, "dangling.md"));
  symlinkSync("loop.md", join(folder, "loop.md"));
  writeFileSync(join(folder, "utf16.md"), new Uint8Array([0xff, 0xfe, 0x41, 0]));
  writeFileSync(join(folder, "latin1.md"), new Uint8Array([0x41, 0xe4]));
  for (const [name, bytes] of [["large.md", MAX_FILE_BYTES], ["large.txt", MAX_LIST_BYTES]] as const) {
    writeFileSync(join(folder, name), "x");
    truncateSync(join(folder, name), bytes + 1);
  }
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

test.each([
  ["tasks/task.md", ["campaigns/tasks/task.md"]],
  ["./tasks/../tasks/task.md", ["campaigns/tasks/../tasks/task.md"]],
  ["inside.md", ["campaigns/inside.md"]],
  ["mounted.md", ["campaigns/mounted.md"]],
])("readCampaignFile() reads the file %s, which is in the folder", async (name, expected) => {
  expect(await outcome(`prompt-file: ${name}\n${WEB}`)).toEqual(expected);
});

test("readCampaignFile() reads a file by its absolute path when it is in the folder", async () => {
  expect(await outcome(`prompt-file: ${folder}/tasks/task.md\n${WEB}`)).toEqual(["campaigns/tasks/task.md"]);
});

test.each(["../secret.md", "outside.md", "up/secret.md", "tasks/../../secret.md"])(
  "readCampaignFile() refuses %s, which is outside the folder, unless that is permitted",
  async (name) => {
    const path = name.replace(/^\.\//, "");
    expect(await outcome(`prompt-file: ${name}\n${WEB}`)).toBe(
      `campaigns/campaign.yaml:3:14: prompt-file: "campaigns/${path}" is outside the folder of the campaign file; move it there, or allow it with --allow-outside`,
    );
    expect(await outcome(`prompt-file: ${name}\n${WEB}`, true)).toEqual([`campaigns/${path}`]);
  },
);

test.each([
  ["no.md", "the file does not exist; give its path relative to the folder of the campaign file"],
  ["dangling.md", "the file does not exist; give its path relative to the folder of the campaign file"],
  ["loop.md", "the file cannot be read: ELOOP"],
  ["tasks", "the file cannot be read: it is not a regular file"],
  ["utf16.md", "the file cannot be read: it is UTF-16: save it as UTF-8"],
  ["latin1.md", "the file cannot be read: it is not UTF-8: save it as UTF-8"],
  ["large.md", "the file cannot be read: it is larger than 1048576 bytes"],
])("readCampaignFile() says why it does not read the task %s", async (name, why) => {
  expect(await outcome(`prompt-file: ${name}\n${WEB}`)).toStartWith(
    `campaigns/campaign.yaml:3:14: prompt-file: ${why}`,
  );
});

test("readCampaignFile() says why it does not read lists, each with its place", async () => {
  const text =
    "prompt: x\nexclude-file: ../secret.md\nrepositories: [{ file: tasks }, { file: large.txt }, { file: no.txt }]";
  expect(await outcome(text)).toBe([
    'campaigns/campaign.yaml:4:15: exclude-file: "campaigns/../secret.md" is outside the folder of the campaign file; move it there, or allow it with --allow-outside',
    "campaigns/campaign.yaml:5:24: repositories[0].file: the file cannot be read: it is not a regular file",
    "campaigns/campaign.yaml:5:41: repositories[1].file: the file cannot be read: it is larger than 16777216 bytes",
    "campaigns/campaign.yaml:5:62: repositories[2].file: the file does not exist; give its path relative to the folder of the campaign file",
  ].join("\n"));
});

test("readCampaignFile() reads a device only when that is permitted, and then refuses it", async () => {
  expect(await outcome(`prompt-file: /dev/zero\n${WEB}`)).toContain("is outside the folder");
  expect(await outcome(`prompt-file: /dev/zero\n${WEB}`, true)).toContain("it is not a regular file");
});

test("readCampaignFile() reads names and globs of exclude-file, and adds them to those of exclude", async () => {
  writeFileSync(join(folder, "no.list"), "# said no\nacme/web\nacme/legacy-* # old\n\n");
  const path = join(folder, "campaign.yaml");
  writeFileSync(path, `version: 1\nname: fix\nprompt: x\n${WEB}\nexclude: ["*/docs"]\nexclude-file: no.list\n`);
  expect((await readCampaignFile(path, io)).file.exclude).toEqual(["*/docs", "acme/web", "acme/legacy-*"]);
  writeFileSync(join(folder, "no.list"), "acme\n[x]\n");
  expect(await outcome(`prompt: x\n${WEB}\nexclude-file: no.list`)).toBe([
    'campaigns/no.list:1:1: exclude-file: it is "acme"; it must be a name or a glob of names, as in acme/legacy-* or */docs; for all of acme write "acme/*"; write one per line',
    'campaigns/no.list:2:1: exclude-file: it is "[x]"; it must be a name or a glob of names, as in acme/legacy-* or */docs; the character "[" is not allowed, only *, ** and ? are special; write one per line',
  ].join("\n"));
});

test("Includes finds files from the folder of the campaign file, wherever that is", () => {
  const pathOf = (campaign: string, name: string) => new Includes(campaign, fakeIo(), false).pathOf(name);
  expect(pathOf("c.yaml", "./a.md")).toBe("a.md");
  expect(pathOf("x/y/c.yaml", "a.md")).toBe("x/y/a.md");
  expect(pathOf("/c.yaml", "a.md")).toBe("/a.md");
  expect(pathOf("x/c.yaml", "/a.md")).toBe("/a.md");
});

test("readCampaignFile() leaves out comments and blank lines of a list, and knows where each name begins", async () => {
  writeFileSync(join(folder, "no.list"), "a\n  c # x\n#e\n\n\tg#h\n # i");
  const found = await outcome(`prompt: x\n${WEB}\nexclude-file: no.list`);
  expect(
    [...String(found).matchAll(/^campaigns\/no\.list:(\d+:\d+): exclude-file: it is "(.*?)"/gm)].map((
      [, place, name],
    ) => [
      name,
      place,
    ]),
  ).toEqual([["a", "1:1"], ["c", "2:3"], ["g#h", "5:2"]]);
});
