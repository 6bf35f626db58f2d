import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { LivingNote } from "../../../lib/forge/note.ts";

/** @param before How often the note says that it was changed; null when there is none yet. */
function living(maxEdits?: number, fail: (text: string) => boolean = () => false, before: number | null = null) {
  const clock = virtualClock();
  const texts: string[] = [];
  const place = maxEdits === undefined ? {} : { maxEdits };
  const note = new LivingNote<string>(place, clock, (text, count) => {
    const edits = count(texts.length === 0 ? before : undefined);
    if (edits === null) return Promise.resolve({ id: 1, updated: true });
    texts.push(text);
    return fail(text) ? Promise.reject(new Error(text)) : Promise.resolve({ id: 1, updated: false });
  });
  return { clock, texts, note };
}

test("LivingNote changes its text once a minute, and at the end whatever was written before", async () => {
  const { clock, texts, note } = living();
  await note.begin("0");
  for (let second = 10; second <= 180; second += 10) {
    clock.advance(10_000);
    note.change(() => String(second));
  }
  await note.end("end");
  note.change(() => "late", true);
  expect(texts).toEqual(["0", "60", "120", "180", "end"]);
});

test("LivingNote writes what others have to find without waiting for a minute", async () => {
  const { texts, note } = living();
  await note.begin("0");
  expect(note.change(() => "run", true)).toBe(true);
  expect(note.change(() => "phase")).toBe(false);
  await note.end("end");
  expect(texts).toEqual(["0", "run", "end"]);
});

test("LivingNote makes at most so many changes as the place permits, the end among them", async () => {
  const { clock, texts, note } = living(5);
  await note.begin("0");
  for (let minute = 1; minute <= 20; minute++) {
    clock.advance(60_000);
    note.change(() => String(minute), minute % 2 === 0);
  }
  await note.end("end");
  expect(texts).toEqual(["0", "1", "2", "3", "4", "end"]);
});

test("LivingNote goes on when a change is refused, and throws what the end throws", async () => {
  const { texts, note } = living(undefined, (text) => text !== "0");
  await note.begin("0");
  note.change(() => "1", true);
  await expect(note.end("end")).rejects.toThrow("end");
  expect(texts).toEqual(["0", "1", "end"]);
});

test("LivingNote goes on counting where an earlier job has changed the note about the same run", async () => {
  for (const [before, expected] of [[0, 5], [2, 3], [3, 2], [4, 1], [5, 1], [9, 1]] as const) {
    const { clock, texts, note } = living(5, undefined, before);
    await note.begin("0");
    for (let minute = 1; minute <= 20; minute++) {
      clock.advance(60_000);
      note.change(() => String(minute), true);
    }
    await note.end("end");
    expect([before, texts.length, texts.at(-1)]).toEqual([before, expected, "end"]);
  }
});

test("LivingNote counts no change while its note cannot be made", async () => {
  const clock = virtualClock();
  const counts: (number | null)[] = [];
  const note = new LivingNote<string>({ maxEdits: 5 }, clock, (_, count) => {
    counts.push(count(null));
    return Promise.reject(new Error("down"));
  });
  await expect(note.begin("0")).rejects.toThrow("down");
  for (let minute = 1; minute <= 6; minute++) {
    clock.advance(60_000);
    note.change(() => String(minute), true);
  }
  await expect(note.end("end")).rejects.toThrow("down");
  expect(counts).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});
