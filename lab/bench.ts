import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { root, runtimes, sha256 } from "../tools/setup.mjs";
import { type Check, NotPossibleError } from "./check.ts";
import { type Ended, endMarked, launch, marked, type Running, type Survivor, survivors } from "./processes.ts";

export const COMMAND = join(root, "dist/mogplex.mjs");
const AUTOMATION = "f1000000-0000-4000-8000-000000000001";
const EMULATOR = join(root, "dist/mogplex-emulator.mjs");

interface RunBranch {
  base: string;
  working: string;
}

export interface Service {
  url: string;
  token: string;
  repo: string;
  automation: string;
  status(runId: string): Promise<string>;
  branch(runId: string): Promise<RunBranch>;
  runs(): Promise<number>;
  reaches(runId: string, status: string, seconds?: number): Promise<boolean>;
  control(action: string, args: unknown): Promise<void>;
  env: Readonly<Record<string, string>>;
}

export interface StartOptions {
  cwd?: string;
  /** Variables in addition to `PATH`, `HOME` and `LANG`. */
  env?: Readonly<Record<string, string>>;
  stdin?: string;
}

export function programFiles(): Record<string, string> {
  const program = readFileSync(COMMAND, "utf8");
  return { "ci/mogplex.mjs": program, "ci/mogplex.mjs.sha256": `${sha256(program)}  mogplex.mjs\n` };
}

function fixtureText(token: string, repos: readonly { id: string; name: string }[]): string {
  const user = "ci";
  const at = "2026-08-01T00:00:00+00:00";
  const times = { createdAt: at, updatedAt: at };
  return JSON.stringify({
    users: [{ key: user, id: "a0000000-0000-4000-8000-000000000001", providerKeys: ["ai_gateway"] }],
    tokens: [{ key: "t", user, token, scopes: ["read", "write"], expiresAt: null, revokedAt: null }],
    repos: repos.map(({ id, name }) => ({
      key: name,
      user,
      id,
      full_name: name,
      installation_id: 1,
      default_branch: "main",
      root_directory: null,
    })),
    automations: [{
      ...{
        key: "cleanup",
        user,
        id: AUTOMATION,
        name: "Cleanup",
        installationId: 1,
        status: "active",
        startEvent: "push",
      },
      ...{ publishedVersion: { id: AUTOMATION, versionNumber: 1 }, ...times },
    }],
  });
}

export class Bench {
  /** Everyone can read this folder, so that other users can work in it. */
  readonly folder: string = mkdtempSync(join(tmpdir(), "mogplex-lab-"));
  readonly checks: Check[] = [];
  readonly bin: string = join(this.folder, "bin");
  readonly #mark: string = crypto.randomUUID();
  #folders = 0;

  static readonly #open = new Set<Bench>();

