/**
 * The network and the service of the soak test. About half of all requests fail. Records what reached the client, so that verdicts can be compared
 * with it.
 */
import { isTerminal } from "../lib/service/contract.ts";
import type { Clock } from "../lib/clock.ts";
import type { Emulator } from "../lib/emulator/emulator.ts";
import type { RunRow } from "../lib/emulator/state/store.ts";
import { Faults } from "../lib/emulator/wire/faults.ts";
import type { FleetClock } from "./fleet_clock.ts";
import type { SoakPlan, Stretch } from "./soak_plan.ts";

const ENDS: readonly string[] = ["finished", "failed", "cancelled"];

export interface Delivered {
  /** Final status in the first complete answer in which the run had ended. */
  verdict: string | undefined;
  /**
   * Other correct verdicts: final statuses that arrived earlier, on a stream or in the answer to the start, and a cancellation before the failure.
   */
  perhaps: Set<string>;
  /** Events that the service had at that moment, or that arrived in a complete page. */
  events: Set<string>;
}

export interface Wire {
  fetch(url: string, init: RequestInit): Promise<Response>;
  readonly requests: number;
  readonly failures: number;
  readonly delivered: ReadonlyMap<string, Delivered>;
}

/** Faults of single requests, with the share of each in percent. Source: design, "How good", row "faults". */
const TROUBLE = [
  ["http500", 8],
  ["http503", 5],
  ["http503-no-retry", 5],
  ["html502", 6],
  ["empty500", 6],
  ["reset-before", 5],
  ["reset-body", 5],
  ["truncated", 3],
  ["wrong-json", 3],
  ["slow", 2],
  ["unauthorized", 1],
  ["dns", 1],
  ["refused", 1],
  ["disorder", 10],
] as const;

type Trouble = typeof TROUBLE[number][0];

function envelope(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = JSON.stringify({ ok: false, error: { code, message: "Trouble" } });
  return new Response(body, { status, headers: { "content-type": "application/json", ...headers } });
}

function lost(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(`connect ${code}`), { code }) });
}

function isStream(answer: Response): boolean {
  return answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
}

async function half(answer: Response, breaks: boolean): Promise<Response> {
  const { status, headers } = answer;
  const reader = answer.body?.getReader();
  const pieces: Uint8Array[] = [];
  for (let live = isStream(answer), piece = await reader?.read(); piece?.value !== undefined;) {
    pieces.push(piece.value);
    if (live) break;
    piece = await reader?.read();
  }
  reader?.cancel().catch(() => {});
  const bytes = new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!sent) controller.enqueue(bytes.subarray(0, Math.floor(bytes.length / 2)));
      else if (breaks) controller.error(lost("ECONNRESET"));
      else controller.close();
      sent = true;
    },
  }, { highWaterMark: 0 });
  return new Response(body, { status, headers });
}

const WRONG = (runId: string): unknown[] => [
  null,
  {},
  [],
  { ok: true },
  { ok: true, data: {} },
  { ok: true, data: { runId, status: "success" } },
  { ok: true, data: { run: { runId, status: "failed" }, events: [] } },
  { ok: false, error: "nothing" },
];

interface Page {
  data: { events?: { id: string }[] };
}

