import { MogplexError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Automation } from "../../model.ts";
import { AutomationSuppressedError, runAutomationJob, triggerJob } from "../../run/automation.ts";
import type { TriggeredRun } from "../../run/automation_request.ts";
import { type AutomationItem, MAX_LISTED, summarizeRuns } from "../../run/follow_automation.ts";
import { automationsOf, MAX_AUTOMATIONS } from "../../run/list_automations.ts";
import { emptyAutomationResult, endOfAutomationRun } from "../../run/result.ts";
import type { Session } from "../../run/session.ts";
import type { CallOptions } from "../../service/client.ts";
import { checkUuid } from "../../service/validate.ts";
import { openOneShot } from "../context.ts";
import { withJob } from "../job/with_job.ts";
import {
  automationCells,
  automationText,
  printList,
  shownAutomation,
  shownDetail,
  shownTrigger,
  triggerEnd,
  triggerLines,
} from "../log/lists.ts";
import type { LiveLog } from "../log/live_log.ts";
import {
  IDEMPOTENCY_KEY,
  INPUTS,
  JSON_LINES,
  KEY_PART,
  KEY_SCOPE,
  KEYS,
  OPEN,
  REPO,
  REPORTING,
  TIMEOUT,
  TOKEN_SHARE,
  WATCHING,
  wholeNumber,
} from "../options.ts";
import { readTriggerSettings, requiredArgument } from "../settings.ts";
import { readTriggerRequest } from "../start_request.ts";
import type { Context, Option, Verb, VerbFlag } from "../verb.ts";
import { ASKING, TRIGGERING } from "./codes.ts";

/** If the runs cannot be read, a notice is printed and the result is `null`, because the automation itself is still worth printing. */
async function recentRuns(session: Session, automationId: string, call: CallOptions) {
  try {
    const runs = await session.client.listAutomationRuns(automationId, { limit: MAX_LISTED }, call);
    return summarizeRuns(runs, session.clock.wallTime());
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
    session.notify({ kind: "text", message: `the automation's runs are not shown: ${error.message}` });
    return null;
  }
}

export const automationsGetVerb: Verb = {
  name: "automations get",
  usage: "<automation-id>",
  maxPositionals: 1,
  summary: "Print an automation: its version and a summary of its runs, without its graph",
  group: "toolkit",
  flags: [JSON_LINES],
  codes: ASKING,
  meanings: { success: "the request succeeded" },
  examples: ['mogplex-ci automations get "$AUTOMATION_ID"'],
  async run(context) {
    const { flags, writer } = context;
    const id = requiredArgument(context, "automations get", "automation-id");
    const { session, call } = openOneShot(context);
    const automation = await session.client.getAutomation(id, call);
    const detail = shownDetail(automation, await recentRuns(session, id, call));
    if (flags.has(JSON_LINES)) writer.json(detail);
    else writer.out(...writer.untrustedLines(automationText(writer.clean(detail))));
    return EXIT.success;
  },
};

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 10_000;

const LIMIT: Option<number> = {
  name: "limit",
  value: "N",
  help: `At most N, 1 to ${MAX_LIMIT} (default ${DEFAULT_LIMIT})`,
  parse: wholeNumber(1, MAX_LIMIT),
};

const ALL: VerbFlag = { name: "all", help: "List all automations, in as many requests as needed" };

export const automationsListVerb: Verb = {
  name: "automations list",
  summary: "List the automations, newest first",
  group: "toolkit",
  flags: [LIMIT, ALL, JSON_LINES],
  codes: ASKING,
  meanings: { success: "the request succeeded" },
  examples: [`mogplex-ci automations list --all --json | jq -r '.id + " " + .name'`],
  async run(context) {
    const { flags, writer, option } = context;
    const limit = option(LIMIT);
    const all = flags.has(ALL);
    if (all && limit !== undefined) {
      throw new UsageError({
        attempted: "list automations",
        why: "--all and --limit cannot be used together",
        advice: "use only one of them",
      });
    }
    const most = all ? Infinity : limit ?? DEFAULT_LIMIT;
    const { session } = openOneShot(context);
    const rows: Automation[] = [];
    let incomplete = false;
    const options = {
      pageSize: Math.min(most, MAX_AUTOMATIONS),
      limit: most,
      onIncomplete: () => incomplete = true,
    };
    const automations = automationsOf(session, options);
    let next = await automations.next();
    for (; !next.done; next = await automations.next()) rows.push(shownAutomation(next.value));
    // If the list is incomplete, another notice already reports this.
    const more = next.value && !incomplete;
    printList(writer, flags.has(JSON_LINES), rows, automationCells);
    if (more) writer.note(`there are more automations than the ${most} shown: see --limit and --all`);
    return EXIT.success;
  },
};

