import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RecordBody } from "../../../../lib/campaign/journal/record.ts";
import { propertyRuns } from "../../../property_runs.ts";
import { history } from "./history.ts";
import { DIRECTORY, failureOf, makeRoom, processesOf, type Room } from "./rooms.ts";
import { ended, intent, lockOf, uuidOf } from "./sample.ts";

const note = (text: string): RecordBody => ({ type: "note", text });
const notes = (count: number): RecordBody[] => Array.from({ length: count }, (_, index) => note(`${index}`));
const ONE = `${DIRECTORY}/journal/000001.ndjson`;
const TWO = `${DIRECTORY}/journal/000002.ndjson`;
const THREE = `${DIRECTORY}/journal/000003.ndjson`;

const RESTORE =
  "restore lock.json and journal from the previous wave (its artifact, commit or backup) and start again: " +
  "runs started since then are found by their keys";

/** A directory with records. */
async function roomWith(bodies: readonly RecordBody[]): Promise<Room> {
  const room = makeRoom();
  await room.with((home) => home.append(bodies));
  return room;
}

const linesOf = (room: Room, path: string) => (room.files.text(path) ?? "").split("\n").slice(0, -1);
const putLines = (room: Room, path: string, lines: readonly string[]) =>
  room.files.put(path, lines.map((line) => `${line}\n`).join(""));

test("openDirHome() makes only the files that it needs, and none for reading", async () => {
  const room = makeRoom();
  const reader = await room.open({ access: "read" });
  expect([await reader.readLock(), await room.records(), room.files.paths()]).toEqual([undefined, [], []]);
  await expect(reader.append([note("x")])).rejects.toThrow("open for reading");
  await expect(reader.writeLock(lockOf(1))).rejects.toThrow("open for reading");
  const home = await room.open();
  expect(room.files.paths()).toEqual(["c/.gitignore", "c/writer.json"]);
  await home.append([{ type: "wave" }, intent("acme/r0@main", 1)]);
  await home.writeLock(lockOf(1));
  expect(await home.readLock()).toEqual(lockOf(1));
  await home.close();
  await home.close();
  expect(room.files.paths()).toEqual(["c/.gitignore", ONE, "c/lock.json"]);
  expect(room.files.text("c/.gitignore")).toContain("writer*.json\n");
  await expect(home.append([note("x")])).rejects.toThrow("or closed");
  room.files.put("c/.gitignore", "mine");
  await room.with(() => Promise.resolve());
  expect(room.files.text("c/.gitignore")).toBe("mine");
});

test("append() goes on where the journal ends, with the number of the wave, over any number of processes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(history(2, 10), { maxLength: 5 }), async (parts) => {
      const room = makeRoom();
      const returned = [];
      for (const part of parts) returned.push(...await room.with((home) => home.append(part)));
      const records = await room.records();
      expect(records).toEqual(returned);
      expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index + 1));
      let wave = 0;
      for (const record of records) expect(record.wave).toBe(record.type === "wave" ? ++wave : wave);
      expect(room.notices).toEqual([]);
    }),
    { numRuns: propertyRuns(30) },
  );
});

test("append() takes calls of the same time one after the other, and close() waits for them", async () => {
  const room = makeRoom();
  const home = await room.open();
  const calls = [home.append([note("1"), note("2")]), home.append([note("3")]), home.readJournal(() => {})];
  const last = home.append([note("4")]);
  await home.close();
  await Promise.all([...calls, last]);
  expect((await room.records()).map((record) => "text" in record && record.text)).toEqual(["1", "2", "3", "4"]);
});

test("append() begins a new segment after every 1000 records, also within one call", async () => {
  const room = await roomWith(notes(999));
  await room.with((home) => home.append(notes(1002)));
  expect([ONE, TWO, THREE].map((path) => linesOf(room, path).length)).toEqual([1000, 1000, 1]);
  expect((await room.records()).length).toBe(2001);
  await room.with((home) => home.append(notes(1)));
  expect(linesOf(room, THREE).length).toBe(2);
  // A crash right after a segment was created leaves an empty one.
  const full = await roomWith(notes(1000));
  full.files.put(TWO, "");
  await full.with((home) => home.append(notes(1)));
  expect([(await full.records()).length, linesOf(full, TWO).length]).toEqual([1001, 1]);
});

