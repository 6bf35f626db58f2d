/**
 * The quick start: a whole job on this machine. Starts a local Mogplex on loopback and a run on a real Git repository. A real
 * command changes code there on a new branch. Exits with the verdict of the run.
 *
 * Where a person watches, the agent takes its time, and the pages of the local Mogplex stay open until a key is pressed.
 *
 * Arguments are passed to `run --follow` (try `npm start -- --log full`). A task as the first one is refused by the agent, so that the job
 * is red.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { root, runtimes } from "./setup.mjs";

const PROMPT = "Replace the deprecated String.prototype.substr";
const REPOSITORY = "demo/invoice-text";
const work = join(root, ".demo");
const project = join(work, "invoice-text");
const reports = join(work, "reports");
const requestLog = join(work, "emulator.log");

/** Whether a person watches and can press a key. */
const watched = process.stdin.isTTY === true && process.stdout.isTTY === true;
/** Milliseconds after each thing that the agent says: about a quarter of a minute in all. */
const PAUSE_MS = 2_200;
const TYPED_AHEAD_MS = 300;
/** What ends this program, and with it all that it started. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function say(text: string) {
  process.stdout.write(`\n▸ ${text}\n`);
}

function git(...args: string[]): string {
  // The history of the sample must be the same whatever the user's Git configuration is.
  const quiet = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"];
  return execFileSync("git", [...quiet, ...args], { cwd: project, encoding: "utf8" });
}

function makeProject() {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  cpSync(join(root, "examples/demo/project"), project, { recursive: true });
  git("init", "--quiet");
  git("add", "--all");
  git("-c", "user.name=Demo", "-c", "user.email=demo@localhost", "commit", "--quiet", "-m", "Invoice text helpers");
}

interface Ready {
  url: string;
  token: string;
}

async function startEmulator(): Promise<{ child: ChildProcess; ready: Ready }> {
  const agent = join(root, "examples/demo/agent.mjs");
  const child = spawn(runtimes.node, [
    join(root, "dist/mogplex-emulator.mjs"),
    ...["--repo", `${REPOSITORY}=${project}`],
    ...["--harness", `codex="${runtimes.node}" "${agent}" ${watched ? PAUSE_MS : 0}`],
    ...["--with", "stream", "--with", "agentOutput"],
  ], {
    stdio: ["ignore", "pipe", openSync(requestLog, "w")],
    // Ctrl-C goes to the whole group of the terminal, and the command still has to cancel its run there.
    detached: true,
  });
  if (child.stdout === null) throw new Error("Cannot read from the local Mogplex");
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, "line").then(([line]) => String(line)),
    once(child, "exit").then(([code]) => {
      throw new Error(`Cannot start the local Mogplex: it exited with ${code}: ${readFileSync(requestLog, "utf8")}`);
    }),
  ]);
  return { child, ready: JSON.parse(first) };
}

/** The environment without the caller's own `MOGPLEX_…` settings: the demo sets its own. */
function foreign(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("MOGPLEX_")));
}

async function runJob(ready: Ready, given: readonly string[]): Promise<number> {
  const [first = "-"] = given;
  const [task, extra] = first.startsWith("-") ? [PROMPT, given] : [first, given.slice(1)];
  const args = ["run", task, "--follow", "--repo", REPOSITORY, "--create-branch", "--out", relative(root, reports)];
  // The local Mogplex ends with this program, so that a run cannot go on.
  if (!extra.some((arg) => arg.startsWith("--on-interrupt"))) args.push("--on-interrupt", "cancel");
  const settings = { MOGPLEX_DEV: "1", MOGPLEX_URL: ready.url, MOGPLEX_API_KEY: ready.token };
  // The token is one of the local Mogplex, so that the line can be pasted while that is there.
  const shown = [
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    "node dist/mogplex.mjs",
    ...args.map((arg) => arg.includes(" ") ? `"${arg}"` : arg),
  ];
  say(shown.join(" "));
  const child = spawn(runtimes.node, [join(root, "dist/mogplex.mjs"), ...args, ...extra], {
    cwd: root,
    stdio: "inherit",
    env: { ...foreign(process.env), ...settings },
  });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, pass);
  const [code] = await once(child, "exit");
  for (const signal of SIGNALS) process.off(signal, pass);
  return typeof code === "number" ? code : 70;
}

function showBranch() {
  const branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads/mogplex").split("\n").filter(Boolean);
  const branch = branches[0];
  if (branch === undefined) return say("No branch was pushed");
  say(`git diff main ${branch}`);
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const colour = !NO_COLOR && (process.stdout.isTTY || FORCE_COLOR) ? "always" : "never";
  process.stdout.write(git("--no-pager", "diff", `--color=${colour}`, "main", branch));
  say(`The branch is in ${relative(root, project)}, the requests are in ${relative(root, requestLog)}`);
}

function sayWhatNext() {
  say("What next");
  process.stdout.write([
    "  with your own agent:    npm run -s emulator -- --repo acme/web=PATH --harness 'codex=COMMAND'",
    "  in your CI system:      docs/gitlab.md, docs/github.md, docs/other-runners.md",
    "  from a script:          docs/scripts.md",
    "",
  ].join("\n"));
}

/** Waits until a key is pressed, or a signal comes. */
async function pressedKey(): Promise<void> {
  const { stdin } = process;
  stdin.setRawMode(true).resume();
  await new Promise<void>((resolve) => {
    // Keys that were pressed during the run come at once.
    setTimeout(() => stdin.removeAllListeners("data").once("data", () => resolve()), TYPED_AHEAD_MS);
    stdin.on("data", () => {});
    for (const signal of SIGNALS) process.once(signal, () => resolve());
  });
  stdin.setRawMode(false).pause();
}

/** Exit codes after Ctrl-C and SIGTERM. */
const STOPPED: readonly number[] = [130, 143];

async function main(args: readonly string[]): Promise<number> {
  say("Building dist/, unless nothing changed, and a sample project with a Git history");
  execFileSync(runtimes.bun, ["--no-env-file", "tools/build.ts", "--dist"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  makeProject();
  const { child, ready } = await startEmulator();
  say(`A local Mogplex is running at ${ready.url}; its repository ${REPOSITORY} is the sample project`);
  say("The agent is a script: it replaces substr, and refuses every other task");
  try {
    const code = await runJob(ready, args);
    if (STOPPED.includes(code)) {
      say("Stopped. The local Mogplex ends now, too. To begin again: npm start");
      return code;
    }
    showBranch();
    // The arguments may be --help, or name another folder.
    const written = existsSync(reports);
    if (written) say(`Reports in ${relative(root, reports)}/: ${readdirSync(reports).sort().join(", ")}`);
    const verdict = written ? ": the run succeeded" : "";
    say(`The job ends with ${code}${code === 0 ? verdict : ": see docs/exit-codes.md"}`);
    if (written) sayWhatNext();
    if (written && watched) {
      say(
        `Runs, pull requests, and what to export in another terminal: ${ready.url}/ (press a key to stop the local Mogplex)`,
      );
      await pressedKey();
    }
    return code;
  } finally {
    child.kill("SIGTERM");
  }
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = await main(process.argv.slice(2));
}
