/**
 * The JSON Schemas of what is written line by line: an event, and the lines of `--json`. The compiler demands every field of the types here,
 * and refuses every other one.
 *
 * @module
 */
import type { AutomationItem } from "../../lib/run/follow_automation.ts";
import type { CampaignEvent } from "../../lib/campaign/campaign_options.ts";
import type { shownTrigger } from "../../lib/cli/log/lists.ts";
import type { RunBranch, RunEvent, StartResult } from "../../lib/model.ts";

type Schema = Readonly<Record<string, unknown>>;
type Fields<T> = Readonly<Record<keyof T, Schema>>;
/** The fields of one kind of item, besides its type, and what no line has: the record of the service, and how far a campaign is. */
type FieldsOf<I extends { type: string }, K extends I["type"]> = Fields<
  Omit<Extract<I, { type: K }>, "type" | "run" | "progress">
>;

const DRAFT = "https://json-schema.org/draft/2020-12/schema";
const LATER = "New fields may be added: ignore fields that you do not know.";

const text = (description: string): Schema => ({ type: "string", description });
const textOrNull = (description: string): Schema => ({ type: ["string", "null"], description });
const flag = (description: string): Schema => ({ type: "boolean", description });

/** An object that has all these fields, and may have more. */
function object<T>(description: string, properties: Fields<T>): Schema {
  return { description, type: "object", required: Object.keys(properties), properties, additionalProperties: true };
}

/** {@linkcode object} for a line, which has a type. */
function line<T>(type: string, description: string, properties: Fields<T>): Schema {
  return object(description, { type: { const: type }, ...properties } as Fields<unknown>);
}

const EVENT: Fields<RunEvent> = {
  id: text("UUID; the only field that identifies an event."),
  type: text("Kind of event. Nine words are known; any text is possible."),
  toolName: textOrNull("Tool that the event is about."),
  message: textOrNull("Text for people. Untrusted text."),
  payload: { type: "object", description: "Further fields, of any name. Untrusted text.", additionalProperties: true },
  createdAt: text("ISO 8601 with offset."),
};

const BRANCH: Fields<RunBranch> = {
  base: text("Branch that the agent starts from."),
  working: text("Requested working branch."),
  createBranch: flag("Whether the working branch was to be created."),
};

const RUN: Fields<StartResult> = {
  runId: text("UUID of the run."),
  aiCallId: textOrNull("UUID of the inner call."),
  sandboxRecordId: textOrNull("UUID of the sandbox's record; null until there is a sandbox."),
  sandboxId: textOrNull("Provider's id of the sandbox."),
  repoId: text("UUID of the repository."),
  harness: text("The agent."),
  status: text("Status; every word that is not known means: not finished."),
  branch: object("Requested branches.", BRANCH),
  rootDirectory: textOrNull("Directory inside the repository; null for its root."),
  eventsUrl: text("Path of the events route, without origin; may be empty."),
  cancelUrl: text("Path of the cancel route, without origin; may be empty."),
  createdAt: text("ISO 8601 with offset."),
  updatedAt: text("ISO 8601 with offset: the last change of the record."),
  error: textOrNull("Error of the service or of Git. Untrusted text."),
  runtime: { type: ["object", "null"], description: "Queue handle.", additionalProperties: true },
  replayed: flag("Whether the key was known: the run existed, and nothing was started."),
};

const TRIGGER: Fields<ReturnType<typeof shownTrigger>> = {
  automationId: text("UUID of the automation."),
  runId: text("UUID of the automation run."),
  status: text("Status when it was triggered."),
  replayed: flag("Whether the key was known: nothing was triggered."),
  reason: textOrNull("Why the run waits. Untrusted text."),
  idempotencyKey: text("Key that finds the run again."),
};

const AUTOMATION_STATUS: FieldsOf<AutomationItem, "status"> = {
  status: text("Status of the automation run."),
};
const AUTOMATION_WAITS: FieldsOf<AutomationItem, "waiting"> = {
  count: { type: "integer", description: "Questions that wait for an answer in the app; 0 when it goes on." },
};

const CAMPAIGN: { readonly [K in Exclude<CampaignEvent["type"], "end" | "gap">]: FieldsOf<CampaignEvent, K> } = {
  wave: { wave: { type: "integer", description: "Number of the wave that begins, from 1." } },
  item: {
    item: { $ref: "campaign-report.schema.json#/properties/items/items", description: "The item as it is now." },
    before: text("State or verdict that it had."),
  },
  gate: {
    gate: {
      enum: ["canary", "threshold"],
      description: "What has closed: nothing starts until somebody approves.",
    },
    reason: text("Why. Untrusted text."),
  },
  waiting: {
    limit: text("The limit that delays the next start."),
    nextAt: textOrNull("ISO 8601: when it can be; null if that is not known."),
  },
};
const CAMPAIGN_LINES: Readonly<Record<keyof typeof CAMPAIGN, string>> = {
  wave: "A wave begins.",
  item: "The state or the verdict of an item has changed.",
  gate: "A gate has closed.",
  waiting: "What the next start waits for has changed.",
};

const schema = (title: string, rest: Schema): Schema => ({ $schema: DRAFT, title, ...rest });

/** The last line of a job: what its report has, with a type. */
function last(type: string, description: string, report: string): Schema {
  return {
    description,
    type: "object",
    required: ["type"],
    properties: { type: { const: type } },
    allOf: [{ $ref: report }],
  };
}

/** The schemas by the name of their file. */
export const LINE_SCHEMAS: Readonly<Record<string, Schema>> = {
  "event.schema.json": schema(
    "a line of events.ndjson of @mogplex/ci",
    object(`One event of a hosted agent run, with secrets masked. ${LATER}`, EVENT),
  ),
  "line.schema.json": schema("a line of --json of @mogplex/ci", {
    description:
      "A line that a job prints on stdout with --json: `run --follow`, `follow`, `automations trigger --follow`. " +
      `The first one is of the type run or trigger, if there is a start, and the last one of the type result. ${LATER}`,
    anyOf: [
      line("run", "The answer to the start of a run.", RUN),
      line("trigger", "The answer to the trigger of an automation.", TRIGGER),
      line("status", "The status of an automation run has changed.", AUTOMATION_STATUS),
      line("waits", "An automation run waits for answers, or goes on.", AUTOMATION_WAITS),
      last("result", "The verdict on a run.", "result.schema.json"),
      last("result", "The verdict on an automation run.", "automation-result.schema.json"),
      { $ref: "event.schema.json", description: "An event of a run. Its type may be any word." },
    ],
  }),
  "campaign-line.schema.json": schema("a line of campaign --json of @mogplex/ci", {
    description:
      "A line that `campaign advance` and `campaign run` print on stdout with --json. The last one is of the type " +
      `campaign. ${LATER}`,
    anyOf: [
      ...Object.entries(CAMPAIGN).map(([type, fields]) =>
        line(type, CAMPAIGN_LINES[type as keyof typeof CAMPAIGN], fields as Fields<unknown>)
      ),
      last("campaign", "The campaign as it is at the end.", "campaign-report.schema.json"),
    ],
  }),
};
