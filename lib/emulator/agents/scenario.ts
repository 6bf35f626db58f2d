/**
 * Scenario files: the steps of a run and their times, in YAML or JSON. `README.md` describes the format.
 *
 * @module
 */
import { isNode, LineCounter, parseDocument } from "yaml";
import * as z from "zod/mini";
import { EVENT_TYPES } from "../service/events.ts";
import { UsageError } from "../../errors.ts";
import { explainIssue } from "../state/fixture.ts";

const seconds = z.number().check(z.nonnegative());

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

const scenarioSchema = z.strictObject({
  /** Name of the scenario in messages. */
  name: z.optional(z.string()),
  /** What the scenario shows. */
  description: z.optional(z.string()),
  /** Runs that the scenario plays for: every given field has to fit. @default every run */
  match: z._default(
    z.strictObject({
      /** Text that the prompt contains. */
      prompt: z.optional(z.string()),
      /** `owner/name`. */
      repo: z.optional(z.string()),
      /** Text that the idempotency key contains. */
      key: z.optional(z.string()),
      /** Harness. */
      harness: z.optional(z.string()),
      /** Text that the name of the automation contains. */
      automation: z.optional(z.string()),
    }),
    {},
  ),
  /** All times are divided by this factor. */
  speed: z._default(z.number().check(z.positive()), 1),
  /** The queue refuses the run with this error. No step plays. */
  refuseQueue: z.optional(z.string()),
  /** Steps of a run, in order. */
  steps: z._default(z.array(stepSchema), []),
  /** Script for runs of automations. Without it the scenario plays for none of them. */
  automation: z.optional(automationSchema),
});

/** A scenario. */
export type Scenario = z.infer<typeof scenarioSchema>;
/** A step of a {@linkcode Scenario}. */
export type ScenarioStep = Scenario["steps"][number];
/** The script of a {@linkcode Scenario} for runs of automations. */
export type AutomationStory = z.infer<typeof automationSchema>;
/** A step of an {@linkcode AutomationStory}. */
export type AutomationStep = AutomationStory["steps"][number];
/** An event of a {@linkcode ScenarioStep}. */
export type ScenarioEvent = z.infer<typeof eventSchema>;

/** Path of an issue, with an unknown key at its end. */
function issuePath(issue: z.core.$ZodIssue): PropertyKey[] {
  return issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
}

/** Does a part of the reading that a hostile file can make fail: by aliases that multiply, lead nowhere or to themselves, or by depth. */
function reading<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof RangeError ? "it is nested too deeply" : (cause as Error).message.split("\n")[0];
    throw new UsageError({ attempted: "read scenario", why: `${name}: ${why}` }, { cause });
  }
}

/**
 * Parses a scenario.
 *
 * @param text YAML or JSON.
 * @param name Name of the scenario in messages.
 * @throws {UsageError} with line and column of the first problem.
 */
export function parseScenario(text: string, name: string): Scenario {
  const problem = (why: string) => new UsageError({ attempted: "read scenario", why });
  const lines = new LineCounter();
  const document = reading(name, () => parseDocument(text, { lineCounter: lines }));
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    throw problem(
      `${place(mistake.pos[0])}: ${mistake.message.split("\n")[0]?.replace(/ at line \d+, column \d+:$/, "")}`,
    );
  }
  const value = reading(name, () => {
    const plain: unknown = document.toJS();
    // Events are sent as JSON, which has no circles.
    JSON.stringify(plain);
    return plain;
  });
  const result = z.safeParse(scenarioSchema, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue === undefined) throw problem(name);
  const path = issuePath(issue);
  let offset = 0;
  // The nearest existing node: a missing field is reported at its parent.
  for (let length = 0; length <= path.length; length++) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node)) offset = node.range?.[0] ?? offset;
  }
  throw problem(`${place(offset)}: at "${path.map(String).join(".")}", ${explainIssue(issue)}`);
}
