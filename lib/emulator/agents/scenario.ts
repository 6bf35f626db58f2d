import { isNode, LineCounter, parseDocument } from "yaml";
import * as z from "zod/mini";
import { UsageError } from "../../errors.ts";
import { minLength } from "../../lengths.ts";
import { lookup } from "../../lookup.ts";
import { meantOrKnown, nearest } from "../../nearest.ts";
import { EVENT_TYPES } from "../service/runs.ts";
import { FAULT_KINDS } from "../state/faults.ts";
import { explainIssue } from "../state/fixture.ts";
import { SWITCHES } from "../state/store.ts";

// The steps of a successful run before the agent starts. Source: API reference, "Ordered flow, with what is visible when".
const UNTIL_AGENT = `
  - { after: 8, sandbox: up }
  - after: 1
    event: { type: started, message: "Harness run started: \${harness}", payload: { harness_id: "\${harness}", ai_billing_source: platform } }
  - after: 2
    event:
      message: "Synchronized \${branch}"
      payload: { stage: git_sync, base_branch: "\${base}", working_branch: "\${branch}", created_branch: "\${created}" }
  - after: 1
    command: cmd_agent
    event:
      type: status_changed
      message: Harness run streaming
      payload: { from: pending, to: streaming, runtime_command_id: cmd_agent }`;

const FINISHED = `
  - after: 1
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }
  - { after: 0.2, call: success }
  - { after: 1, status: success }`;

function delivered(changed: boolean): string {
  const message = changed ? "Pull request ready" : "No code changes to deliver";
  const url = changed ? '"${pull}"' : "null";
  return `
  - after: 20
    event:
      message: ${message}
      payload:
        stage: git_delivery
        changed: ${changed}
        pull_request_url: ${url}
        base_branch: "\${base}"
        working_branch: "\${branch}"
        auto_committed_files: []`;
}

const DELIVERY_ERROR = "The agent finished, but GitHub delivery failed: remote rejected (protected branch)";

// Source: API reference, "What `error` contains".
const RATE_LIMITED = "OpenAI rate-limited this run. Wait a moment, then try again.";

