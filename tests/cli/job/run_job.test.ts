import { expect, test } from "bun:test";
import { REPO, world } from "../world.ts";

test("run --follow shows the task nowhere when --show-task or its variable says so", async () => {
  const ways: [args: string[], env: Record<string, string>][] = [
    [["--show-task=false"], {}],
    [[], { MOGPLEX_SHOW_TASK: "false" }],
  ];
  for (const [args, env] of ways) {
    const { code, stdout, stderr, io } = await world().cli(
      ["run", "--follow", "A task of mine", "--repo", REPO, ...args],
      { env: { CI: "true", MOGPLEX_CI_JOB: "nightly", ...env } },
    );
    expect(code).toBe(0);
    expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "")).toMatchObject({ task: null });
    const all = [
      stdout,
      stderr,
      ...[...io.files].filter(([path]) => !path.endsWith("run.json")).map(([, text]) => text),
    ];
    expect(all.join("\n")).not.toContain("A task of mine");
  }
});
