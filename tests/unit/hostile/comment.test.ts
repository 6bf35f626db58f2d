import { expect, test } from "bun:test";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import { ACTION_NOTES, withMatrixNode } from "../../../lib/cli/action/comment.ts";
import { prepareNote } from "../../../lib/cli/job/note.ts";
import { openContext } from "../../../lib/cli/context.ts";
import { Writer } from "../../../lib/cli/log/writer.ts";
import { commandVocabulary } from "../../../lib/cli/verb.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { ALL_SYSTEMS, detectPlatform } from "../../../lib/ci/detect.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { GITHUB_TOKEN, githubServer } from "../report/github_server.ts";
import { CORPUS } from "./corpus.ts";
import { resultOf } from "./hostile_result.ts";
import { outlineMarkdown } from "./parsers/markup_parsers.ts";

/** Most characters of a comment. */
const MAX_COMMENT_CHARACTERS = 65_536;

/** Writes the comment of a job whose names are this text as well; returns all comments, and what was printed. */
async function commentOf(text: string) {
  const github = githubServer("acme/web", "7");
  const env = {
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.example",
    GITHUB_API_URL: github.api,
    GITHUB_REPOSITORY: "acme/web",
    GITHUB_RUN_ID: "7",
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_JOB: text,
    GITHUB_WORKFLOW: text,
    INPUT_COMMENT: "true",
    "INPUT_PULL-REQUEST": "7",
    "INPUT_GITHUB-TOKEN": GITHUB_TOKEN,
    INPUT_MATRIX: JSON.stringify({ node: text }),
  };
  const io = fakeIo({ env });
  const platform = await withMatrixNode(detectPlatform(io.env), io.env);
  const writer = new Writer(io, platform, createRedactor({}));
  const flags = { positionals: [], has: () => false, get: () => undefined, all: () => [] };
  const call = {
    io,
    flags,
    platform,
    systems: ALL_SYSTEMS,
    writer,
    vocabulary: commandVocabulary(),
    verbs: [],
    dropIn: false,
    notes: ACTION_NOTES,
    forges: ALL_FORGES,
    tokenInstead: () => ({ token: GITHUB_TOKEN, place: "input github-token" }),
  };
  const context = openContext(call, { clock: virtualClock(), fetch: github.fetch });
  await prepareNote(context, []).ended(resultOf(text), {});
  return { bodies: github.comments.map(({ body }) => body ?? ""), printed: io.text.stderr };
}

function shape(body: string) {
  const { elements, prose } = outlineMarkdown(body);
  const links = elements.filter((element) => /^(a|img|script|iframe|video|svg|input)\b/.test(element));
  const folds = elements.filter((element) => /^(details|summary)\b/.test(element));
  return { links, folds, kinds: [...new Set(elements.map((element) => element.split(" ")[0]))].sort(), prose };
}

/** What GitHub makes a mention, a reference or a link of, outside of code. Source: GitHub, "Autolinked references and URLs". */
const AUTOLINK = /(?:^|[^\w`])@\w|#\d|\bgh-\d|\b[0-9a-f]{7,40}\b|\bhttps?:|\bwww\.|\w@\w/i;

const BENIGN = shape((await commentOf("harmless")).bodies[0] ?? "");
const PIPELINE = "a href=https://github.example/acme/web/actions/runs/7/attempts/1";

test("the comment of a harmless run has one link, to its workflow run, and an invisible marker", () => {
  expect(BENIGN.links).toEqual([PIPELINE]);
  expect(BENIGN.folds).toEqual(["details", "summary", "details", "summary"]);
  expect(BENIGN.kinds).toContain("#comment");
  expect(AUTOLINK.test(BENIGN.prose)).toBe(false);
});

test("AUTOLINK finds what GitHub would link", () => {
  const found = ["cc @octocat", "fixes #1", "acme/web#12", "GH-7", "see 0123abc", "https://x.example", "a@b.example"];
  for (const text of found) expect([text, AUTOLINK.test(text)]).toEqual([text, true]);
});

for (const { name, text } of CORPUS) {
  test(`the comment on a pull request has no mention, reference or foreign link, whatever the run says: ${name}`, async () => {
    const { bodies, printed } = await commentOf(text);
    expect(printed).toMatch(/^note: summary written in comment \d+ of pull request #7\n$/);
    const [body = ""] = bodies;
    expect([...body].length).toBeLessThanOrEqual(MAX_COMMENT_CHARACTERS);
    expect(body).toMatch(/^<!-- mogplex:[0-9a-f]{40} -->\n\n❌ \*\*Failed\*\* after 18 min/);
    const { links, folds, kinds, prose } = shape(body);
    expect(kinds.filter((kind) => !BENIGN.kinds.includes(kind) && kind !== "a")).toEqual([]);
    // Only our own: the last message and the last lines, each if there is one.
    expect(folds).toEqual(BENIGN.folds.slice(0, folds.length));
    const foreign = links.filter((link) => link !== PIPELINE);
    expect(foreign.length).toBeLessThanOrEqual(1);
    for (const link of foreign) {
      expect(link).toMatch(/^a href=https?:\/\/[^@\s]+$/);
      expect(link).not.toMatch(/\/\/(?:www\.)?github\.(?:com|example)\//);
    }
    expect(AUTOLINK.exec(prose)?.[0]).toBeUndefined();
  });
}

test("a comment with the longest texts fits, and says less instead of being cut", async () => {
  for (const text of ["`", "東\n", "|", "\n/close", "` ", "&amp;", "x"].map((each) => each.repeat(200_000))) {
    const { bodies, printed } = await commentOf(text);
    expect(printed).toMatch(/^note: summary written/);
    const [body = ""] = bodies;
    expect(body.split("\n").length + [...body].length).toBeLessThan(MAX_COMMENT_CHARACTERS);
    expect(body).toContain("❌ **Failed** after 18 min");
    expect(body).toContain("\nJob: ");
  }
});
