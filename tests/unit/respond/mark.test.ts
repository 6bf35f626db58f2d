import { expect, test } from "bun:test";
import type { ThreadComment } from "../../../lib/forge/threads.ts";
import { noteMarker } from "../../../lib/forge/note.ts";
import { doublesOf, jobOfAsk, keyOfAsk, type Mark, markLine, marksOf } from "../../../lib/respond/mark.ts";
import { BOT, ISSUE, KIM, PULL, sealOf } from "./fake_threads.ts";

const ask = { kind: "comment", id: 101 } as const;
const MARK = {
  ask,
  of: { kind: "label" as const, id: 5 },
  state: { runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", isOpen: true },
} satisfies Mark;

const seal = sealOf(PULL);
const note = (text: string, more: Partial<ThreadComment> = {}): ThreadComment => ({
  ...{ kind: "comment", id: 9, text, author: BOT, createdAt: "", editedAt: null, isInternal: false },
  ...more,
});
const textOf = (mark: Mark) => `${noteMarker(...jobOfAsk(mark.ask))}\n\n${markLine(mark, seal)}\n\n## At work\n`;

test("marksOf() reads what markLine() has written, with line breaks of both kinds", () => {
  for (const state of ["starting", "none", MARK.state, { ...MARK.state, isOpen: false }] as const) {
    const mark = { ...MARK, state };
    expect(marksOf([note(textOf(mark))], BOT, seal)[0]?.mark).toEqual(mark);
    expect(marksOf([note(textOf(mark).replaceAll("\n", "\r\n"))], BOT, seal)[0]?.mark).toEqual(mark);
  }
});

test("marksOf() shows that no sandbox was free only for a mark with the right code", () => {
  const mark = { ...MARK, state: "starting" as const, lacksSandbox: true };
  expect(marksOf([note(textOf(mark))], BOT, seal)[0]?.mark).toEqual(mark);
  const forged = textOf({ ...MARK, state: "starting" }).replace(" starting ", " no sandbox ");
  expect(marksOf([note(forged)], BOT, seal)[0]?.mark).toEqual({ ...MARK, state: "changed", claimed: "starting" });
  expect(textOf({ ...mark, state: "none" })).toBe(textOf({ ...MARK, state: "none" }));
});

test("marksOf() shows that no start was sent only for a mark with the right code", () => {
  const mark = { ...MARK, state: "starting" as const, isUnsent: true };
  expect(marksOf([note(textOf(mark))], BOT, seal)[0]?.mark).toEqual(mark);
  const forged = textOf({ ...MARK, state: "starting" }).replace(" starting ", " not started ");
  expect(marksOf([note(forged)], BOT, seal)[0]?.mark).toEqual({ ...MARK, state: "changed", claimed: "starting" });
});

test("marksOf() reads the time of the next start only from a mark with the right code", () => {
  for (const lacksSandbox of [false, true]) {
    const mark = {
      ...MARK,
      state: "starting" as const,
      ...lacksSandbox && { lacksSandbox },
      nextStartMs: 1_788_221_412_451,
    };
    const text = textOf(mark);
    expect(marksOf([note(text)], BOT, seal)[0]?.mark).toEqual(mark);
    const forged = text.replace(" next 1", " next 9");
    expect(marksOf([note(forged)], BOT, seal)[0]?.mark).toEqual({ ...MARK, state: "changed", claimed: "starting" });
    expect(textOf({ ...mark, state: MARK.state })).toBe(textOf(MARK));
  }
});

test("marksOf() takes no word of a mark whose code is not that of the thread and the token", () => {
  const text = textOf(MARK);
  const found = (changed: string, by = seal) => marksOf([note(changed)], BOT, by)[0]?.mark.state;
  expect(found(text)).toEqual(MARK.state);
  for (
    const changed of [
      text.replace(" at work ", " ended "),
      text.replace("5b1f0c1e", "6b1f0c1e"),
      text.replace("label 5", "label 6"),
      text.replace(/ at work [0-9a-f]{32}/, ` at work ${"0".repeat(32)}`),
    ]
  ) {
    expect(changed).not.toBe(text);
    expect(found(changed)).toBe("changed");
  }
  expect(found(text, sealOf(ISSUE))).toBe("changed");
  expect(found(text, sealOf(PULL, "mog_another-token"))).toBe("changed");
  expect(marksOf([note(text.replace("5b1f0c1e", "6b1f0c1e"))], BOT, undefined)[0]?.mark.state).toMatchObject({
    isOpen: true,
  });
});

test("doublesOf() names the later note of one ask, and no note that a list shows twice", () => {
  const [first, later] = [note(textOf(MARK)), note(textOf({ ...MARK, state: "starting" }), { id: 10 })];
  expect(doublesOf([first, { ...first }], BOT, seal)).toEqual([]);
  expect(doublesOf([later, first, { ...first }, { ...later }], BOT, seal)).toEqual([later]);
  expect(marksOf([first, later, { ...first }], BOT, seal).map(({ note: { id } }) => id)).toEqual([9]);
});

test("marksOf() takes no mark of another user, none further below, and none without the marker of a note", () => {
  const line = markLine(MARK, seal);
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
    expect(marksOf([each], BOT, seal)).toEqual([]);
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