  static async closeAll(): Promise<void> {
    await Promise.allSettled([...Bench.#open].map((bench) => bench.close()));
  }

  constructor() {
    Bench.#open.add(this);
    chmodSync(this.folder, 0o755);
    mkdirSync(this.bin);
  }

  check(what: string, holds: boolean, seen = ""): void {
    this.checks.push({ what, outcome: holds ? "passed" : "failed", why: holds ? "" : seen.slice(-600) });
  }

  skip(what: string, why: string): void {
    this.checks.push({ what, outcome: "skipped", why });
  }

  notPossible(what: string, why: string): void {
    this.skip(what, new NotPossibleError(why).message);
  }

  newFolder(): string {
    const path = join(this.folder, `work-${++this.#folders}`);
    mkdirSync(path);
    chmodSync(path, 0o777);
    return path;
  }

  writeProgram(name: string, text: string): string {
    const path = join(this.bin, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  }

  writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  }

  example(file: string): string {
    return readFileSync(join(root, "examples", file), "utf8");
  }

  checkout(): string {
    const folder = this.newFolder();
    this.writeFiles(folder, programFiles());
    return folder;
  }

  start(line: readonly string[], { cwd = this.newFolder(), env = {}, stdin = "" }: StartOptions = {}): Running {
    const PATH = `${this.bin}:${process.env.PATH ?? ""}`;
    const all = marked({ PATH, HOME: this.folder, LANG: "C.UTF-8", ...env }, this.#mark);
    const running = launch(line, { cwd, env: all, stdin });
    this.#started.push(running);
    return running;
  }

  run(line: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(line, options).ended;
  }

  async service(
    scenario: string | undefined,
    speed = 50,
    names: readonly string[] = ["acme/web"],
    more: readonly string[] = [],
  ): Promise<Service> {
    const fixture = join(this.newFolder(), "fixture.json");
    const repos = names.map((name) => ({ id: crypto.randomUUID(), name }));
    const repo = repos[0]?.id ?? "";
    const token = `mog_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`;
    writeFileSync(fixture, fixtureText(token, repos));
    const how = scenario === undefined ? ["--control"] : ["--speed", String(speed), "--scenario", scenario];
    const flags = ["--quiet", "--fixture", fixture, ...how, ...more];
    const running = this.start([runtimes.node, EMULATOR, ...flags]);
    const [line] = await running.seen(/^\{"url".*\}$/m);
    const { url } = JSON.parse(line) as { url: string };
    this.keep(running.pid);
    /** Reads within the request limit of the token, which the commands share. */
    async function read<T>(path: string): Promise<T> {
      for (;;) {
        const answer = await fetch(`${url}/api/v1/mogplex${path}`, { headers: { authorization: `Bearer ${token}` } });
        if (answer.ok) return (await answer.json() as { data: T }).data;
        if (answer.status !== 429) throw new Error(`GET ${path} answered ${answer.status}: ${await answer.text()}`);
        await Bun.sleep(1_000 * Number(answer.headers.get("retry-after") ?? 1));
      }
    }
    const run = async (runId: string) =>
      (await read<{ run: { status: string; branch: RunBranch } }>(`/runs/${runId}`)).run;
    const status = async (runId: string) => (await run(runId)).status;
    const branch = async (runId: string) => (await run(runId)).branch;
    async function runs(): Promise<number> {
      return (await read<{ sandboxes: unknown[] }>("/sandboxes?limit=200")).sandboxes.length;
    }
    async function reaches(runId: string, wanted: string, seconds = 10): Promise<boolean> {
      const until = performance.now() + seconds * 1_000;
      while (await status(runId) !== wanted) {
        if (performance.now() > until) return false;
        await Bun.sleep(250);
      }
      return true;
    }
    async function control(action: string, args: unknown): Promise<void> {
      const answer = await fetch(`${url}/__control/${action}`, { method: "POST", body: JSON.stringify(args) });
      const { ok, error } = await answer.json() as { ok: boolean; error?: string };
      if (!ok) throw new Error(`${action} was refused: ${error}`);
    }
    const env = { MOGPLEX_URL: url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: token, MOGPLEX_REPO_ID: repo };
    return { url, token, repo, automation: AUTOMATION, status, branch, runs, reaches, control, env };
  }

  readonly #started: Running[] = [];

  lastOutput(): string {
    return this.#started.at(-1)?.text().slice(-400) ?? "";
  }

  readonly #services = new Set<number>();

  keep(pid: number): void {
    this.#services.add(pid);
  }

  readonly #endings: (() => Promise<void>)[] = [];

  atEnd(ending: () => Promise<void>): void {
    this.#endings.push(ending);
  }

  livingProcesses(): Survivor[] {
    return survivors(this.#mark).filter(({ pid }) => !this.#services.has(pid));
  }

  async checkAllEnded(what: string, seconds = 5): Promise<void> {
    const until = performance.now() + seconds * 1_000;
    while (this.livingProcesses().length > 0 && performance.now() < until) await Bun.sleep(100);
    const living = this.livingProcesses();
    this.check(what, living.length === 0, living.map(({ line }) => line.slice(0, 120)).join("; "));
  }

  #closing: Promise<void> | undefined;

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      for (const ending of this.#endings) await ending();
    } finally {
      Bench.#open.delete(this);
      await endMarked(this.#mark);
      for (const running of this.#started) running.release();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}
