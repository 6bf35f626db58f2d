/** What holds for every script: its verdict, and its end without a verdict. Then what each script is for. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CORPUS } from "../../unit/hostile/corpus.ts";
import { LOG_PARSERS, terminalCommands } from "../../unit/hostile/parsers/log_parsers.ts";
import { parseScenario } from "../../unit/emulator/scenarios.ts";
import { CANCEL, START } from "../../programs/processes/world/recorder.ts";
import {
  openScripts,
  openWebhook,
  READ,
  readScript,
  SCRIPTS,
  type Scripts,
  type ScriptService,
  type ScriptServiceOptions,
  withService,
} from "../../programs/examples/scripts.ts";

const AUTOMATION = "bun/dispatch_automation.ts";
const FOLLOW = "deno/run_and_follow.ts";
const LOG = "node/structured_log.mjs";
const MANY = "node/many_repositories.mjs";
const NOTIFY = "deno/notify_webhook.ts";
const PULL = "bun/require_pull_request.ts";

/** As much as one read of the events shows without its window being full. PostgreSQL stores no NUL. */
const SAID = CORPUS.map(({ text }) => text).filter((text) => text.length < 2_000 && !text.includes("\0")).slice(0, 190);

let scripts: Scripts;

beforeAll(async () => {
  scripts = await openScripts();
});

afterAll(() => scripts.release.close());

/** A test with its own service, beside the others. */
function together(what: string, options: ScriptServiceOptions, body: Parameters<typeof withService>[1]): void {
  test.concurrent(what, () => withService(options, body));
}

/** A test with its own service, and the machine to itself: a stop has few seconds. */
function alone(what: string, options: ScriptServiceOptions, body: Parameters<typeof withService>[1]): void {
  test(what, () => withService(options, body));
}

test("there are two scripts for each runtime, in the table of examples/README.md, and each pins its package", () => {
  const readme = readScript("README.md");
  const count = (runtime: string) => SCRIPTS.filter((file) => file.startsWith(`${runtime}/`)).length;
  expect(["deno", "bun", "node"].map(count)).toEqual([2, 2, 2]);
  for (const file of SCRIPTS) {
    expect(readScript(file), file).toMatch(/@mogplex\/ci@\d+\.\d+\.\d+/);
    expect(readme).toContain(`](${file})`);
  }
});

