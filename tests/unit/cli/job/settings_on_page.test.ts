import { expect, test } from "bun:test";
import { textsOf } from "../../report/page_parser.ts";
import { REPO, TOKEN, world } from "../world.ts";

test("run --follow writes a page that says where its settings came from, without the token", async () => {
  const args = ["run", "--follow", "Fix it", "--timeout", "1500", "--create-branch"];
  const env = { MOGPLEX_REPO_ID: REPO, MOGPLEX_BASE_BRANCH: `x${TOKEN}` };
  const { io } = await world().cli(args, { env });
  const page = io.files.get("mogplex-ci/run.html") ?? "";
  const rows = textsOf(page, "tr");
  expect(rows).toContain("timeout1500--timeout");
  expect(rows).toContain(`repo${REPO}MOGPLEX_REPO_ID`);
  expect(rows.find((row) => row.startsWith("out"))).toBe("outmogplex-cidefault");
  expect(page.includes(TOKEN)).toBe(false);
});

test("run --follow writes a page whose command to start again has every flag of the request", async () => {
  const request = [
    "--mode",
    "SAFE",
    "--result",
    "answer.json",
    "--schema",
    "ci/answer.schema.json",
    "--no-create-branch",
  ];
  const { io } = await world().cli(["run", "--follow", "--repo", REPO, ...request, "Fix it"], {
    files: { "ci/answer.schema.json": '{ "type": "object" }' },
  });
  const page = io.files.get("mogplex-ci/run.html") ?? "";
  const command = textsOf(page, "code").find((text) => text.includes("--new")) ?? "";
  for (const flag of ["--mode SAFE", "--result answer.json", "--schema ci/answer.schema.json", "--no-create-branch"]) {
    expect(command).toContain(` ${flag} `);
  }
});
