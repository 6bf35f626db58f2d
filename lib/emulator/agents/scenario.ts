/**
 * Scenario files: what happens to a run, told as steps with times. YAML or JSON; the format is described in `README.md`.
 *
 * @module
 */
import { isNode, LineCounter, parseDocument } from "yaml";
import * as z from "zod/mini";
import { EVENT_TYPES } from "../service/events.ts";
import { explain, InputError } from "../state/fixture.ts";

const seconds = z.number().check(z.nonnegative());

const eventSchema = z.strictObject({
  /** One of the nine types. */
  type: z._default(z.enum(EVENT_TYPES), "log"),
  /** Tool that it speaks of. */
  toolName: z.optional(z.nullable(z.string())),
  /** Text for people. */
  message: z.optional(z.nullable(z.string())),
  /** Further fields. */
  payload: z._default(z.record(z.string(), z.unknown()), {}),
  /** Store the payload as it is instead of through the service's writer, which cleans it. */
  verbatim: z._default(z.boolean(), false),
});

const stepSchema = z.strictObject({
  /** Seconds since the step before. */
  after: z._default(seconds, 0),
  /** The sandbox is up: the run is `streaming` from here. */
  sandbox: z.optional(z.union([z.literal("up"), z.strictObject({ id: z.string() })])),
  /** The agent's process runs: a cancel has to kill it. */
  command: z.optional(z.string()),
  /** An event. */
  event: z.optional(eventSchema),
  /** How often the event is repeated. */
  repeat: z._default(z.number().check(z.int(), z.minimum(1), z.maximum(10_000)), 1),
  /** Seconds between the repetitions. */
  every: z._default(seconds, 0),
  /** The inner call ends. */
  call: z.optional(z.enum(["success", "failed", "cancelled"])),
  /** The row of the run changes. */
  status: z.optional(z.enum(["pending", "streaming", "success", "failed", "cancelled", "awaiting_input"])),
  /** Error text that goes with `call` and `status`. */
  error: z.optional(z.nullable(z.string())),
  /** The worker gives up: the row fails, then comes the last event. */
  fail: z.optional(z.string()),
  /** Somebody answers a paused run in the app: a new inner call, whose list of events is empty (later revisions). */
  resume: z.optional(z.literal(true)),
  /** Somebody cancels the run in the app. */
  cancel: z.optional(z.literal(true)),
});

const jobStepSchema = z.strictObject({
  /** Seconds since the step before; the first one counts from the start of the work, not from the wait for a slot. */
  after: z._default(seconds, 0),
  /** The run's status changes. */
  status: z.optional(z.enum(["pending", "running", "success", "failed", "cancelled"])),
  /** Error text that goes with `status`. */
  error: z.optional(z.nullable(z.string())),
  /** The run waits for a person or an event; its status stays. */
  wait: z.optional(z.literal(true)),
  /** Somebody makes it go on. */
  resume: z.optional(z.literal(true)),
});

const automationSchema = z.strictObject({
  /** The trigger is accepted and starts nothing, for this reason. */
  suppress: z.optional(z.enum(["REPO_PENDING_LIMIT", "INSTALLATION_PENDING_LIMIT"])),
  /** How many triggers are suppressed so. @default all */
  times: z.optional(z.number().check(z.int(), z.minimum(1))),
  /** Seconds that the run waits for a slot although there is one. */
  slotAfter: z.optional(seconds),
  /** In order. */
  steps: z._default(z.array(jobStepSchema), []),
});

const scenarioSchema = z.strictObject({
  /** Name for messages. */
  name: z.optional(z.string()),
  /** What it shows. */
  description: z.optional(z.string()),
  /** Runs that it plays for; every field that is given has to fit. Without it: all. */
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
  /** All times are divided by it. */
  speed: z._default(z.number().check(z.positive()), 1),
  /** The queue refuses the job with these words; no step is played. */
  refuseQueue: z.optional(z.string()),
  /** In order. */
  steps: z._default(z.array(stepSchema), []),
  /** What happens to runs of automations. Without it, the scenario plays for none of them. */
  automation: z.optional(automationSchema),
});

/** A scenario. */
export type Scenario = z.infer<typeof scenarioSchema>;
/** A step of a {@linkcode Scenario}. */
export type ScenarioStep = Scenario["steps"][number];
/** What a {@linkcode Scenario} does with runs of automations. */
export type AutomationStory = z.infer<typeof automationSchema>;
/** A step of an {@linkcode AutomationStory}. */
export type JobStep = AutomationStory["steps"][number];
/** An event of a {@linkcode ScenarioStep}. */
export type ScenarioEvent = z.infer<typeof eventSchema>;

/** Path of an issue, down to a key that should not be there. */
function issuePath(issue: z.core.$ZodIssue): PropertyKey[] {
  return issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
}

/**
 * Parses a scenario.
 *
 * @param text YAML or JSON.
 * @param name What to call it in messages.
 * @throws {InputError} with line and column of the first problem.
 */
export function parseScenario(text: string, name: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    throw new InputError(`Cannot read scenario: ${place(mistake.pos[0])}: ${mistake.message.split("\n")[0]}`);
  }
  const result = z.safeParse(scenarioSchema, document.toJS());
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue === undefined) throw new InputError(`Cannot read scenario: ${name}`);
  const path = issuePath(issue);
  let offset = 0;
  // The nearest thing that is really there: a missing field is reported where its parent stands.
  for (let length = 0; length <= path.length; length++) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node)) offset = node.range?.[0] ?? offset;
  }
  throw new InputError(`Cannot read scenario: ${place(offset)}: at "${path.map(String).join(".")}", ${explain(issue)}`);
}
