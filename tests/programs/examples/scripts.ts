/** The script recipes as people run them: the line on top of each, with the package from a registry, as a process of its runtime. */
import { expect } from "bun:test";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { SCENARIO_TEXTS } from "../../../lib/emulator/agents/scenario.ts";
import { builtInFixture } from "../../../lib/emulator/state/fixture.ts";
import { type ServedEmulator, startEmulator } from "../../../lib/emulator/server.ts";
import type { StartEmulatorOptions } from "../../../lib/emulator/options.ts";
import { root } from "../../../tools/setup.mjs";
import { type Recorder, startRecorder } from "../processes/world/recorder.ts";
import { type Ended, launch, type Running } from "../processes/world/service.ts";
import { openRelease, type Release } from "./release.ts";
import { builtInScenario, parseScenario, SINGLE_NAMES } from "../../unit/emulator/scenarios.ts";

/** All of them, below \`examples/\`. */
export const SCRIPTS: readonly string[] = [
  ...new Bun.Glob("{deno,bun,node}/*.{ts,mjs}").scanSync(join(root, "examples")),
]
  .sort();

/** Scenarios for repositories that are called as one. */
const BY_REPOSITORY = SINGLE_NAMES.map((name) =>
  parseScenario(`match: { repo: "acme/${name}" }\n${SCENARIO_TEXTS[name]}`, name)
);

/** Text of a script. */
export function readScript(file: string): string {
  return readFileSync(join(root, "examples", file), "utf8");
}

/** The commands on top of a script: those that install, and the one that runs it, which on Deno begins with its permissions. */
export function commandsOf(file: string): { install: string[]; run: string[] } {
  const block = /^ \* ```sh\n([^]*?)^ \* ```$/m.exec(readScript(file))?.[1] ?? "";
  const lines = block.trimEnd().split("\n").map((line) => line.replace(/^ \* /, ""));
  return {
    install: lines.filter((line) => line.startsWith("npm ")),
    run: lines.filter((line) => !line.startsWith("npm ")),
  };
}

/** A read of a run or of a run of an automation on the wire. */
export const READ = /^GET \/(?:runs|automations)\//;

/** A service of one test, and what goes over the wire. */
export interface ScriptService extends ServedEmulator {
  recorder: Recorder;
  /** Statuses of all runs. */
  statuses(): string[];
  /** Resolves when the script looks at a run a second time: the agent is running. */
  atWork(): Promise<void>;
}

/** Options of {@linkcode startScriptService}. */
export interface ScriptServiceOptions extends StartEmulatorOptions {
  /** Built-in scenario. @default {"success"} */
  scenario?: string;
  /** Names after `acme/`; one that is called as a scenario plays that. @default {["web"]} */
  names?: readonly string[];
}

/** Starts a service, a hundred times as fast as the real one. */
export async function startScriptService(
  { scenario = "success", names = ["web"], ...options }: ScriptServiceOptions = {},
): Promise<ScriptService> {
  const fixture = builtInFixture(names.map((name) => `acme/${name}`));
  const scenarios = [...BY_REPOSITORY, builtInScenario(scenario)];
  const served = await startEmulator({ fixture, scenarios, speed: 100, ...options });
  const recorder = await startRecorder(served.url);
  return {
    ...served,
    recorder,
    statuses: () => [...served.emulator.world.store.runs.values()].map(({ status }) => status),
    async atWork() {
      await recorder.arrived(READ, 2);
    },
    async close() {
      recorder.close();
      await served.close();
    },
  };
}

/** Does something with its own service. */
export async function withService(
  options: ScriptServiceOptions,
  body: (service: ScriptService) => Promise<void>,
): Promise<void> {
  const service = await startScriptService(options);
  try {
    await body(service);
  } finally {
    await service.close();
  }
}

/** How a script is launched. */
export interface ScriptOptions {
  command?: (line: string) => string;
  /** Changes the text: a time that is too long for a test. */
  edit?: (text: string) => string;
  env?: Record<string, string>;
  files?: Record<string, string>;
  /** Working directory of a call before. @default a new one */
  cwd?: string;
}