export const SCENARIO_TEXTS: Readonly<Record<string, string>> = {
  "success": `
description: The agent changes something and opens a pull request; runs of automations succeed
steps:${UNTIL_AGENT}${delivered(true)}${FINISHED}
automation:
  steps:
    - { after: 25, status: success }`,
  "no-changes": `
description: The agent succeeds without changing anything
steps:${UNTIL_AGENT}${delivered(false)}${FINISHED}`,
  "agent-failure": `
description: The agent exits with 1; runs of automations fail
steps:${UNTIL_AGENT}
  - after: 15
    event: { type: failed, message: Harness run failed, payload: { exit_code: 1, failure_code: command_failed } }
  - { after: 0.2, call: failed, error: Agent run exited with code 1. }
  - { after: 1, status: failed, error: Agent run exited with code 1. }
automation:
  steps:
    - { after: 15, status: failed, error: Agent run exited with code 1. }`,
  "boot-failure": `
description: The sandbox does not boot
steps:
  - { after: 12, fail: Too many active sandboxes }`,
  "delivery-failure": `
description: The agent succeeds, but the push is refused; two failed events report it
steps:${UNTIL_AGENT}
  - after: 20
    event: { type: failed, message: Harness stream failed, payload: { error: "${DELIVERY_ERROR}" } }
  - { after: 0.2, call: failed, error: "${DELIVERY_ERROR}" }
  - { after: 1, fail: "${DELIVERY_ERROR}" }`,
  "rate-limited": `
description: The model's provider rate-limits the agent
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: failed, message: Harness run failed, payload: { exit_code: 1, failure_code: rate_limited } }
  - { after: 0.2, call: failed, error: "${RATE_LIMITED}" }
  - { after: 1, status: failed, error: "${RATE_LIMITED}" }`,
  "duplicate-failed": `
description: The agent fails, and three events report the failure
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: failed, message: Harness run failed, payload: { exit_code: 2, failure_code: command_failed } }
  - after: 0.1
    event: { type: failed, message: Harness stream failed, payload: { error: stream closed } }
  - { after: 0.2, call: failed, error: Agent run exited with code 2. }
  - { after: 1, fail: Agent run exited with code 2. }`,
  "stuck-streaming": `
description: The worker dies while the agent works; the run stays streaming forever
steps:${UNTIL_AGENT}`,
  "stuck-pending": `
description: No worker takes the run; it stays pending forever
steps: []`,
  "cancelled-during-boot": `
description: A person cancels the run while its sandbox boots, and it stays cancelled
steps:
  - { after: 5, cancel: true }`,
  "cancelled-during-boot-revived": `
description: A person cancels the run while its sandbox boots; the worker revives it and fails it
steps:
  - { after: 5, cancel: true }
  - { after: 10, sandbox: up }`,
  "queue-failure": `
description: The queue refuses the run; the start gets a 500, and a retry of the start finds a failed run
refuseQueue: Trigger.dev runtime is not configured`,
  "many-events": `
description: More events than one request returns
steps:${UNTIL_AGENT}
  - after: 1
    repeat: 260
    every: 0.25
    event: { message: "step \${n} of 260\\n", payload: { kind: assistant_delta } }${delivered(true)}${FINISHED}`,
  "agent-progress": `
description: The agent reports progress and the use of tools, and opens a pull request (later revisions)
steps:${UNTIL_AGENT}
  - after: 3
    event: { message: "I look at the tests.\\n", payload: { kind: assistant_delta } }
  - after: 2
    event: { type: tool_started, toolName: bash, message: bash started, payload: { kind: tool, toolCallId: call_1, state: running, input: { command: npm test } } }
  - after: 4
    event: { type: tool_finished, toolName: bash, message: bash finished, payload: { kind: tool, toolCallId: call_1, state: completed, output: 12 passed } }
  - after: 2
    event: { message: "All tests pass.\\n", payload: { kind: assistant_delta } }${delivered(true)}${FINISHED}`,
  "awaiting-input": `
description: The agent stops at a checkpoint and waits for a person (later revisions)
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }
  - { after: 0.2, call: success }
  - { after: 1, status: awaiting_input }`,
  "awaiting-input-resumed": `
description: The agent stops at a checkpoint, and a person answers a minute later; the list of events starts over (later revisions)
steps:${UNTIL_AGENT}
  - after: 10
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }
  - { after: 0.2, call: success }
  - { after: 1, status: awaiting_input }
  - { after: 60, resume: true }
  - after: 1
    event: { type: started, message: "Harness run started: \${harness}", payload: { harness_id: "\${harness}", ai_billing_source: platform } }
${delivered(true)}${FINISHED}`,
  "automation-slot": `
description: A run of an automation waits half a minute for a slot, then succeeds
automation:
  slotAfter: 30
  steps:
    - { after: 20, status: success }`,
  "automation-suppressed": `
description: The service accepts triggers of automations and starts nothing because too many runs are active
automation: { suppress: REPO_PENDING_LIMIT }`,
  "automation-resumed": `
description: A run of an automation waits for a person, who answers a minute later; then it succeeds
automation:
  steps:
    - { after: 10, wait: true }
    - { after: 60, resume: true }
    - { after: 30, status: success }`,
  "automation-cancelled": `
description: A person cancels a run of an automation in the app
automation:
  steps:
    - { after: 10, status: cancelled }`,
  "automation-stuck": `
description: A run of an automation stays running forever
automation: { steps: [] }`,
  "stuck-finished": `
description: The agent finishes, then the worker dies; the run stays streaming forever
steps:${UNTIL_AGENT}
  - after: 20
    event: { type: finished, message: Harness run finished, payload: { exit_code: 0, failure_code: null } }`,
  "campaign": `
description: Most runs succeed; the end of the repository's name determines which runs do not
scenarios:
  - name: agent-failure
    match: { repo: ["*13", "*63"] }
    steps:${UNTIL_AGENT.replaceAll("\n", "\n    ")}
      - after: 14
        event:
          message: "2 of 214 tests fail: TypeError: format is not a function\\nThe tests fail after the change, so there is no pull request.\\n"
          payload: { kind: assistant_delta }
      - after: 1
        event: { type: failed, message: Harness run failed, payload: { exit_code: 1, failure_code: command_failed } }
      - { after: 0.2, call: failed, error: Agent run exited with code 1. }
      - { after: 1, status: failed, error: Agent run exited with code 1. }
  - { match: { repo: ["*27", "*77"] }, play: delivery-failure }
  - { match: { repo: "*41" }, play: rate-limited }
  - { match: { repo: ["*05", "*55"] }, play: no-changes }
  - { match: { repo: "*50" }, play: success, duration: 100m }
  - { match: { repo: "*99", with: extraRunFields }, play: awaiting-input }
  - { play: success }`,
};

