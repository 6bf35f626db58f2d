import { expect, test } from "bun:test";
import fc from "fast-check";
import { main } from "../../../lib/cli/main.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { makeEmulator } from "../../../lib/emulator/emulator.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { fakeIo } from "../cli/fake_io.ts";
import { REPO } from "../cli/world.ts";
import { DISGUISES, readings } from "./disguises.ts";
import { propertyRuns } from "../../property_runs.ts";

/** Placeholder for the disguised secret in the answers of the service. */
const HERE = "SECRET_STANDS_HERE";
/** The emulator's token. The command gets another one, which the test's `fetch` replaces. */
const KNOWN = "mog_aliceReadWriteToken0000000000001";

/** Places for it in the answers of the service. */
const PLACES = ["message", "tool", "payload", "error", "branch", "pull", "delta", "refusal", "network"] as const;
/** Further places, in which only the token is masked. */
const TOKEN_PLACES = ["id", "type", "time", "key", "status", "code"] as const;
type Place = typeof PLACES[number] | typeof TOKEN_PLACES[number];

const COMMANDS: readonly (readonly string[])[] = [
  ["follow"],
  ["follow", "--log", "full"],
  ["follow", "--log", "json"],
  ["follow", "--json"],
  ["report", "--report", "markdown=s.md", "--report", "json=r.json", "--report", "ndjson=e", "--report", "dotenv=o"],
  ["runs events", "--follow", "--timeout", "30"],
  ["runs events", "--json"],
  ["runs get"],
  ["runs get", "--json"],
];

interface Story {
  token: string;
  /** Value of an environment variable, or the token itself. */
  secret: string;
  place: Place;
  carried: string;
  command: readonly string[];
}

/** A body in two pieces; the first one ends inside the secret. */
function inTwo(text: string, carried: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const cut = Math.max(0, text.indexOf(carried.slice(0, 8))) + 7;
  return new ReadableStream({
    start(controller) {
      for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) controller.enqueue(piece);
      controller.close();
    },
  });
}

/** All output of the command: both streams and all files. */
async function outputs({ token, secret, place, carried, command }: Story): Promise<string> {
  const clock = virtualClock();
  const emulator = makeEmulator({ fixture: parseFixture(fixture), clock });
  const headers = { authorization: `Bearer ${KNOWN}`, "content-type": "application/json", "idempotency-key": "k" };
  const body = JSON.stringify({ repoId: REPO, prompt: "x", createBranch: true });
  const url = "https://mogplex.com/api/v1/mogplex/runs";
  const started = await emulator.fetch(url, { method: "POST", headers, body });
  const { data } = await started.json() as { data: { runId: string } };
  const { runId } = data;
  const at = (name: Place, text: string) => place === name ? HERE : text;
  emulator.control("appendEvents", {
    runId,
    events: [
      {
        type: "log",
        message: at("branch", "x"),
        payload: { stage: "git_sync", working_branch: at("branch", "main"), base_branch: "main" },
      },
      { type: "log", message: at("delta", "x"), payload: { kind: "assistant_delta" } },
      {
        type: "log",
        message: at("message", "x"),
        toolName: at("tool", "t"),
        payload: { a: [at("payload", "x")] },
      },
      { type: "log", message: "y", payload: { [at("key", "key")]: { text: at("payload", "x") } } },
      {
        type: "log",
        message: "Pull request ready",
        payload: { stage: "git_delivery", changed: true, pull_request_url: `https://github.com/${at("pull", "a")}` },
      },
      {
        type: "failed",
        message: at("message", "x"),
        payload: { error: at("error", "x"), failure_code: at("code", "c") },
      },
    ],
  });
  emulator.control("setRun", { runId, run: { status: "failed", error: at("error", "it broke") } });
  let calls = 0;
  async function fetch(address: string, init: RequestInit) {
    calls++;
    if (calls === 1 && place === "refusal") return new Response(`{"error":"${HERE}"} ${carried}`, { status: 400 });
    if (calls <= 2 && place === "network") throw new TypeError(`fetch failed: ${carried}`);
    const sent = new Headers(init.headers);
    sent.set("authorization", `Bearer ${KNOWN}`);
    const answer = await emulator.fetch(address, { ...init, headers: sent });
    let text = await answer.text();
    if (place === "id") text = text.replace(/("events":\[.*?"id":")[^"]*/, `$1${HERE}`);
    if (place === "type") text = text.replaceAll('"type":"log"', `"type":"${HERE}"`);
    if (place === "time") text = text.replace(/("events":\[.*?"createdAt":")[^"]*/, `$1${HERE}`);
    if (place === "status") text = text.replace('"harness":"codex"', `"harness":"${HERE}"`);
    text = text.replaceAll(HERE, () => JSON.stringify(carried).slice(1, -1));
    return new Response(inTwo(text, carried), { status: answer.status, headers: answer.headers });
  }
  const env = {
    MOGPLEX_API_KEY: token,
    ...(secret !== token && { CI_JOB_TOKEN: secret }),
    GITHUB_ACTIONS: "true",
    GITHUB_OUTPUT: "/out",
    GITHUB_STEP_SUMMARY: "/summary",
    ...(secret === token && { MOGPLEX_OUT: "out" }),
  };
  const io = fakeIo({ env });
  const [verb = "", ...flags] = command;
  await main([...verb.split(" "), runId, ...flags], io, { fetch, clock });
  return [io.text.stdout, io.text.stderr, ...io.files.values()].join("\n");
}

const letters = fc.stringMatching(/^[A-Za-z0-9]{20,40}$/);
const tokens = fc.oneof(
  letters.map((body) => `mog_${body}`),
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._~+/-]{18,30}[a-z]$/).filter((text) => !text.startsWith("mog_")),
);
// Values of variables can have any visible characters; blanks at their ends are trimmed.
const values = fc.tuple(letters, fc.stringMatching(/^[!-~]{0,12}$/)).map(([body, more]) => `${body}${more}z`);
const around = fc.stringMatching(/^[a-z .,]{0,12}$/);
const names = Object.keys(DISGUISES);

