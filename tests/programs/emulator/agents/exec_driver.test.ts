import { afterEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { systemClock } from "../../../../lib/clock.ts";
import { openRepositoryFiles } from "../../../../lib/forge/files.ts";
import { type ServedEmulator, startEmulator } from "../../../../lib/emulator/server.ts";
import type { StartEmulatorOptions } from "../../../../lib/emulator/options.ts";
import { scratch } from "../served.ts";
import { until } from "../../processes/world/recorder.ts";

const served: ServedEmulator[] = [];
afterEach(async () => {
  for (const each of served.splice(0)) await each.close();
});

const leftovers = (runId: string) => readdirSync(tmpdir()).filter((name) => name.includes(runId));

/** Waits until the directory of a run is removed, which happens after its end is visible. */
async function tidied(runId: string): Promise<string[]> {
  await until("the directory of the run is removed", () => leftovers(runId).length === 0);
  return leftovers(runId);
}

function repository(bare = false): { path: string; git: (...args: string[]) => string } {
  const path = scratch("repo");
  const run = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@t.invalid", ...args], {
      cwd: path,
      encoding: "utf8",
    });
  run("init", "--quiet", "-b", "main");
  writeFileSync(join(path, "greeting.txt"), "hello\n");
  run("add", ".");
  run("commit", "--quiet", "-m", "first");
  if (!bare) return { path, git: run };
  const clone = scratch("bare");
  execFileSync("git", ["clone", "--quiet", "--bare", path, clone]);
  return { path: clone, git: (...args) => execFileSync("git", args, { cwd: clone, encoding: "utf8" }) };
}

interface Outcome {
  run: { status: string; error: string | null; aiCallId: string };
  events: { type: string; message: string; payload: Record<string, unknown> }[];
}

async function play(
  command: string,
  path: string,
  { body = {}, options = {}, until = isOver }: {
    body?: object;
    options?: Partial<StartEmulatorOptions>;
    until?: (outcome: Outcome) => boolean;
  } = {},
) {
  const emulator = await startEmulator({
    repos: [{ fullName: "acme/web", path }],
    commands: { codex: command },
    ...options,
  });
  served.push(emulator);
  const send = async (method: string, route: string, sent?: object) => {
    const response = await fetch(`${emulator.url}/api/v1/mogplex${route}`, {
      method,
      headers: { authorization: `Bearer ${emulator.token}`, "idempotency-key": "k" },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    });
    return (await response.json()).data;
  };
  const started = await send("POST", "/runs", {
    repoId: emulator.repos[0]?.id,
    prompt: "Greet the world\nand be kind",
    createBranch: true,
    ...body,
  });
  const look = async () => {
    const { run, events } = await send("GET", `/runs/${started.runId}/events?limit=200`);
    return { run, events } as Outcome;
  };
  // The command runs in its own process: there is nothing to wait on but what the API shows. The budget is not the topic.
  async function reached(goal: (outcome: Outcome) => boolean): Promise<Outcome> {
    for (let tries = 0; tries < 2_000; tries++) {
      emulator.emulator.world.requests.reset();
      const outcome = await look();
      if (goal(outcome)) return outcome;
      await Bun.sleep(5);
    }
    throw new Error(`never reached: ${JSON.stringify(await look())}`);
  }
  return { emulator, send, started, outcome: await reached(until), reached };
}

const isOver = ({ run, events }: Outcome) =>
  run.status !== "pending" && run.status !== "streaming" && events.length > 1;
const stageOf = (outcome: Outcome, stage: string) => outcome.events.find(({ payload }) => payload.stage === stage);

test("execDriver() pushes the agent's branch, opens a pull request and ends with success", async () => {
  const { path, git } = repository();
  const { outcome, started } = await play(`cat > greeting.txt && git commit -qam "greet"`, path);
  expect(outcome.run.status).toBe("success");
  expect(outcome.events.map(({ message }) => message)).toEqual([
    "External Mogplex run accepted",
    "Harness run started: codex",
    `Synchronized ${started.branch.working}`,
    "Harness run streaming",
    "Pull request ready",
    "Harness run finished",
  ]);
  expect(git("show", `${started.branch.working}:greeting.txt`)).toBe("Greet the world\nand be kind");
  const payload = stageOf(outcome, "git_delivery")?.payload;
  expect(payload).toMatchObject({ changed: true, base_branch: "main", auto_committed_files: [] });
  expect(payload?.pull_request_url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/acme\/web\/pull\/1$/);
  const page = await (await fetch(String(payload?.pull_request_url))).text();
  expect(page).toContain("<h1><span><bdi>Greet the world</bdi></span></h1>");
  expect(page.replace(/<[^>]+>/g, "")).toContain("-hello\n+Greet the world");
  expect(await tidied(started.runId)).toEqual([]);
});

