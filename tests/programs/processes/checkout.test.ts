import { built } from "../../built.ts";
import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { launch, REPO, type Service, sharedService } from "./world/service.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

const environment = () => ({ MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() });
const follow = (prompt: string) => ["run", "--follow", prompt, "--repo", REPO, "--create-branch"];

test("run --follow ends with 2 before it starts anything when the output directory is a symbolic link", async () => {
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  symlinkSync(mkdtempSync(join(service.folder, "elsewhere-")), join(cwd, "mogplex-ci"));
  const line = [runtimes.node, built("mogplex.mjs"), ...follow("<success>")];
  const { code, stdout, stderr } = await launch(line, { cwd, env: environment() }).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("symbolic link");
});

test("cleanup cancels the run of a job that was killed, when the CI system says that it was cancelled", async () => {
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  const env = { ...environment(), CI: "true", MOGPLEX_CI_JOB: "killed" };
  const running = launch([runtimes.node, built("mogplex.mjs"), ...follow("<stuck-streaming>")], { cwd, env });
  const runId = (await running.seen(/started run (\S+)[^]*streaming/))[1] ?? "";
  running.child.kill("SIGKILL");
  await running.ended;
  const cleanup = (status: string) => {
    const line = [runtimes.node, built("mogplex.mjs"), "cleanup"];
    return launch(line, { cwd, env: { ...env, MOGPLEX_JOB_STATUS: status } }).ended;
  };
  expect((await cleanup("success")).stdout).toStartWith("nothing to clean up: ");
  expect(await service.status(runId)).toBe("streaming");
  const { code, stdout } = await cleanup("cancelled");
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `cleaned up: run "${runId}" was cancelled (the job was cancelled)\n`,
  });
  expect(await service.status(runId)).toBe("cancelled");
});
