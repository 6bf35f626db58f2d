import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { RUNTIMES } from "../package/runtimes.ts";
import { launch, REPO, type Service, startService } from "./world/service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

const environment = () => ({ MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() });
const follow = (prompt: string) => ["run", "--follow", prompt, "--repo", REPO, "--create-branch"];

test("Bun in CI without --no-env-file ends with 2 when a .env of the checkout sets the origin", async () => {
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  writeFileSync(join(cwd, ".env"), "MOGPLEX_URL=https://evil.example\n");
  const env = { CI: "true", MOGPLEX_API_KEY: service.token() };
  for (const args of [["repos", "list"], follow("<success>")]) {
    const { code, stdout, stderr } = await launch([runtimes.bun, service.command, ...args], { cwd, env }).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toStartWith("error: Cannot trust MOGPLEX_URL: ");
  }
});

test("a .env, bunfig.toml, deno.json or tsconfig.json of the checkout changes nothing on the hermetic lines", async () => {
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  const evil = `console.log("EVIL"); process.exit(0);\n`;
  writeFileSync(join(cwd, "evil.mjs"), evil);
  writeFileSync(join(cwd, ".env"), "MOGPLEX_URL=https://evil.example\n");
  writeFileSync(join(cwd, "bunfig.toml"), `preload = ["./evil.mjs"]\n`);
  writeFileSync(join(cwd, "deno.json"), `{"imports":{"node:process":"./evil.mjs"}}\n`);
  writeFileSync(join(cwd, "tsconfig.json"), `{"compilerOptions":{"paths":{"node:process":["./evil.mjs"]}}}\n`);
  for (const runtime of Object.values(RUNTIMES)) {
    const env = { CI: "true", ...environment() };
    const { code, stdout } = await launch([...runtime, service.command, "repos", "list"], { cwd, env }).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${REPO}  acme/web  main\n` });
  }
});

test("run --follow ends with 2 before it starts anything when the output directory is a symbolic link", async () => {
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  symlinkSync(mkdtempSync(join(service.folder, "elsewhere-")), join(cwd, "mogplex-ci"));
  for (const runtime of Object.values(RUNTIMES)) {
    const { code, stdout, stderr } = await launch([...runtime, service.command, ...follow("<success>")], {
      cwd,
      env: environment(),
    }).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("symbolic link");
  }
});

test("cleanup cancels the run of a job that was killed, when the CI system says that it was cancelled", async () => {
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  const env = { ...environment(), CI: "true", MOGPLEX_CI_JOB: "killed" };
  const running = launch([runtimes.node, service.command, ...follow("<stuck-streaming>")], { cwd, env });
  const runId = (await running.seen(/started run (\S+)[^]*streaming/))[1] ?? "";
  running.child.kill("SIGKILL");
  await running.ended;
  const cleanup = (status: string) => {
    const line = [runtimes.node, service.command, "cleanup"];
    return launch(line, { cwd, env: { ...env, MOGPLEX_JOB_STATUS: status } }).ended;
  };
  expect((await cleanup("success")).stdout).toStartWith("nothing to clean up: ");
  expect(await service.status(runId)).toBe("streaming");
  const { code, stdout } = await cleanup("cancelled");
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `cleaned up: run "${runId}" is "cancelled" (the job is "cancelled")\n`,
  });
  expect(await service.status(runId)).toBe("cancelled");
});