/** What the agent said in a run. */
function words({ events }: Outcome): string[] {
  return events.filter(({ payload }) => payload.kind === "assistant_delta").map(({ message }) => message ?? "");
}

const TALKS = { options: { revision: { agentOutput: true } } };

test("execDriver() makes events of what the command prints, with the switch agentOutput", async () => {
  const { path } = repository();
  const { outcome } = await play(`echo looking; printf 'é\\nno end'; echo a problem >&2; exit 3`, path, TALKS);
  expect(words(outcome).sort()).toEqual(["a problem\n", "looking\n", "no end", "é\n"]);
  expect(words((await play("echo silent", path)).outcome)).toEqual([]);
});

test("execDriver() keeps first and last lines of a command that prints many, so that the feed shows the delivery", async () => {
  const { path } = repository();
  const { outcome } = await play("seq 500; echo changed > greeting.txt", path, TALKS);
  const said = words(outcome);
  expect([said.length, said[99], said[100]?.split("\n").slice(0, 2), said[100]?.split("\n").at(-2)])
    .toEqual([101, "100\n", ["(360 lines left out)", "461"], "500"]);
  expect(stageOf(outcome, "git_delivery")?.payload).toMatchObject({ changed: true });
});

test("execDriver() commits tracked leftovers and works with a bare repository", async () => {
  const { path, git } = repository(true);
  const { outcome, started } = await play("echo changed > greeting.txt", path);
  expect(outcome.run.status).toBe("success");
  expect(stageOf(outcome, "git_delivery")?.payload.auto_committed_files).toEqual(["greeting.txt"]);
  expect(git("show", `${started.branch.working}:greeting.txt`)).toBe("changed\n");
});

test("execDriver() ends with success and no pull request when nothing was changed", async () => {
  const { path, git } = repository();
  const { outcome } = await play("true", path);
  expect(outcome.run.status).toBe("success");
  expect(stageOf(outcome, "git_delivery")?.payload).toMatchObject({ changed: false, pull_request_url: null });
  expect(git("branch", "--list", "mogplex/*")).toBe("");
});

test("execDriver() fails the delivery when an untracked file is left", async () => {
  const { path } = repository();
  const { outcome } = await play("echo x > new.txt", path);
  expect(outcome.run).toMatchObject({
    status: "failed",
    error: "The agent finished, but GitHub delivery failed: untracked files remain: new.txt",
  });
  expect(outcome.events.filter(({ type }) => type === "failed").map(({ message }) => message)).toEqual([
    "Harness stream failed",
    "External Mogplex run failed",
  ]);
});

test("execDriver() fails the run with the command's exit code", async () => {
  const { path } = repository();
  const { outcome } = await play("exit 7", path);
  expect(outcome.run).toMatchObject({ status: "failed", error: "Agent run exited with code 7." });
  expect(outcome.events.at(-1)?.payload).toEqual({ exit_code: 7, failure_code: "command_failed" });
});

test("execDriver() works on a branch of its own when no branch is to be created", async () => {
  const { path, git } = repository();
  const { outcome, started } = await play("echo a > greeting.txt", path, { body: { createBranch: false } });
  const branch = `mogplex/agent-${outcome.run.aiCallId.replaceAll("-", "").slice(0, 12)}`;
  expect(started.branch.working).toBe("main");
  expect(stageOf(outcome, "git_sync")?.payload).toMatchObject({ working_branch: branch, created_branch: true });
  expect(git("show", `${branch}:greeting.txt`)).toBe("a\n");
  expect(git("show", "main:greeting.txt")).toBe("hello\n");
});