/** Names of the built-in scenarios. */
export const SCENARIO_NAMES: readonly string[] = Object.keys(SCENARIO_TEXTS);

const isSet = (name: string) => lookup(SCENARIO_TEXTS, name)?.includes("\nscenarios:") === true;

const PLAYABLE_NAMES: readonly string[] = SCENARIO_NAMES.filter((name) => !isSet(name));

const seconds = z.number().check(z.nonnegative());

const DURATION = "it must be a time such as 20m, or { median: 20m, sigma: 0.5, seed: 1 }";
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };
const LENGTH = /^(\d+(?:\.\d+)?)([smh])$/;

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
  median: length,
  sigma: z._default(z.number().check(z.nonnegative()), 0.5),
  seed: z._default(z.int(), 1),
});

export const PLACEHOLDERS = [
  "runId",
  "repo",
  "harness",
  "base",
  "working",
  "branch",
  "created",
  "prompt",
  "pull",
  "n",
] as const;

const count = z.number().check(z.int(), z.nonnegative());

const faultSchema = z.strictObject({
  /** YAML parses `503` as a number. */
  kind: z.pipe(
    z.transform((value: unknown) => typeof value === "number" ? String(value) : value),
    z.enum(FAULT_KINDS),
  ),
  route: z.optional(
    z.custom<string>(
      (value) => typeof value === "string" && value.includes("/"),
      'it must be a path, such as "GET /runs/*"',
    ),
  ),
  times: z.optional(count),
  /** Seconds in `Retry-After`. */
  retryAfter: z.optional(z.number().check(z.nonnegative())),
  /** For `slow`: milliseconds until the headers arrive. */
  delayMs: z.optional(z.number().check(z.nonnegative())),
  /** For `stream-cut`: number of complete pieces before the cut. */
  after: z.optional(count),
  /** Whether the request takes effect although its answer is lost. */
  processed: z.optional(z.boolean()),
});

const eventSchema = z.strictObject({
  type: z._default(z.enum(EVENT_TYPES), "log"),
  toolName: z.optional(z.nullable(z.string())),
  message: z.optional(z.nullable(z.string())),
  payload: z._default(z.record(z.string(), z.unknown()), {}),
  verbatim: z._default(z.boolean(), false),
});

const CONTENTS: readonly string[] = ["json", "text", "link", "size", "submodule"];

const resultSchema = z.strictObject({
  path: z.optional(z.string()),
  json: z.optional(z.unknown()),
  text: z.optional(z.string()),
  link: z.optional(z.string()),
  size: z.optional(count),
  submodule: z.optional(z.literal(true)),
}).check(z.refine(
  (value) => CONTENTS.filter((name) => Object.hasOwn(value, name)).length === 1,
  `it must have exactly one of ${CONTENTS.join(", ")}`,
));

export type ScenarioResult = z.infer<typeof resultSchema>;

const stepSchema = z.strictObject({
  after: z._default(seconds, 0),
  sandbox: z.optional(z.union([z.literal("up"), z.strictObject({ id: z.string() })])),
  command: z.optional(z.string()),
  result: z.optional(resultSchema),
  deleteBranch: z.optional(z.literal(true)),
  event: z.optional(eventSchema),
  repeat: z._default(z.number().check(z.int(), z.minimum(1), z.maximum(10_000)), 1),
  every: z._default(seconds, 0),
  call: z.optional(z.enum(["success", "failed", "cancelled"])),
  status: z.optional(z.enum(["pending", "streaming", "success", "failed", "cancelled", "awaiting_input"])),
  error: z.optional(z.nullable(z.string())),
  fail: z.optional(z.string()),
  fault: z.optional(faultSchema),
  resume: z.optional(z.literal(true)),
  cancel: z.optional(z.literal(true)),
});

const automationStepSchema = z.strictObject({
  /** Seconds since the previous step or, for the first step, since the run got a slot. */
  after: z._default(seconds, 0),
  status: z.optional(z.enum(["pending", "running", "success", "failed", "cancelled"])),
  error: z.optional(z.nullable(z.string())),
  wait: z.optional(z.literal(true)),
  resume: z.optional(z.literal(true)),
});