test("readJournal() tells each record's place", async () => {
  const room = await roomWith(notes(1001));
  const places: string[] = [];
  await room.with((home) => home.readJournal((_, place) => void places.push(place)));
  expect([places[0], places[999], places[1000]]).toEqual([`${ONE}:1`, `${ONE}:1000`, `${TWO}:1`]);
  const stop = () =>
    room.with((home) =>
      home.readJournal(() =>
        void (() => {
          throw new RangeError("stop");
        })()
      )
    );
  await expect(stop()).rejects.toBeInstanceOf(RangeError);
});

test("readJournal() repairs a journal that a crash has cut at any byte of its last append, and tells", async () => {
  const whole = await roomWith([{ type: "wave" }, intent("acme/r0@main", 1)]);
  const before = new TextEncoder().encode(whole.files.text(ONE) ?? "").length;
  await whole.with((home) =>
    home.append([ended("acme/r0@main", 1, "failed", { runId: uuidOf(1), reason: "ä" }), note("y")])
  );
  const bytes = new TextEncoder().encode(whole.files.text(ONE) ?? "");
  const ends = [...bytes.keys()].filter((at) => bytes[at] === 10).map((at) => at + 1);
  for (let cut = before; cut <= bytes.length; cut++) {
    const room = makeRoom();
    room.files.put(ONE, bytes.slice(0, cut));
    const complete = ends.filter((end) => end <= cut).length;
    const lacksLineFeed = ends.includes(cut + 1);
    // One that may only read passes over it and changes nothing.
    expect((await room.records()).length).toBe(complete + (lacksLineFeed ? 1 : 0));
    expect(room.files.text(ONE)?.length).toBe(new TextDecoder().decode(bytes.slice(0, cut)).length);
    const seen: string[] = [];
    await room.with((home) => home.readJournal((record) => void seen.push(record.type)));
    const isCut = !ends.includes(cut);
    const kept = ["wave", "intent", "ended", "note"].slice(0, complete + (lacksLineFeed ? 1 : 0));
    expect(seen).toEqual(isCut ? [...kept, "note"] : kept);
    const what = lacksLineFeed ? "added a missing line feed" : "removed an incomplete line";
    const text = `a crash truncated the journal: ${what} at ${ONE}:${complete + 1}`;
    expect(room.notices).toEqual(isCut ? [text] : []);
    const records = await room.records();
    expect(records.at(-1)).toMatchObject(isCut ? { type: "note", text } : {});
    await room.with((home) => home.append([note("goes on")]));
    expect((await room.records()).length).toBe(records.length + 1);
  }
});

test("readJournal() repairs an end of the last segment that is not JSON, and a first line that is cut", async () => {
  for (
    const tail of ['{"schema":1,"se\n', "\n", "\0\0\0\0", "\0\0\0\n", '{"schema":1,"seq":2,"check":"0123456789abcdef"}']
  ) {
    const room = await roomWith([{ type: "wave" }]);
    room.files.put(ONE, `${room.files.text(ONE)}${tail}`);
    await room.with((home) => home.readJournal(() => {}));
    expect((await room.records()).map(({ type }) => type), JSON.stringify(tail)).toEqual(["wave", "note"]);
  }
  const empty = makeRoom();
  empty.files.put(ONE, '{"sch');
  await empty.with((home) => home.append([{ type: "wave" }]));
  expect((await empty.records()).map(({ type }) => type)).toEqual(["note", "wave"]);
  const second = await roomWith(notes(1000));
  second.files.put(TWO, '{"schema":1,');
  await second.with((home) => home.append([note("x")]));
  expect([(await second.records()).length, linesOf(second, TWO).length]).toEqual([1002, 2]);
});

