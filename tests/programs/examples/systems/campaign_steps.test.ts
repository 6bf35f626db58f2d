/** The recipes that make the waves of a campaign on Buildkite and on Kubernetes: what they say, and what their commands do. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CronJob, Job } from "kubernetes-models/batch/v1";
import { PersistentVolumeClaim } from "kubernetes-models/v1";
import { parseAllDocuments } from "yaml";
import { EXIT } from "../../../../lib/exit_codes.ts";
import { shellWord } from "../../../../lib/text/escape.ts";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";
import { START } from "../../processes/world/recorder.ts";
import { type Fields, fields, list, parseYaml, texts } from "../../../unit/examples/strict.ts";
import {
  type CampaignSystem,
  openWorkFolder,
  type WaveOptions,
  withCampaign,
  type WorkFolder,
} from "./campaign_recipes.ts";
import { type Machine, readExample, signalledAll } from "./machine.ts";
import { upload } from "./models/buildkite.ts";

const BUILDKITE = "buildkite/campaign.yml";
const KUBERNETES = "kubernetes/campaign.yaml";

let built: WorkFolder;
let remotes: Remotes;

beforeAll(() => {
  built = openWorkFolder();
  remotes = makeRemotes();
});

afterAll(async () => {
  rmSync(built.folder, { recursive: true, force: true });
  await remotes.close();
});

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** The one step of the recipe for Buildkite. */
function readStep(): Fields {
  const { steps } = fields(parseYaml(readExample(BUILDKITE)), "pipeline", ["steps"]);
  const [step, ...others] = list(steps, "steps");
  expect(others).toEqual([]);
  const known = ["label", "key", "if", "concurrency_group", "concurrency", "secrets", "command", "artifact_paths"];
  return fields(step, "step", [...known, "timeout_in_minutes", "soft_fail", "retry"]);
}

/** Source: Buildkite, "Command step", `soft_fail`. */
function colorOf(code: number | null, soft: readonly unknown[] = []) {
  if (code === 0) return "green";
  return code === null ? "gray" : soft.includes(code) ? "yellow" : "red";
}

/** A pipeline of Buildkite on a repository that a machine may push to. */
function onBuildkite(remote: string): CampaignSystem {
  return {
    file: BUILDKITE,
    async run(machine, { files, command }: WaveOptions) {
      const cwd = machine.directory();
      writeFiles(cwd, files);
      mkdirSync(join(cwd, "ci"));
      copyFileSync(built.command, join(cwd, "ci/mogplex.mjs"));
      const step = readStep();
      const isStep = command === undefined;
      const lines = isStep ? texts(step.command, "command").map(upload) : [
        `node ci/mogplex.mjs campaign ${command} --home ${shellWord(`git:${remote}#mogplex-campaign/codemod`)}`,
      ];
      const env = {
        ...isStep ? { CI: "true", BUILDKITE: "true", BUILDKITE_REPO: remote } : {},
        MOGPLEX_API_KEY: machine.token,
      };
      const done = await machine.run({ name: "wave", text: lines.join("\n"), shell: ["bash", "-e"], env, cwd });
      const soft = list(step.soft_fail, "soft_fail").map((each) =>
        fields(each, "soft_fail", ["exit_status"]).exit_status
      );
      return { color: colorOf(done.stopped ? null : done.code, soft), state: stateIn(done.stdout), artifacts: [] };
    },
    stop: signalledAll("SIGKILL"),
    keepsWhenCancelled: false,
    busy: "yellow",
  };
}

/** The state that is told last. */
function stateIn(log: string): string {
  return [...log.matchAll(/Campaign codemod is (\w+)/g)].at(-1)?.[1] ?? "";
}

interface Container {
  name: string;
  command: string[];
  workingDir: string;
  env?: { name: string; valueFrom: { secretKeyRef: { name: string; key: string } } }[];
}

interface Pod {
  restartPolicy: string;
  initContainers?: Container[];
  containers: Container[];
}

interface Manifests {
  claim: Fields;
  plan: { spec: { template: { spec: Pod } } };
  waves: { metadata: { name: string }; spec: Fields & { jobTemplate: { spec: Fields & { template: { spec: Pod } } } } };
}

