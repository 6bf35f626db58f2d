import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorOf, fileWith, MINIMAL, mistakesOf, read } from "./files.ts";

const DOCUMENT = readFileSync(join(import.meta.dir, "../../../../docs/campaign-file.md"), "utf8");
/** The example of the documents. */
const EXAMPLE = /```yaml\n([\s\S]*?)```/.exec(DOCUMENT)?.[1] ?? "";
const TASK = "Replace moment for {{ ticket }} in {{ repository.name }}.\n";
const LIST = "# from the inventory\nacme/shop\n\n8f3a2b1c-1234-4abc-9def-1234567890ab # hidden\n";
const FILES = { "task.md": TASK, "repositories.txt": LIST };

test("readCampaignFile() reads the example of the documents with everything that it names", async () => {
  const { file, includes } = await read(EXAMPLE, { files: FILES });
  const place = (line: number, column = 5, name = "c.yaml") => ({ file: name, line, column });
  const entry = { kind: "repository" as const, baseBranch: undefined, root: undefined, variables: {} };
  expect(file).toEqual({
    name: "replace-moment",
    round: "2026-12",
    home: null,
    title: "Replace moment with Temporal",
    prompt: TASK.trim(),
    variables: { ticket: "OPS-12" },
    repositories: [
      { ...entry, repo: "acme/web", place: place(8) },
      {
        kind: "repository",
        repo: "acme/api",
        baseBranch: "develop",
        root: "packages/api",
        variables: { ticket: "OPS-13" },
        place: place(9),
      },
      { kind: "query", query: "acme/", exclude: ["acme/legacy-*"], place: place(10) },
      { ...entry, repo: "acme/shop", place: place(2, 1, "repositories.txt") },
      { ...entry, repo: "8f3a2b1c-1234-4abc-9def-1234567890ab", place: place(4, 1, "repositories.txt") },
    ],
    exclude: ["acme/archive-*"],
    agent: { harness: "codex", mode: "AUTO" },
    branch: "codemod/{{ campaign }}",
    success: { require: "pull-request", acceptUnchanged: true },
    limits: {
      parallel: 3,
      attempts: 2,
      runTimeoutMs: 3_600_000,
      stopAfterFailures: { kind: "share", share: 0.1 },
      openPullRequests: null,
    },
    onFailedChecks: null,
    pullRequests: null,
    merge: null,
    notPeople: [],
    canary: { size: 3, gate: "automatic" },
    windows: [{
      text: "Mon-Fri 20:00-06:00 Europe/Vienna",
      days: [1, 2, 3, 4, 5],
      fromMinute: 1_200,
      toMinute: 360,
      zone: "Europe/Vienna",
    }],
    notify: null,
  });
  expect(includes).toEqual(["task.md", "repositories.txt"]);
});

test("readCampaignFile() finds the mistakes that the documents show, when the example has them", async () => {
  const wrong = EXAMPLE.replace("OPS-12", "12").replace("mode: AUTO", "mode: AUTOS");
  const { lines } = await errorOf(wrong, { files: FILES, path: "campaign.yaml" });
  expect(/```text\n([\s\S]*?)```/.exec(DOCUMENT)?.[1]).toBe(lines.slice(1).map((line) => `${line}\n`).join(""));
});

test("readCampaignFile() fills in defaults when a file has only what is required", async () => {
  const { file, includes } = await read(fileWith({}));
  expect(file).toMatchObject({
    round: "",
    title: null,
    variables: {},
    exclude: [],
    agent: { harness: "codex", mode: null },
    branch: null,
    success: { require: "run", acceptUnchanged: false },
    limits: { parallel: 3, attempts: 1, runTimeoutMs: 3_600_000, stopAfterFailures: null, openPullRequests: null },
    canary: null,
    onFailedChecks: null,
    pullRequests: null,
    merge: null,
    notPeople: [],
    windows: [],
  });
  expect(includes).toEqual([]);
});

test("readCampaignFile() reads what waves merge, and whose approvals do not count", async () => {
  const { file: short } = await read(fileWith({ merge: "merge: { when: approved }" }));
  expect([short.merge, short.notPeople]).toEqual([
    { afterMs: 0, atMost: null, method: null, update: false, withoutChecks: [] },
    [],
  ]);
  const { file } = await read(fileWith({
    merge:
      "merge: { when: approved, after: 24h, at-most: 5, method: squash, update: true, without-checks: [acme/docs-*] }\nnot-people: [approver]",
  }));
  expect([file.merge, file.notPeople]).toEqual([
    { afterMs: 86_400_000, atMost: 5, method: "squash", update: true, withoutChecks: ["acme/docs-*"] },
    ["approver"],
  ]);
});