test("execDriver() goes on with a named branch that exists", async () => {
  const { path, git } = repository();
  git("branch", "topic");
  const body = { createBranch: false, workingBranch: "topic" };
  const { outcome } = await play("echo b > greeting.txt", path, { body });
  expect(stageOf(outcome, "git_sync")?.payload).toMatchObject({ working_branch: "topic", created_branch: false });
  expect(git("show", "topic:greeting.txt")).toBe("b\n");
});

test("execDriver() says what Git said when the base branch does not exist", async () => {
  const { path } = repository();
  const { outcome } = await play("true", path, { body: { baseBranch: "nowhere" } });
  expect(outcome.run.status).toBe("failed");
  expect(outcome.run.error).toStartWith("Could not synchronize mogplex/external/");
  expect(outcome.events.some(({ message }) => message === "Harness execution failed")).toBeTrue();
});

test("execDriver() gives the prompt on stdin and in MOGPLEX_PROMPT, and nothing of our own environment", async () => {
  const { path, git } = repository();
  process.env.MOGPLEX_API_KEY = "mog_secret";
  try {
    const command = `{ cat; echo; printf '%s\\n' "$MOGPLEX_PROMPT" "\${MOGPLEX_API_KEY-none}"; } > greeting.txt`;
    const { started } = await play(command, path);
    const text = "Greet the world\nand be kind";
    expect(git("show", `${started.branch.working}:greeting.txt`)).toBe(`${text}\n${text}\nnone\n`);
  } finally {
    delete process.env.MOGPLEX_API_KEY;
  }
});

test("execDriver() gives a command five variables of our own environment, and those that were asked for", async () => {
  const { path, git } = repository();
  process.env.EMULATOR_TEST_SECRET = "hidden";
  process.env.EMULATOR_TEST_WANTED = "shown";
  try {
    const options = { environment: ["EMULATOR_TEST_WANTED", "EMULATOR_TEST_UNSET"] };
    const { started } = await play(
      "env | sed 's/=.*//' | sort > greeting.txt; env | grep EMULATOR_ >> greeting.txt",
      path,
      {
        options,
      },
    );
    const text = git("show", `${started.branch.working}:greeting.txt`);
    expect(text).toEndWith("EMULATOR_TEST_WANTED=shown\n");
    const ours = ["PATH", "HOME", "LANG", "TMPDIR", "TERM", "EMULATOR_TEST_WANTED"];
    // The shell adds its own.
    const known = [...ours, "PWD", "OLDPWD", "SHLVL", "_"];
    const others = text.split("\n").filter((name) =>
      /^\w+$/.test(name) && !known.includes(name) && !/^(?:GIT|MOGPLEX)_/.test(name)
    );
    expect(others).toEqual([]);
    expect(text).toContain("PATH\n");
  } finally {
    delete process.env.EMULATOR_TEST_SECRET;
    delete process.env.EMULATOR_TEST_WANTED;
  }
});

test("execDriver() leaves a prompt of 120 KiB out of the environment", async () => {
  const { path, git } = repository();
  const prompt = "é".repeat(70_000);
  const { outcome, started } = await play(`printf '%s' "\${MOGPLEX_PROMPT-unset} $(wc -c)" > greeting.txt`, path, {
    body: { prompt },
  });
  expect(outcome.run.status).toBe("success");
  expect(git("show", `${started.branch.working}:greeting.txt`)).toBe("unset 140000");
});

test("execDriver() runs no hook and no command of the repository's settings", async () => {
  const { path, git } = repository();
  const trace = join(path, "hook-ran");
  for (const hook of ["pre-receive", "update", "post-receive", "post-checkout", "pre-push", "pre-commit"]) {
    writeFileSync(join(path, ".git/hooks", hook), `#!/bin/sh\ntouch "${trace}"\n`, { mode: 0o755 });
  }
  for (const setting of ["core.fsmonitor", "core.alternateRefsCommand", "core.sshCommand", "diff.external"]) {
    git("config", setting, `touch "${trace}"`);
  }
  const { outcome, started } = await play("echo c > greeting.txt", path);
  expect(outcome.run.status).toBe("success");
  expect(existsSync(trace)).toBeFalse();
  expect(git("show", `${started.branch.working}:greeting.txt`)).toBe("c\n");
});

