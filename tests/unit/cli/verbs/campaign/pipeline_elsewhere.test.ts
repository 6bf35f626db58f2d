import { expect, test } from "bun:test";
import { parse, parseAllDocuments } from "yaml";
import { sha256Hex } from "../../../../../lib/sha256.ts";
import { cliWorld } from "../../campaign/world.ts";

const IN_IMAGE = ["--program", "command:mogplex-ci", "--image", "registry.example/mogplex:1.0.0"];

function worldWithProgram() {
  const world = cliWorld();
  world.files.set("ci/mogplex.mjs", "#!/usr/bin/env node\n");
  return world;
}

test("campaign pipeline writes what GitHub, Buildkite and Kubernetes need, without a plan and without a request", async () => {
  const world = worldWithProgram();
  const github = await world.campaign("pipeline", ["--format", "github", "--every", "30m"]);
  expect(github).toMatchObject({ code: 0, stderr: "" });
  expect(parse(github.stdout)).toMatchObject({
    name: "Campaign replace-moment",
    on: { schedule: [{ cron: "7,37 * * * *" }] },
  });
  expect(github.stdout).toContain(await sha256Hex(world.files.get("ci/mogplex.mjs") ?? ""));
  expect(github.stdout).toContain("--home 'git:origin#mogplex-campaign/replace-moment'");

  const buildkite = await world.campaign("pipeline", ["--format", "buildkite", "--tag", "queue=big"]);
  expect(parse(buildkite.stdout).steps).toMatchObject([{ agents: ["queue=big"], concurrency: 1 }]);

  const kubernetes = await world.campaign("pipeline", ["--format", "kubernetes", ...IN_IMAGE, "--output", "k8s/"]);
  expect(kubernetes).toMatchObject({ code: 0, stdout: "", stderr: "note: wrote k8s/campaign-replace-moment.yaml\n" });
  const manifests = parseAllDocuments(world.files.get("k8s/campaign-replace-moment.yaml") ?? "");
  expect([...manifests].map((each) => each.toJS().kind)).toEqual([
    "ConfigMap",
    "PersistentVolumeClaim",
    "Job",
    "CronJob",
  ]);
  expect([...manifests][0]?.toJS().data["file-0"]).toBe(world.files.get("campaign.yml"));
  expect(world.requests).toEqual([]);
});

test("campaign pipeline refuses what these systems cannot do, and homes in which something is hidden", async () => {
  const world = worldWithProgram();
  const large = cliWorld({
    file: { repositories: ["acme/web"], prompt: "x".repeat(90_000), "exclude-file": "list.txt" },
  });
  large.files.set(
    "list.txt",
    Array.from({ length: 19_000 }, (_, index) => `acme/${"x".repeat(60)}-${index}\n`).join(""),
  );
  const cases: [args: string[], message: string][] = [
    [["--format", "kubernetes"], "a pod has no checkout"],
    [["--format", "github", "--home", "dir"], "no directory goes from one job of GitHub to the next"],
    [["--format", "buildkite", "--rehearsal", "5s"], "--rehearsal"],
    [["--format", "github", "--every", "1m"], "the schedule of GitHub cannot make a wave every 1 min"],
    [["--format", "github", "--home", "git:https://u:pw@forge.example/x#b"], "it contains credentials"],
    [["--format", "github", "--home", "git:ext::sh -c x#b"], "use the address of a Git repository"],
    [["--format", "github", "--home", "git:/srv/x\n- run: touch PWNED\n#b"], "use the address of a Git repository"],
    [["--format", "buildkite", "--home", "git:origin#b\n  - command: touch PWNED"], "the branch cannot be used"],
    [["--format", "kubernetes", ...IN_IMAGE, "--home", "git:origin#-x"], "the branch cannot be used"],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await world.campaign("pipeline", args);
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("pw@");
  }
  const { code, stderr } = await large.campaign("pipeline", ["--format", "kubernetes", ...IN_IMAGE]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("a ConfigMap holds at most 1048576 bytes"),
  });
});
