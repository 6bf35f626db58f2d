/**
 * The quick start: a whole job on this machine. Starts a local Mogplex on loopback, and a run on a real Git repository, where a real command changes
 * code on a new branch. Exits with the exit code of the run.
 *
 * If a person watches, the agent pauses between its steps, and the pages of the local Mogplex stay open until a key is pressed.
 *
 * Arguments are passed to `run --follow`: see {@linkcode USAGE}.
 *
 * Ctrl-C ends this program and everything that it started. Until the run has ended, the exit code is then 130.
 */
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { cellWidth, wrapCells } from "../lib/text/cells.ts";
import { exitCodeOf, root, runtimes } from "./setup.mjs";

const PROMPT = "Replace the deprecated String.prototype.substr";
const REPOSITORY = "demo/invoice-text";
const work = join(root, ".demo");
const project = join(work, "invoice-text");
const reports = join(work, "reports");
const requestLog = join(work, "emulator.log");

const watched = process.stdin.isTTY === true && process.stdout.isTTY === true;
const PAUSE_MS = 2_200;
const TYPED_AHEAD_MS = 300;
const CTRL_C = 0x03;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const USAGE = `Usage: npm start [-- [TASK] [flags of run]]

Runs a whole job on this machine: with a local Mogplex, a sample project in .demo/, and a script in place of an agent.
It exits with the run's exit code. Ctrl-C stops everything; while the run is active, the exit code is then 130.

  npm start                             the script does its task: the job is green
  npm start -- "Write a test"           the script refuses every other task: the job is red
  npm start -- --log full               with a flag of run
  node dist/mogplex.mjs run --help      all flags of run (after npm start or npm run build)
`;

const stop = new AbortController();
let atWork: ChildProcess | undefined;

class Stopped extends Error {
  readonly code: number;
  constructor(signal: NodeJS.Signals) {
    super(`Stopped by ${signal}`);
    this.code = exitCodeOf(signal);
  }
}

function onSignal(signal: NodeJS.Signals) {
  stop.abort(new Stopped(signal));
  atWork?.kill(signal);
}

async function runProgram(program: string, args: readonly string[], options: SpawnOptions) {
  stop.signal.throwIfAborted();
  const child = spawn(program, args, options);
  atWork = child;
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => stdout += piece);
  const [ended, signal] = await once(child, "close");
  atWork = undefined;
  const code = typeof ended === "number" ? ended : exitCodeOf(signal as NodeJS.Signals);
  // Ctrl-C signals all programs of the terminal. This program may notice the end of its child before its own signal.
  const stopper = SIGNALS.find((each) => code === exitCodeOf(each));
  if (stopper !== undefined) onSignal(stopper);
  return { code, stdout };
}

async function mustRun(program: string, args: readonly string[], options: SpawnOptions): Promise<string> {
  const { code, stdout } = await runProgram(program, args, options);
  stop.signal.throwIfAborted();
  if (code !== 0) throw new Error(`Cannot continue: ${program} ${args.join(" ")} ended with ${code}`);
  return stdout;
}

function columns(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Infinity;
}

function say(text: string) {
  const lines = columns() === Infinity ? [text] : wrapCells(text, columns() - 2);
  process.stdout.write(`\n▸ ${lines.join("\n  ")}\n`);
}

function sayCommand(words: readonly string[]) {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || cellWidth(last) + cellWidth(word) + 5 > columns()) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  process.stdout.write(`\n▸ ${lines.join(" \\\n  ")}\n`);
}

async function withDots(work: () => Promise<unknown>): Promise<void> {
  const timer = watched ? setInterval(() => process.stdout.write("."), 1_000) : undefined;
  try {
    await work();
  } finally {
    clearInterval(timer);
    if (watched) process.stdout.write("\n");
  }
}

function git(...args: string[]): Promise<string> {
  // The history of the sample must not depend on the user's Git configuration.
  const quiet = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"];
  return mustRun("git", [...quiet, ...args], { cwd: project, stdio: ["ignore", "pipe", "inherit"] });
}

async function makeProject() {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  cpSync(join(root, "examples/demo/project"), project, { recursive: true });
  await git("init", "--quiet");
  await git("add", "--all");
  await git(
    "-c",
    "user.name=Demo",
    "-c",
    "user.email=demo@localhost",
    "commit",
    "--quiet",
    "-m",
    "Invoice text helpers",
  );
}

interface Ready {
  url: string;
  token: string;
}

function spawnEmulator(): ChildProcess {
  const agent = join(root, "examples/demo/agent.mjs");
  return spawn(runtimes.node, [
    join(root, "dist/mogplex-emulator.mjs"),
    ...["--repo", `${REPOSITORY}=${project}`],
    ...["--harness", `codex="${runtimes.node}" "${agent}" ${watched ? PAUSE_MS : 0}`],
    ...["--with", "stream", "--with", "agentOutput"],
  ], {
    stdio: ["ignore", "pipe", openSync(requestLog, "w")],
    // Ctrl-C signals the whole process group of the terminal, but the command must still cancel its run at the local Mogplex.
    detached: true,
  });
}

async function readyEmulator(child: ChildProcess, ended: Promise<unknown>): Promise<Ready> {
  if (child.stdout === null) throw new Error("Cannot read from the local Mogplex");
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, "line", { signal: stop.signal }).then(([line]) => String(line)),
    ended.then(() => {
      throw new Error(
        `Cannot start the local Mogplex: it exited with ${child.exitCode}: ${readFileSync(requestLog, "utf8")}`,
      );
    }),
  ]);
  return JSON.parse(first);
}