test(
  "no output contains the token or a secret of the environment, wherever it stands and however it is disguised",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        tokens,
        fc.option(values),
        fc.nat(PLACES.length + TOKEN_PLACES.length - 1),
        fc.constantFrom(...names),
        around,
        around,
        fc.constantFrom(...COMMANDS),
        async (token, value, which, name, before, after, command) => {
          const dropIn = command[0]?.startsWith("runs");
          // The drop-in verbs read only the documented variables.
          const secret = dropIn || value === null || which >= PLACES.length ? token : value;
          const carried = DISGUISES[name]?.(secret, before, after) ?? "";
          const place = [...PLACES, ...TOKEN_PLACES][which] as Place;
          const found = readings(await outputs({ token, secret, place, carried, command }))
            .filter((reading) => reading.includes(secret));
          expect({
            name,
            place,
            command,
            found: found.map((text) => text.slice(Math.max(0, text.indexOf(secret) - 80)).slice(0, 200)),
          })
            .toEqual({ name, place, command, found: [] });
        },
      ),
      { numRuns: propertyRuns(250) },
    );
  },
);

test("every disguise is masked in every place of the answers", async () => {
  const token = "mog_Zk9pQ2rT7vXw3YbN5sLdF8aG";
  let turn = 0;
  for (const name of names) {
    turn++;
    for (const place of [...PLACES, ...TOKEN_PLACES]) {
      const carried = DISGUISES[name]?.(token, "before ", " after") ?? "";
      // Each case runs one command, the next one in turn.
      const command = COMMANDS[turn++ % COMMANDS.length] ?? [];
      const text = await outputs({ token, secret: token, place, carried, command });
      const found = readings(text).some((reading) => reading.includes(token));
      expect({ name, place, command, found }).toEqual({ name, place, command, found: false });
    }
  }
});

test("readings() finds the secret in every disguise", () => {
  const secret = `mog_Zk9pQ2rT7vXw3YbN5s`;
  for (const [name, disguise] of Object.entries(DISGUISES)) {
    const text = disguise(secret, "before", "after");
    for (const shown of [text, JSON.stringify(text)]) {
      expect([name, readings(shown).some((reading) => reading.includes(secret))]).toEqual([name, true]);
    }
  }
});

test("no error contains a token from the arguments or the request", async () => {
  const token = "mog_Zk9pQ2rT7vXw3YbN5sLdF8aG";
  for (
    const args of [
      ["run", "--follow", `--${token}`],
      ["run", "--follow", "x", "--repo", token],
      ["run", "--follow", "x", "--repo", REPO, "--harness", `${token}`],
      ["run", "--follow", "x", "--repo", REPO, "--branch", `a b ${token}`],
      ["run", "--follow", "x", "--repo", REPO, "--idempotency-key", `${token} \n`],
      ["run", "--follow", "x", "--repo", REPO, "--report", token],
      ["run", "--follow", "x", "--repo", REPO, "--timeout", token],
      ["follow", token],
      [token],
      ["runs", token],
      ["runs", "get", token],
    ]
  ) {
    const io = fakeIo({ env: { MOGPLEX_API_KEY: token } });
    const fetch = () => Promise.reject(new TypeError(`connect ${token}`));
    const code = await main(args, io, { fetch, clock: virtualClock() });
    expect(code).not.toBe(0);
    const all = [
      io.text.stdout,
      io.text.stderr,
      ...[...io.files].filter(([path]) => !path.endsWith("run.json")).map(([, text]) => text),
    ];
    expect({ args, found: readings(all.join("\n")).some((text) => text.includes(token)) }).toEqual({
      args,
      found: false,
    });
  }
});