for (const file of SCRIPTS) {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    together(`${file} ends with ${code} when its run plays ${scenario}`, { scenario }, async (service) => {
      expect(await scripts.run(file, service)).toMatchObject({ code });
      expect(service.recorder.of(/^POST/)).toHaveLength(1);
    });
  }

  together(`${file} ends with 64 without a token, with the built dist/ beside it`, {}, async (service) => {
    const beside = (text: string) => text.replace(/ from "(npm:)?@mogplex\/ci(@[\d.]+)?"/, ' from "./dist/mod.mjs"');
    const { code, stderr, stdout } = await scripts.run(file, service, { edit: beside, env: { MOGPLEX_API_KEY: "" } });
    expect(code).toBe(64);
    expect(stdout + stderr).toContain("variable MOGPLEX_API_KEY is empty");
    expect(service.recorder.requests).toEqual([]);
  });

  together(`${file} ends with 2 and its usage when an argument begins with "-"`, {}, async (service) => {
    const name = file.split("/")[1] ?? "";
    const command = (line: string) => line.replace(new RegExp(`(?<= ${RegExp.escape(name)}).*`), " --help");
    const { code, stdout, stderr } = await scripts.run(file, service, { command });
    expect({ code, usage: (stdout + stderr).includes(`usage: ${name} `) }).toEqual({ code: 2, usage: true });
    expect(service.recorder.requests).toEqual([]);
  });

  together(`${file} ends with 70 when it has no verdict: what it waits for never comes`, {}, async (service) => {
    const edit = (text: string) => text.replace(/^void main\(work/m, "void main(() => new Promise(() => {})");
    expect((await scripts.run(file, service, { edit })).code).toBe(70);
    expect(service.recorder.requests).toEqual([]);
  });

  // A campaign names its repositories in its file, is not stopped by a quota, and leaves its runs alone when it is stopped.
  if (file === MANY) continue;

  together(`${file} accepts the repository's id, too, and ends with 2 without a repository`, {}, async (service) => {
    const [{ id } = { id: "" }] = service.repos;
    expect(await scripts.run(file, service, { env: { MOGPLEX_REPO_ID: id } })).toMatchObject({ code: 0 });
    expect(service.recorder.of(/^POST/)).toHaveLength(1);
    const { code, stdout, stderr } = await scripts.run(file, service, { env: { MOGPLEX_REPO_ID: "" } });
    expect({ code, log: stdout + stderr }).toEqual({ code: 2, log: expect.stringContaining("use repository") });
    expect(service.recorder.of(/^POST/)).toHaveLength(1);
  });

  together(`${file} ends with 75 when the token's quota is used up for longer than it waits`, {}, async (service) => {
    const route = file === AUTOMATION ? "POST /automations/*/trigger" : "POST /runs";
    service.emulator.control("fault", { kind: "429", route, retryAfter: 86_400, times: 5 });
    const { code, stderr, stdout } = await scripts.run(file, service);
    expect(code).toBe(75);
    expect(stdout + stderr).toMatch(
      /wait until \d{4}-\d\d-\d\d \d\d:\d\d UTC, or use a timeout that ends after that time/,
    );
    expect(service.recorder.of(/^POST/)).toHaveLength(1);
  });

  const stuck = {
    scenario: file === AUTOMATION ? "automation-stuck" : "stuck-streaming",
    revision: { automationRunCancel: true },
  };
  const signals = [["SIGTERM", 143], ["SIGINT", 130]] as const;
  // Both where the runtimes differ; the rest of the block is the same in every script.
  const first = SCRIPTS.find((each) => each.split("/")[0] === file.split("/")[0]) === file;
  for (const [signal, code] of first ? signals : signals.slice(0, 1)) {
    alone(`${file} cancels its run and ends with ${code} at ${signal}`, stuck, async (service) => {
      const running = scripts.launch(file, service);
      await service.atWork();
      running.child.kill(signal);
      expect(await running.ended).toMatchObject({ code });
      const cancels = service.recorder.of(/\/cancel$/);
      expect(cancels.map(({ status }) => status)).toEqual([200]);
      if (file !== AUTOMATION) {
        expect([cancels[0]?.what, service.statuses()]).toEqual([expect.stringMatching(CANCEL), ["cancelled"]]);
      }
    });
  }
}

/** What a CI system or a terminal would obey of a log. */
function obeyed(log: string): string[] {
  return [...Object.values(LOG_PARSERS), terminalCommands].flatMap((parse) => parse(log)).slice(0, 3);
}

/** Has the agent of the run that is started next say something, and the run end. */
async function speak(
  { recorder, emulator }: ScriptService,
  events: Record<string, unknown>[],
  run: Record<string, unknown>,
) {
  await recorder.arrived(READ);
  const { runId } = JSON.parse(recorder.of(START)[0]?.answer ?? "").data;
  emulator.control("appendEvents", { runId, events });
  emulator.control("setRun", { runId, run });
}

const MUTE = { scenario: "stuck-pending" };

for (const file of SCRIPTS.filter((each) => each !== MANY)) {
  together(
    `${file} prints nothing that a CI system obeys when the service refuses it in hostile words`,
    {},
    async (service) => {
      const message = SAID.filter((text) => text.length < 100).join("\n");
      service.recorder.intercept = ({ what }) =>
        Promise.resolve(
          what.startsWith("POST") ? { status: 400, body: { ok: false, error: { code: message, message } } } : undefined,
        );
      const { code, stdout, stderr } = await scripts.run(file, service);
      expect({ code, obeyed: obeyed(stdout + stderr) }).toEqual({ code: 2, obeyed: [] });
      expect(stdout + stderr).toContain("the service refuses the request");
    },
  );

  if (file === AUTOMATION) continue;
  together(
    `${file} prints nothing that a CI system obeys when its agent says all that is hostile`,
    MUTE,
    async (service) => {
      const events = SAID.map((message) => ({ type: "log", message, toolName: message.slice(0, 200) }));
      const [{ code, stdout, stderr, cwd }] = await Promise.all([
        scripts.run(file, service),
        speak(service, events, { status: "failed", error: SAID.join("\n") }),
      ]);
      expect({ code, obeyed: obeyed(stdout + stderr) }).toEqual({ code: 1, obeyed: [] });
      if (file === FOLLOW) expect(stdout.match(/^log /gm)).toHaveLength(SAID.length);
      if (file === LOG) expect(obeyed(readFileSync(join(cwd, "run.ndjson"), "utf8"))).toEqual([]);
    },
  );
}