/** The manifests, which Kubernetes' own schema accepts. @param recipe Text of the recipe. */
function readManifests(recipe = readExample(KUBERNETES)): Manifests {
  const all = parseAllDocuments(recipe).map((document) => {
    if (!("errors" in document)) throw new Error("There is no document");
    expect([...document.errors, ...document.warnings]).toEqual([]);
    return document.toJS() as Fields;
  });
  expect(all.map(({ kind }) => kind)).toEqual(["PersistentVolumeClaim", "Job", "CronJob"]);
  const [claim, plan, waves] = all;
  new PersistentVolumeClaim(claim as never).validate();
  new Job(plan as never).validate();
  new CronJob(waves as never).validate();
  return { claim, plan, waves } as unknown as Manifests;
}

/** A cluster with the ConfigMap of the campaign's files, and a volume. */
function onKubernetes(): CampaignSystem {
  let state: string | undefined;
  return {
    file: KUBERNETES,
    async run(machine, { files, command }: WaveOptions) {
      state ??= machine.directory();
      const bin = machine.directory();
      copyFileSync(built.command, join(bin, "mogplex-ci.mjs"));
      chmodSync(join(bin, "mogplex-ci.mjs"), 0o755);
      symlinkSync("mogplex-ci.mjs", join(bin, "mogplex-ci"));
      // Source: Kubernetes, "ConfigMaps", mounted ConfigMaps: each file is a link to one in a hidden folder.
      const campaign = machine.directory();
      writeFiles(join(campaign, "..data"), files);
      for (const path of Object.keys(files)) symlinkSync(join("..data", path), join(campaign, path));
      const { plan, waves } = readManifests();
      const pod = command === undefined ? waves.spec.jobTemplate.spec.template.spec : plan.spec.template.spec;
      const containers = [...pod.initContainers ?? [], ...pod.containers];
      let log = "";
      for (const container of containers) {
        expect(container.workingDir).toBe("/campaign");
        const words = container.command.map((word) => shellWord(word === "/state" ? state ?? "" : word));
        const env = {
          PATH: bin,
          ...Object.fromEntries((container.env ?? []).map(({ name }) => [name, machine.token])),
        };
        const { code, stdout, stopped } = await machine.run({
          ...{ name: container.name, text: `exec ${words.join(" ")}\n`, shell: ["sh"], env, cwd: campaign },
        });
        log += stdout;
        if (code !== 0) return { color: colorOf(stopped ? null : code), state: stateIn(log), artifacts: [] };
      }
      return { color: "green", state: stateIn(log), artifacts: [] };
    },
    stop: signalledAll("SIGKILL"),
    keepsWhenCancelled: true,
    busy: "red",
  };
}

const SYSTEMS: readonly [file: string, open: (name: string) => CampaignSystem][] = [
  [BUILDKITE, (name) => onBuildkite(remotes.make(name))],
  [KUBERNETES, () => onKubernetes()],
];

const said = (machine: Machine) => `${machine.done.at(-1)?.stdout}${machine.done.at(-1)?.stderr}`;

