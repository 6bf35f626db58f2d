import { expect, test } from "bun:test";
import type { DirHomeOptions } from "../../../../lib/campaign/journal/dir_home.ts";
import { takeDirectory, type Writer } from "../../../../lib/campaign/journal/writer.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import type { ProcessIdentity, ProcessState } from "../../../../lib/files/processes.ts";
import { failureOf, makeRoom, PROCESS, processesOf, type Room } from "./rooms.ts";

const WRITER = "c/writer.json";
const MINUTE = 60_000;
const note = (text: string) => ({ type: "note", text }) as const;

const as = (own: Partial<ProcessIdentity>, others: Record<number, ProcessState> = {}): Partial<DirHomeOptions> => ({
  processes: processesOf(own, others),
});
const alive = (startedAt: string | null): ProcessState => ({ state: "alive", startedAt });
const opens = (room: Room, options: Partial<DirHomeOptions>) =>
  failureOf(async () => await (await room.open(options)).close());
const BUSY = '75 Cannot work on the campaign: process 7 on "one" has been using "c" since 2026-09-01 00:00 UTC; ' +
  "wait until it has ended, or stop it with Ctrl-C or by cancelling its job (its runs continue), then run this command again; " +
  'if you know that it has ended, remove "c/writer.json"';

/** What happens to another process after some minutes without a touch, by what is known of the first one. */
async function next(first: Partial<ProcessIdentity>, options: Partial<DirHomeOptions>, minutes = 0) {
  const room = makeRoom();
  await room.open(as(first));
  // It is not touched: a virtual clock wakes no sleeper in the background that has lost its process.
  room.files.before = (step) => {
    if (step === "touch") throw new Error("dead");
  };
  room.clock.advance(minutes * MINUTE);
  const outcome = await opens(room, options);
  return { outcome, notices: room.notices };
}

test("openDirHome() takes over at once from a process of this machine that has ended", async () => {
  const taken = { outcome: "none", notices: [] };
  expect(await next({}, as({ pid: 8 }))).toEqual(taken);
  expect(await next({}, as({ pid: 8 }, { 7: alive("200") }))).toEqual(taken);
  expect(await next({ startedAt: "50" }, as({ pid: 7 }))).toEqual(taken);
});

test("openDirHome() refuses with 75 while a process of this machine lives, however long it was silent", async () => {
  const busy = { outcome: BUSY, notices: [] };
  for (const minutes of [0, 4, 60]) {
    expect(await next({}, as({ pid: 8 }, { 7: alive("100") }), minutes)).toEqual(busy);
    expect(await next({}, as({}), minutes)).toEqual(busy);
  }
});

test("openDirHome() takes over what it cannot look at after 5 minutes without a touch, with a notice", async () => {
  const unknown: [string, Partial<ProcessIdentity>, Partial<DirHomeOptions>][] = [
    ["another host", { host: "two" }, as({})],
    ["another start of the machine", { bootId: "other" }, as({ pid: 8 })],
    ["another container", { pidSpace: "pid:[2]" }, as({ pid: 8 })],
    ["no name of the host", { host: null }, as({ pid: 8, host: null })],
    ["no way to look", {}, as({ pid: 8 }, { 7: { state: "unknown" } })],
    ["alive since nobody knows when", {}, as({ pid: 8 }, { 7: alive(null) })],
    ["alive, no start of its own", { startedAt: null }, as({ pid: 8 }, { 7: alive("100") })],
  ];
  for (const [name, first, options] of unknown) {
    expect((await next(first, options, 4.9)).outcome, name).toStartWith("75 Cannot work on the campaign");
    const { outcome, notices } = await next(first, options, 5);
    expect([outcome, notices.length], name).toEqual(["none", 1]);
    const place = first.host === null ? "" : ` on "${first.host ?? "one"}"`;
    expect(notices[0]).toBe(
      `took over from process 7${place}, running since 2026-09-01 00:00 UTC: it has not touched its writer file for 5 minutes`,
    );
  }
});

