import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { beginChain, MAX_LINE_BYTES } from "../../../../lib/campaign/journal/chain.ts";
import type { RecordBody } from "../../../../lib/campaign/journal/record.ts";
import { history } from "./history.ts";
import { AT, CAMPAIGN, chained, ended, intent, keyOf, ROUND, serviceTime, uuidOf } from "./sample.ts";
import { propertyRuns } from "../../../property_runs.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const bytesOf = (line: string) => new TextEncoder().encode(line);

/** The problem of the first line that is not taken, with its number from 1. */
async function firstProblem(lines: readonly (string | Uint8Array)[]): Promise<string> {
  const chain = await beginChain(CAMPAIGN, ROUND);
  for (const [index, line] of lines.entries()) {
    const result = chain.read(typeof line === "string" ? bytesOf(line) : line);
    if (!result.ok) return `${index + 1} ${result.problem.kind}: ${result.problem.why}`;
  }
  return "none";
}

test("beginChain() makes lines whose form never changes", async () => {
  const [first, second] = await chained([{ type: "wave" }, intent("acme/web@main", 1, { key: keyOf(7), branch: "b" })]);
  const head = sha256(`["mogplex-ci/journal/1","${CAMPAIGN}","${ROUND}"]`);
  const one = `{"schema":1,"seq":1,"previous":"${head}","at":"${AT}","wave":1,"type":"wave"}`;
  expect(first?.line).toBe(`${one.slice(0, -1)},"check":"${sha256(one).slice(0, 16)}"}`);
  const two = `{"schema":1,"seq":2,"previous":"${sha256(first?.line ?? "")}","at":"${AT}","wave":1,"type":"intent",` +
    `"item":"acme/web@main","kind":"task","start":1,"key":"${
      keyOf(7)
    }","sentAt":"2026-09-01T00:00:01.000Z","branch":"b"}`;
  expect(second?.line).toBe(`${two.slice(0, -1)},"check":"${sha256(two).slice(0, 16)}"}`);
  expect(first?.record).toEqual(JSON.parse(one));
});

test("Chain.read() takes back what Chain.make() made, whatever the history", async () => {
  await fc.assert(
    fc.asyncProperty(history(3), async (bodies) => {
      const made = await chained(bodies);
      const chain = await beginChain(CAMPAIGN, ROUND);
      for (const { record, line } of made) {
        const result = chain.read(bytesOf(line));
        expect(result).toEqual({ ok: true, record });
      }
      expect([chain.seq, chain.mark().wave]).toEqual([
        made.length,
        bodies.filter(({ type }) => type === "wave").length,
      ]);
    }),
    { numRuns: propertyRuns(50) },
  );
});

const BODIES: readonly RecordBody[] = [
  { type: "wave" },
  intent("acme/web@main", 1),
  ended("acme/web@main", 1, "failed", { runId: uuidOf(1), reason: "the tests fail: ä", branch: "x" }),
  { type: "note", text: "last" },
];

test("Chain.read() finds a change of any byte in any line", async () => {
  const lines = (await chained(BODIES)).map(({ line }) => bytesOf(line));
  const changes = fc.record({
    line: fc.nat(lines.length - 1),
    at: fc.nat(2000),
    how: fc.constantFrom("replace", "insert", "delete"),
    byte: fc.integer({ min: 0, max: 255 }).filter((byte) => byte !== 10),
  });
  await fc.assert(
    fc.asyncProperty(changes, async ({ line, at, how, byte }) => {
      const old = lines[line] ?? new Uint8Array();
      const place = at % old.length;
      const rest = old.subarray(how === "insert" ? place : place + 1);
      const changed = new Uint8Array([...old.subarray(0, place), ...(how === "delete" ? [] : [byte]), ...rest]);
      fc.pre(!Buffer.from(changed).equals(old));
      const problem = await firstProblem(lines.map((each, index) => index === line ? changed : each));
      expect(problem.startsWith(`${line + 1} `)).toBe(true);
    }),
    { numRuns: propertyRuns(500) },
  );
});

