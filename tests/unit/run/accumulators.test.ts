/** What is kept of events one by one says the same as all events together: random feeds, against the plain definitions. */
import { expect, test } from "bun:test";
import type { RunEvent } from "../../../lib/model.ts";
import {
  addEvent,
  addMilestone,
  type EventFacts,
  factsFromEvents,
  type Milestones,
  noFacts,
  phasesFromEvents,
  phasesOf,
} from "../../../lib/run/result.ts";
import { sampleEvent } from "../report/sample.ts";

/** Numbers from 0 up to 1 that depend on the seed alone. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

function randomEvents(seed: number): RunEvent[] {
  const random = numbers(seed);
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  return Array.from({ length: Math.floor(random() * 30) }, () =>
    sampleEvent(Math.floor(random() * 50), {
      type: one(["log", "log", "started", "status_changed", "failed", "finished", "cancelled", "tool_started"]),
      message: one([null, " ", "one", "two"]),
      payload: {
        ...one<object>([{}, { stage: "git_sync" }, { stage: "git_delivery" }, { kind: "assistant_final" }]),
        ...one<object>([{}, { changed: true }, { changed: false }, { changed: "yes" }]),
        ...one<object>([{}, { working_branch: "a" }, { working_branch: "b" }, { working_branch: 7 }]),
        ...one<object>([{}, { pull_request_url: null }, { pull_request_url: "https://a.example/1" }]),
        ...one<object>([{}, { external_run_id: "r" }, { to: "streaming" }, { failure_code: "c" }, { error: "e" }]),
      },
      ...(random() < 0.1 && { createdAt: "soon" }),
    }));
}

const SEEDS = Array.from({ length: 500 }, (_, index) => index + 1);
const text = (value: unknown) => typeof value === "string" && value.trim() !== "" ? value : null;

/** The definition: looks at all events for each question. */
function plainFacts(events: readonly RunEvent[]): EventFacts {
  const git = events.filter(({ type, payload: { stage } }) =>
    type === "log" && (stage === "git_sync" || stage === "git_delivery")
  );
  const last = git.findLast(({ payload }) => payload.stage === "git_delivery")?.payload;
  const failed = events.filter(({ type }) => type === "failed");
  const newest = (texts: unknown[]) => texts.findLast((each) => text(each) !== null) as string ?? null;
  const url = text(last?.pull_request_url);
  const spoken = events.filter(({ type, payload: { kind } }) => type === "log" && kind === "assistant_final");
  return {
    workingBranch: newest(git.map(({ payload }) => payload.working_branch)),
    pushedBranch: last?.changed === true ? text(last.working_branch) : null,
    pullRequest: { state: url !== null ? "open" : last?.pull_request_url === null ? "none" : "unknown", url },
    files: null,
    said: newest(spoken.map(({ message }) => message)),
    speaking: false,
    firstEnd: events.find(({ type }) => ["finished", "failed", "cancelled"].includes(type))?.type ?? null,
    changed: typeof last?.changed === "boolean" ? last.changed : null,
    failureCode: newest(failed.map(({ payload }) => payload.failure_code)),
    failureError: newest(failed.map(({ payload }) => payload.error)),
    failureMessage: newest(failed.map(({ message }) => message)),
  };
}

test("addEvent() for each event says what all events say, and changes no earlier facts", () => {
  for (const seed of SEEDS) {
    const events = randomEvents(seed);
    let facts = noFacts();
    for (const [index, event] of events.entries()) {
      const before = JSON.stringify(facts);
      const next = addEvent(facts, event);
      expect(JSON.stringify(facts)).toBe(before);
      facts = next;
      expect(facts).toEqual(plainFacts(events.slice(0, index + 1)));
    }
    expect(factsFromEvents(events)).toEqual(facts);
  }
});

/** The definition: one walk over all events that are known at the end. */
function plainPhases(events: readonly RunEvent[], createdAt: string | undefined): [string, number][] {
  const order = ["queue", "prepare", "agent", "deliver"];
  const named = events.map(({ type, payload, createdAt: at }): [string, number] => {
    if (type === "started" && payload.external_run_id === undefined) return ["prepare", Date.parse(at)];
    if (type === "status_changed" && payload.to === "streaming") return ["agent", Date.parse(at)];
    const last = type === "log" && (payload.kind === "assistant_final" || payload.stage === "git_delivery");
    return [last ? "deliver" : "", Date.parse(at)];
  });
  const phases: [string, number][] = [];
  for (const [name, at] of [["queue", Date.parse(createdAt ?? events[0]?.createdAt ?? "")] as const, ...named]) {
    const [before, since] = phases.at(-1) ?? ["", at];
    if (!Number.isNaN(at) && order.indexOf(name) > order.indexOf(before)) phases.push([name, Math.max(at, since)]);
  }
  return phases;
}

test("addMilestone() for each event keeps what the phases need, at most one beginning of each", () => {
  for (const seed of SEEDS) {
    const events = randomEvents(seed);
    let milestones: Milestones | undefined;
    for (const event of events) milestones = addMilestone(milestones, event);
    expect(milestones?.begun.length ?? 0).toBeLessThanOrEqual(3);
    for (const createdAt of [undefined, "2026-08-10T12:05:00Z", "never"]) {
      const phases = phasesOf(milestones, { createdAt });
      expect(phases.map(({ name, startedAt }) => [name, Date.parse(startedAt)])).toEqual(
        plainPhases(events, createdAt),
      );
      expect(phasesFromEvents(events, { createdAt })).toEqual(phases);
    }
    const end = events.findLast(({ type }) => ["failed", "finished", "cancelled"].includes(type))?.createdAt ?? "";
    const last = phasesOf(milestones).at(-1);
    if (last === undefined) continue;
    const ms = Date.parse(end) - Date.parse(last.startedAt);
    expect(last.durationMs).toBe(Number.isNaN(ms) ? null : Math.max(0, ms));
  }
});
