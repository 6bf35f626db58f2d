/**
 * What a scenario file may hold: the steps of runs and their times. `README.md` describes the format.
 *
 * @module
 */
import * as z from "zod/mini";
import { EVENT_TYPES } from "../service/events.ts";
import { FAULT_KINDS } from "../state/faults.ts";
import { lookup } from "../../lookup.ts";
import { SWITCHES } from "../state/revision.ts";
import { PLAYABLE_NAMES } from "./scenario_texts.ts";

const seconds = z.number().check(z.nonnegative());

const DURATION = "it must be a time such as 20m, or { median: 20m, sigma: 0.5, seed: 1 }";
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };
const LENGTH = /^(\d+(?:\.\d+)?)([smh])$/;

/** Seconds of `90`, `90s`, `20m` or `1.5h`; undefined for anything else. */
function secondsIn(value: unknown): number | undefined {
  if (typeof value === "number") return value > 0 && Number.isFinite(value) ? value : undefined;
  const [, amount = "", unit = ""] = typeof value === "string" ? LENGTH.exec(value) ?? [] : [];
  const product = Number(amount) * (lookup(UNIT_SECONDS, unit) ?? 0);
  return product > 0 ? product : undefined;
}

const length = z.pipe(
  z.custom<number | string>(
    (value) => secondsIn(value) !== undefined,
    "it must be a time above 0, such as 90s, 20m or 1.5h",
  ),
  z.transform((value: number | string) => secondsIn(value) ?? 0),
);

const durationSchema = z.strictObject({
  /** Half of the runs are shorter. */
  median: length,
  /** Standard deviation of the logarithm. */
  sigma: z._default(z.number().check(z.nonnegative()), 0.5),
  /** Another seed gives other lengths. */
  seed: z._default(z.int(), 1),
});

/** Names that may stand in `${…}` in the texts of a step. */
export const PLACEHOLDERS = [
  "runId",
  "repo",
  "harness",
  "base",
  "working",
  "branch",
  "prompt",
  "pull",
  "n",
] as const;

const count = z.number().check(z.int(), z.nonnegative());

const faultSchema = z.strictObject({
  /** One of the kinds. YAML reads `503` as a number. */
  kind: z.pipe(
    z.transform((value: unknown) => typeof value === "number" ? String(value) : value),
    z.enum(FAULT_KINDS),
  ),
  /** Requests that it hits, as in `POST /runs` or `GET /runs/*`. */
  route: z.optional(
    z.custom<string>(
      (value) => typeof value === "string" && value.includes("/"),
      'it must be a path, such as "GET /runs/*"',
    ),
  ),
  /** Number of requests that it hits. */
  times: z.optional(count),
  /** Seconds in `Retry-After`. */
  retryAfter: z.optional(z.number().check(z.nonnegative())),
  /** For `slow`: milliseconds until the headers come. */
  delayMs: z.optional(z.number().check(z.nonnegative())),
  /** For `stream-cut`: number of whole pieces before the cut. */
  after: z.optional(count),
  /** Whether the request takes effect although its answer is lost. */
  processed: z.optional(z.boolean()),
});

const eventSchema = z.strictObject({
  /** One of the nine types. */
  type: z._default(z.enum(EVENT_TYPES), "log"),
  /** Name of the tool that the event is about. */
  toolName: z.optional(z.nullable(z.string())),
  /** Text for the reader. */
  message: z.optional(z.nullable(z.string())),
  /** Further fields. */
  payload: z._default(z.record(z.string(), z.unknown()), {}),
  /** Store the payload unchanged instead of cleaning it as the service's writer does. */
  verbatim: z._default(z.boolean(), false),
});

const stepSchema = z.strictObject({
  /** Seconds since the step before. */
  after: z._default(seconds, 0),
  /** The sandbox is up: the run is `streaming` from now on. */
  sandbox: z.optional(z.union([z.literal("up"), z.strictObject({ id: z.string() })])),
  /** Id of the agent's process, which a cancel has to kill. */
  command: z.optional(z.string()),
  /** An event to write. */
  event: z.optional(eventSchema),
  /** Number of times that the whole step plays. */
  repeat: z._default(z.number().check(z.int(), z.minimum(1), z.maximum(10_000)), 1),
  /** Seconds between the repetitions. */
  every: z._default(seconds, 0),
  /** The inner call ends with this status. */
  call: z.optional(z.enum(["success", "failed", "cancelled"])),
  /** New status of the run. */
  status: z.optional(z.enum(["pending", "streaming", "success", "failed", "cancelled", "awaiting_input"])),
  /** Error text that goes with `call` and `status`. */
  error: z.optional(z.nullable(z.string())),
  /** The worker gives up with this error: the run fails, then the last event is written. */
  fail: z.optional(z.string()),
  /** From now on requests about this run meet a fault; with `route`, the requests of that route do. */
  fault: z.optional(faultSchema),
  /** A person answers a paused run in the app: it gets a new inner call without events (later revisions). */
  resume: z.optional(z.literal(true)),
  /** A person cancels the run in the app. */
  cancel: z.optional(z.literal(true)),
});