test("Chain.read() says what is wrong with lines that are missing, doubled, moved or replaced", async () => {
  const lines = (await chained(BODIES)).map(({ line }) => line);
  const [one = "", two = "", three = "", four = ""] = lines;
  expect(await firstProblem(lines)).toBe("none");
  expect(await firstProblem([one, one, two])).toBe("2 damaged: the line appears twice");
  expect(await firstProblem([one, three])).toBe("2 damaged: record 2 is missing before the line");
  expect(await firstProblem([three])).toBe("1 damaged: 2 records are missing before the line");
  expect(await firstProblem([one, two, one])).toBe("3 damaged: the line is record 1, where 3 is expected");
  const other = (await chained([{ type: "wave" }, { type: "wave" }])).map(({ line }) => line);
  expect(await firstProblem([one, other[1] ?? "", three])).toBe(
    "3 damaged: the line does not follow the previous line: one of the two was replaced",
  );
  expect(await firstProblem([one, two, three, four.slice(0, -1)])).toBe("4 cut: the line is truncated");
  expect(await firstProblem([one, ""])).toBe("2 cut: the line is truncated");
  expect(await firstProblem([one, `{"mine": 1}`])).toBe("2 damaged: the line was changed");
  expect(await firstProblem([one.replace('"wave":1', '"wave":2')])).toBe("1 damaged: the line was changed");
  expect(await firstProblem([new Uint8Array([0xff, 0xfe])])).toBe("1 damaged: the line was changed: it is not UTF-8");
});

test("Chain.read() knows the journal of another campaign, of another round, and of a newer version", async () => {
  const [line = ""] = (await beginChain("other", "")).make([{ type: "wave" }], AT).map((made) => made.line);
  expect(await firstProblem([line])).toBe(
    '1 other: it belongs to a different campaign or round than "replace-moment", round "2026-12"',
  );
  const [next = ""] = (await beginChain(CAMPAIGN, "2026-11")).make([{ type: "wave" }], AT).map((made) => made.line);
  expect(await firstProblem([next])).toStartWith("1 other: ");
  expect(await firstProblem([`{"schema":2,"anything":[]}`])).toBe(
    "1 newer: the line was written by a newer version (schema 2)",
  );
});

/** A line with a right hash, as a forger makes it. */
function forged(fields: Record<string, unknown> | string): string {
  const previous = sha256(`["mogplex-ci/journal/1","${CAMPAIGN}","${ROUND}"]`);
  const text = typeof fields === "string"
    ? fields.replace("PREVIOUS", previous)
    : JSON.stringify({ schema: 1, seq: 1, previous, at: AT, wave: 0, ...fields });
  return `${text.slice(0, -1)},"check":"${sha256(text).slice(0, 16)}"}`;
}

test("Chain.read() refuses records with values that no record may have, even with a right hash", async () => {
  const start = { type: "started", item: "a@b", start: 1, runId: uuidOf(1), status: "pending", replayed: false };
  const times = { createdAt: null, slotAt: AT };
  const ok = { ...start, ...times };
  expect(await firstProblem([forged(ok)])).toBe("none");
  const hostile: Record<string, unknown>[] = [
    { ...ok, runId: "../../etc/passwd" },
    { ...ok, runId: `${uuidOf(1)}?x` },
    { ...ok, start: 1e300 },
    { ...ok, start: 0 },
    { ...ok, start: 1.5 },
    { ...ok, start: "1" },
    { ...ok, status: "pend\u001b[31ming" },
    { ...ok, status: "a\u202eb" },
    { ...ok, status: "" },
    { ...ok, item: "a\nb" },
    { ...ok, item: "x".repeat(1501) },
    { ...ok, slotAt: "yesterday" },
    { ...ok, slotAt: "+275760-09-13T00:00:00Z" },
    { ...ok, createdAt: "2026-13-45T99:99:99Z" },
    { ...ok, replayed: "no" },
    { type: "intent", item: "a", kind: "task", start: 1, key: "cp1-XYZ", sentAt: AT, branch: null },
    { type: "intent", item: "a", kind: "other", start: 1, key: keyOf(1), sentAt: AT, branch: null },
    { ...ended("a", 1, "failed"), reason: "x".repeat(1024 * 400) },
    { ...ended("a", 1, "failed"), reason: "x".repeat(501) },
    { ...ended("a", 1, "failed"), reason: "::error::\r\nx" },
    { ...ended("a", 1, "skipped") },
    { ...ended("a", 1, "succeeded"), pullRequest: "javascript:alert(1)" },
    { ...ended("a", 1, "succeeded"), pullRequest: "https://user:secret@forge.example/1" },
    { ...ended("a", 1, "succeeded"), pullRequest: "https://forge.example/1\u202e" },
    { type: "retry", items: [], by: "x", adopt: false },
    { type: "retry", items: Array(101).fill("a"), by: "x", adopt: false },
    { type: "retry", items: { length: 1, 0: "a" }, by: "x", adopt: false },
    { type: "gate", gate: "__proto__", reason: "" },
    { type: "constructor" },
    { type: "__proto__" },
    { type: ["wave"] },
    { type: "wave", wave: 1e9 + 1 },
    { type: "note", text: { toString: "x" } },
  ];
  for (const fields of hostile) {
    expect(await firstProblem([forged(fields)]), JSON.stringify(fields).slice(0, 100)).toMatch(
      /^1 damaged: a field is not/,
    );
  }
  for (const text of ["[1]", "null ", '"text"', '{"schema":1}', `{"schema":1,"seq":1e999,"previous":"PREVIOUS"}`]) {
    expect(await firstProblem([forged(text)]), text).toMatch(/^1 (damaged|cut): /);
  }
});

