import { expect, test } from "bun:test";
import type { ThreadComment } from "../../../lib/forge/threads.ts";
import { noteMarker } from "../../../lib/report/note.ts";
import { jobOfAsk, keyOfAsk, type Mark, markLine, marksOf } from "../../../lib/respond/mark.ts";
import { BOT, KIM } from "./fake_threads.ts";

const ask = { kind: "comment", id: 101 } as const;
const MARK: Mark = { ask, of: { kind: "label", id: 5 }, state: { runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11" } };

const note = (text: string, more: Partial<ThreadComment> = {}): ThreadComment => ({
  ...{ kind: "comment", id: 9, text, author: BOT, createdAt: "", editedAt: null, isInternal: false },
  ...more,
});
const textOf = (mark: Mark) => `${noteMarker(...jobOfAsk(mark.ask))}\n\n${markLine(mark)}\n\n## At work\n`;

test("marksOf() reads what markLine() has written, with line breaks of both kinds", () => {
  for (const state of ["starting", "none", MARK.state] as const) {
    const mark = { ...MARK, state };
    expect(marksOf([note(textOf(mark))], BOT)[0]?.mark).toEqual(mark);
    expect(marksOf([note(textOf(mark).replaceAll("\n", "\r\n"))], BOT)[0]?.mark).toEqual(mark);
  }
});

test("marksOf() takes no mark of another user, none further below, and none without the marker of a note", () => {
  const line = markLine(MARK);
  const marker = noteMarker(...jobOfAsk(ask));
  for (
    const each of [
      note(textOf(MARK), { author: KIM }),
      note(line),
      note(`${marker}\n\nThe agent says:\n${line}`),
      note(` ${marker}\n\n${line}`),
      note(`${marker}\n\n> ${line}`),
    ]
  ) {
    expect(marksOf([each], BOT)).toEqual([]);
  }
});

test("keyOfAsk() gives the same key wherever an ask is answered, and another key for each difference", () => {
  const parts = {
    ...{ origin: "https://git.example", repository: 42, repoId: "Acme/Web", ask },
    thread: { kind: "pull", number: 7 } as const,
  };
  const keys = [
    parts,
    { ...parts, origin: "https://git.other" },
    { ...parts, repository: 43 },
    { ...parts, repoId: "acme/api" },
    { ...parts, ask: { kind: "review", id: 101 } as const },
    { ...parts, ask: { kind: "comment", id: 102 } as const },
    { ...parts, thread: { kind: "issue", number: 7 } as const },
  ].map(keyOfAsk);
  expect(new Set(keys).size).toBe(keys.length);
  expect(keyOfAsk({ ...parts, repoId: "acme/web" })).toBe(keys[0] ?? "");
  expect(keys[0]).toMatch(/^rs1-[0-9a-f]{40}$/);
});