test("openDirHome() takes over a writer file that cannot be understood after 5 minutes, and one from the future", async () => {
  const room = makeRoom();
  const odd = [
    "",
    "{",
    "[]",
    "null",
    '{"schema":2}',
    '{"schema":1,"token":"../../x","pid":1}',
    `{"schema":1,"token":"${"a".repeat(32)}","pid":0}`,
    `{"schema":1,"token":"${"a".repeat(32)}","pid":-1}`,
    `{"schema":1,"token":"${"a".repeat(32)}","pid":"1"}`,
    "\0".repeat(4096),
  ];
  for (const text of odd) {
    room.files.put(WRITER, text);
    expect(await opens(room, {})).toBe(
      `75 Cannot write in "c": "${WRITER}" is unreadable, and was changed in the last 5 minutes; ` +
        "if no other process is using the directory, remove this file, or try again in 5 minutes",
    );
    room.clock.advance(5 * MINUTE);
    expect(await opens(room, {}), text).toBe("none");
    expect(room.notices.splice(0)).toEqual([
      "took over the directory: the writer file was unreadable and untouched for 5 minutes",
    ]);
  }
  room.files.put(WRITER, "");
  room.clock.advance(-60 * MINUTE);
  expect(await opens(room, {})).toBe("none");
  room.files.put(WRITER, "x".repeat(4097));
  expect(await opens(room, {})).toBe(
    '2 Cannot write in "c": it is larger than 4096 bytes; use another directory with --dir',
  );
});

test("openDirHome() ends with an error for a chain of writer files that leads in a circle", async () => {
  const room = makeRoom();
  const text = JSON.stringify({
    schema: 1,
    token: "a".repeat(32),
    ...PROCESS,
    pid: 99,
    since: "",
  });
  room.files.put(WRITER, text);
  room.files.put(`c/writer.${"a".repeat(32)}.json`, text);
  expect(await opens(room, {})).toBe(
    '75 Cannot write in "c": other processes keep claiming the directory; try again later',
  );
});

test("a writer touches its file every 30 seconds until it is closed", async () => {
  const clock = virtualClock({ auto: false });
  const room = makeRoom(clock);
  const touches: number[] = [];
  room.files.before = (step) => void (step === "touch" && touches.push(clock.now()));
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  const home = await room.open();
  for (let count = 0; count < 4; count++) {
    clock.advance(30_000);
    await turn();
  }
  expect(touches).toEqual([30_000, 60_000, 90_000, 120_000]);
  expect(await opens(room, as({ host: "two" }))).toStartWith("75 ");
  await home.close();
  clock.advance(60_000);
  await turn();
  expect(touches.length).toBe(4);
  expect(clock.slept).toEqual([]);
});

test("append() and writeLock() refuse with 75 once another process has taken over, and change nothing", async () => {
  const room = makeRoom();
  const home = await room.open(as({ host: "two" }));
  await home.append([note("mine")]);
  room.files.before = (step) => {
    if (step === "touch") throw new Error("the machine sleeps");
  };
  room.clock.advance(6 * MINUTE);
  const other = await room.open();
  const lost =
    '75 Cannot write in "c": another process has taken over because this one did not touch its writer file for ' +
    "5 minutes; run the same command again; nothing is lost";
  expect(await failureOf(() => home.append([note("late")]))).toBe(lost);
  expect(await failureOf(() => home.readJournal(() => {}))).toBe(lost);
  const writer = room.files.text(WRITER);
  await home.close();
  expect(room.files.text(WRITER)).toBe(writer);
  await other.append([note("theirs")]);
  await other.close();
  expect((await room.records()).map((record) => "text" in record && record.text)).toEqual(["mine", "theirs"]);
});

test("close() leaves the writer file of a process that took over while this one was asleep before its last steps", () => {
  for (let pause = 0; pause < 4; pause++) {
    const room = makeRoom();
    const { files, clock } = room;
    const world = (host: string) => ({ files, clock, processes: processesOf({ host }), onNotice: () => {} });
    const first = takeDirectory("c", world("two"));
    let other: Writer | undefined;
    let steps = 0;
    files.before = () => {
      if (steps++ !== pause) return;
      files.before = undefined;
      clock.advance(6 * MINUTE);
      other = takeDirectory("c", world("one"));
    };
    first.release();
    expect(other, `${pause}`).toBeDefined();
    expect(() => other?.check()).not.toThrow();
    other?.release();
    expect(files.paths().filter((path) => path === WRITER)).toEqual([]);
  }
});