for (const [file, open] of SYSTEMS) {
  test.concurrent(
    `${file} makes no wave without a plan, then waves until the campaign is done, and nothing twice after a lost one`,
    () =>
      withCampaign(built, open("waves.git"), ["web", "api", "docs", "lib"], async (bench) => {
        const { wave, machine, recorder, counts } = bench;
        expect((await wave()).color).toBe("red");
        expect([machine.done.at(-1)?.code, said(machine)]).toEqual([2, expect.stringContaining("there is no plan")]);
        expect(recorder.requests).toEqual([]);
        expect((await wave({ command: "plan campaign.yml" })).color).toBe("green");
        expect(counts().starts).toBe(0);

        // A start is under way when the machine is lost.
        recorder.intercept = ({ what }) =>
          START.test(what) && recorder.of(START).length === 2 ? new Promise(() => {}) : Promise.resolve();
        machine.stopWhen = () => recorder.arrived(START, 2);
        machine.stop = signalledAll("SIGKILL");
        expect((await wave()).color).toBe("gray");
        recorder.intercept = undefined;

        // Its start may have arrived, so waves wait for some minutes before they ask; a person need not.
        await wave();
        expect((await wave({ command: "retry campaign.yml --only acme/*" })).color).toBe("green");
        const states: string[] = [];
        for (let waves = 0; waves < 6 && states.at(-1) !== "done"; waves++) states.push((await wave()).state);
        expect(states.at(-1)).toBe("done");
        expect(counts()).toMatchObject({ runs: 4, keys: 4 });
        const before = recorder.requests.length;
        expect((await wave()).color).toBe("green");
        expect(recorder.requests).toHaveLength(before);
      }),
  );

  test.concurrent(
    `${file} is red at the end when a repository has failed`,
    () =>
      withCampaign(built, open("failure.git"), ["web", "failure"], async ({ wave, machine }) => {
        await wave({ command: "plan campaign.yml" });
        expect((await wave()).color).toBe("green");
        expect(await wave()).toMatchObject({ color: "red", state: "done" });
        expect(said(machine)).toMatch(/campaign retry campaign\.yml .*--cause /);
      }),
  );
}

test("campaign.yml of Buildkite makes one wave at a time on the default branch, and an outage does not fail it", () => {
  expect(readStep()).toMatchObject({
    if: "build.branch == pipeline.default_branch",
    concurrency: 1,
    secrets: ["MOGPLEX_API_KEY"],
    soft_fail: [{ exit_status: EXIT.unavailable }, { exit_status: EXIT.rateLimited }],
    // -1 is also the status of a cancelled job.
    retry: { automatic: [{ exit_status: -1, signal_reason: "none", limit: 2 }] },
  });
});

test("campaign.yaml of Kubernetes makes no wave until a person has read the plan, and one at a time", () => {
  const { claim, plan, waves } = readManifests();
  expect(claim).toMatchObject({ spec: { accessModes: ["ReadWriteOnce"] } });
  expect(waves.spec).toMatchObject({
    schedule: "7,22,37,52 * * * *",
    suspend: true,
    concurrencyPolicy: "Forbid",
    jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", automountServiceAccountToken: false } } } },
  });
  const pod = waves.spec.jobTemplate.spec.template.spec;
  const all = [...plan.spec.template.spec.containers, ...pod.initContainers ?? [], ...pod.containers];
  expect(all.map(({ command }) => command[2])).toEqual(["plan", "status", "advance"]);
  // What sends no request has no token.
  const tokens = ["MOGPLEX_API_KEY", "GITHUB_TOKEN", "MERGE_TOKEN", "MOGPLEX_MERGE_TOKEN_VARIABLE"];
  expect(all.map(({ env }) => env?.map(({ name }) => name))).toEqual([tokens, undefined, tokens]);
  // Kubernetes appends 11 characters to the name of a CronJob, and names have at most 63.
  expect(waves.metadata.name.length).toBeLessThanOrEqual(52);
});

test("campaign.yaml of Kubernetes tries a wave again after an outage and after the cluster took its pod, and after no other end", () => {
  const { rules } = readManifests().waves.spec.jobTemplate.spec.podFailurePolicy as { rules: Fields[] };
  expect(rules).toEqual([
    { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
    {
      action: "FailJob",
      onExitCodes: {
        operator: "In",
        values: [
          ...[EXIT.failed, EXIT.usage, EXIT.awaitingInput, EXIT.unauthorized, EXIT.forbidden, EXIT.internal],
          EXIT.rateLimited,
        ],
      },
    },
  ]);
});

test("campaign.yaml of Kubernetes takes a label of nodes whose value is empty", () => {
  const recipe = readExample(KUBERNETES).replace(/# (nodeSelector: .*?)(?= #)/g, "$1");
  const label = { nodeSelector: { "example.com/agents": "" } };
  const { plan, waves } = readManifests(recipe);
  expect([plan.spec.template.spec, waves.spec.jobTemplate.spec.template.spec]).toMatchObject([label, label]);
});