together(`${FOLLOW} shows what happens, and leaves reports, with nothing else permitted`, {}, async (service) => {
  const { stdout, stderr, cwd } = await scripts.run(FOLLOW, service);
  expect(stdout).toMatch(/^run +[0-9a-f-]{36} started\nstatus +\w+\n/);
  expect(stdout).toMatch(/^status_changed Harness run streaming$/m);
  expect(stdout).toMatch(/^verdict {3}success https?:\/\/\S+$/m);
  expect(stderr).toBe("");
  expect(readFileSync(join(cwd, "mogplex-ci/summary.md"), "utf8")).toContain("success");
  expect(existsSync(join(cwd, "mogplex-ci/junit.xml"))).toBe(true);
});

for (
  const [scenario, code, why] of [["no-changes", 1, "nothing was changed"], [
    "stuck-pending",
    69,
    "its events did not tell",
  ]] as const
) {
  together(`${PULL} ends with ${code} when the run succeeded and ${why}`, { scenario }, async (service) => {
    const [{ code: found, stderr }] = await Promise.all([
      scripts.run(PULL, service),
      scenario === "stuck-pending" ? speak(service, [], { status: "success" }) : undefined,
    ]);
    expect([found, stderr]).toEqual([code, expect.stringContaining(why)]);
  });
}

together(`${PULL} ends with 2 when there is no task, and starts nothing`, {}, async (service) => {
  const command = (line: string) => line.replace("task.md", "other.md");
  expect((await scripts.run(PULL, service, { command })).code).toBe(2);
  expect(service.recorder.requests).toEqual([]);
});

together(
  `${LOG} writes one record a line with time, level and type, and nothing to the log of the job`,
  {},
  async (service) => {
    const { stdout, stderr, cwd } = await scripts.run(LOG, service);
    expect(stdout + stderr).toBe("");
    const records = readFileSync(join(cwd, "run.ndjson"), "utf8").trimEnd().split("\n").map((each) => JSON.parse(each));
    for (const { time, level, type } of records) {
      expect(["debug", "info", "warn", "error"]).toContain(level);
      expect([typeof type, Number.isNaN(Date.parse(time))]).toEqual(["string", false]);
    }
    const own = records.filter(({ type }) => type !== "notice");
    expect(own[0]).toMatchObject({ type: "start", replayed: false });
    expect(own.at(-1)).toMatchObject({ type: "end", level: "info", outcome: "success", exitCode: 0 });
    expect(own.filter(({ type }) => type === "event").map(({ event }) => event.type)).toContain("finished");
  },
);

together(
  `${LOG} keeps its verdict when its standard output is not read to the end`,
  { scenario: "agent-failure" },
  async (service) => {
    const command = (line: string) => `sh -c '${line.replace(" run.ndjson", "")}; echo "code $?" >&2' | head -n 1`;
    const { stdout, stderr } = await scripts.run(LOG, service, { command });
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toBe("code 1\n");
  },
);

together(`${LOG} ends with 2 when its file cannot be written, and starts nothing`, {}, async (service) => {
  const command = (line: string) => line.replace("run.ndjson", "missing/run.ndjson");
  const { code, stderr } = await scripts.run(LOG, service, { command });
  expect({ code, name: JSON.parse(stderr).name }).toEqual({ code: 2, name: "UsageError" });
  expect(service.recorder.requests).toEqual([]);
});

/** Runs the script with a webhook that answers with a status; true stands for no answer. */
async function notify(service: ScriptService, status: number | true, edit = (text: string) => text, permitted = true) {
  const webhook = await openWebhook(status);
  try {
    const command = (line: string) => permitted ? line.replace("hooks.slack.com", new URL(webhook.url).host) : line;
    const end = await scripts.run(NOTIFY, service, { command, edit, env: { WEBHOOK_URL: webhook.url } });
    expect(end.stdout + end.stderr).not.toContain(new URL(webhook.url).pathname);
    return { ...end, messages: webhook.messages };
  } finally {
    webhook.close();
  }
}

