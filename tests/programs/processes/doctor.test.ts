import { built } from "../../built.ts";
import { beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { diagnose, type Env } from "./world/doctor.ts";
import { launch, REPO, type Service, sharedService } from "./world/service.ts";

// What differs by runtime: tests/matrix/runtimes/doctor.test.ts.
let service: Service;
let token = "";

beforeAll(async () => {
  service = await sharedService();
  token = service.token();
});

const folder = () => mkdtempSync(join(service.folder, "doctor-"));
const own = (): Env => ({ MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: token });
const doctor = (env: Env, cwd = folder()) => diagnose([runtimes.node, built("mogplex.mjs")], { ...own(), ...env }, cwd);

test("doctor ends with 0 when all is well, and leaves nothing behind", async () => {
  const cwd = folder();
  const line = [runtimes.node, built("mogplex.mjs"), "doctor", "--repo", REPO];
  const { code, stdout, stderr } = await launch(line, { cwd, env: own() }).ended;
  expect(stderr).toBe(`note: sending requests and the token to ${service.url}, unencrypted\n`);
  expect(stdout).toMatch(new RegExp(`^ok       runtime     node \\d+\\.\\d+\\.\\d+`));
  expect(stdout).toContain("ok       connection  the service answers\n");
  expect(stdout).toEndWith("\n\na run can start\n");
  expect(code).toBe(0);
  expect(readdirSync(cwd, { recursive: true })).toEqual([]);
});

test("doctor ends with the code that a job would end with", async () => {
  const unknown = await doctor({ MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" });
  expect([unknown.code, unknown.checks.access?.state]).toEqual([64, "failed"]);
  const misspelt = await doctor({ MOGPLEX_REPO_ID: "acme/wbe" });
  expect([misspelt.code, misspelt.checks.repository?.state]).toEqual([2, "failed"]);
  expect(misspelt.checks.repository?.finding).toStartWith('"acme/wbe" was not found; ');
  const named = await doctor({ MOGPLEX_REPO_ID: "acme/web" });
  expect([named.code, named.checks.repository?.state]).toEqual([0, "ok"]);
  const mistyped = await doctor({ MOGPLEX_REPOID: "x" });
  expect([mistyped.code, mistyped.checks.variables?.advice]).toEqual([
    0,
    "Did you mean MOGPLEX_REPO_ID instead of MOGPLEX_REPOID?",
  ]);
});

test("doctor ends with 2 when the directory of the reports is a link", async () => {
  const cwd = folder();
  mkdirSync(join(cwd, "target"));
  symlinkSync("target", join(cwd, "mogplex-ci"));
  const { code, checks } = await doctor({}, cwd);
  expect(code).toBe(2);
  expect(checks.files?.finding).toContain(`its path contains the symbolic link "mogplex-ci"`);
  expect(readdirSync(join(cwd, "target"))).toEqual([]);
});

test("doctor leaves no directory behind that it made, and keeps those that were there", async () => {
  const cwd = mkdtempSync(join(service.folder, "doctor-tidy-"));
  mkdirSync(join(cwd, "kept"));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  for (const out of ["mogplex-ci", "a/b/c", "kept", "kept/new"]) {
    const { code } = await launch([runtimes.node, built("mogplex.mjs"), "doctor", "--repo", REPO, "--out", out], {
      cwd,
      env,
    }).ended;
    expect([code, readdirSync(cwd), readdirSync(join(cwd, "kept"))]).toEqual([0, ["kept"], []]);
  }
});
