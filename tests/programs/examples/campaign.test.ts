/** `examples/campaign/`: the file to copy. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root, runtimes } from "../../../tools/setup.mjs";
import { launch } from "../processes/world/service.ts";
import { START } from "../processes/world/recorder.ts";
import { withService } from "./scripts.ts";
import { endRuns, openWorkFolder, UNTIL_ENDED, type WorkFolder } from "./systems/campaign_recipes.ts";

const FOLDER = join(root, "examples/campaign");
const read = (path: string) => readFileSync(join(root, path), "utf8");

let work: WorkFolder;

beforeAll(() => {
  work = openWorkFolder();
});

afterAll(() => rmSync(work.folder, { recursive: true, force: true }));

test("campaign.yml names every file beside it, and its schema is one of the package", () => {
  const text = read("examples/campaign/campaign.yml");
  for (const file of readdirSync(FOLDER).filter((each) => each !== "campaign.yml")) expect(text).toContain(file);
  const [, path = ""] =
    /^# yaml-language-server: \$schema=https:\/\/unpkg\.com\/@mogplex\/ci@[\d.]+\/(\S+)$/m.exec(text) ?? [];
  expect(path).toBe("schema/campaign.schema.json");
  expect(JSON.parse(read("package.json")).files).toContain("schema");
});

test("campaign.yml is valid by the JSON Schema", () => {
  const schema = JSON.parse(read("schema/campaign.schema.json"));
  const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(schema);
  expect([validate(parse(read("examples/campaign/campaign.yml"))), validate.errors]).toEqual([true, null]);
});

test("campaign check finds no mistake in campaign.yml, and one that is put there", async () => {
  const cwd = mkdtempSync(join(work.folder, "check-"));
  cpSync(FOLDER, cwd, { recursive: true });
  const check = () => launch([runtimes.node, work.command, "campaign", "check", "campaign.yml"], { cwd }).ended;
  expect(await check()).toMatchObject({ code: 0, stdout: expect.stringContaining("campaign.yml is valid") });
  rmSync(join(cwd, "task.md"));
  expect(await check()).toMatchObject({ code: 2, stdout: expect.stringContaining("prompt-file") });
});

test("campaign.yml is planned and its canary started, with the task of each repository", async () => {
  const names = ["web", "api", "lib-a", "lib-legacy-b", "docs", "mobile", "archive-old", "other"];
  await withService({ ...UNTIL_ENDED, names }, async (service) => {
    const { token, recorder } = service;
    const cwd = mkdtempSync(join(work.folder, "plan-"));
    cpSync(FOLDER, cwd, { recursive: true });
    const env = { MOGPLEX_URL: recorder.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: token };
    const campaign = (verb: string) =>
      launch([runtimes.node, work.command, "campaign", verb, "campaign.yml"], { cwd, env }).ended;
    const { stdout } = await campaign("plan");
    for (const item of ["web@main", "api@develop:packages/api", "lib-a@main", "docs@main", "mobile@main"]) {
      expect(stdout).toContain(`acme/${item}`);
    }
    expect(stdout).toContain("5 items");
    expect((await campaign("advance")).code).toBe(0);
    const bodies = recorder.of(START).map(({ body }) => JSON.parse(body));
    expect(bodies.map(({ prompt }) => prompt.split("\n")[0])).toEqual(Array(3).fill("Replace moment with Temporal"));
    expect(bodies[1]).toMatchObject({
      baseBranch: "develop",
      rootDirectory: "packages/api",
      prompt: expect.stringContaining("Mention OPS-13 in"),
      ...{ createBranch: true, workingBranch: "codemod/replace-moment" },
    });
    endRuns(service);
    // Without a pull request it is not known whether they succeeded: that closes the gate, too.
    await campaign("advance");
    expect((await campaign("status")).stdout).toContain("campaign approve campaign.yml");
  });
});