for (const [scenario, code, words] of [["success", 0, "success"], ["agent-failure", 1, "failed"]] as const) {
  together(`${NOTIFY} posts the verdict ${words} in the form that Slack takes`, { scenario }, async (service) => {
    const { code: found, messages, stderr } = await notify(service, 200);
    const [runId] = service.emulator.world.store.runs.keys();
    const rest = code === 0 ? /<https?:\/\/[^|<>]+\|pull request>$/ : /no pull request known$/;
    expect({ found, stderr, count: messages.length }).toEqual({ found: code, stderr: "", count: 1 });
    expect(Object.keys(messages[0] ?? {})).toEqual(["text"]);
    expect(messages[0]?.text).toStartWith(`Mogplex run ${runId}: ${words} (exit code ${code}), `);
    expect(messages[0]?.text).toMatch(rest);
  });
}

for (
  const [what, status, edit] of [
    ["answers 500", 500, undefined],
    ["redirects", 302, undefined],
    ["never answers", true, (text: string) => text.replace("timeout(5_000)", "timeout(1_500)")],
  ] as const
) {
  together(`${NOTIFY} keeps the verdict, and the address to itself, when the webhook ${what}`, {}, async (service) => {
    const { code, messages, stderr } = await notify(service, status, edit);
    expect({ code, count: messages.length }).toEqual({ code: 0, count: 1 });
    expect(stderr).toStartWith("warning: Cannot notify");
  });
}

together(
  `${NOTIFY} keeps the verdict when Deno does not permit the webhook's host`,
  { scenario: "agent-failure" },
  async (service) => {
    const { code, messages, stderr } = await notify(service, 200, undefined, false);
    expect({ code, count: messages.length }).toEqual({ code: 1, count: 0 });
    expect(stderr).toContain("--allow-net: NotCapable");
  },
);

together(`${NOTIFY} tells of a job without a verdict, too`, {}, async (service) => {
  service.emulator.control("fault", { kind: "429", route: "POST /runs", retryAfter: 86_400 });
  const { code, messages } = await notify(service, 200);
  expect({ code, text: messages[0]?.text }).toEqual({
    code: 75,
    text: "Mogplex run: no verdict, RateLimitedError (exit code 75)",
  });
});

together(
  `${NOTIFY} puts no word of an agent into the message, and no second link into the address`,
  MUTE,
  async (service) => {
    const pull_request_url = "https://github.com/acme/web/pull/7?a=<!channel>|x&b=<https://evil.example|y>";
    const delivery = { stage: "git_delivery", changed: true, pull_request_url, working_branch: "<!channel>" };
    const [{ code, messages }] = await Promise.all([
      notify(service, 200),
      speak(service, [{ type: "log", message: "<!channel>", payload: delivery }], {
        status: "failed",
        error: "<!channel> @here",
      }),
    ]);
    const text = String(messages[0]?.text);
    expect({ code, brackets: text.replace(/[^<>|]/g, "") }).toEqual({ code: 1, brackets: "<|>" });
    expect(text).not.toMatch(/<!|@here|&(?!amp;)/);
  },
);

together(`${MANY} prints when it will be done, a line for each change, and ends with the code of the whole`, {
  names: ["web", "agent-failure", "no-changes", "api"],
  ...{ speed: 1_000, sandboxLimit: 3 },
}, async (service) => {
  const { code, stdout } = await scripts.run(MANY, service);
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0]).toMatch(/^4 items, done \d{4}-\S+ at the earliest, because of: \w+$/);
  for (const ended of ["succeeded acme/web", "unchanged acme/no-changes", "succeeded acme/api"]) {
    expect(lines.map((each) => each.trim())).toContain(ended);
  }
  expect(lines).toContain("failed acme/agent-failure Agent run exited with code 1.");
  expect({ code, last: lines.at(-1) }).toEqual({ code: 1, last: "done: 3 of 4 succeeded" });
  expect(new Set(service.recorder.of(START).map(({ key }) => key)).size).toBe(4);
});

alone(`${MANY} leaves its runs at work when it is stopped, and goes on with the next call`, {
  scenario: "stuck-streaming",
  names: ["a", "b", "c"],
  sandboxLimit: 3,
}, async (service) => {
  const running = scripts.launch(MANY, service);
  await service.recorder.arrived(START, 3);
  running.child.kill("SIGTERM");
  const { code, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({
    code: 143,
    stderr: expect.stringContaining("the next call continues the campaign"),
  });
  expect([service.recorder.of(CANCEL), service.statuses().length]).toEqual([[], 3]);
  for (const { id } of service.emulator.world.store.runs.values()) {
    service.emulator.control("setRun", { runId: id, run: { status: "success" } });
  }
  const again = await scripts.run(MANY, service, { cwd: running.cwd });
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("done: 3 of 3 succeeded")]);
  expect([service.statuses().length, new Set(service.recorder.of(START).map(({ key }) => key)).size]).toEqual([3, 3]);
});