const automationSchema = z.strictObject({
  suppress: z.optional(z.enum(["REPO_PENDING_LIMIT", "INSTALLATION_PENDING_LIMIT"])),
  times: z.optional(z.number().check(z.int(), z.minimum(1))),
  slotAfter: z.optional(seconds),
  steps: z._default(z.array(automationStepSchema), []),
});

const oneOrMore = <T extends z.core.$ZodType>(type: T, what: string) =>
  z.union([type, z.array(type).check(minLength(1))], `it must be ${what}, or a list of them`);

const attempt = z.int().check(z.minimum(1));

const scenarioSchema = z.strictObject({
  name: z.optional(z.string()),
  description: z.optional(z.string()),
  match: z._default(
    z.strictObject({
      prompt: z.optional(z.string()),
      repo: z.optional(oneOrMore(z.string(), "a name or pattern")),
      key: z.optional(z.string()),
      harness: z.optional(z.string()),
      automation: z.optional(z.string()),
      attempt: z.optional(oneOrMore(attempt, "a whole number above 0")),
      every: z.optional(attempt),
      with: z.optional(z.enum(SWITCHES)),
    }),
    {},
  ),
  play: z.optional(z.enum(PLAYABLE_NAMES)),
  duration: z.optional(z.union([length, durationSchema], DURATION)),
  speed: z._default(z.number().check(z.positive()), 1),
  refuseQueue: z.optional(z.string()),
  faults: z.optional(z.array(faultSchema)),
  steps: z._default(z.array(stepSchema), []),
  automation: z.optional(automationSchema),
});

const scenarioSetSchema = z.strictObject({
  name: z.optional(z.string()),
  description: z.optional(z.string()),
  scenarios: z.array(scenarioSchema).check(minLength(1)),
});

export type Scenario = Omit<z.infer<typeof scenarioSchema>, "play">;
export type ScenarioStep = Scenario["steps"][number];
export type AutomationStory = z.infer<typeof automationSchema>;
export type AutomationStep = AutomationStory["steps"][number];
export type ScenarioEvent = z.infer<typeof eventSchema>;

type Schema = z.core.$ZodType;
type Written = z.infer<typeof scenarioSchema>;

/** A union has issues for each of its forms. An issue inside the value, or an unknown field, shows which form the value has. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const deeper = issue.errors.map(([first]) => first).find((first) =>
    first !== undefined && (first.path.length > 0 || first.code === "unrecognized_keys")
  );
  return deeper === undefined ? issue : innermost({ ...deeper, path: [...issue.path, ...deeper.path] });
}

function fieldsAt(schema: Schema, [first, ...rest]: readonly PropertyKey[]): string[] {
  const def = schema._zod.def as {
    type: string;
    innerType?: Schema;
    element?: Schema;
    options?: readonly Schema[];
    shape?: Readonly<Record<string, Schema>>;
  };
  if (def.innerType !== undefined) return fieldsAt(def.innerType, first === undefined ? [] : [first, ...rest]);
  if (def.options !== undefined) {
    return def.options.flatMap((option) => fieldsAt(option, first === undefined ? [] : [first, ...rest]));
  }
  if (def.element !== undefined) return first === undefined ? [] : fieldsAt(def.element, rest);
  if (def.shape === undefined) return [];
  if (first === undefined) return Object.keys(def.shape);
  const field = lookup(def.shape, String(first));
  return field === undefined ? [] : fieldsAt(field, rest);
}

function explain(schema: Schema, issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.path.at(-1) === "play" && typeof value === "string" && isSet(value)) {
    return `"${value}" is a set of scenarios, which cannot be part of another set; use --scenario ${value}`;
  }
  const [unknown = "", known] = issue.code === "unrecognized_keys"
    ? [issue.keys[0], fieldsAt(schema, issue.path)]
    : [String(value), issue.code === "invalid_value" ? issue.values.map(String) : []];
  const hint = nearest(unknown, known);
  return hint === undefined ? explainIssue(issue) : `${explainIssue(issue)}; did you mean "${hint}"?`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

/** Handles the errors that a hostile file can cause, such as deep nesting or aliases that multiply. */
function reading<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof RangeError ? "it is nested too deeply" : (cause as Error).message.split("\n")[0];
    throw new UsageError({ attempted: "read scenario", why: `${name}: ${why}` }, { cause });
  }
}

