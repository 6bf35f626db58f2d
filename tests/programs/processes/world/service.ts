/** An emulator as a separate process, and the command as the file that is shipped. */
import { expect } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { SCENARIO_TEXTS } from "../../../../lib/emulator/agents/scenario.ts";
import { root, runtimes } from "../../../../tools/setup.mjs";
import { SINGLE_NAMES } from "../../../unit/emulator/scenarios.ts";

/** A repository of the service. */
export const REPO = "8f3a2b1c-1234-4abc-9def-1234567890ab";
/** Enough for all files of a folder. */
const TOKENS = 500;
const tokenName = (index: number) => `mog_processTestToken${String(index).padStart(3, "0")}`;

/** Automations, each called as the built-in scenario that plays for its runs. */
const AUTOMATIONS = Object.keys(SCENARIO_TEXTS).filter((name) => /^automation:/m.test(SCENARIO_TEXTS[name] ?? ""));

/** Id of the automation that a built-in scenario plays for. */
export function automationId(scenario: string): string {
  const index = AUTOMATIONS.indexOf(scenario);
  if (index < 0) throw new RangeError(`No automation is called "${scenario}"`);
  return `f1000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
}

export interface Service {
  /** Its origin. */
  url: string;
  /** Folder for everything that the tests make. */
  folder: string;
  /** A token without any request so far: each token has its own limits. */
  token(): string;
  /** A token that may only read. */
  readOnlyToken: string;
  /** Does something behind the API. */
  control(action: string, args?: Record<string, unknown>): Promise<void>;
  /** Status of a run, as the service has it. */
  status(runId: string): Promise<string>;
  close(): Promise<void>;
}

function writeFixture(path: string): void {
  const users = [{ key: "ci", id: "a0000000-0000-4000-8000-000000000001", providerKeys: ["ai_gateway"] }];
  const base = { user: "ci", expiresAt: null, revokedAt: null };
  const tokens = Array.from({ length: TOKENS }, (_, index) => {
    const scopes = index === 0 ? ["read"] : ["read", "write"];
    return { ...base, key: `t${index}`, token: tokenName(index), scopes };
  });
  const repo = { key: "web", user: "ci", id: REPO, full_name: "acme/web", installation_id: 1, default_branch: "main" };
  const at = "2026-08-01T00:00:00+00:00";
  const active = { user: "ci", installationId: 1, status: "active", startEvent: "push", createdAt: at, updatedAt: at };
  const automations = AUTOMATIONS.map((name) => {
    const id = automationId(name);
    return { ...active, key: name, id, name: `<${name}>`, publishedVersion: { id, versionNumber: 1 } };
  });
  writeFileSync(path, JSON.stringify({ users, tokens, repos: [{ ...repo, root_directory: null }], automations }));
}

/**
 * Starts the emulator; a run plays the built-in scenario whose name in angle brackets its prompt contains.
 *
 * @param others Further texts of prompts, and the scenarios that play for them.
 * @param flags Further flags of the emulator.
 */
export async function startService(others: Record<string, string> = {}, flags: string[] = []): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-processes-"));
  const fixture = join(folder, "fixture.json");
  writeFixture(fixture);
  const named = SINGLE_NAMES.map((name) => [`<${name}>`, name] as const);
  const forRuns = [...named, ...Object.entries(others)].map(([prompt, name]) => ({ match: { prompt }, name }));
  const forAutomations = AUTOMATIONS.map((name) => ({ match: { automation: `<${name}>` }, name }));
  const scenarios = [...forRuns, ...forAutomations].map(({ match, name }, index) => {
    const path = join(folder, `scenario-${index}.yaml`);
    writeFileSync(path, `match: ${JSON.stringify(match)}\n${SCENARIO_TEXTS[name]}`);
    return ["--scenario", path];
  });
  const program = [runtimes.bun, "--no-env-file", join(root, "tests/programs/processes/world/emulator.ts")] as const;
  const own = ["--control", "--quiet", "--speed", "100", "--fixture", fixture];
  const child = spawn(program[0], [...program.slice(1), folder, ...own, ...scenarios.flat(), ...flags], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env.PATH ?? "" },
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const { url } = JSON.parse(String(line)) as { url: string };
  let used = 0;
  return {
    url,
    folder,
    token() {
      used++;
      if (used >= TOKENS) throw new Error("Cannot take a token: all are used");
      return tokenName(used);
    },
    readOnlyToken: tokenName(0),
    async control(action, args = {}) {
      const response = await fetch(`${url}/__control/${action}`, { method: "POST", body: JSON.stringify(args) });
      if (!response.ok) throw new Error(await response.text());
    },
    async status(runId) {
      const headers = { authorization: `Bearer ${tokenName(TOKENS - 1)}` };
      const response = await fetch(`${url}/api/v1/mogplex/runs/${runId}`, { headers });
      return (await response.json() as { data: { run: { status: string } } }).data.run.status;
    },
    async close() {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

let shared: Promise<Service> | undefined;

/**
 * The service of all test files of a process. Each test takes a separate token, but all tokens have one user, whose sandboxes they share. A test
 * that moves the clock, causes faults, needs other flags, or waits for a sandbox (a campaign) starts its own service.
 */
export function sharedService(): Promise<Service> {
  return shared ??= startService();
}

/** What a process did. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A process at work. */
export interface Running {
  child: ChildProcess;
  /** Resolves with the first match of a pattern in stdout. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when it has ended. No token is in what it wrote. */
  ended: Promise<Ended>;
}

/** Options of {@linkcode launch}. */
export interface LaunchOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string | Uint8Array;
}

/** Every text below a folder, by path; no link is followed, and nothing opened that is no file, as a pipe would never end. */
export function filesBelow(folder: string, prefix = ""): Record<string, string> {
  const found: Record<string, string> = {};
  // Not `recursive`, with which Bun 1.4.5 follows links.
  for (const entry of existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) Object.assign(found, filesBelow(path, `${prefix}${entry.name}/`));
    else if (entry.isFile()) {
      try {
        found[prefix + entry.name] = readFileSync(path, "utf8");
      } catch (error) {
        // A file that is written under another name first may be gone already.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }
  return found;
}

/** Starts a process in a clean environment. */
export function launch(line: readonly string[], { cwd, env = {}, stdin = "" }: LaunchOptions = {}): Running {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(line[0] ?? "", line.slice(1), { cwd, env: { PATH, HOME, NO_COLOR: "1", ...env } });
  const text = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (chunk: string) => {
      text[stream] += chunk;
      for (const look of [...waiting]) look();
    });
  }
  child.stdin.on("error", () => {}).end(stdin);
  const ended = once(child, "close").then(([code]) => {
    expect(text.stdout + text.stderr).not.toContain("mog_processTestToken");
    const files = cwd === undefined ? [] : Object.values(filesBelow(cwd));
    for (const file of files) expect(file).not.toContain("mog_processTestToken");
    return { code: code as number | null, ...text };
  });
  function seen(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text.stdout);
        if (match === null) return;
        waiting.delete(look);
        resolve(match);
      };
      waiting.add(look);
      look();
      void ended.then((end) => reject(new Error(`Cannot see ${pattern}: ${JSON.stringify(end)}`)));
    });
  }
  return { child, seen, ended };
}
