/**
 * What the manifests for Kubernetes say. `kubernetes-models` has Kubernetes' own schema, but takes fields that Kubernetes does not know: those
 * are compared with the names in its API reference.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { CronJob, Job } from "kubernetes-models/batch/v1";
import { ConfigMap, PersistentVolumeClaim } from "kubernetes-models/v1";
import { parse, parseAllDocuments } from "yaml";
import { kubernetes } from "../../../../lib/campaign/pipeline/kubernetes.ts";
import { EXIT } from "../../../../lib/exit_codes.ts";
import { hostileFiles } from "./hostile_names.ts";
import { carriedFile, type SampleChanges, sampleInput } from "./sample_input.ts";

type Fields = Record<string, unknown>;

interface Container {
  name: string;
  command: string[];
  env?: { name: string }[];
}

interface Manifests {
  config: { metadata: { name: string }; immutable: boolean; data: Record<string, string> };
  claim: Fields | undefined;
  plan: { spec: { template: { spec: { containers: Container[] } } } };
  waves: {
    metadata: { name: string };
    spec: Fields & {
      jobTemplate: {
        spec: Fields & {
          template: {
            spec: Fields & {
              initContainers: Container[];
              containers: Container[];
              volumes: { configMap?: { name: string; items: { key: string; path: string }[] } }[];
            };
          };
        };
      };
    };
  };
}

/** Names of fields. Source: Kubernetes API reference, ConfigMap, PersistentVolumeClaim, Job, CronJob and Pod. */
const FIELDS = new Set(
  `apiVersion kind metadata name spec data immutable accessModes resources requests limits storage cpu memory
  schedule suspend concurrencyPolicy startingDeadlineSeconds successfulJobsHistoryLimit failedJobsHistoryLimit jobTemplate
  backoffLimit activeDeadlineSeconds podFailurePolicy rules action onPodConditions onExitCodes type status operator values template
  restartPolicy automountServiceAccountToken nodeSelector securityContext runAsNonRoot runAsUser fsGroup seccompProfile
  allowPrivilegeEscalation readOnlyRootFilesystem capabilities drop initContainers containers volumes image command workingDir env
  valueFrom secretKeyRef key optional volumeMounts mountPath readOnly configMap items path persistentVolumeClaim claimName emptyDir`
    .split(/\s+/),
);

function checkFields(value: unknown, free = false): void {
  if (Array.isArray(value)) value.forEach((each) => checkFields(each));
  else if (typeof value === "object" && value !== null) {
    for (const [name, each] of Object.entries(value)) {
      if (!free) expect([...FIELDS]).toContain(name);
      checkFields(each, name === "data" || name === "nodeSelector");
    }
  }
}

const COMMAND: SampleChanges = {
  program: { kind: "command", name: "mogplex-ci" },
  settings: { image: "registry.example/mogplex:1.0.0" },
};

function textOf({ settings, ...changes }: SampleChanges = {}): string {
  return kubernetes.render(sampleInput({ ...COMMAND, ...changes, settings: { ...COMMAND.settings, ...settings } }))[0]
    ?.text ?? "";
}

function read(changes?: SampleChanges): Manifests {
  const all = parseAllDocuments(textOf(changes)).map((document) => {
    if (!("errors" in document)) throw new Error("There is no document");
    expect(document.errors).toEqual([]);
    return document.toJS() as Fields & { kind: string };
  });
  all.forEach((each) => checkFields(each));
  const of = (kind: string) => all.find((each) => each.kind === kind);
  new ConfigMap(of("ConfigMap") as never).validate();
  new Job(of("Job") as never).validate();
  new CronJob(of("CronJob") as never).validate();
  if (of("PersistentVolumeClaim") !== undefined) {
    new PersistentVolumeClaim(of("PersistentVolumeClaim") as never).validate();
  }
  return {
    config: of("ConfigMap"),
    claim: of("PersistentVolumeClaim"),
    plan: of("Job"),
    waves: of("CronJob"),
  } as unknown as Manifests;
}

/** What Kubernetes makes of a word of a command. Source: Kubernetes, third_party/forked/golang/expansion/expand.go. */
const expanded = (word: string) =>
  word.replace(/\$(\$|\(([^)]*)\))/g, (_, what, name) => what === "$" ? "$" : `value of ${name}`);

