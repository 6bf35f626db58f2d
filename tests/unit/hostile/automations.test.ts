/** The output of the verbs about automations when every text of the service's answers is hostile. */
import { expect, test } from "bun:test";
import { main } from "../../../lib/cli/main.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { good, script } from "../service/answers.ts";
import { combinations } from "../../property_runs.ts";
import { CORPUS } from "./corpus.ts";
import { LOG_PARSERS, type LogParser, terminalCommands } from "./parsers/log_parsers.ts";
import { SYSTEMS } from "./systems.ts";

const TOKEN = "mog_hostileTestToken";
const ID = "f1000000-0000-4000-8000-000000000001";
const RUN = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";
const REPO = "e0000000-0000-4000-8000-000000000001";
/** The two lines of our own fence around untrusted text. */
const FENCE = /^::(?:stop-commands::)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:::)?$/gm;

function automation(text: string) {
  return {
    id: text,
    installationId: 1,
    name: text,
    description: text,
    status: text,
    publishedVersionId: text,
    createdAt: text,
    updatedAt: text,
    publishedVersion: { id: text, versionNumber: 1, graph: text },
    runSummary: { lastRunId: text, lastRunStatus: text },
  };
}

function record(text: string, status: string) {
  const more = { waits: [{ resume_token: "resume_secret" }], ai_calls: [{ events: [text] }] };
  return good({ run: { id: RUN, status, error: text, last_start_error: text, active_wait_count: 1, ...more } });
}

/** Arguments of a verb, and answers made of a text. */
type Call = [args: string[], answers: (text: string) => Response[]];

const CALLS: Call[] = [
  [["list"], (text) => [good({ automations: [automation(text), automation(text)], nextCursor: null })]],
  [["get", ID], (text) => [good({ automation: automation(text) })]],
  [["trigger", ID, "--repo", REPO], (text) => [trigger(text, null)]],
  [["trigger", ID, "--repo", REPO], (text) => [trigger(text, RUN)]],
  [
    ["trigger", ID, "--repo", REPO, "--follow", "--timeout", "30"],
    (text) => [trigger(text, RUN, "queued"), record(text, text), record(text, "running"), record(text, "failed")],
  ],
  [
    ["trigger", ID, "--repo", REPO, "--follow", "--timeout", "2"],
    (text) => [trigger(text, RUN, "queued"), record(text, "pending")],
  ],
];

/** The same calls with `--json`. */
const JSON_CALLS = CALLS.map(([args, answers]): Call => [[...args, "--json"], answers]);

function trigger(text: string, jobRunId: string | null, outcome = "suppressed"): Response {
  const run = {
    automationId: text,
    jobRunId,
    outcome: outcome,
    reason: text,
    started: false,
    status: text,
    runtime: null,
  };
  return good({ run: jobRunId === null || outcome === "queued" ? run : { ...run, outcome: "queued" } }, 202);
}

async function printed(args: string[], answers: Response[], variable: string) {
  const io = fakeIo({ env: { MOGPLEX_API_KEY: TOKEN, [variable]: "1" } });
  const { fetch } = script(...answers);
  const code = await main(args, io, { fetch, clock: virtualClock() });
  return { code, text: `${io.text.stdout}${io.text.stderr}` };
}

/** What our own commands begin with: any further command is one too many. */
const HEAD_LENGTH = 24;

/** Commands that a verb gives itself, by system and arguments: those in its output on harmless texts. */
const OWN_COMMANDS = new Map<string, string[]>();

/** Everything that a CI system or a terminal would obey in the output of a verb, leaked tokens and bugs as well, beyond its own commands. */
async function problems(text: string, system: string, variable: string, call: Call) {
  const place = `${system} ${call[0].join(" ")}`;
  const own = OWN_COMMANDS.get(place) ?? (await obeyed("harmless", system, variable, call)).map(head);
  OWN_COMMANDS.set(place, own);
  const found = await obeyed(text, system, variable, call);
  return found.map(head).join("\n") === own.join("\n") ? [] : [...found, `instead of ${own.length} commands`];
}

function head(command: string): string {
  return command.slice(0, command.indexOf(": ") + 2 + HEAD_LENGTH);
}

async function obeyed(text: string, system: string, variable: string, [args, answers]: Call) {
  const parsers: LogParser[] = [LOG_PARSERS[system] ?? terminalCommands, terminalCommands];
  const output = await printed(["automations", ...args], answers(text), variable);
  const commands = parsers.flatMap((parse) => parse(output.text.replace(FENCE, "")));
  const leaked = output.text.includes("resume_secret") ? ["a resume token"] : [];
  const found = [...commands, ...leaked, ...(output.code === 70 ? ["a bug of ours"] : [])];
  return found.map((each) => `${system} ${args[0]}: ${each}`);
}

for (const [index, { name, text }] of CORPUS.entries()) {
  test(`the verbs about automations print nothing that a CI system or a terminal obeys: ${name}`, async () => {
    const short = text.slice(0, 2_000);
    const found = await Promise.all(
      combinations(Object.entries(SYSTEMS), index, { name, text: short }, ([system]) => system).flatMap(
        ([system, variable], number) => {
          // JSON is the same on every system, so each text takes one of them.
          const calls = number === 0 ? [...CALLS, ...JSON_CALLS] : CALLS;
          return calls.map((call) => problems(short, system, variable, call));
        },
      ),
    );
    expect(found.flat().slice(0, 3)).toEqual([]);
  });
}
