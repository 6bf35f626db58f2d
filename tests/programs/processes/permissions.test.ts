import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { launch, REPO, type Service, startService } from "./world/service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

interface Asked {
  permission: string;
  value: string | null;
}

test("permissions prints all that Deno needs for a whole job in CI, and nothing beyond is asked for", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const audit = join(service.folder, "audit.jsonl");
  for (const file of ["output", "summary"]) writeFileSync(join(cwd, file), "");
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    GITHUB_ACTIONS: "true",
    GITHUB_OUTPUT: join(cwd, "output"),
    GITHUB_STEP_SUMMARY: join(cwd, "summary"),
    MOGPLEX_CI_JOB: "permissions",
  };
  const listed = await launch([runtimes.node, service.command, "permissions", "--out", "reports"], { cwd, env }).ended;
  expect({ code: listed.code, stderr: listed.stderr }).toEqual({ code: 0, stderr: "" });
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...flags, service.command];
  const args = ["run", "--follow", "<success>", "--repo", REPO, "--create-branch", "--out", "reports"];
  const { code, stderr } = await launch([...deno, ...args], { cwd, env: { ...env, DENO_AUDIT_PERMISSIONS: audit } })
    .ended;
  expect(stderr).toBe(`note: sending requests and the token to ${service.url}, unencrypted\n`);
  expect(code).toBe(0);
  expect(readFileSync(join(cwd, "summary"), "utf8")).toContain("<success>` → [PR #1](");
  expect(readFileSync(join(cwd, "reports/result.json"), "utf8")).toContain(`"outcome": "success"`);

  const asked = readFileSync(audit, "utf8").trim().split("\n").map((line) => JSON.parse(line) as Asked);
  const kinds = new Set(asked.map((each) => each.permission));
  expect([...kinds].sort()).toEqual(["env", "net", "read", "write"]);
  const named = flags.find((flag) => flag.startsWith("--allow-env="))?.slice("--allow-env=".length).split(",") ?? [];
  for (const { permission, value } of asked) if (permission === "env") expect(named).toContain(value ?? "(all)");
});

test("cleanup and the drop-in verbs run on Deno with the same list", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const listed = await launch([runtimes.bun, service.command, "permissions"], { cwd, env }).ended;
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...flags, service.command];
  expect(await launch([...deno, "cleanup"], { cwd, env }).ended).toMatchObject({
    code: 0,
    stdout: "nothing to clean up: no state file of this job\n",
  });
  const repos = await launch([...deno, "repos", "list"], { cwd, env }).ended;
  expect({ code: repos.code, stdout: repos.stdout }).toEqual({ code: 0, stdout: `${REPO}  acme/web  main\n` });
});

test("a permission that is missing ends the job at once, with how to give it", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const task = join(mkdtempSync(join(service.folder, "task-")), "task.md");
  writeFileSync(task, "<success>");
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const listed = await launch([runtimes.node, service.command, "permissions"], { cwd, env }).ended;
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt"];
  const args = [service.command, "run", "--follow", "--repo", REPO, "--create-branch", "--prompt-file", task];
  const unread = await launch([...deno, ...flags, ...args], { cwd, env }).ended;
  expect({ code: unread.code, stderr: unread.stderr }).toEqual({
    code: 2,
    stderr:
      `error: Cannot read prompt: Deno may not read file "${task}"; start it with --allow-read for it, the verb ` +
      "permissions prints all flags (permissions --prompt-file FILE)\n",
  });
  const more = await launch([runtimes.node, service.command, "permissions", "--prompt-file", task], { cwd, env }).ended;
  const apart = more.stdout.trim().split(" ").filter((flag) => !flag.startsWith("--allow-net"));
  const unsent = await launch([...deno, ...apart, ...args], { cwd, env }).ended;
  const { host } = new URL(service.url);
  expect({ code: unsent.code, stderr: unsent.stderr }).toEqual({
    code: 2,
    stderr: `note: sending requests and the token to ${service.url}, unencrypted\n` +
      `error: Cannot start run: Deno may not reach ${host}; start it with --allow-net=${host}, the verb permissions ` +
      "prints all flags\n",
  });
  expect(readFileSync(join(cwd, "mogplex-ci/outputs.env"), "utf8")).toContain("MOGPLEX_OUTCOME=error\n");
}, 60_000);