export function soakWire(plan: SoakPlan, clock: FleetClock, emulator: Emulator): Wire {
  const { random, bursts, restarts } = plan;
  const { store } = emulator.world;
  const delivered = new Map<string, Delivered>();
  const began = clock.now();
  let requests = 0;
  let failures = 0;
  let proven = false;

  const within = (stretches: readonly Stretch[]) =>
    stretches.find(({ from, to }) => clock.now() - began >= from && clock.now() - began < to);

  function pick(): Trouble | undefined {
    let roll = random() * 100;
    const trouble = TROUBLE.find(([, share]) => (roll -= share) < 0)?.[0];
    // A 401 for a token that has not been accepted yet would correctly end the job.
    return trouble === "unauthorized" && !proven ? undefined : trouble;
  }

  function factsOf(runId: string): Delivered {
    const known = delivered.get(runId) ?? { verdict: undefined, perhaps: new Set(), events: new Set() };
    delivered.set(runId, known);
    return known;
  }

  function eventIds(row: RunRow): string[] {
    return (store.events.get(row.ai_call_id) ?? []).map((event) => event.id);
  }

  async function deliver(path: string, answer: Response): Promise<Response> {
    if (!answer.ok) return answer;
    proven = true;
    const text = isStream(answer) ? "" : await answer.text();
    const runId = /\/runs\/([0-9a-f-]{36})/.exec(path)?.[1] ??
      (JSON.parse(text) as { data: { runId: string } }).data.runId;
    const row = store.anyRun(runId);
    const known = factsOf(runId);
    const ended = isTerminal(row.status) || row.status === "awaiting_input";
    if (isStream(answer) || !path.includes(runId)) {
      if (ended && known.verdict === undefined) known.perhaps.add(row.status);
    } else {
      if (ended && known.verdict === undefined) {
        known.verdict = row.status;
        // The events show that the service failed a cancelled run.
        const end = (store.events.get(row.ai_call_id) ?? []).find(({ event_type }) => ENDS.includes(event_type));
        if (row.status === "failed" && end?.event_type === "cancelled") known.perhaps.add("cancelled");
        for (const id of eventIds(row)) known.events.add(id);
      }
      for (const { id } of (JSON.parse(text) as Page).data.events ?? []) known.events.add(id);
    }
    return isStream(answer) ? answer : new Response(text, { status: answer.status, headers: answer.headers });
  }

  async function disorder(request: Request, answer: Response): Promise<Response> {
    if (isStream(answer)) {
      const faults = new Faults(clock);
      faults.add({ kind: "stream-disorder" });
      return await faults.answer(request, () => Promise.resolve(answer));
    }
    const page = JSON.parse(await answer.text()) as Page;
    const { events } = page.data;
    if (events !== undefined && events.length > 1 && events.length < 190) {
      const at = Math.floor(random() * (events.length - 1));
      const [one, other] = events.slice(at, at + 2) as [{ id: string }, { id: string }];
      events.splice(at, 2, other, one, other);
    }
    return new Response(JSON.stringify(page), { status: answer.status, headers: answer.headers });
  }

  function untilRestart(answer: Response): Response {
    const next = restarts.find(({ from }) => clock.now() - began < from);
    if (next === undefined || !isStream(answer) || answer.body === null) return answer;
    const reader = answer.body.getReader();
    const over = new AbortController();
    const restart = clock.sleep(next.from - (clock.now() - began), { signal: over.signal }).then(
      () => null,
      () => null,
    );
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const piece = await Promise.race([reader.read(), restart]);
        if (piece?.value !== undefined) return controller.enqueue(piece.value);
        over.abort();
        if (piece !== null) return controller.close();
        reader.cancel().catch(() => {});
        controller.error(lost("ECONNRESET"));
      },
      cancel() {
        over.abort();
        return reader.cancel();
      },
    }, { highWaterMark: 0 });
    return new Response(body, { status: answer.status, headers: answer.headers });
  }

  async function send(url: string, init: RequestInit): Promise<Response> {
    const signal = init.signal ?? undefined;
    const { pathname: path } = new URL(url);
    const carryOut = () => clock.during(emulator.fetch(url, init));
    await clock.sleep(20 + random() * 200, { signal });
    if (within(restarts) !== undefined) {
      emulator.world.requests.reset();
      if (random() < 0.5) throw lost("ECONNREFUSED");
      return new Response("<html>Starting</html>", { status: 503, headers: { "content-type": "text/html" } });
    }
    const burst = within(bursts);
    if (burst !== undefined) {
      const seconds = Math.ceil((burst.to - (clock.now() - began)) / 1_000);
      return envelope(429, "RATE_LIMITED", random() < 0.8 ? { "retry-after": String(seconds) } : {});
    }
    const trouble = pick();
    if (trouble === undefined) return untilRestart(await deliver(path, await carryOut()));
    if (trouble === "dns") throw lost("ENOTFOUND");
    if (trouble === "refused") throw lost("ECONNREFUSED");
    if (trouble === "unauthorized") return envelope(401, "UNAUTHORIZED");
    if (trouble === "disorder") {
      const answer = await deliver(path, await carryOut());
      return answer.ok ? await disorder(new Request(url), answer) : answer;
    }
    // A fault of the answer occurs after the service has handled the request. Any other fault occurs before or after that, at random.
    const spoils = trouble === "reset-body" || trouble === "truncated" || trouble === "wrong-json" ||
      trouble === "slow";
    const answer = spoils || random() < 0.5 ? await carryOut() : undefined;
    if (answer !== undefined && (trouble === "reset-body" || trouble === "truncated")) {
      if (isStream(answer)) await deliver(path, answer);
      return await half(answer, trouble === "reset-body");
    }
    if (trouble === "slow" && answer !== undefined) {
      await clock.sleep(31_000 + random() * 60_000, { signal });
      return await deliver(path, answer);
    }
    answer?.body?.cancel().catch(() => {});
    switch (trouble) {
      case "http500":
        return envelope(500, "INTERNAL_ERROR");
      case "http503":
        return envelope(503, "SERVICE_UNAVAILABLE", { "retry-after": String(1 + Math.floor(random() * 15)) });
      case "http503-no-retry":
        return envelope(503, "SERVICE_UNAVAILABLE");
      case "html502":
        return new Response("<html>502 Bad Gateway</html>", { status: 502, headers: { "content-type": "text/html" } });
      case "empty500":
        return new Response(null, { status: 500 });
      case "wrong-json": {
        const all = WRONG(crypto.randomUUID());
        const body = JSON.stringify(all[Math.floor(random() * all.length)]);
        return new Response(body, { headers: { "content-type": "application/json" } });
      }
      default:
        throw lost("ECONNRESET");
    }
  }

  return {
    get requests() {
      return requests;
    },
    get failures() {
      return failures;
    },
    delivered,
    async fetch(url, init) {
      requests++;
      try {
        const answer = await send(url, init);
        if (!answer.ok) failures++;
        return answer;
      } catch (error) {
        failures++;
        throw error;
      }
    },
  };
}

export function jumpyClock(clock: FleetClock, { jumps }: SoakPlan): Clock {
  const began = clock.now();
  const offset = () => jumps.reduce((sum, { at, byMs }) => clock.now() - began >= at ? sum + byMs : sum, 0);
  return { ...clock, wallTime: () => clock.wallTime() + offset() };
}