test("readJournal() refuses a changed journal, with the place and what to do", async () => {
  const room = await roomWith(notes(1002));
  const [one, two] = [linesOf(room, ONE), linesOf(room, TWO)];
  const refused = (why: string, place: string) =>
    `2 Cannot read journal because ${why}: ${JSON.stringify(place)}; ${RESTORE}`;
  const cases: [change: () => void, message: string][] = [
    [
      () =>
        putLines(room, ONE, one.map((line, index) => index === 16 ? line.replace('"text":"16"', '"text":"17"') : line)),
      refused("the line was changed", `${ONE}:17`),
    ],
    [
      () => putLines(room, TWO, [two[0] ?? "", (two[1] ?? "").replace('"text"', '"test"')]),
      refused("the line was changed", `${TWO}:2`),
    ],
    [() => putLines(room, ONE, one.toSpliced(4, 1)), refused("record 5 is missing before the line", `${ONE}:5`)],
    [() => putLines(room, ONE, one.toSpliced(4, 0, one[4] ?? "")), refused("the line appears twice", `${ONE}:6`)],
    [() => putLines(room, ONE, one.slice(0, 990)), refused("10 records are missing before the line", `${TWO}:1`)],
    [() => putLines(room, ONE, [...one, ...two]), refused("the line belongs to segment 000002.ndjson", `${ONE}:1001`)],
    [() => room.files.put(ONE, one.join("\n").slice(0, -9)), refused("the segment is truncated", `${ONE}:1000`)],
    [() => room.files.put(ONE, one.join("\n")), refused("the segment is truncated", `${ONE}:1000`)],
    [() => room.files.put(ONE, ""), refused("1000 records are missing before the line", `${TWO}:1`)],
    [() => room.files.remove(ONE), refused("a segment is missing", ONE)],
    [
      () => {
        putLines(room, ONE, one.slice(0, 3));
        room.files.put(TWO, "");
      },
      refused("records are missing from the previous segment", TWO),
    ],
    [() => putLines(room, TWO, ["<<<<<<< HEAD", ...two]), refused("the line is truncated", `${TWO}:1`)],
    [() => putLines(room, TWO, ["[]"]), refused("the line was changed", `${TWO}:1`)],
  ];
  for (const [change, message] of cases) {
    putLines(room, ONE, one);
    putLines(room, TWO, two);
    change();
    const files = room.files.paths().map((path) => room.files.text(path));
    expect(await failureOf(() => room.records())).toBe(message);
    expect(await failureOf(() => room.with((home) => home.append([note("x")])))).toBe(message);
    expect(room.files.paths().map((path) => room.files.text(path))).toEqual(files);
  }
});

test("readJournal() tells the journal of another campaign or round, and one of a newer version", async () => {
  const room = await roomWith([{ type: "wave" }]);
  expect(await failureOf(() => room.with((home) => home.readJournal(() => {}), { round: "" }))).toBe(
    `2 Cannot read journal because it belongs to a different campaign or round than "replace-moment", without a round: "${ONE}:1"; ` +
      "use another directory, or the campaign that this directory belongs to",
  );
  const newer = room.files.text(ONE) + '{"schema":2}';
  room.files.put(ONE, newer);
  expect(await failureOf(() => room.with((home) => home.readJournal(() => {})))).toBe(
    `2 Cannot read journal because the line was written by a newer version (schema 2): "${ONE}:2"; use that version, or a later one`,
  );
  expect(room.files.text(ONE)).toBe(newer);
});

test("readJournal() refuses a line that is longer than any record, and what cannot be read", async () => {
  const room = await roomWith([{ type: "wave" }]);
  room.files.put(ONE, `${room.files.text(ONE)}{"reason":"${"x".repeat(1024 * 1024)}"}\n`);
  expect(await failureOf(() => room.records())).toStartWith(
    `2 Cannot read journal "${ONE}": line 2 is longer than 524288 bytes; restore lock.json and journal from the previous wave`,
  );
  room.files.before = (step) => {
    if (step === "list") throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
  };
  expect(await failureOf(() => room.records())).toBe(
    '69 Cannot read journal "c/journal": EACCES: permission denied; fix the disk problem, then run the same command again; nothing is lost',
  );
});

