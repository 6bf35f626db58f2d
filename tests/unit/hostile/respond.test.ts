/** A note of `respond` while its run continues, and what it asks an agent, with hostile texts instead of task and thread. */
import { expect, test } from "bun:test";
import { progressNote } from "../../../lib/report/note_text.ts";
import { readMention } from "../../../lib/respond/mention.ts";
import { promptOf } from "../../../lib/respond/prompt.ts";
import { at, aThread, ISSUE, KIM } from "../respond/fake_threads.ts";
import { CORPUS } from "./corpus.ts";
import { outlineMarkdown } from "./parsers/markup_parsers.ts";

const since = Date.parse(at(0));
const note = (task: string) =>
  progressNote({ links: {}, phase: "agent", since, phaseSince: since, nowMs: since, task });
const kindsOf = (task: string) =>
  [
    ...new Set(outlineMarkdown(note(task)).elements.map((element) => element.split(" ")[0])),
  ].sort();
const HARMLESS = kindsOf("harmless");

test("the note of a run at work has nothing of a task but code, whatever the task is", () => {
  for (const { name, text } of CORPUS) {
    const kinds = kindsOf(text);
    expect([name, kinds.filter((kind) => !HARMLESS.includes(kind))]).toEqual([name, []]);
    // A quick action begins at the left margin.
    expect([name, note(text).split("\n").filter((line) => line.startsWith("/"))]).toEqual([name, []]);
    expect(note(text).length).toBeLessThan(20_000);
  }
});

test("what a thread says is quoted in a prompt, line by line", () => {
  for (const { name, text } of CORPUS) {
    const thread = aThread(ISSUE, { title: text, text });
    const comment = {
      kind: "comment",
      id: 1,
      author: KIM,
      createdAt: at(0),
      editedAt: null,
      isInternal: false,
    } as const;
    const prompt = promptOf("Do it", {
      ...{
        thread,
        isTask: false,
        ownsText: "yes",
        hasAnswer: false,
        comments: [{ ...comment, text }],
        leftOut: 0,
        internal: 0,
      },
    }, { redact: (text) => text, pull: "pull request", template: undefined });
    const [head = "", ...rest] = prompt.split("\n\nTitle:\n");
    expect([name, head.startsWith("Do it\n\n---\n\n")]).toEqual([name, true]);
    const lines = rest.join("").split("\n").filter((line) => !/^(?:>|$|Description:$|kim wrote:$)/.test(line));
    expect([name, lines]).toEqual([name, []]);
    expect(prompt.length).toBeLessThan(100_000);
  }
});

test("no hostile text is a request to an agent by itself", () => {
  for (const { name, text } of CORPUS) expect([name, readMention(text, "mogplex")]).toEqual([name, null]);
});