/** The environment without the caller's `MOGPLEX_…` variables, because the demo sets its own. */
function foreign(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("MOGPLEX_")));
}

function settingsOf({ url, token }: Ready): Record<string, string> {
  return { MOGPLEX_DEV: "1", MOGPLEX_URL: url, MOGPLEX_API_KEY: token };
}

async function runJob(ready: Ready, given: readonly string[]): Promise<number> {
  const [first = "-"] = given;
  const [task, extra] = first.startsWith("-") ? [PROMPT, given] : [first, given.slice(1)];
  const args = ["run", task, "--follow", "--repo", REPOSITORY, "--create-branch", "--out", relative(root, reports)];
  // The local Mogplex ends with this program, so a run could not continue.
  if (!extra.some((arg) => arg.startsWith("--on-interrupt"))) args.push("--on-interrupt", "cancel");
  const settings = settingsOf(ready);
  // The line contains the token of the local Mogplex, so that a user can paste the line while the local Mogplex is running.
  const shown = [
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    "node dist/mogplex.mjs",
    ...args.map((arg) => arg.includes(" ") ? `"${arg}"` : arg),
  ];
  sayCommand(shown);
  const { code } = await runProgram(runtimes.node, [join(root, "dist/mogplex.mjs"), ...args, ...extra], {
    cwd: root,
    stdio: "inherit",
    env: { ...foreign(process.env), ...settings },
  });
  stop.signal.throwIfAborted();
  return code;
}

async function showBranch() {
  const branches = (await git("for-each-ref", "--format=%(refname:short)", "refs/heads/mogplex")).split("\n").filter(
    Boolean,
  );
  const branch = branches[0];
  if (branch === undefined) return say("No branch was pushed");
  say(`git diff main ${branch}`);
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const color = !NO_COLOR && (process.stdout.isTTY || FORCE_COLOR) ? "always" : "never";
  process.stdout.write(await git("--no-pager", "diff", `--color=${color}`, "main", branch));
  say(`The branch is in ${relative(root, project)}, the requests are in ${relative(root, requestLog)}`);
}

function sayWhatNext() {
  say("What next");
  process.stdout.write([
    "  with your own agent, which finds the task in MOGPLEX_PROMPT:",
    "    npm run -s emulator -- exec --repo acme/web=PATH --harness 'codex=COMMAND' -- \\",
    '      node dist/mogplex.mjs run --follow --create-branch "Your task"',
    "  more without an account: docs/emulator.md",
    "  in your CI system:       docs/gitlab.md, docs/github.md, docs/other-runners.md",
    "  from a script:           docs/scripts.md",
    "",
  ].join("\n"));
}

async function pressedKey(): Promise<void> {
  const { stdin } = process;
  stop.signal.throwIfAborted();
  stdin.setRawMode(true).resume();
  await new Promise<void>((resolve) => {
    let isAhead = true;
    setTimeout(() => isAhead = false, TYPED_AHEAD_MS);
    stdin.on("data", (keys: Buffer) => {
      if (keys.includes(CTRL_C) || !isAhead) resolve();
    });
    stop.signal.addEventListener("abort", () => resolve());
  });
  stdin.removeAllListeners("data").setRawMode(false).pause();
  stop.signal.throwIfAborted();
}

async function quickStart(args: readonly string[]): Promise<number> {
  say("Building dist/ (if needed), and creating a sample project in .demo/");
  await withDots(async () => {
    await mustRun(runtimes.bun, ["--no-env-file", "tools/build.ts", "--dist"], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    await makeProject();
  });
  say("Starting a local Mogplex");
  stop.signal.throwIfAborted();
  const emulator = spawnEmulator();
  const ended = once(emulator, "exit");
  try {
    return await runDemo(await readyEmulator(emulator, ended), args);
  } finally {
    emulator.kill("SIGTERM");
    await ended;
  }
}

async function runDemo(ready: Ready, args: readonly string[]): Promise<number> {
  say(`A local Mogplex is running at ${ready.url}; its repository ${REPOSITORY} is the sample project`);
  say("The agent is a script: it replaces substr, and refuses every other task");
  const code = await runJob(ready, args);
  await showBranch();
  const written = existsSync(reports);
  if (code !== 0) say(`docs/exit-codes.md explains exit code ${code}`);
  if (written) sayWhatNext();
  if (written && watched) {
    say(`Open ${ready.url}/ for runs and pull requests. For commands in another terminal:`);
    const settings = Object.entries(settingsOf(ready)).map(([name, value]) => `${name}=${value}`);
    process.stdout.write(`  export ${settings.join(" ")}\n`);
    say("Press a key to stop the local Mogplex");
    await pressedKey();
  }
  return code;
}

async function main(args: readonly string[]): Promise<number> {
  // A reader that closes the pipe (`| head`) must not end this program before the local Mogplex.
  process.stdout.on("error", () => {});
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(USAGE);
    return 0;
  }
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await quickStart(args);
  } catch (error) {
    const { aborted, reason } = stop.signal;
    if (!aborted) throw error;
    say("Stopped. Nothing is left running. To begin again: npm start");
    return reason.code;
  }
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = await main(process.argv.slice(2));
}