together(`${MANY} ends with 2 and the place when the file has a mistake`, {}, async (service) => {
  const files = { "campaign.yml": "version: 1\nname: codemod\nprompt: Fix it\nrepositoris: [acme/web]\n" };
  const { code, stderr } = await scripts.run(MANY, service, { files });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("campaign.yml:4:1") });
  expect(service.recorder.requests).toEqual([]);
});

together(`${MANY} prints nothing that a CI system obeys when all that it hears is hostile`, {
  ...MUTE,
  names: ["web", "api"],
}, async (service) => {
  const message = SAID.filter((text) => text.length < 100).join("\n");
  service.recorder.intercept = ({ what, body }) =>
    Promise.resolve(
      START.test(what) && service.recorder.of(START)[0]?.body !== body
        ? { status: 400, body: { ok: false, error: { code: message, message } } }
        : undefined,
    );
  const hostile = async () => {
    await service.recorder.arrived(START, 2);
    const [{ id: runId } = { id: "" }] = service.emulator.world.store.runs.values();
    service.emulator.control("setRun", { runId, run: { status: "failed", error: SAID.join("\n") } });
  };
  const [{ code, stdout, stderr }] = await Promise.all([scripts.run(MANY, service), hostile()]);
  expect({ code, obeyed: obeyed(stdout + stderr) }).toEqual({ code: 1, obeyed: [] });
  expect(stdout).toContain("done: 0 of 2 succeeded");
});

/** Its run waits for a slot for as long as the test does not move the time. */
const SLOT = parseScenario("automation: { slotAfter: 6000, steps: [{ after: 20, status: success }] }", "slot");

together(`${AUTOMATION} waits for a slot, and says so`, { scenarios: [SLOT] }, async (service) => {
  const running = scripts.run(AUTOMATION, service);
  // The second read comes after the answer to the first.
  await service.recorder.arrived(/^GET .*\/automations\/[^/]+\/runs\//, 2);
  service.emulator.control("advanceClock", { seconds: 6000 });
  const { code, stdout } = await running;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^automation run \S+ triggered\nwaits for a slot\n(running\n)?(success\n)?verdict success\n$/);
  const { input } = JSON.parse(service.recorder.of(/trigger$/)[0]?.body ?? "");
  expect(input).toEqual({ depth: "full" });
});

together(`${AUTOMATION} ends with 75 when the trigger is accepted and starts nothing`, {
  scenario: "automation-suppressed",
}, async (service) => {
  const edit = (text: string) => text.replace("40 * 60_000", "3_000");
  const { code, stdout, stderr } = await scripts.run(AUTOMATION, service, { edit });
  expect({ code, stdout }).toEqual({ code: 75, stdout: "" });
  expect(stderr).toMatch(/^error: Cannot trigger automation .*REPO_PENDING_LIMIT/);
});

together(`${AUTOMATION} ends with 2 when its input is not JSON`, {}, async (service) => {
  const command = (line: string) => line.replace("depth=full", "=full");
  expect((await scripts.run(AUTOMATION, service, { command })).code).toBe(2);
  expect(service.recorder.requests).toEqual([]);
});

alone(
  `${AUTOMATION} says that its run goes on when the service cannot cancel it`,
  { scenario: "automation-stuck" },
  async (service) => {
    const running = scripts.launch(AUTOMATION, service);
    await service.atWork();
    running.child.kill("SIGTERM");
    expect(await running.ended).toMatchObject({
      code: 143,
      stderr: expect.stringContaining("the automation run continues, because this revision"),
    });
  },
);

together(`${LOG} tells once of the address that it sends the token to`, {}, async (service) => {
  const { code, stdout } = await scripts.run(LOG, service, { command: (line) => line.replace(" run.ndjson", "") });
  expect({ code, notices: stdout.match(/, unencrypted/g) }).toEqual({ code: 0, notices: [", unencrypted"] });
});
