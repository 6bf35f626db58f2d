/**
 * The JSON Schemas of events and of the lines of `--json`. The compiler requires every field of the types here, and refuses all others.
 *
 * @module
 */
import type { AutomationItem } from "../../lib/run/follow_automation.ts";
import { GATES } from "../../lib/campaign/journal/record.ts";
import type { CampaignEvent } from "../../lib/campaign/campaign_options.ts";
import type { shownTrigger } from "../../lib/cli/log/lists.ts";
import type { RunBranch, RunEvent, StartResult } from "../../lib/model.ts";

type Schema = Readonly<Record<string, unknown>>;
type Fields<T> = Readonly<Record<keyof T, Schema>>;
/**
 * The fields of one kind of item, without its type and without the fields that no line has: the record of the service, and the progress of a
 * campaign.
 */
type FieldsOf<I extends { type: string }, K extends I["type"]> = Fields<
  Omit<Extract<I, { type: K }>, "type" | "run" | "progress">
>;

const DRAFT = "https://json-schema.org/draft/2020-12/schema";
const LATER = "New fields may be added: ignore fields that you do not know.";

const text = (description: string): Schema => ({ type: "string", description });
const textOrNull = (description: string): Schema => ({ type: ["string", "null"], description });
const flag = (description: string): Schema => ({ type: "boolean", description });

function object<T>(description: string, properties: Fields<T>): Schema {
  return { description, type: "object", required: Object.keys(properties), properties, additionalProperties: true };
}

type LineType = "run" | "trigger" | AutomationItem["type"] | CampaignEvent["type"];

function line<T>(type: LineType, description: string, properties: Fields<T>): Schema {
  return object(description, { type: { const: type }, ...properties } as Fields<unknown>);
}

const EVENT: Fields<RunEvent> = {
  id: text("UUID; the only field that identifies an event."),
  type: text("Kind of event. The known revisions of the service send one of nine words, but any text is possible."),
  toolName: textOrNull("Tool that the event is about."),
  message: textOrNull("Human-readable text. Untrusted text."),
  payload: {
    type: "object",
    description: "Additional fields, with any names. Untrusted text.",
    additionalProperties: true,
  },
  createdAt: text("When it was created, in ISO 8601 with offset."),
};

const BRANCH: Fields<RunBranch> = {
  base: text("Branch that the agent starts from."),
  working: text("Requested working branch."),
  createBranch: flag("Whether the service was asked to create the working branch."),
};

const RUN: Fields<StartResult> = {
  runId: text("UUID of the run."),
  aiCallId: textOrNull("UUID of the inner call."),
  sandboxRecordId: textOrNull("UUID of the sandbox's record; null until there is a sandbox."),
  sandboxId: textOrNull("Provider's id of the sandbox."),
  repoId: text("UUID of the repository."),
  harness: text("The agent."),
  status: text("Status. Any unknown word means that the run is not finished."),
  branch: object("Requested branches.", BRANCH),
  rootDirectory: textOrNull("Directory inside the repository; null for its root."),
  eventsUrl: text("Path of the events route, without the origin; can be empty."),
  cancelUrl: text("Path of the cancel route, without the origin; can be empty."),
  createdAt: text("When it was created, in ISO 8601 with offset."),
  updatedAt: text("Time of the last change to the record, in ISO 8601 with offset."),
  error: textOrNull("Error text from the service or from Git. Untrusted text."),
  runtime: {
    type: ["object", "null"],
    description: "The service's queue, and the id of the run in that queue.",
    additionalProperties: true,
  },
  replayed: flag("Whether the service already knew the key. If so, the run already existed, and nothing was started."),
};

const TRIGGER: Fields<ReturnType<typeof shownTrigger>> = {
  automationId: text("UUID of the automation."),
  runId: text("UUID of the automation run."),
  status: text("Status when it was triggered."),
  replayed: flag("Whether the service already knew the key. If so, nothing was triggered."),
  reason: textOrNull("Why the run is waiting. Untrusted text."),
  idempotencyKey: text("Key that finds the run again."),
};

const AUTOMATION_STATUS: FieldsOf<AutomationItem, "status"> = {
  status: text("Status of the automation run."),
};
const AUTOMATION_WAITS: FieldsOf<AutomationItem, "waiting"> = {
  count: {
    type: "integer",
    description: "Number of people or events that the run is waiting for; 0 when it continues.",
  },
};

const CAMPAIGN: { readonly [K in Exclude<CampaignEvent["type"], "end" | "gap">]: FieldsOf<CampaignEvent, K> } = {
  wave: { wave: { type: "integer", description: "Number of the wave that begins, from 1." } },
  item: {
    item: { $ref: "campaign-report.schema.json#/properties/items/items", description: "The item as it is now." },
    before: text("Previous state or verdict of the item."),
  },
  gate: {
    gate: {
      enum: GATES,
      description: "The gate that closed. Nothing is started, or merged, until somebody approves.",
    },
    reason: text("Why the gate closed. Untrusted text."),
  },
  waiting: {
    limit: text("The limit that delays the next start."),
    nextAt: textOrNull("When the next start is possible, in ISO 8601; null if that is not known."),
  },
};
const CAMPAIGN_LINES: Readonly<Record<keyof typeof CAMPAIGN, string>> = {
  wave: "A wave begins.",
  item: "The state, the verdict or another field of an item changed.",
  gate: "A gate closed.",
  waiting: "The reason why the next start is waiting has changed.",
};

const schema = (title: string, rest: Schema): Schema => ({ $schema: DRAFT, title, ...rest });

function last(type: string, description: string, report: string): Schema {
  return {
    description,
    type: "object",
    required: ["type"],
    properties: { type: { const: type } },
    allOf: [{ $ref: report }],
  };
}

export const LINE_SCHEMAS: Readonly<Record<string, Schema>> = {
  "event.schema.json": schema(
    "a line of events.ndjson of @mogplex/ci",
    object(`One event of a hosted agent run, with secrets masked. ${LATER}`, EVENT),
  ),
  "line.schema.json": schema("a line of --json of @mogplex/ci", {
    description:
      "A line that a job prints on stdout with --json: `run --follow`, `follow`, `automations trigger --follow`. " +
      `If there is a start, the first line has the type run or trigger. The last line has the type result. ${LATER}`,
    anyOf: [
      line("run", "The answer to a start.", RUN),
      line("trigger", "The answer to a trigger.", TRIGGER),
      line("status", "The status of an automation run changed.", AUTOMATION_STATUS),
      line(
        "waiting",
        "The number of people or events that an automation run is waiting for changed.",
        AUTOMATION_WAITS,
      ),
      last("result", "The result of a run.", "result.schema.json"),
      last("result", "The result of an automation run.", "automation-result.schema.json"),
      { $ref: "event.schema.json", description: "An event of a run. Its type can be any word." },
    ],
  }),
  "campaign-line.schema.json": schema("a line of campaign --json of @mogplex/ci", {
    description:
      "A line that `campaign advance` and `campaign run` print on stdout with --json. The last line has the " +
      `type campaign. ${LATER}`,
    anyOf: [
      ...Object.entries(CAMPAIGN).map(([type, fields]) =>
        line(type as keyof typeof CAMPAIGN, CAMPAIGN_LINES[type as keyof typeof CAMPAIGN], fields as Fields<unknown>)
      ),
      last("campaign", "The campaign at the end of the command.", "campaign-report.schema.json"),
    ],
  }),
};