/** A script at work. */
export interface RunningScript extends Running {
  cwd: string;
}

/** Programs, packages and scripts. */
export interface Scripts {
  release: Release;
  /** Starts a script in a directory of its own. */
  launch(file: string, service: ScriptService, options?: ScriptOptions): RunningScript;
  /** Runs it to its end; its token is in nothing that it printed. */
  run(file: string, service: ScriptService, options?: ScriptOptions): Promise<Ended & { cwd: string }>;
}

/** Installs the package for each runtime as the scripts say, and gives what runs them. */
export async function openScripts(): Promise<Scripts> {
  const release = await openRelease();
  const top = join(release.folder, "scripts");
  const base = {
    PATH: `${join(release.folder, "bin")}:${process.env.PATH ?? ""}`,
    HOME: join(top, "home"),
    NPM_CONFIG_REGISTRY: `${release.registryUrl}/`,
    DENO_NO_UPDATE_CHECK: "1",
  };
  mkdirSync(base.HOME, { recursive: true });
  const installs = new Map(SCRIPTS.map((file) => [file.split("/")[0] ?? "", commandsOf(file).install.join("\n")]));
  await Promise.all([...installs].map(async ([runtime, line]) => {
    const cwd = join(top, runtime);
    mkdirSync(cwd);
    const { code, stderr } = await launch(["sh", "-eu", "-c", line], { env: { ...base, NO_COLOR: "1" }, cwd }).ended;
    if (code !== 0) throw new Error(`Cannot install for ${runtime}: ${stderr}`);
  }));

  const scripts: Scripts = {
    release,
    launch(file, service, options: ScriptOptions = {}) {
      const { command = (line) => line, edit = (text) => text, env, files = {} } = options;
      const [runtime = "", name = ""] = file.split("/");
      const cwd = options.cwd ?? mkdtempSync(join(top, runtime, "work-"));
      writeFileSync(join(cwd, name), edit(readScript(file)));
      cpSync(join(release.folder, "dist"), join(cwd, "dist"), { recursive: true });
      const campaign = "version: 1\nname: codemod\nprompt-file: task.md\nrepositories: [{ query: acme/ }]\n";
      const given = { "task.md": `Fix the flaky tests\n`, "campaign.yml": campaign, ...files };
      for (const [path, text] of Object.entries(given)) writeFileSync(join(cwd, path), text);
      const lines = commandsOf(file).run.map((line) => command(line));
      const last = lines.pop() ?? "";
      const [automation = ""] = service.emulator.world.store.automations.keys();
      return {
        cwd,
        // In place of the shell, so that a signal reaches it.
        ...launch(["sh", "-eu", "-c", [...lines, `exec ${last}`].join("\n")], {
          cwd,
          env: {
            ...base,
            MOGPLEX_URL: service.recorder.url,
            MOGPLEX_DEV: "1",
            MOGPLEX_API_KEY: service.token,
            // As the documentation says to set it.
            MOGPLEX_REPO_ID: service.repos[0]?.full_name ?? "",
            MOGPLEX_AUTOMATION_ID: automation,
            ...env,
          },
        }),
      };
    },
    async run(file, service, options) {
      const { cwd, ended } = scripts.launch(file, service, options);
      const end = await ended;
      expect(end.stdout + end.stderr).not.toContain(service.token);
      return { ...end, cwd };
    },
  };
  return scripts;
}

/** A webhook that keeps what it gets. */
export interface Webhook {
  /** Its address, which is a secret. */
  url: string;
  /** Bodies, in order. */
  messages: Record<string, unknown>[];
  close(): void;
}

/** Opens one. @param status What it answers with; true: it never answers. */
export async function openWebhook(status: number | true): Promise<Webhook> {
  const messages: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => body += chunk).on("end", () => {
      messages.push(JSON.parse(body || "{}"));
      if (status !== true) response.writeHead(status, { location: "/elsewhere" }).end("ok");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/services/T0000/B0000/${crypto.randomUUID()}`,
    messages,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
