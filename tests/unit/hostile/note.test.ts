import { expect, test } from "bun:test";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import { JOB_NOTES, prepareNote } from "../../../lib/cli/job/note.ts";
import { openContext } from "../../../lib/cli/context.ts";
import { commandVocabulary } from "../../../lib/cli/verb.ts";
import { Writer } from "../../../lib/cli/log/writer.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { ALL_SYSTEMS, detectPlatform } from "../../../lib/ci/detect.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { GITLAB_TOKEN, gitlabServer } from "../report/gitlab_server.ts";
import { CORPUS } from "./corpus.ts";
import { resultOf } from "./hostile_result.ts";
import { outlineMarkdown } from "./parsers/markup_parsers.ts";

/** Most characters of a note. Source: gitlabhq, lib/gitlab/database.rb, `MAX_TEXT_SIZE_LIMIT`. */
const MAX_NOTE_CHARACTERS = 1_000_000;

/** Writes the note of a job with this name; returns all notes, and the text on stderr. */
async function noteOf(text: string, job: string) {
  const gitlab = gitlabServer("42", "7");
  const mergeRequest = { CI_API_V4_URL: gitlab.api, CI_PROJECT_ID: "42", CI_MERGE_REQUEST_IID: "7", GITLAB_TOKEN };
  const io = fakeIo({ env: { GITLAB_CI: "true", CI_JOB_NAME: job, ...mergeRequest } });
  const platform = detectPlatform(io.env);
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
    notes: JOB_NOTES,
    forges: ALL_FORGES,
  };
  const context = openContext(call, { clock: virtualClock(), fetch: gitlab.fetch });
  await prepareNote(context, []).ended(resultOf(text), {});
  const { notes, actions } = gitlab;
  return { bodies: notes.map(({ body }) => body), actions, stderr: io.text.stderr };
}

/** Structure of a rendered note: its links, kinds of elements and text outside of code. */
function shape(body: string) {
  const { elements, prose } = outlineMarkdown(body);
  const links = elements.filter((element) => /^(a|img|script|iframe|video|svg|input)\b/.test(element));
  return { links, kinds: [...new Set(elements.map((element) => element.split(" ")[0]))].sort(), prose };
}

const BENIGN = shape((await noteOf(Array(9).fill("harmless").join("\n"), "harmless")).bodies[0] as string);

test("the note of a harmless run has no link, and an invisible marker", () => {
  expect(BENIGN.links).toEqual([]);
  expect(BENIGN.kinds).toEqual([
    "#comment",
    "code",
    "details",
    "p",
    "pre",
    "strong",
    "summary",
  ]);
});

for (const { name, text } of CORPUS) {
  test(`the note on a merge request has no quick action, foreign link or mention, whatever the run says: ${name}`, async () => {
    const { bodies, actions, stderr } = await noteOf(text, text);
    expect({ actions, count: bodies.length }).toEqual({ actions: [], count: 1 });
    expect(stderr).toMatch(/^note: summary written in note \d+ of merge request !7\n$/);
    const body = bodies[0] as string;
    expect([...body].length).toBeLessThanOrEqual(MAX_NOTE_CHARACTERS);
    expect(body).toMatch(/^<!-- mogplex:[0-9a-f]{40} -->\n\n[✅❌⚠🚫]/u);
    // Besides our own foldable parts, lines that GitLab handles before it parses Markdown: quick actions, ends of code in older versions, quotes, includes.
    expect(
      /^(?:\/|```|>>>|<(?!!-- mogplex:|details><summary>[\w ]+<\/summary>$|\/details>$)|::include|---)/m.test(
        body.replaceAll("\r", ""),
      ),
    ).toBe(false);
    const { links, kinds, prose } = shape(body);
    expect(kinds.filter((kind) => !BENIGN.kinds.includes(kind) && kind !== "a")).toEqual([]);
    // Only the address of a pull request is a link, and its text is the address.
    for (const link of links) expect(link).toMatch(/^a href=https?:\/\/[^@\s]+$/);
    expect(links.length).toBeLessThanOrEqual(1);
    // GitLab looks for mentions, references, labels and emoji outside of code, where the whole text must be our own.
    const ownWords = new Set(BENIGN.prose.split(/\s+/));
    expect(prose.split(/\s+/).filter((word) => !ownWords.has(word) && /[@#!~%&$:[\]/]|\d{2}/.test(word))).toEqual([]);
  });
}
