/**
 * Checks a value against a schema in a worker. The worker is stopped if it takes too long. A single regular expression on 29 characters can take
 * seconds, and a thread that evaluates it receives no signals.
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { MogplexError } from "../errors.ts";
import type { Draft } from "./json_schema.ts";
import type { ResultSchema } from "./result_schema.ts";

/** The input of the worker. The values are JSON texts, because copying an object can treat the key `__proto__` specially. */
export interface Check {
  value: string;
  schema: string;
  draft: Draft;
  max: number;
}

/** A mistake contains no part of the value, except for names of properties. */
export interface Mistake {
  /** Names in the pointer were chosen by an agent. */
  pointer: string;
  keyword: string;
  rule: string;
  property: string | null;
}

export interface CheckAnswer {
  /** `null` if the validator failed. */
  mistakes: Mistake[] | null;
}

const MAX_MISTAKES = 20;
const LIMIT_MS = 10_000;

export type Checked =
  | { kind: "valid" }
  | { kind: "invalid"; mistakes: readonly Mistake[] }
  | { kind: "unchecked"; why: string };

export interface CheckLimits {
  /** The clock must measure real time, because the worker takes real time. */
  clock?: Clock | undefined;
  limitMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export async function checkValue(
  text: string,
  { text: schema, draft }: Pick<ResultSchema, "text" | "draft">,
  { clock = systemClock, limitMs = LIMIT_MS, signal }: CheckLimits = {},
): Promise<Checked> {
  const worker = await openWorker();
  const over = new AbortController();
  const stop = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  const late = clock.sleep(limitMs, { signal: stop }).then(() => null, () => null);
  try {
    const answer = await Promise.race([worker.ask({ value: text, schema, draft, max: MAX_MISTAKES }), late]);
    if (answer === null) return { kind: "unchecked", why: `could not be checked within ${limitMs / 1_000} s` };
    const { mistakes } = answer;
    if (mistakes === null) return { kind: "unchecked", why: "could not be checked: the validator failed" };
    return mistakes.length === 0 ? { kind: "valid" } : { kind: "invalid", mistakes };
  } finally {
    over.abort();
    await worker.end();
  }
}

interface OpenWorker {
  ask(check: Check): Promise<CheckAnswer>;
  end(): Promise<unknown>;
}

const FAILED: CheckAnswer = { mistakes: null };

async function openWorker(): Promise<OpenWorker> {
  // Few jobs need these modules, so a script without a result does not load them. In a web page, the module of Node is empty.
  const { VALIDATOR } = await import("./validator_source.ts");
  const { Worker: NodeWorker }: Partial<typeof import("node:worker_threads")> = await import("node:worker_threads");
  if (NodeWorker !== undefined) {
    const worker = new NodeWorker(VALIDATOR, { eval: true, env: {}, stdout: true, stderr: true });
    return {
      ask: (check) =>
        new Promise((resolve) => {
          worker.once("message", resolve).once("error", () => resolve(FAILED)).once("exit", () => resolve(FAILED));
          worker.postMessage(check);
        }),
      end: () => worker.terminate(),
    };
  }
  return openWebWorker(VALIDATOR);
}

interface WebWorker {
  onmessage: (event: { data: CheckAnswer }) => void;
  onerror: (event: { preventDefault(): void }) => void;
  postMessage(check: Check): void;
  terminate(): void;
}

function openWebWorker(script: string): OpenWorker {
  const { Worker } = globalThis as unknown as { Worker?: new (address: string) => WebWorker };
  if (Worker === undefined) {
    throw new MogplexError({ attempted: "check the result", why: "this runtime has no workers" }, "internal");
  }
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(script)}`);
  return {
    ask: (check) =>
      new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => {
          event.preventDefault();
          resolve(FAILED);
        };
        worker.postMessage(check);
      }),
    // deno-lint-ignore require-await
    end: async () => worker.terminate(),
  };
}
