/**
 * A machine with nothing but a shell, curl, jq and a few small programs, and a service before it. Their
 * time is one: it stands still until the script sleeps.
 */
import { expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../../../lib/clock.ts";
import { type Emulator, makeEmulator } from "../../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../../lib/emulator/options.ts";
import { builtInFixture } from "../../../../lib/emulator/state/fixture.ts";
import { root } from "../../../../tools/setup.mjs";
import { type Ended, launch, type LaunchOptions, type Running } from "../../processes/world/service.ts";
import { until } from "../../processes/world/recorder.ts";
import { PROGRAMS, SH, type Shell, which } from "./shells.ts";
import { builtInScenario } from "../../../unit/emulator/scenarios.ts";

export const SCRIPT = join(root, "examples/shell/mogplex-run.sh");
const PREFIX = "/api/v1/mogplex";

// A held wait ignores TERM and INT, like a child that has not become its program yet.
const SLEEP = `#!/bin/sh
[ ! -e "$STAND/hold" ] || { trap '' TERM INT; : >"$STAND/held"; exec ${which("sleep")} 600; }
read -r now <"$STAND/now"
echo $((now + $1)) >"$STAND/now.$$"
mv "$STAND/now.$$" "$STAND/now"
echo "$1" >>"$STAND/slept"
`;
const DATE = `#!/bin/sh
[ "$*" = +%s ] || exit 1
exec ${which("cat")} "$STAND/now"
`;

/** Makes a directory with the programs of a shell, unless it is there. */
function programsOf({ busybox }: Shell, folder: string): string {
  const bin = join(folder, "bin");
  if (existsSync(bin)) return bin;
  mkdirSync(bin);
  for (const program of PROGRAMS) {
    symlinkSync(which(busybox ? "busybox" : program) ?? "", join(bin, program));
  }
  for (const program of ["curl", "jq"]) symlinkSync(which(program) ?? "", join(bin, program));
  writeFileSync(join(bin, "sleep"), SLEEP, { mode: 0o755 });
  writeFileSync(join(bin, "date"), DATE, { mode: 0o755 });
  return bin;
}

/** A request as it arrived. */
export interface Received {
  /** Method and path below the API. */
  what: string;
  key: string | undefined;
  authorization: string | undefined;
  body: string;
  /** Point of the common clock, in seconds. */
  at: number;
}

/** What is answered instead of the service; undefined passes the request on. */
export type Intercept = (received: Received) => Response | undefined | Promise<Response | undefined>;

/** A service and a machine. */
export interface Stand {
  url: string;
  token: string;
  readOnlyToken: string;
  repo: string;
  emulator: Emulator;
  /** Everything that arrived, in order. */
  received: Received[];
  /** Those whose method and path match. */
  of(pattern: RegExp): Received[];
  intercept: Intercept | undefined;
  /** Working directory of the script. */
  cwd: string;
  /** Seconds that were slept, one entry a wait. */
  slept(): number[];
  /** Time passes without the script's doing. */
  advance(seconds: number): void;
  /** From now on a wait lasts until it is killed. */
  hold(): void;
  /** Resolves once the script is in such a wait. */
  sleeps(): Promise<void>;
  /** Runs of the service. */
  runs(): { id: string; status: string }[];
  /** The environment of the script, but for its programs. */
  env: Record<string, string>;
  launch(args: readonly string[], env?: Record<string, string>, stdin?: LaunchOptions["stdin"]): Running;
  /** Runs it to its end. */
  run(args: readonly string[], env?: Record<string, string>, stdin?: LaunchOptions["stdin"]): Promise<Ended>;
  close(): Promise<void>;
}

function fileClock(path: string): Clock {
  const seconds = () => Number(readFileSync(path, "utf8"));
  return { now: () => seconds() * 1_000, wallTime: () => seconds() * 1_000, sleep: systemClock.sleep };
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}

async function send(answer: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
  for await (const chunk of answer.body ?? []) outgoing.write(chunk);
  outgoing.end();
}

/** Options of {@linkcode openStand}. */
export interface StandOptions extends Omit<EmulatorOptions, "clock" | "fixture"> {
  /** Name of a built-in scenario. @default none, so that runs stay pending */
  scenario?: string;
  /** What runs the script. @default {SH} */
  shell?: Shell;
}

/** Opens a service and a machine. */
export async function openStand({ scenario, shell = SH, ...options }: StandOptions = {}): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-stand-"));
  const cwd = join(folder, "work");
  mkdirSync(cwd);
  const nowFile = join(folder, "now");
  writeFileSync(nowFile, `${Math.floor(Date.now() / 1_000)}\n`);
  const emulator = makeEmulator({
    fixture: builtInFixture(),
    clock: fileClock(nowFile),
    scenarios: scenario === undefined ? [] : [builtInScenario(scenario)],
    ...options,
  });
  const received: Received[] = [];
  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = "GET", headers } = incoming;
    // A proxy is asked for a whole URL.
    const { pathname, search } = new URL(incoming.url ?? "/", "http://localhost");
    const url = `${pathname}${search}`;
    const body = await bodyOf(incoming);
    const key = headers["idempotency-key"];
    const one: Received = {
      what: `${method} ${url.replace(PREFIX, "").replace(/\?.*/, "")}`,
      key: typeof key === "string" ? key : undefined,
      authorization: headers.authorization,
      body,
      at: Number(readFileSync(nowFile, "utf8")),
    };
    received.push(one);
    const own = await stand.intercept?.(one);
    const sent = { method, headers: headers as Record<string, string>, ...(method === "POST" && { body }) };
    await send(own ?? await emulator.fetch(`http://localhost${url}`, sent), outgoing);
  }
  const server = createServer((incoming, outgoing) => {
    outgoing.on("error", () => {});
    handle(incoming, outgoing).catch(() => outgoing.socket?.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [full, readOnly] = [...emulator.world.store.tokens.values()].map(({ token }) => token);
  const [repo] = [...emulator.world.store.repos.values()].map(({ id }) => id);
  const env = {
    STAND: folder,
    TMPDIR: folder,
    MOGPLEX_URL: url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: full ?? "",
    MOGPLEX_REPO_ID: repo ?? "",
    MOGPLEX_IDEMPOTENCY_KEY: "shell-test",
  };
  const stand: Stand = {
    url,
    token: full ?? "",
    readOnlyToken: readOnly ?? "",
    repo: repo ?? "",
    emulator,
    received,
    of: (pattern) => received.filter(({ what }) => pattern.test(what)),
    intercept: undefined,
    cwd,
    slept: () =>
      statSync(join(folder, "slept"), { throwIfNoEntry: false }) === undefined
        ? []
        : readFileSync(join(folder, "slept"), "utf8").trim().split("\n").map(Number),
    advance: (seconds) => writeFileSync(nowFile, `${Number(readFileSync(nowFile, "utf8")) + seconds}\n`),
    hold: () => writeFileSync(join(folder, "hold"), ""),
    sleeps: () => until("it sleeps", () => existsSync(join(folder, "held"))),
    runs: () => [...emulator.world.store.runs.values()].map(({ id, status }) => ({ id, status })),
    env,
    launch: (args, more = {}, stdin = "") => {
      const [program = "", ...rest] = shell.line;
      // A session of its own, so that a whole process group can be sent a signal.
      const line = [which("setsid") ?? "", which(program) ?? "", ...rest, SCRIPT, ...args];
      return launch(line, { cwd, env: { ...env, ...more, PATH: programsOf(shell, folder) }, stdin });
    },
    async run(args, more, stdin) {
      const ended = await stand.launch(args, more, stdin).ended;
      for (const secret of [stand.token, stand.readOnlyToken]) {
        expect(ended.stdout + ended.stderr).not.toContain(secret);
      }
      // Nothing is left behind but what is meant to be.
      expect(readdirSync(folder).filter((name) => !/^(?:work|now|slept|hold|bin)$/.test(name))).toEqual([]);
      return ended;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await emulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return stand;
}

/** Does something with a service and a machine, and closes them. */
export async function inShell(options: StandOptions, body: (stand: Stand) => Promise<void>): Promise<void> {
  const stand = await openStand(options);
  try {
    await body(stand);
  } finally {
    await stand.close();
  }
}
