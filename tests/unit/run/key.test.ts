import { expect, test } from "bun:test";
import fc from "fast-check";
import type { JobIdentity } from "../../../lib/ci/platform.ts";
import type { NoticeFacts } from "../../../lib/notice.ts";
import {
  deriveKey,
  isDerivedKey,
  KEY_SCOPES,
  type KeyScope,
  keyWithSuffix,
  splitSuffix,
} from "../../../lib/run/key.ts";
import { JOB as GITLAB_JOB } from "./fake_client.ts";

const REPO = "8f3a2b1c-1234-4abc-9def-1234567890ab";
const NOW = Date.UTC(2026, 8, 1, 23, 30);

const JOB: JobIdentity = { ...GITLAB_JOB, schedule: "nightly" };

async function keyOf(scope: KeyScope, identity: Partial<JobIdentity> = {}, keyPart = "", repoId = REPO) {
  return (await deriveKey({ scope, identity: { ...JOB, ...identity }, keyPart, repoId, nowMs: NOW })).key;
}

test("deriveKey() hashes the JSON array of the design", async () => {
  const text = JSON.stringify([
    "mogplex-ci/1",
    "pipeline",
    "https://gitlab.example",
    "42",
    "1001",
    "agent",
    "1/2",
    "x",
    REPO,
  ]);
  const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex");
  expect(await keyOf("pipeline", { node: "1/2" }, "x")).toBe(`ci1-${hash.slice(0, 40)}`);
});

test("deriveKey() attaches a retried job, and no other pipeline, with scope pipeline", async () => {
  expect(await keyOf("pipeline", { attempt: "9002" })).toBe(await keyOf("pipeline"));
  expect(await keyOf("pipeline", { pipeline: "1002" })).not.toBe(await keyOf("pipeline"));
});

test("deriveKey() makes every retry a new run with scope job", async () => {
  expect(await keyOf("job", { attempt: "9002" })).not.toBe(await keyOf("job"));
  expect(await keyOf("job")).not.toBe(await keyOf("pipeline"));
});

test("deriveKey() makes one run a day and schedule with scope day", async () => {
  expect(await keyOf("day", { pipeline: "1002", attempt: "9002" })).toBe(await keyOf("day"));
  expect(await keyOf("day", { date: "2026-09-02" })).not.toBe(await keyOf("day"));
  expect(await keyOf("day", { schedule: "weekly" })).not.toBe(await keyOf("day"));
});

test("deriveKey() takes today's UTC date with scope day where the CI system hides the pipeline's", async () => {
  expect(await keyOf("day", { date: null })).toBe(await keyOf("day"));
});

test("deriveKey() makes a random key with scope random", async () => {
  expect(await keyOf("random")).not.toBe(await keyOf("random"));
});

test("deriveKey() says what is missing and makes a random key when the identity is not complete", async () => {
  const notices: NoticeFacts[] = [];
  const parts = { scope: "job", repoId: REPO, nowMs: NOW } as const;
  const identity = { ...JOB, attempt: null, job: null };
  const half = await deriveKey({ ...parts, identity }, (notice) => notices.push(notice));
  const none = await deriveKey({ ...parts, identity: null }, (notice) => notices.push(notice));
  expect([half.scope, none.scope]).toEqual(["random", "random"]);
  for (const { key } of [half, none]) expect(key).not.toStartWith("ci1-");
  expect(notices).toEqual([
    { kind: "random_key", missing: ["attempt of the job", "job"] },
    { kind: "random_key", missing: ["CI system"] },
  ]);
});

const text = fc.string({ maxLength: 12 });
const identity: fc.Arbitrary<JobIdentity> = fc.record({
  server: text,
  project: text,
  pipeline: text,
  job: text,
  node: text,
  attempt: text,
  date: text,
  schedule: text,
});
const parts = fc.record({
  scope: fc.constantFrom(...KEY_SCOPES.filter((scope) => scope !== "random")),
  identity,
  keyPart: text,
  repoId: fc.uuid(),
});

/** What a scope looks at. */
function relevant(
  { scope, identity, keyPart, repoId }: { scope: KeyScope; identity: JobIdentity; keyPart: string; repoId: string },
) {
  const { server, project, pipeline, job, node, attempt, date, schedule } = identity;
  const when = { pipeline: [pipeline], job: [pipeline, attempt], day: [date, schedule], random: [] }[scope];
  return JSON.stringify([scope, server, project, when, job, node, keyPart, repoId]);
}

test("deriveKey() gives the same key to the same job and different ones to different jobs", async () => {
  await fc.assert(fc.asyncProperty(parts, parts, async (a, b) => {
    const keys = await Promise.all([a, b, { ...a }].map((each) => deriveKey({ ...each, nowMs: NOW })));
    expect(keys[2]).toEqual(keys[0]);
    expect(keys[0]?.key === keys[1]?.key).toBe(relevant(a) === relevant(b));
  }));
});

test("deriveKey() tells apart fields whose joined texts are equal", async () => {
  await fc.assert(fc.asyncProperty(text, text, text, async (a, b, c) => {
    fc.pre(b !== "");
    expect(await keyOf("pipeline", { project: a + b, job: c })).not.toBe(
      await keyOf("pipeline", { project: a, job: b + c }),
    );
  }));
});

test("keyWithSuffix() makes keys that splitSuffix() takes apart, of at most 200 characters", async () => {
  const key = await keyOf("pipeline");
  const series = [1, 2, 3, 4, 5].map((suffix) => keyWithSuffix(key, suffix));
  expect(series).toEqual([key, `${key}.2`, `${key}.3`, `${key}.4`, `${key}.5`]);
  expect(series.map((each) => splitSuffix(each))).toEqual([1, 2, 3, 4, 5].map((suffix) => ({ key, suffix })));
  expect(series.every((each) => each.length <= 200)).toBe(true);
  expect(splitSuffix("weekly.2")).toEqual({ key: "weekly.2", suffix: 1 });
});

test("isDerivedKey() accepts the key of an automation run as a trigger prints it", async () => {
  const key = await keyOf("pipeline");
  const ids = "8a6f2c1e-3b4d-4e5f-9a0b-1c2d3e4f5a6b/0d9c8b7a-6f5e-4d3c-8b2a-190817263544/";
  expect([key, `${ids}${key}.2`, "weekly", `${ids}weekly`].map(isDerivedKey)).toEqual([true, true, false, false]);
});