test("append() and writeLock() fail with 69 when the disk is full, and nothing is appended by that home any more", async () => {
  const room = await roomWith([{ type: "wave" }]);
  const home = await room.open();
  await home.readJournal(() => {});
  const fail = (...steps: string[]) => (step: string) => {
    if (!steps.includes(step)) return;
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  };
  room.files.before = fail("append", "replace");
  const advice = "check whether the disk is full, then run the same command again; nothing is lost";
  const message = `69 Cannot write journal "${ONE}": ENOSPC: no space left on device; ${advice}`;
  expect(await failureOf(() => home.append([note("x")]))).toBe(message);
  expect(await failureOf(() => home.writeLock(lockOf(1)))).toStartWith(
    '69 Cannot write lock "c/lock.json": ENOSPC: no space left on device; check whether',
  );
  room.files.before = undefined;
  expect(await failureOf(() => home.append([note("x")]))).toBe(message);
  await home.close();
  await room.with((next) => next.append([note("y")]));
  expect((await room.records()).map(({ type }) => type)).toEqual(["wave", "note"]);
  room.files.before = fail("create");
  expect(await failureOf(() => room.open())).toBe(
    '69 Cannot write in "c": ENOSPC: no space left on device; fix the disk problem, then run the same command again; ' +
      "nothing is lost",
  );
});

test("append() refuses to write behind what another process has appended meanwhile", async () => {
  const room = await roomWith([{ type: "wave" }]);
  const home = await room.open();
  await home.readJournal(() => {});
  room.files.put(ONE, `${room.files.text(ONE)}more`);
  expect(await failureOf(() => home.append([note("x")]))).toMatch(
    /^69 Cannot write journal .*: it has \d+ bytes instead of/,
  );
});

test("append() leaves whole lines, whatever step a process dies at", async () => {
  class Crash extends Error {}
  const text = (await roomWith(notes(998))).files.text(ONE) ?? "";
  let crashes = 0;
  for (let dieAt = 1; dieAt < 80; dieAt++) {
    const room = makeRoom();
    room.files.put(ONE, text);
    let steps = 0;
    room.files.before = () => {
      if (++steps === dieAt) throw new Crash();
    };
    const acknowledged: number[] = [];
    try {
      const home = await room.open();
      for (let count = 0; count < 4; count++) {
        acknowledged.push(...(await home.append([note("x"), note("y")])).map(({ seq }) => seq));
      }
      await home.close();
    } catch {
      crashes++;
    }
    room.files.before = undefined;
    await room.with((home) => home.append([note("after")]), { processes: processesOf({ pid: 8 }) });
    const seqs = (await room.records()).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(acknowledged.every((seq) => seqs.includes(seq))).toBe(true);
  }
  expect(crashes).toBeGreaterThan(20);
});

test("close() leaves no file in a directory that it created and that has no plan", async () => {
  const room = makeRoom();
  const home = await room.open();
  home.sentAt.push(1_000);
  await home.close();
  expect(room.files.paths()).toEqual([]);
});

test("close() keeps when requests were sent, and the next process has those of the last minute", async () => {
  const room = makeRoom();
  const sent = async () => await room.with((home) => Promise.resolve([...home.sentAt]));
  await room.with((home) => home.append([note("before")]));
  await room.clock.advance(100_000);
  const first = await room.open();
  first.sentAt.push(30_000, 50_000, 100_000);
  await first.close();
  expect(await sent()).toEqual([50_000, 100_000]);
  await room.clock.advance(30_000);
  expect(await sent()).toEqual([100_000]);
  const put = (text: string) => room.files.put(`${DIRECTORY}/ci/writer-requests.json`, text);
  const at = room.clock.wallTime();
  // The last one is of a time that is yet to come: the clock was set back.
  put(JSON.stringify([at, "1", null, { at }, [at], at - 1_000, at + 1]));
  expect(await sent()).toEqual([129_000, 130_000]);
  for (const text of ["[1, null]x", "", "null", `{ "0": ${at} }`, `[${at}${`,${at}`.repeat(400)}]`]) {
    put(text);
    expect(await sent()).toEqual([]);
  }
  const last = await room.open();
  last.sentAt.push(130_000);
  room.files.before = (step) => {
    if (step.startsWith("replace")) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  };
  await last.close();
  room.files.before = undefined;
  expect(await sent()).toEqual([]);
});
