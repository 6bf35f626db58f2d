/** An emulated service with streams, and followers of its runs, on one virtual clock. */
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import { createRevision } from "../../../lib/emulator/state/store.ts";
import type { Notice } from "../../../lib/notice.ts";
import type { FollowItem } from "../../../lib/run/follow.ts";
import { start } from "../../../lib/run/request.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { drain } from "./fake_client.ts";
import { builtInScenario, parseScenario } from "../emulator/scenarios.ts";
import { follow, type FollowOptions } from "./detecting.ts";

export const TOKEN = "mog_aliceReadWriteToken0000000000001";
const REQUEST = { repoId: "e0000000-0000-4000-8000-000000000001", prompt: "Fix the flaky tests", createBranch: true };

/** A request: when, and what for, without the run's id. */
export type Heard = [atMs: number, what: string];

export interface Followed {
  /** Status, event messages, gaps and end, in order. */
  said: string[];
  items: FollowItem[];
  error: unknown;
  /** Requests but for the start. */
  heard: Heard[];
  notices: Notice[];
  /** Milliseconds from the end of the run to the end of the follower. */
  delayMs: number;
}

export interface Service {
  clock: VirtualClock;
  emulator: Emulator;
  heard: Heard[];
  notices: Notice[];
  options: FollowOptions;
  start(prompt?: string): Promise<string>;
  /** Follows a run; without an id, one that it starts. */
  follow(options?: FollowOptions, runId?: string): Promise<Followed>;
}

/** Item in few words. */
export function words(item: FollowItem): string {
  if (item.type === "status") return `[${item.status}]`;
  if (item.type === "event") return item.event.message ?? item.event.type;
  return item.type === "gap" ? `(${item.cause})` : `end ${item.outcome}`;
}

const NAMED: Record<string, string> = {
  "External Mogplex run accepted": "accepted",
  "Harness run started: codex": "started",
  "Harness run streaming": "streaming",
  "Harness run finished": "finished",
  "Pull request ready": "delivered",
};

/** Items in few words, the usual events by one each. */
export function short(items: readonly FollowItem[]): string[] {
  return items.map(words).map((text) => NAMED[text] ?? text.replace(/^Synchronized .*/, "synchronized"));
}

/** What a healthy run shows on its stream. */
export const SUCCESS = [
  "[pending]",
  "accepted",
  "started",
  "synchronized",
  "[streaming]",
  "streaming",
  "delivered",
  "finished",
  "[success]",
  "end success",
];

/** Makes a service of later revisions. @param scenario Name of a built-in one, or the steps of one in YAML. */
export function streamed(scenario = "success", options: EmulatorOptions = {}): Service {
  const clock = virtualClock();
  const scenarios = scenario === ""
    ? []
    : [scenario.includes("{") ? parseScenario(`steps:\n${scenario}`, "test") : builtInScenario(scenario)];
  const revision = createRevision("later", options.revision);
  const emulator = makeEmulator({ fixture: parseFixture(fixture), clock, scenarios, ...options, revision });
  const heard: Heard[] = [];
  const notices: Notice[] = [];
  const connect: FollowOptions = {
    token: TOKEN,
    clock,
    env: () => undefined,
    onNotice: (notice) => notices.push(notice),
    fetch(url, init) {
      const path = new URL(url).pathname.replace(/^.*\/runs\/?[^/]*/, "") || "/";
      const lastId = new Headers(init.headers).has("last-event-id") ? "+" : "";
      if (init.method === "GET") heard.push([clock.now(), path === "/" ? "run" : `${path.slice(1)}${lastId}`]);
      return emulator.fetch(url, init);
    },
  };
  const service: Service = {
    clock,
    emulator,
    heard,
    notices,
    options: connect,
    async start(prompt = REQUEST.prompt) {
      return (await start({ ...REQUEST, prompt }, { ...connect, keyScope: "random" })).runId;
    },
    async follow(more = {}, runId) {
      const id = runId ?? await service.start();
      heard.length = 0;
      notices.length = 0;
      const { items, error } = await drain(follow(id, { ...connect, ...more }));
      const endedAt = (Date.parse(emulator.world.store.runs.get(id) === undefined ? "" : updatedAt(id)) || 0) -
        Date.UTC(2026, 8, 1);
      return { items, said: short(items), error, heard, notices, delayMs: clock.now() - endedAt };
    },
  };
  function updatedAt(id: string): string {
    return new Date((emulator.world.store.runs.get(id)?.updated_at ?? 0) / 1000).toISOString();
  }
  return service;
}

/** Kinds of requests in order. */
export const kinds = (heard: readonly Heard[]) => heard.map(([, what]) => what);