test("readCampaignFile() reads who reviews pull requests, and their labels", async () => {
  const { file: short } = await read(fileWith({ pulls: "pull-requests: { labels: [agent] }" }));
  expect(short.pullRequests).toEqual({ reviewers: [], labels: ["agent"] });
  const { file } = await read(
    fileWith({ pulls: "pull-requests: { reviewers: [ann, 'team:web', 'team:acme/web', codeowners], labels: [a b] }" }),
  );
  expect(file.pullRequests).toEqual({
    reviewers: ["ann", "team:web", "team:acme/web", "codeowners"],
    labels: ["a b"],
  });
});

test("readCampaignFile() keeps the defaults of keys that are left out beside others", async () => {
  const { file } = await read(
    fileWith({ limits: "limits: { attempts: 2 }", agent: "agent: { mode: SAFE }", canary: "canary: { size: 1 }" }),
  );
  expect(file.limits).toMatchObject({ parallel: 3, attempts: 2, runTimeoutMs: 3_600_000 });
  expect(file.agent).toEqual({ harness: "codex", mode: "SAFE" });
  expect(file.canary).toEqual({ size: 1, gate: "automatic" });
});

test("readCampaignFile() reads JSON as it reads YAML, tabs and schema included", async () => {
  const text = JSON.stringify(
    {
      "$schema": "campaign.schema.json",
      version: 1,
      name: "fix",
      prompt: "Fix it: now\n# not a comment",
      repositories: ["acme/web", { repo: "acme/api", root: "." }],
      limits: { "run-timeout": 90, "stop-after-failures": 3 },
    },
    null,
    "\t",
  );
  const { file } = await read(text);
  expect(file.prompt).toBe("Fix it: now\n# not a comment");
  expect(file.repositories.map((entry) => entry.kind === "repository" && entry.root)).toEqual([undefined, null]);
  expect(file.limits).toMatchObject({ runTimeoutMs: 90_000, stopAfterFailures: { kind: "count", count: 3 } });
});

test("readCampaignFile() gives the same task, list and hash when files have CRLF and a byte order mark", async () => {
  const crlf = (text: string) => `\ufeff${text.replaceAll("\n", "\r\n")}`;
  const files = Object.fromEntries(Object.entries(FILES).map(([name, text]) => [name, crlf(text)]));
  const plain = await read(EXAMPLE, { files: FILES });
  expect(await read(crlf(EXAMPLE), { files })).toEqual(plain);
});

