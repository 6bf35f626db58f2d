import { expect, test } from "bun:test";
import fc from "fast-check";
import { propertyRuns } from "../../property_runs.ts";
import { ORDER, writesWorld } from "./writes_world.ts";

/** Title and body as a forge gets them. */
async function sentFor(title: string, body: string): Promise<[title: string, body: string]> {
  const { writer, sent } = writesWorld("ghes", [[200, { sha: ORDER.commit, merged: true, message: "" }]]);
  await writer.merge({ ...ORDER, title, body });
  const message = sent[0]?.[1] as { commit_title: string; commit_message: string };
  return [message.commit_title, message.commit_message];
}

test.each<[text: string, harmless: string]>([
  ["Update [skip ci] docs", "Update docs"],
  ["[ci skip] Update docs", "Update docs"],
  ["Update docs [CI-SKIP]", "Update docs"],
  ["Update docs [no ci]", "Update docs"],
  ["Update docs [skip actions][actions skip]", "Update docs"],
  ["Update docs [skip azurepipelines]", "Update docs"],
  ["Update docs [skip circleci] [skip travis]", "Update docs"],
  ["Update docs ***NO_CI***", "Update docs"],
  ["Update [skip [skip ci] ci] docs", "Update docs"],
  ["Update docs [skip\u200b ci]", "Update docs"],
  ["Update docs [ski\u00adp ci]", "Update docs"],
  ["Fixes #1", "#1"],
  ["fix[skip ci]es #1", "fix es #1"],
  ["Closes: acme/web#12 and docs", "acme/web#12 and docs"],
  ["Resolves https://github.com/acme/web/issues/3", "https://github.com/acme/web/issues/3"],
  ["resolved GH-9", "GH-9"],
  ["Closes **#4**, #6, and issue #7", "#4**, #6, and issue #7"],
  ["Implements issue #4", "issue #4"],
  ["Reopens !4", "!4"],
  ["fixing ABC-123 now", "ABC-123 now"],
  ["ABC-123 #close #comment no", "ABC-123 close #comment no"],
  ["fixes fixes #1", "#1"],
  ["fix the parser of utf-8", "fix the parser of utf-8"],
  ["Close the file in /tmp", "Close the file in /tmp"],
  ["[#12] Replace moment [docs]", "[#12] Replace moment [docs]"],
  ["/merge", "merge"],
  ["", "Merge pull request"],
  ["[skip ci]", "Merge pull request"],
])("PullRequestWriter.merge() takes the commands out of the title %j", async (text, harmless) => {
  expect((await sentFor(text, ""))[0]).toBe(harmless);
});

test("PullRequestWriter.merge() takes the commands out of a body, and keeps its lines", async () => {
  const body = [
    "The docs were old.",
    "",
    "  /merge",
    "/close #1",
    "//tag v1",
    "See /etc/hosts and a/b.",
    "skip-checks: true",
    "Skip-Checks:true",
    "Fixes #1",
    "",
    "",
    "",
    "Closes",
    "#2",
    "Co-authored-by: Ann <ann@example.com>",
  ].join("\r\n");
  expect((await sentFor("Docs", body))[1]).toBe(
    "The docs were old.\n\nmerge\n#1\ntag v1\nSee /etc/hosts and a/b.\n\n#1\n\n#2\nCo-authored-by: Ann <ann@example.com>",
  );
});

/** What forges and CI systems look for. */
const COMMANDS = [
  /\[\s*(?:skip[ -](?:ci|actions)|(?:ci|actions)[ -]skip|no ci)\s*\]/i,
  /^\s*\/[a-z]/im,
  /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:[\w-]+\/[\w-]+)?#\d/i,
  /^skip-checks:\s*true/im,
  /\*\*\*NO_CI\*\*\*/i,
];

test("PullRequestWriter.merge() leaves no command, however a text is put together", async () => {
  const parts = [
    "[",
    "]",
    "skip",
    " ",
    "ci",
    "-",
    "no",
    "\n",
    "/",
    "merge",
    "fixes",
    "fix",
    "es",
    " #1",
    ":",
    "acme/web#2",
    "***",
    "NO_CI",
    "skip-checks: true",
    "\u200b",
    "*",
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...parts), { maxLength: 24 }), async (words) => {
      for (const text of await sentFor(words.join(""), words.join(""))) {
        expect(COMMANDS.filter((command) => command.test(text))).toEqual([]);
      }
    }),
    { numRuns: propertyRuns(300) },
  );
});

test("PullRequestWriter.merge() cuts a title and a body that are too long", async () => {
  const [title, body] = await sentFor("a".repeat(300), "fixes #1 ".repeat(20_000));
  expect(title).toBe(`${"a".repeat(182)}…[+118 characters]`);
  expect(body.length).toBeLessThan(4_100);
});