test("openDirHome() removes what dead processes left behind, and nothing that is young or not ours", async () => {
  const room = makeRoom();
  const old = [
    `c/writer.${"a".repeat(32)}.json`,
    "c/writer.json.01234567.tmp",
    "c/lock.json.89abcdef.tmp",
    "c/notes.tmp",
  ];
  for (const path of old) room.files.put(path, "x");
  room.clock.advance(6 * MINUTE);
  const young = [`c/writer.${"b".repeat(32)}.json`, "c/campaign.json.00000000.tmp"];
  for (const path of young) room.files.put(path, "x");
  await (await room.open()).close();
  expect(room.files.paths().filter((path) => path !== "c/.gitignore")).toEqual(["c/notes.tmp", ...young].sort());
});

/**
 * Runs one process whole between two steps of another one, and a third one between two steps of that.
 *
 * @param pauses After how many steps each of them is interrupted.
 * @param keeps Which of them keep the directory when they get it: the first, second, third.
 * @returns How many had the directory at the same time at most, how many got it, and whether all pauses came about.
 */
async function race(prepare: (room: Room) => Promise<void>, pauses: readonly number[], keeps: readonly boolean[]) {
  const room = makeRoom();
  await prepare(room);
  const { files, clock } = room;
  const others = Object.fromEntries([0, 1, 2].map((level) => [100 + level, alive("100")]));
  const seen = { inside: 0, most: 0, entered: 0, paused: 0 };

  function run(level: number): void {
    let steps = 0;
    const hook = () => {
      if (steps++ !== pauses[level]) return;
      seen.paused++;
      run(level + 1);
      files.before = hook;
    };
    files.before = hook;
    const world = { files, clock, processes: processesOf({ pid: 100 + level }, others), onNotice: () => {} };
    try {
      const writer = takeDirectory("c", world);
      seen.entered++;
      seen.most = Math.max(seen.most, ++seen.inside);
      if (keeps[level]) return;
      writer.check();
      seen.inside--;
      writer.release();
    } catch (error) {
      if ((error as { exitCode?: number }).exitCode !== 75) throw error;
    }
  }
  run(0);
  files.before = undefined;
  return { ...seen, left: files.paths().filter((path) => path.startsWith("c/writer")) };
}

const DEAD: Record<string, (room: Room) => Promise<void>> = {
  "no writer": async () => {},
  "a dead writer": async (room) => void await room.open(as({ pid: 50 })),
  "a dead writer whose successor died": async (room) => {
    await room.open(as({ pid: 50 }));
    room.files.before = (step) => {
      if (step === "move") throw new Error("died");
    };
    await failureOf(() => room.open(as({ pid: 51 })));
    room.files.before = undefined;
  },
  "a writer that died while it released": async (room) => {
    const home = await room.open(as({ pid: 50 }));
    room.files.before = (step) => {
      if (step === "remove") throw new Error("died");
    };
    await home.close();
    room.files.before = undefined;
  },
};

const KEEPS: readonly (readonly boolean[])[] = [[true, true, true], [false, false, false], [false, true, true], [
  false,
  false,
  true,
]];

for (const [name, prepare] of Object.entries(DEAD)) {
  test(`takeDirectory() lets one process in at a time when three race for ${name}, wherever each is interrupted`, async () => {
    for (const keeps of KEEPS) {
      let entered = 0;
      for (let [one, goesOn] = [0, true]; goesOn; one++) {
        let two = 0;
        while (true) {
          const seen = await race(prepare, [one, two], keeps);
          // Those that keep it are alive: at the end the last of them has it, or no process.
          expect([seen.most, seen.left.includes(WRITER)], `${keeps} ${one} ${two}`).toEqual([1, seen.inside === 1]);
          entered = Math.max(entered, seen.entered);
          goesOn = seen.paused > 0;
          // Beyond its last step.
          if (seen.paused < 2) break;
          two++;
        }
      }
      expect(entered).toBe(keeps[0] ? 1 : keeps[1] ? 2 : 3);
    }
  });
}