test("execDriver() kills the whole process group when the run is cancelled", async () => {
  const { path } = repository();
  const pids = join(scratch("pids"), "pids");
  const command = `sleep 600 & echo $! > "${pids}"; wait`;
  const { send, started, reached } = await play(command, path, {
    until: ({ events }) =>
      events.some(({ message }) => message === "Harness run streaming") && existsSync(pids) &&
      readFileSync(pids, "utf8").endsWith("\n"),
  });
  const cancelled = await send("POST", `/runs/${started.runId}/cancel`);
  expect(cancelled).toMatchObject({ status: "cancelled", alreadyTerminal: false });
  const { events } = await reached((outcome) => outcome.events.at(-1)?.message === "Harness run cancelled");
  expect(events.slice(-3).map(({ type }) => type)).toEqual(["cancel_requested", "cancelled", "cancelled"]);
  const pid = Number(readFileSync(pids, "utf8"));
  await until("the command has ended", () => {
    try {
      return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    } catch {
      return true;
    }
  });
  expect(await tidied(started.runId)).toEqual([]);
});

test("execDriver() kills a command at its time limit and leaves the run streaming, as the base does", async () => {
  const { path } = repository();
  const { started, outcome, reached } = await play("sleep 600", path, {
    options: { timeLimitMs: 50 },
    until: ({ events }) => events.some(({ message }) => message === "Harness run streaming"),
  });
  expect(await tidied(started.runId)).toEqual([]);
  expect((await reached(() => true)).run.status).toBe("streaming");
  expect(outcome.run.status).toBe("streaming");
});

test("execDriver() takes its processes and directories along when the emulator is closed", async () => {
  const { path } = repository();
  const { emulator, started } = await play("sleep 600", path, {
    until: ({ events }) => events.some(({ message }) => message === "Harness run streaming"),
  });
  await emulator.close();
  served.pop();
  expect(leftovers(started.runId)).toEqual([]);
});

test("execDriver() runs nothing where a link of the repository leads out of the working copy", async () => {
  const { path, git } = repository();
  const outside = scratch("outside");
  symlinkSync(outside, join(path, "out"));
  symlinkSync("/", join(path, "top"));
  git("add", ".");
  git("commit", "--quiet", "-m", "links");
  for (const rootDirectory of ["out", "top", "greeting.txt/x", "absent"]) {
    const { outcome } = await play("touch pwned", path, { body: { rootDirectory } });
    expect(outcome.run.status).toBe("failed");
    expect(outcome.run.error).toContain(`Root directory "${rootDirectory}" is not a directory of the repository`);
  }
  expect(readdirSync(outside)).toEqual([]);
});

test("execDriver() finds a repository that was named by a relative path", async () => {
  const { path, git } = repository();
  const { outcome, started } = await play("echo r > greeting.txt", relative(process.cwd(), path));
  expect(outcome.run).toMatchObject({ status: "success", error: null });
  expect(git("show", `${started.branch.working}:greeting.txt`)).toBe("r\n");
});

test("execDriver() names the file that the prompt asks for, and the emulator shows it and links as Git has them", async () => {
  const { path } = repository();
  const prompt =
    'Greet\n\nWrite your result as JSON to the file ".mogplex/result.json" (from the root of the repository).';
  const command =
    'mkdir .mogplex && echo "{}" > "$MOGPLEX_RESULT_PATH" && ln -s /etc/passwd link.json && git add -Af && git commit -qm r';
  const { emulator, outcome } = await play(command, path, { body: { prompt } });
  expect(outcome.run.status).toBe("success");
  const branch = String(stageOf(outcome, "git_delivery")?.payload.working_branch);
  const files = await openRepositoryFiles({
    forges: [],
    env: () => undefined,
    world: { clock: systemClock },
    ciSystem: "none",
    isMogplex: () => false,
    service: emulator.url,
  }, { name: "acme/web" });
  const commit = await files.head(branch) ?? "";
  expect(await files.file(commit, ".mogplex/result.json")).toMatchObject({
    kind: "file",
    bytes: new TextEncoder().encode("{}\n"),
  });
  expect(await files.file(commit, "link.json")).toEqual({ kind: "refused", why: "link", path: "link.json" });
  expect(await files.file(await files.head() ?? "", ".mogplex/result.json")).toEqual({ kind: "missing" });
});