test("readCampaignFile() gives another hash when the file or one that it names changes", async () => {
  const hashes = await Promise.all([
    read(EXAMPLE, { files: FILES }),
    read(`${EXAMPLE}\n# more`, { files: FILES }),
    read(EXAMPLE, { files: { ...FILES, "task.md": `${TASK} ` } }),
    read(EXAMPLE, { files: { ...FILES, "repositories.txt": `${LIST}acme/more` } }),
  ]);
  expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(4);
  for (const { hash } of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
});

test("readCampaignFile() reads, skips or refuses the list of standard input as it is told to", async () => {
  const text = fileWith({ repositories: 'repositories: [{ file: "-" }]' });
  const given = await read(text, { input: "acme/one\r\nacme/two\n", stdin: "read" });
  expect(given.file.repositories).toMatchObject([
    { repo: "acme/one", place: { file: "<stdin>", line: 1, column: 1 } },
    { repo: "acme/two", place: { file: "<stdin>", line: 2, column: 1 } },
  ]);
  const skipped = await read(text, { input: "acme/one", stdin: "skip" });
  expect(skipped.file.repositories).toEqual([]);
  expect(skipped.hash).toBe(given.hash);
  expect(await mistakesOf(text)).toEqual([
    "4:24 repositories[0].file: only `campaign plan` reads standard input; write the list to a file",
  ]);
  expect(await mistakesOf(text, { input: "acme/one\nacme one", stdin: "read" })).toEqual([
    '<stdin>:2:1 repositories[0].file: it is "acme one"; it must be the owner/name, address or id (a UUID) of a repository; write one per line',
  ]);
});

test("readCampaignFile() puts every mistake into one error, in the order of files and places", async () => {
  const text = fileWith({
    name: "name: 1",
    prompt: "prompt-file: missing.md",
    repositories: "repositories: [acme, { file: list.txt }]",
    branch: "branch: x y",
    harnes: "agent: { harnes: codex }",
  });
  const error = await errorOf(text, { files: { "list.txt": "acme/web\nacme/web\n" } });
  expect(error.exitCode).toBe(2);
  expect(error.lines).toEqual(error.message.split("\n"));
  expect(error.lines).toEqual([
    'Cannot use campaign file "c.yaml": it has 6 mistakes',
    'c.yaml:2:7: name: it is the number 1; it must be text of 1 to 40 characters; put it in quotes: "1"',
    "c.yaml:3:14: prompt-file: the file does not exist; give its path relative to the folder of the campaign file",
    'c.yaml:4:16: repositories[0]: it is "acme"; it must be the owner/name, address or id (a UUID) of a repository; for all repositories of an owner write { query: acme/ }',
    'c.yaml:5:9: branch: it becomes "x y": the character " " is not allowed; use letters, digits, "_", ".", "/" and "-"',
    'c.yaml:6:10: agent.harnes: there is no such key; did you mean "harness"?',
    'list.txt:2:1: repositories[1].file: "acme/web" appears twice, first in list.txt:1:1; remove one of the two',
  ]);
});

test("readCampaignFile() says so when the file is missing, a directory, or not UTF-8", async () => {
  const message = async (readFile: () => string | undefined) => {
    const { readCampaignFile } = await import("../../../../lib/campaign/file/read.ts");
    const io = { readFile, realPath: (path: string) => path, readStdin: () => Promise.resolve("") };
    return await readCampaignFile("c.yaml", io).then(() => "", (error) => {
      expect(error.isUnread).toBe(true);
      return error.message;
    });
  };
  function throws(why: string) {
    return () => {
      throw new Error(why);
    };
  }
  expect(await message(() => undefined)).toBe(
    'Cannot read campaign file because it does not exist: "c.yaml"; check the path, or create the file with `campaign new`',
  );
  expect(await message(throws("it is UTF-16: save it as UTF-8"))).toBe(
    'Cannot read campaign file "c.yaml": it is UTF-16: save it as UTF-8',
  );
  expect(await message(throws("it is not a regular file"))).toBe(
    'Cannot read campaign file "c.yaml": it is not a regular file',
  );
});

test("readCampaignFile() keeps variables whose names are inherited by every object", async () => {
  const { file } = await read(fileWith({
    prompt: "prompt: '{{ constructor }} {{ toString }}'",
    variables: "variables: { constructor: a, toString: b }",
  }));
  expect(Object.entries(file.variables)).toEqual([["constructor", "a"], ["toString", "b"]]);
  expect(await mistakesOf(fileWith({ prompt: "prompt: '{{ constructor }}'" }))).toEqual([
    expect.stringContaining('3:10 prompt: there is no variable "constructor"'),
  ]);
});

test("MINIMAL needs each of its keys", async () => {
  for (const key of Object.keys(MINIMAL)) {
    expect(await mistakesOf(fileWith({ [key]: "" }))).toEqual([
      expect.stringContaining(`1:1 ${key}: it is missing; `),
    ]);
  }
});

test("readCampaignFile() takes a directory or a branch of the job's repository as home, and no address: it would get the token", async () => {
  for (const home of ["mogplex-campaign", "state/waves", ".waves", "dir", "git:origin#mogplex-campaign/codemod"]) {
    expect((await read(fileWith({ home: `home: ${JSON.stringify(home)}` }))).file.home).toBe(home);
  }
  for (
    const home of [
      "git:https://evil.example/a.git#x",
      "git:git@evil.example:a#x",
      "git:origin",
      "/etc",
      "../x",
      "a/../../x",
      "",
    ]
  ) {
    expect(await mistakesOf(fileWith({ home: `home: ${JSON.stringify(home)}` }))).toEqual([
      expect.stringContaining(
        "it must be a directory below the working directory, such as mogplex-campaign, or git:origin#BRANCH",
      ),
    ]);
  }
});

test("readCampaignFile() names the word that a short one stands for", async () => {
  expect(await mistakesOf(fileWith({ success: "success: { require: pr }" }))).toEqual([
    expect.stringContaining('did you mean "pull-request"?'),
  ]);
});