function problem(why: string): UsageError {
  return new UsageError({ attempted: "read scenario", why });
}

function badPlaceholder(text: string): string | undefined {
  const unknown = [...text.matchAll(/(\$?)\$\{([^}]*)\}/g)].find(([, escape, name = ""]) =>
    escape === "" && !(PLACEHOLDERS as readonly string[]).includes(name)
  );
  if (unknown === undefined) return undefined;
  const name = unknown[2] ?? "";
  const hint = nearest(name, PLACEHOLDERS);
  const advice = hint === undefined ? `use one of ${PLACEHOLDERS.join(", ")}` : `did you mean "\${${hint}}"?`;
  return `"\${${name}}" is not a variable (${advice}); write "$\${${name}}" for the literal text`;
}

function findBadPlaceholder(
  value: unknown,
  path: readonly PropertyKey[],
): { path: readonly PropertyKey[]; why: string } | undefined {
  if (typeof value === "string") {
    const why = badPlaceholder(value);
    return why === undefined ? undefined : { path, why };
  }
  if (value === null || typeof value !== "object") return undefined;
  for (const [key, nested] of Object.entries(value)) {
    const placeholder = findBadPlaceholder(nested, [...path, Array.isArray(value) ? Number(key) : key]);
    if (placeholder !== undefined) return placeholder;
  }
  return undefined;
}

function resolved({ play, ...written }: Written, place: () => string): Scenario {
  if (play === undefined) return written;
  if (written.steps.length > 0 || written.automation !== undefined || written.refuseQueue !== undefined) {
    throw problem(`${place()}: "play" already provides the steps; remove steps, automation and refuseQueue`);
  }
  const [played] = parseScenarios(lookup(SCENARIO_TEXTS, play) ?? "", play) as [Scenario];
  const { steps, automation, refuseQueue, speed } = played;
  return {
    ...written,
    name: written.name ?? play,
    speed: written.speed * speed,
    steps,
    ...(automation === undefined ? {} : { automation }),
    ...(refuseQueue === undefined ? {} : { refuseQueue }),
  };
}

export function parseScenarios(text: string, name: string): Scenario[] {
  const lines = new LineCounter();
  const document = reading(name, () => parseDocument(text, { lineCounter: lines }));
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  /** A missing field has no position, so the position of its nearest parent is used. */
  const placeAt = (path: readonly PropertyKey[]) => {
    let offset = 0;
    for (let length = 0; length <= path.length; length++) {
      const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    }
    return placeOf(offset);
  };
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const why = mistake.message.split("\n")[0]?.replace(/ at line \d+, column \d+:$/, "");
    throw problem(`${placeOf(mistake.pos[0])}: ${why}`);
  }
  const value = reading(name, () => {
    const plain: unknown = document.toJS();
    // Events are sent as JSON, which cannot represent cycles.
    JSON.stringify(plain);
    return plain;
  });
  function check<T>(schema: z.core.$ZodType<T>): T {
    const result = z.safeParse(schema, value);
    if (result.success) return result.data;
    const issue = innermost(result.error.issues[0] as z.core.$ZodIssue);
    const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
    const why = explain(schema, issue, valueAt(value, path));
    throw problem(`${placeAt(path)}: at "${path.map(String).join(".")}", ${why}`);
  }
  function filled(scenario: Written, path: readonly PropertyKey[]): Scenario {
    const bad = findBadPlaceholder(valueAt(value, [...path, "steps"]), [...path, "steps"]);
    if (bad !== undefined) throw problem(`${placeAt(bad.path)}: at "${bad.path.map(String).join(".")}", ${bad.why}`);
    return resolved(scenario, () => placeAt([...path, "play"]));
  }
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, "scenarios")) {
    return [filled(check(scenarioSchema), [])];
  }
  return check(scenarioSetSchema).scenarios.map((each, index) => filled(each, ["scenarios", index]));
}

export function builtInScenarios(name: string): Scenario[] {
  const text = lookup(SCENARIO_TEXTS, name);
  if (text === undefined) {
    throw new UsageError({
      attempted: "find scenario",
      why: `there is no built-in scenario "${name}"`,
      advice: meantOrKnown(name, SCENARIO_NAMES),
    });
  }
  return parseScenarios(text, name).map((scenario) => ({ ...scenario, name: scenario.name ?? name }));
}
