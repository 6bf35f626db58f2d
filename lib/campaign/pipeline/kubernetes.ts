/**
 * Kubernetes: a CronJob makes the waves, a volume remembers the campaign, and a ConfigMap holds the files, so that nothing that is edited
 * elsewhere changes a campaign at work. No shell is needed: every text of a user is an argument.
 *
 * @module
 */
import { EXIT, type ExitName } from "../../exit_codes.ts";
import type { CarriedFile, PipelineFormat, PipelineInput } from "./format.ts";
import { checkHome, checkSettings, cronOf } from "./job_scripts.ts";
import { bytesOf, impossible, quoted } from "./words.ts";

/** Most bytes of a ConfigMap. Source: Kubernetes, "ConfigMaps": the data cannot exceed 1 MiB. */
const MAX_BYTES = 1_048_576;
/** Shortest distance of a CronJob. Source: Kubernetes, "CronJob", the fields of a schedule begin with the minute. */
const LEAST_MS = 60_000;
/** Longest form of a name of a label or its value. Source: Kubernetes, "Labels and Selectors". */
const LABEL = /^(?:[a-z0-9.-]+\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?=[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/;
/** Where the pods find the files, and the campaign's directory. */
const [FILES, STATE] = ["/campaign", "/state"];
/** Ends of a wave that another pod cannot make better. Only an outage (69) is tried again. */
const FINAL: readonly ExitName[] = [
  "failed",
  "usage",
  "awaitingInput",
  "unauthorized",
  "forbidden",
  "internal",
  "rateLimited",
];

/** A word that comes out of Kubernetes as it went in. Source: Kubernetes, "Define a Command and Arguments": `$$` is a `$`. */
function argument(text: string): string {
  return quoted(text.replaceAll("$", "$$$$"));
}

/** A short name of the files, by FNV-1a over paths and checksums: after a change the old one stays for pods at work. */
function nameOf(files: readonly CarriedFile[]): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(JSON.stringify(files.map(({ path, sha256 }) => [path, sha256])))) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** The files in a ConfigMap. Its keys have no slashes, so they are numbers; {@linkcode volumeLines} gives each its path. */
function configLines(name: string, files: readonly CarriedFile[]): string[] {
  const bytes = files.reduce((sum, { text }, index) => sum + bytesOf(text) + bytesOf(`file-${index}`), 0);
  if (bytes > MAX_BYTES) {
    throw impossible(
      `a ConfigMap holds at most ${MAX_BYTES} bytes, and the campaign file with the files that it names has more`,
      "divide the campaign, or name repositories by a query in place of a list",
      String(bytes),
    );
  }
  return [
    "apiVersion: v1",
    "kind: ConfigMap",
    `metadata: { name: ${name} }`,
    "immutable: true",
    "data:",
    ...files.map(({ text }, index) => `  file-${index}: ${quoted(text)}`),
  ];
}

function claimLines(name: string): string[] {
  return [
    "# Lock and journal: all that the campaign remembers. Whoever deletes this claim deletes them.",
    "apiVersion: v1",
    "kind: PersistentVolumeClaim",
    `metadata: { name: ${name} }`,
    "spec:",
    "  accessModes: [ReadWriteOnce]",
    "  resources: { requests: { storage: 1Gi } }",
  ];
}

function volumeLines(config: string, claim: string | null, files: readonly CarriedFile[]): string[] {
  return [
    "volumes:",
    "  - name: files",
    "    configMap:",
    `      name: ${config}`,
    "      items:",
    ...files.map(({ path }, index) => `        - { key: file-${index}, path: ${quoted(path)} }`),
    "  - name: state",
    ...claim === null ? ["    emptyDir: {}"] : [`    persistentVolumeClaim: { claimName: ${claim} }`],
    "  - name: tmp",
    "    emptyDir: {}",
  ];
}

function containerLines(input: PipelineInput, name: string, verb: string): string[] {
  const { program, settings: { image }, file, home } = input;
  const isGit = home !== undefined && home !== "dir";
  if (program.kind === "file" || image === undefined) {
    throw impossible(
      "a pod has no checkout, and a ConfigMap is too small for the program",
      "give --image with an image that has the program, and --program command:NAME, such as command:mogplex-ci",
    );
  }
  const words = [program.name, "campaign", verb, file.path, "--dir", STATE, ...isGit ? ["--home", home] : []];
  const secrets = [
    // What sends no request gets no token.
    ...verb === "status" ? [] : [
      "    - name: MOGPLEX_API_KEY",
      "      valueFrom: { secretKeyRef: { name: mogplex, key: api-key } }",
    ],
    ...isGit
      ? [
        "    - name: MOGPLEX_GIT_TOKEN",
        "      valueFrom: { secretKeyRef: { name: mogplex, key: git-token, optional: true } }",
      ]
      : [],
  ];
  return [
    `- name: ${name}`,
    `  image: ${quoted(image)}`,
    `  command: [${words.map(argument).join(", ")}]`,
    `  workingDir: ${FILES}`,
    ...secrets.length === 0 ? [] : ["  env:", ...secrets],
    "  volumeMounts:",
    `    - { name: files, mountPath: ${FILES}, readOnly: true }`,
    `    - { name: state, mountPath: ${STATE} }`,
    "    - { name: tmp, mountPath: /tmp }",
    "  resources: { requests: { cpu: 100m, memory: 256Mi }, limits: { memory: 512Mi } }",
    "  securityContext:",
    "    allowPrivilegeEscalation: false",
    "    readOnlyRootFilesystem: true",
    "    capabilities: { drop: [ALL] }",
  ];
}

/** What pods of the plan and of the waves have in common. */
function podLines({ settings: { tags } }: PipelineInput, volumes: readonly string[]): string[] {
  const wrong = tags.find((tag) => !LABEL.test(tag));
  if (wrong !== undefined) {
    const advice = "write --tag NAME=VALUE: the label that the nodes of the waves have";
    throw impossible("a tag of Kubernetes is a label with its value", advice, JSON.stringify(wrong));
  }
  const labels = tags.map((tag) => tag.split("=").map(quoted).join(": "));
  return [
    "restartPolicy: Never",
    "automountServiceAccountToken: false",
    ...labels.length === 0 ? [] : [`nodeSelector: { ${labels.join(", ")} }`],
    "securityContext:",
    "  runAsNonRoot: true",
    "  runAsUser: 1000",
    "  fsGroup: 1000",
    "  seccompProfile: { type: RuntimeDefault }",
    ...volumes,
  ];
}

function indented(count: number, lines: readonly string[]): string[] {
  return lines.map((line) => " ".repeat(count) + line);
}

function planLines(input: PipelineInput, name: string, volumes: readonly string[]): string[] {
  return [
    "# Freezes the list of repositories. Starts nothing.",
    "apiVersion: batch/v1",
    "kind: Job",
    `metadata: { name: ${name} }`,
    "spec:",
    "  backoffLimit: 2",
    "  activeDeadlineSeconds: 3600",
    "  template:",
    "    spec:",
    ...indented(6, podLines(input, volumes)),
    "      containers:",
    ...indented(8, containerLines(input, "plan", "plan")),
  ];
}

function waveLines(input: PipelineInput, name: string, volumes: readonly string[]): string[] {
  const { settings: { everyMs } } = input;
  return [
    "apiVersion: batch/v1",
    "kind: CronJob",
    `metadata: { name: ${name} }`,
    "spec:",
    `  schedule: ${quoted(cronOf(input, "Kubernetes", LEAST_MS))}`,
    "  suspend: true # until somebody has read the plan",
    "  concurrencyPolicy: Forbid",
    "  # A wave that is later than this is left to the next one. Without it, 100 missed waves would end the schedule.",
    `  startingDeadlineSeconds: ${Math.max(60, Math.floor(everyMs / 2_000))}`,
    "  successfulJobsHistoryLimit: 1",
    "  failedJobsHistoryLimit: 3",
    "  jobTemplate:",
    "    spec:",
    "      backoffLimit: 2",
    "      activeDeadlineSeconds: 3600",
    "      podFailurePolicy:",
    "        rules:",
    "          # A pod that the cluster takes away is made again: it finds the runs of the first one.",
    '          - { action: Ignore, onPodConditions: [{ type: DisruptionTarget, status: "True" }] }',
    "          # Another pod would end in the same way. An outage is tried again, and else left to the next wave.",
    `          - { action: FailJob, onExitCodes: { operator: In, values: [${
      FINAL.map((code) => EXIT[code]).join(", ")
    }] } }`,
    "      template:",
    "        spec:",
    ...indented(10, podLines(input, volumes)),
    "          # Without a plan nothing is started: a volume that was lost would begin the campaign anew.",
    "          initContainers:",
    ...indented(12, containerLines(input, "planned", "status")),
    "          containers:",
    ...indented(12, containerLines(input, "wave", "advance")),
  ];
}

function render(input: PipelineInput): [{ path: string; text: string }] {
  const { campaign, file, includes, home = "dir" } = input;
  checkSettings(input, "Kubernetes");
  checkHome(input);
  if (home.startsWith("git:origin#")) {
    throw impossible(
      "a pod has no repository of its own, which git:origin would name",
      "write the address in the place of origin",
    );
  }
  const files = [...new Map([file, ...includes].map((each) => [each.path, each])).values()];
  const name = `mogplex-${campaign}`;
  const [config, plan] = [`${name}-${nameOf(files)}`, `${name}-plan-${nameOf(files)}`];
  const volumes = volumeLines(config, home === "dir" ? name : null, files);
  const head = [
    `# Campaign ${campaign}: its waves on Kubernetes, made by "mogplex-ci campaign pipeline". Do not edit: make it again.`,
    `# Needs: a secret mogplex with the key api-key (scopes read and write).`,
    `# 1. kubectl apply --server-side -f campaign-${campaign}.yaml`,
    `# 2. kubectl logs job/${plan}`,
    `# 3. kubectl patch cronjob ${name} -p '{"spec":{"suspend":false}}'`,
    "# Each apply suspends the waves again, until somebody has read the plan.",
  ];
  const documents = [
    [...head, ...configLines(config, files)],
    ...home === "dir" ? [claimLines(name)] : [],
    planLines(input, plan, volumes),
    waveLines(input, name, volumes),
  ];
  return [{
    path: `campaign-${campaign}.yaml`,
    text: `${documents.map((lines) => lines.join("\n")).join("\n---\n")}\n`,
  }];
}

/** See the module. */
export const kubernetes: PipelineFormat = { needsPlan: false, render };