test("Chain.read() drops fields that no record has, and changes no prototype", async () => {
  const previous = "PREVIOUS";
  const line = forged(
    `{"schema":1,"seq":1,"previous":"${previous}","at":"${AT}","wave":1,"type":"wave","__proto__":{"polluted":1},"more":2}`,
  );
  const chain = await beginChain(CAMPAIGN, ROUND);
  const result = chain.read(bytesOf(line));
  expect(result.ok && Object.keys(result.record)).toEqual(["schema", "seq", "previous", "at", "wave", "type"]);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
  expect(result.ok && "polluted" in result.record).toBe(false);
});

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 600 }),
  fc.constantFrom("\u001b[31mred", "a\u202eb", "\ud800", "", " ", "a\r\n::error::x", "é".repeat(700), "x".repeat(2000)),
);

test("Chain.make() makes records that can be read again, whatever texts the service sends", async () => {
  const bodies = fc.record({ a: anyText, b: anyText, c: anyText, d: anyText }).map(({ a, b, c, d }): RecordBody[] => [
    intent("acme/web@main", 1, { branch: a }),
    {
      type: "started",
      item: "x",
      start: 1,
      runId: uuidOf(1).toUpperCase(),
      status: a,
      replayed: false,
      createdAt: b,
      slotAt: c,
    },
    { type: "seen", item: "x", start: 1, status: b, updatedAt: a },
    ended("x", 1, "failed", {
      reason: a,
      status: b,
      branch: c,
      pullRequest: d,
      createdAt: a,
      updatedAt: b,
      retryAt: c,
    }),
    { type: "gate", gate: "canary", reason: a },
    { type: "approved", gate: "canary", by: a, note: b },
    { type: "retry", items: ["x"], by: c, adopt: true },
    { type: "skipped", items: ["x"], by: a, reason: b },
    { type: "stopped", by: a, cancel: false },
    { type: "resumed", by: b },
    { type: "pull-request", item: "x", state: a, url: "https://forge.example/1" },
    { type: "note", text: d },
  ]);
  await fc.assert(
    fc.asyncProperty(bodies, async (each) => {
      const made = await chained(each);
      expect(made.length).toBe(each.length);
      expect(await firstProblem(made.map(({ line }) => line))).toBe("none");
      for (const { line } of made) {
        expect(["\n", "\r", "\u001b", "\u202e"].filter((each) => line.includes(each))).toEqual([]);
      }
    }),
    { numRuns: propertyRuns(200) },
  );
});

test("Chain.make() cuts texts, keeps no part of a name, and spreads many items over several records", async () => {
  const items = Array.from({ length: 250 }, (_, index) => `${index}-${"ü".repeat(1490)}`);
  const made = await chained([
    ended("x", 1, "failed", { reason: `a\n${"b".repeat(600)}`, branch: "b".repeat(256), pullRequest: "ftp://x" }),
    { type: "retry", items, by: "", adopt: false },
  ]);
  expect(made.map(({ record }) => record)).toMatchObject([
    { reason: `a ${"b".repeat(497)}…`, branch: null, pullRequest: null },
    { type: "retry", items: items.slice(0, 100), by: "unknown" },
    { type: "retry", items: items.slice(100, 200) },
    { type: "retry", items: items.slice(200) },
  ]);
  for (const { line } of made) expect(bytesOf(line).length).toBeLessThanOrEqual(MAX_LINE_BYTES);
});

test("Chain.make() throws for a body that is a mistake of ours, and is as before then", async () => {
  const chain = await beginChain(CAMPAIGN, ROUND);
  chain.make([{ type: "wave" }], AT);
  const wrong: RecordBody[] = [
    intent("x", 0),
    intent("x", 1, { key: "cp1-1" }),
    { type: "seen", item: "", start: 1, status: "x", updatedAt: null },
    ended("x", 1, "failed", { runId: "run-1" }),
    { type: "pull-request", item: "x", state: "open", url: "no address" },
  ];
  for (const body of wrong) expect(() => chain.make([{ type: "wave" }, body], AT)).toThrow("Cannot write a record");
  expect([chain.seq, chain.mark().wave]).toEqual([1, 1]);
  expect(chain.make([{ type: "seen", item: "x", start: 1, status: "", updatedAt: "?" }], serviceTime(1))[0]?.record)
    .toMatchObject({ seq: 2, wave: 1, status: "unknown", updatedAt: null });
});