async function triggerOnce(context: Context): Promise<number> {
  const { flags, writer } = context;
  const automationId = checkUuid(requiredArgument(context, "automations trigger", "automation-id"), "automation id");
  const { key, timeoutMs } = readTriggerSettings(context);
  const request = await readTriggerRequest(context);
  try {
    const { session } = openOneShot(context, timeoutMs);
    const triggered = await triggerJob(automationId, request, session, key);
    const { code, problem } = triggerEnd(triggered);
    if (flags.has(JSON_LINES)) writer.json({ ...shownTrigger(triggered), exitCode: code });
    else writer.out(...triggerLines(triggered).map((line) => writer.untrusted(line)));
    if (problem !== null) writer.error(problem);
    return code;
  } catch (error) {
    if (flags.has(JSON_LINES) && error instanceof AutomationSuppressedError) {
      const { reason, exitCode } = error;
      writer.json({ automationId, runId: null, status: "suppressed", replayed: false, reason, exitCode });
    }
    throw error;
  }
}

export const automationsTriggerVerb: Verb = {
  name: "automations trigger",
  usage: "<automation-id>",
  maxPositionals: 1,
  summary: "Trigger an automation, and print the run that it started or found",
  group: "toolkit",
  flags: [REPO, INPUTS, IDEMPOTENCY_KEY, KEY_SCOPE, KEY_PART, TIMEOUT, JSON_LINES],
  codes: TRIGGERING,
  meanings: { success: "the run is running or has succeeded" },
  examples: ['mogplex-ci automations trigger "$AUTOMATION_ID" --repo acme/web --input n=1'],
  run: triggerOnce,
};

const FOLLOW: VerbFlag = {
  name: "follow",
  help: "Wait for a slot, then for the run to end: a whole CI job in one line",
  heading: "Following",
};

function announce({ flags, writer }: Context, triggered: TriggeredRun): void {
  if (flags.has(JSON_LINES)) return writer.json({ type: "trigger", ...shownTrigger(triggered) });
  // The block at the end of the log contains the key if the key is needed to continue.
  const lines = triggerLines(triggered).filter((line) => !line.startsWith("key "));
  writer.out(...lines.map((line) => writer.untrusted(line)));
}

function show({ flags, writer }: Context, live: LiveLog, item: AutomationItem): void {
  if (item.type === "end") return;
  if (flags.has(JSON_LINES)) {
    writer.json(
      item.type === "status" ? { type: item.type, status: item.status } : { type: item.type, count: item.count },
    );
  }
  if (item.type === "status") live.status(item.status, endOfAutomationRun(item.status) !== undefined);
  else if (item.count > 0) live.line("waits", `for an answer in the app (${item.count})`);
  else live.line("continues", "");
}

export async function triggerAndFollow(context: Context): Promise<number> {
  const { result } = await withJob(context, {
    nothing: { ...emptyAutomationResult(), automationId: context.flags.positionals[0]?.trim() ?? "" },
    async read() {
      const argument = requiredArgument(context, "automations trigger", "automation-id");
      const automationId = checkUuid(argument, "automation id");
      const settings = readTriggerSettings(context);
      return { ...settings, log: "compact", automationId, request: await readTriggerRequest(context) };
    },
  }, ({ asked: { automationId, request, key }, live, started, complete }) =>
    runAutomationJob(
      automationId,
      request,
      complete({
        ...key,
        onItem: (item) => show(context, live, item),
        onStarted(triggered) {
          announce(context, triggered);
          started(triggered.runId);
          live.begin(triggered.status);
        },
      }),
    ));
  return result.exitCode;
}

export const automationsTriggerFollowVerb: Verb = {
  name: "automations trigger --follow",
  chosenBy: [FOLLOW],
  usage: "<automation-id>",
  maxPositionals: 1,
  summary: "Trigger an automation, wait for its run, write reports, and exit with its verdict",
  group: "toolkit",
  flags: [FOLLOW, REPO, INPUTS, WATCHING, TOKEN_SHARE, KEYS, REPORTING, [OPEN], JSON_LINES],
  codes: [TRIGGERING, "sighup", "sigint", "sigterm"],
  meanings: {
    success: "the automation run succeeded",
    failed: "the automation run failed",
    cancelled: "the automation run was cancelled",
    rateLimited: "still rate limited (429) at the deadline; or nothing was started because too many runs are active",
    deadline: "--timeout passed; the run continues, or waits for a slot, unless --on-timeout is cancel",
  },
  examples: [
    'mogplex-ci automations trigger --follow "$AUTOMATION_ID" --repo acme/web',
  ],
  run: triggerAndFollow,
};