const automationStepSchema = z.strictObject({
  /** Seconds since the step before; for the first step, since the start of the work. The wait for a slot does not count. */
  after: z._default(seconds, 0),
  /** New status of the run. */
  status: z.optional(z.enum(["pending", "running", "success", "failed", "cancelled"])),
  /** Error text that goes with `status`. */
  error: z.optional(z.nullable(z.string())),
  /** The run waits for a person or an event. Its status stays. */
  wait: z.optional(z.literal(true)),
  /** A person lets the run continue. */
  resume: z.optional(z.literal(true)),
});

const automationSchema = z.strictObject({
  /** The service accepts the trigger and starts nothing, for this reason. */
  suppress: z.optional(z.enum(["REPO_PENDING_LIMIT", "INSTALLATION_PENDING_LIMIT"])),
  /** Number of triggers to suppress. @default all */
  times: z.optional(z.number().check(z.int(), z.minimum(1))),
  /** Seconds that the run waits for a slot although one is free. */
  slotAfter: z.optional(seconds),
  /** Steps in order. */
  steps: z._default(z.array(automationStepSchema), []),
});

/** One value, or a list of values that are as good. */
const oneOrMore = <T extends z.core.$ZodType>(type: T, what: string) =>
  z.union([type, z.array(type).check(z.minLength(1))], `it must be ${what}, or a list of them`);

const attempt = z.int().check(z.minimum(1));

/** A scenario as a file writes it. */
export const scenarioSchema = z.strictObject({
  /** Name of the scenario in messages. */
  name: z.optional(z.string()),
  /** What the scenario shows. */
  description: z.optional(z.string()),
  /** Runs that the scenario plays for: every given field has to fit. @default every run */
  match: z._default(
    z.strictObject({
      /** Text that the prompt contains. */
      prompt: z.optional(z.string()),
      /** `owner/name`, in which `*` stands for any text and `?` for one character. */
      repo: z.optional(oneOrMore(z.string(), "a name or pattern")),
      /** Text that the idempotency key contains. */
      key: z.optional(z.string()),
      /** Harness. */
      harness: z.optional(z.string()),
      /** Text that the name of the automation contains. */
      automation: z.optional(z.string()),
      /** Number of the run among those of its repository and root directory, from 1. */
      attempt: z.optional(oneOrMore(attempt, "a whole number above 0")),
      /** Every nth of the runs that fit otherwise. */
      every: z.optional(attempt),
      /** Switch of the revision that has to be on. */
      with: z.optional(z.enum(SWITCHES)),
    }),
    {},
  ),
  /** Plays the steps of this built-in scenario. */
  play: z.optional(z.enum(PLAYABLE_NAMES)),
  /** How long a run takes from its start to the last step, in seconds, or how that is distributed. @default as its steps say */
  duration: z.optional(z.union([length, durationSchema], DURATION)),
  /** All times are divided by this factor. */
  speed: z._default(z.number().check(z.positive()), 1),
  /** The queue refuses the run with this error. No step plays. */
  refuseQueue: z.optional(z.string()),
  /** Faults of the service from the start of the emulator on, in order. */
  faults: z.optional(z.array(faultSchema)),
  /** Steps of a run, in order. */
  steps: z._default(z.array(stepSchema), []),
  /** Script for runs of automations. Without it the scenario plays for none of them. */
  automation: z.optional(automationSchema),
});

/** A set of scenarios as a file writes it: the first one that fits a run plays. */
export const scenarioSetSchema = z.strictObject({
  /** Name of the set in messages. */
  name: z.optional(z.string()),
  /** What the set shows. */
  description: z.optional(z.string()),
  /** The scenarios. */
  scenarios: z.array(scenarioSchema).check(z.minLength(1)),
});

/** A scenario. */
export type Scenario = Omit<z.infer<typeof scenarioSchema>, "play">;
/** A step of a {@linkcode Scenario}. */
export type ScenarioStep = Scenario["steps"][number];
/** The script of a {@linkcode Scenario} for runs of automations. */
export type AutomationStory = z.infer<typeof automationSchema>;
/** A step of an {@linkcode AutomationStory}. */
export type AutomationStep = AutomationStory["steps"][number];
/** An event of a {@linkcode ScenarioStep}. */
export type ScenarioEvent = z.infer<typeof eventSchema>;