test("kubernetes() makes a ConfigMap, a claim, a plan, and a CronJob that makes no wave until somebody has read the plan", () => {
  const { config, claim, plan, waves } = read();
  expect(config).toMatchObject({
    immutable: true,
    data: { "file-0": "text of campaign.yml\n", "file-1": "text of task.md\n" },
  });
  expect(claim).toMatchObject({ metadata: { name: "mogplex-codemod" }, spec: { accessModes: ["ReadWriteOnce"] } });
  expect(plan.spec.template.spec.containers[0]?.command).toEqual(
    ["mogplex-ci", "campaign", "plan", "campaign.yml", "--dir", "/state"],
  );
  expect(waves.spec).toMatchObject({
    schedule: "7,22,37,52 * * * *",
    suspend: true,
    concurrencyPolicy: "Forbid",
    jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", automountServiceAccountToken: false } } } },
  });
  const { initContainers, containers, volumes } = waves.spec.jobTemplate.spec.template.spec;
  expect([...initContainers, ...containers].map(({ command }) => command[2])).toEqual(["status", "advance"]);
  // What sends no request has no token.
  expect([...initContainers, ...containers].map(({ env }) => env?.map(({ name }) => name))).toEqual([
    undefined,
    ["MOGPLEX_API_KEY"],
  ]);
  expect(volumes[0]?.configMap?.name).toBe(config.metadata.name);
  expect(textOf()).toBe(textOf());
});

test("kubernetes() tries a wave again after an outage and after the cluster took its pod, and after no other end", () => {
  const { rules } = read().waves.spec.jobTemplate.spec.podFailurePolicy as { rules: Fields[] };
  expect(rules[0]).toEqual({ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] });
  const { operator, values } = rules[1]?.onExitCodes as { operator: string; values: number[] };
  expect([rules[1]?.action, operator]).toEqual(["FailJob", "In"]);
  expect(values).toEqual(values.toSorted((a, b) => a - b));
  expect(values).toEqual(
    expect.arrayContaining([
      EXIT.failed,
      EXIT.usage,
      EXIT.awaitingInput,
      EXIT.unauthorized,
      EXIT.forbidden,
      EXIT.rateLimited,
    ]),
  );
  for (const code of [EXIT.success, EXIT.unavailable, EXIT.sigterm]) expect(values).not.toContain(code);
});

test("kubernetes() gives changed files a new ConfigMap and a new plan, and keeps those of a campaign at work", () => {
  const [one, two] = [read(), read({ includes: [carriedFile("task.md", "c")] })];
  expect(two.config.metadata.name).not.toBe(one.config.metadata.name);
  expect(two.waves.metadata.name).toBe(one.waves.metadata.name);
  // Kubernetes appends 11 characters to the name of a CronJob, and names have at most 63.
  expect(read({ campaign: "x".repeat(40) }).waves.metadata.name.length).toBeLessThanOrEqual(52);
});

test("kubernetes() refuses what Kubernetes cannot do, with words", () => {
  const large = (bytes: number) => ({ file: { ...carriedFile("campaign.yml"), text: "é".repeat(bytes / 2) } });
  expect(() => textOf(large(1_048_600))).toThrow("a ConfigMap holds at most 1048576 bytes");
  expect(textOf(large(1_048_000)).length).toBeGreaterThan(1_000_000);
  expect(() => textOf({ program: { kind: "file", path: "ci/mogplex.mjs", sha256: "c".repeat(64) } })).toThrow(
    "a pod has no checkout",
  );
  expect(() => textOf({ settings: { image: undefined } })).toThrow("give --image");
  expect(() => textOf({ settings: { tags: ["linux"] } })).toThrow("a tag of Kubernetes is a label");
  expect(() => textOf({ home: "git:origin#b" })).toThrow("write the address in the place of origin");
  expect(() => textOf({ settings: { everyMs: 7 * 60_000 } })).toThrow("the schedule of Kubernetes cannot");
  const git = read({
    home: "git:https://forge.example/acme/ops.git#waves",
    settings: { tags: ["disk=ssd", "example.com/pool=a"] },
  });
  expect(git.claim).toBeUndefined();
  expect(git.waves.spec.jobTemplate.spec.template.spec).toMatchObject({
    nodeSelector: { disk: "ssd", "example.com/pool": "a" },
    containers: [{ command: expect.arrayContaining(["--home", "git:https://forge.example/acme/ops.git#waves"]) }],
  });
});

test("kubernetes() hands hostile names and texts on as they are, and no variable is put into them", async () => {
  const { files } = await hostileFiles();
  for (const file of files) {
    const { config, waves } = read({ file, includes: files });
    const { containers, volumes } = waves.spec.jobTemplate.spec.template.spec;
    expect(containers[0]?.command.map(expanded)).toEqual(
      ["mogplex-ci", "campaign", "advance", file.path, "--dir", "/state"],
    );
    const items = volumes[0]?.configMap?.items ?? [];
    expect(new Map(items.map(({ key, path }) => [path, config.data[key]]))).toEqual(
      new Map([file, ...files].map(({ path, text }) => [path, text])),
    );
  }
});

test("kubernetes() writes any text of a file so that YAML of both versions reads it again", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
    fc.pre(text.isWellFormed());
    const [first = ""] = textOf({ file: { ...carriedFile("campaign.yml"), text } }).split("\n---\n");
    for (const version of ["1.1", "1.2"] as const) {
      expect((parse(first, { version }) as Manifests["config"]).data["file-0"]).toBe(text);
    }
  }));
});
