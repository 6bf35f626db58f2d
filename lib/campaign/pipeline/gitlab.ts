/**
 * GitLab: a child pipeline with a job for each wave. A delayed job takes no runner while it waits.
 *
 * @module
 */
import { formatCount } from "../../result/duration.ts";
import { EXIT } from "../../exit_codes.ts";
import type { PipelineFile, PipelineFormat, PipelineInput, WavePlan } from "./format.ts";
import {
  carryScript,
  checkScript,
  DIRECTORY,
  FOLDER,
  gateScript,
  isGit,
  planScript,
  reportScript,
  takeOverScript,
  WAVES,
  waveScript,
} from "./gitlab_scripts.ts";
import { block, bytesOf, impossible, quoted, quotedList } from "./words.ts";

/** Most waves of one pipeline. Source: specification of campaigns, section 9; GitLab.com allows 500 jobs in a pipeline of its free tier. */
const MAX_WAVES = 200;
/** Longest delay of a job. Source: GitLab, "Run a job after a delay": one week. */
const MAX_DELAY_MS = 7 * 86_400_000;
/** Most bytes of a file. Source: GitLab, "Downstream pipelines", "Dynamic child pipelines": 5 MB. */
const MAX_BYTES = 5_000_000;
const DAY_MS = 86_400_000;
/** Days that artifacts are kept beyond twice the time of the plan: a person may take long at a gate. */
const SPARE_DAYS = 30;
const IMAGE = "node:22.11.0-bookworm";
const PARENT = "campaign.gitlab-ci.yml";

/** Waves with no delay above GitLab's longest: further ones stand in between, and find little to do. */
function withinLimit({ delaysMs, gate }: WavePlan): WavePlan {
  const all: number[] = [];
  let at = gate;
  for (const [index, delay] of delaysMs.entries()) {
    let rest = delay;
    for (; rest > MAX_DELAY_MS; rest -= MAX_DELAY_MS) all.push(MAX_DELAY_MS);
    if (index === gate) at = all.length;
    all.push(rest);
  }
  return { delaysMs: all, gate: at };
}

/** `start_in` of a delay. */
function startIn(ms: number, rehearsalMs: number | undefined): string {
  if (rehearsalMs !== undefined) return `${Math.max(1, Math.ceil(rehearsalMs / 1000))} seconds`;
  return `${Math.max(1, Math.ceil(ms / 60_000))} minutes`;
}

function keep(days: number, paths: readonly string[], exclude: readonly string[] = []): string[] {
  return [
    "  artifacts:",
    "    when: always",
    "    access: developer",
    `    expire_in: ${days} days`,
    `    paths: ${quotedList(paths)}`,
    ...exclude.length === 0 ? [] : [`    exclude: ${quotedList(exclude)}`],
  ];
}

const NEWEST = `${FOLDER}/${WAVES}/*`;
/** What the next wave takes over. */
const HANDED_ON = [`${NEWEST}/lock.json`, `${NEWEST}/journal/`, `${NEWEST}/campaign.json`];
/** Says who is at work on a machine, and means nothing on another one. */
const NOT_KEPT = [`${NEWEST}/writer*.json`];
/** All waves of a project are made one after the other: they share the limits of one user. */
const GROUP = "mogplex-default";

/** What all jobs have. */
function baseLines({ settings: { image = IMAGE, tags } }: PipelineInput): string[] {
  return [
    ".mogplex-job:",
    `  image: ${quoted(image)}`,
    ...tags.length === 0 ? [] : [`  tags: ${quotedList(tags)}`],
    "  timeout: 1 hour",
    "  interruptible: false",
    '  variables: { GIT_DEPTH: "1", RUNNER_SCRIPT_TIMEOUT: 50m, RUNNER_AFTER_SCRIPT_TIMEOUT: 1m }',
    "  # A wave that is made twice is safe: it finds the runs of the first time.",
    "  retry: { max: 2, when: [runner_system_failure, stuck_or_timeout_failure, scheduler_failure, stale_schedule, api_failure] }",
  ];
}

function planLines(input: PipelineInput, days: number, parts: readonly string[]): string[] {
  const { settings: { source } } = input;
  return [
    "plan:",
    "  extends: .mogplex-job",
    "  stage: plan",
    `  resource_group: ${GROUP}`,
    ...source === undefined ? [] : [`  needs: [{ pipeline: ${quoted(source.pipeline)}, job: ${quoted(source.job)} }]`],
    "  script:",
    `    - ${block("      ", carryScript(input, parts))}`,
    `    - &check ${block("      ", checkScript(input))}`,
    ...isGit(input) ? [] : [`    - ${block("      ", planScript(input))}`],
    ...keep(days, [`${FOLDER}/`], NOT_KEPT),
  ];
}

function waveBaseLines(input: PipelineInput, days: number): string[] {
  const isDirect = isGit(input);
  return [
    ".mogplex-wave:",
    "  extends: .mogplex-job",
    `  resource_group: ${GROUP}`,
    "  # An outage does not end the campaign: the next wave goes on.",
    `  allow_failure: { exit_codes: [${EXIT.unavailable}, ${EXIT.rateLimited}] }`,
    "  script:",
    "    - *check",
    ...isDirect ? [] : [`    - &take-over ${block("      ", takeOverScript())}`],
    `    - ${block("      ", waveScript(input))}`,
    ...keep(days, isDirect ? [`${FOLDER}/${DIRECTORY}/campaign.json`] : HANDED_ON),
  ];
}

/** How the waves of one file are numbered, and what comes before them. */
interface Row {
  waves: WavePlan;
  /** Number of the first wave. */
  first: number;
  days: number;
}

function waveLines(input: PipelineInput, { waves: { delaysMs, gate }, first, days }: Row): string[][] {
  const { settings: { rehearsalMs } } = input;
  let timeMs = 0;
  return delaysMs.map((delay, index) => {
    const number = first + index;
    const isDaily = Math.floor((timeMs + delay) / DAY_MS) > Math.floor(timeMs / DAY_MS);
    timeMs += delay;
    const before = isGit(input) || number === 1 ? ["plan"] : ["plan", `wave-${number - 1}`];
    return [
      `wave-${number}:`,
      "  extends: .mogplex-wave",
      `  stage: wave-${number}`,
      `  dependencies: [${before.join(", ")}]`,
      ...isGit(input) ? [] : [`  before_script: [mogplex_wave=${number}]`],
      ...index === gate
        ? [
          "  # A person looks at the canary, and runs this job to go on.",
          "  when: manual",
          "  allow_failure: false",
          "  script:",
          "    - *check",
          ...isGit(input) ? [] : ["    - *take-over"],
          `    - ${block("      ", gateScript(input))}`,
        ]
        : delay === 0
        ? []
        : ["  when: delayed", `  start_in: ${startIn(delay, rehearsalMs)}`],
      ...isDaily && !isGit(input) ? keep(days, [`${FOLDER}/${WAVES}/`], NOT_KEPT) : [],
    ];
  });
}

function reportLines(input: PipelineInput, days: number, waves: number): string[] {
  const before = isGit(input) ? [] : Array.from({ length: waves }, (_, index) => `wave-${index + 1}`);
  const at = `${FOLDER}/${DIRECTORY}`;
  return [
    "report:",
    "  extends: .mogplex-job",
    "  stage: report",
    "  when: always",
    `  dependencies: [${["plan", ...before].join(", ")}]`,
    "  script:",
    "    - *check",
    `    - ${block("      ", reportScript(input, waves))}`,
    ...keep(days, [`${at}/`], [`${at}/writer*.json`]),
    "    reports:",
    `      dotenv: ${at}/outputs.env`,
    `      junit: ${at}/junit.xml`,
    `      annotations: ${at}/annotations.json`,
    `      metrics: ${at}/metrics.txt`,
  ];
}

function document(path: string, about: readonly string[], groups: readonly (readonly string[])[]): PipelineFile {
  const head = [
    ...about.map((line) => `# ${line}`),
    "workflow:",
    "  auto_cancel: { on_new_commit: none }",
  ];
  const text = `${[head, ...groups].map((lines) => lines.join("\n")).join("\n\n")}\n`;
  const size = bytesOf(text);
  if (size <= MAX_BYTES) return { path, text };
  throw impossible(
    `GitLab takes a file of at most ${MAX_BYTES} bytes`,
    "put fewer or shorter names of files into the campaign file",
    `${path} has ${size}`,
  );
}

function stagesOf(names: readonly string[]): string[] {
  return ["stages:", ...names.map((name) => `  - ${name}`)];
}

function about(input: PipelineInput, what: string): string[] {
  const { campaign, waves } = input;
  return [
    `Campaign ${campaign}: ${what}, made by "mogplex-ci campaign pipeline". Do not edit: make it again.`,
    `${
      formatCount(waves?.delaysMs.length ?? 0, "wave")
    }. Every value is written out: no variable of a pipeline changes it.`,
  ];
}

/** One pipeline with all waves. */
function whole(input: PipelineInput, waves: WavePlan, days: number): PipelineFile {
  const count = waves.delaysMs.length;
  const numbers = waves.delaysMs.map((_, index) => `wave-${index + 1}`);
  return document(PARENT, about(input, "a child pipeline for GitLab"), [
    stagesOf(["plan", ...numbers, "report"]),
    baseLines(input),
    planLines(input, days, []),
    waveBaseLines(input, days),
    ...waveLines(input, { waves, first: 1, days }),
    reportLines(input, days, count),
  ]);
}

/** Pipelines of at most {@linkcode MAX_WAVES} waves each, and the one that runs them one after the other. */
function inParts(input: PipelineInput, { delaysMs, gate }: WavePlan, days: number): PipelineFile[] {
  const parts: PipelineFile[] = [];
  for (let first = 0; first < delaysMs.length; first += MAX_WAVES) {
    const name = `part-${parts.length + 1}`;
    const delays = delaysMs.slice(first, first + MAX_WAVES);
    const own = gate !== null && gate >= first && gate < first + MAX_WAVES ? gate - first : null;
    const numbers = delays.map((_, index) => `wave-${first + index + 1}`);
    parts.push(document(`${name}.yml`, about(input, `${name} of the waves`), [
      stagesOf(["plan", ...numbers]),
      baseLines(input),
      planLines(input, days, []),
      waveBaseLines(input, days),
      ...waveLines(input, { waves: { delaysMs: delays, gate: own }, first: first + 1, days }),
    ]));
  }
  const names = parts.map(({ path }) => path.replace(".yml", ""));
  const parent = document(PARENT, about(input, "a child pipeline for GitLab that runs the parts"), [
    stagesOf(["plan", ...names, "report"]),
    baseLines(input),
    planLines(input, days, parts.map(({ path }) => path)),
    ...names.map((name) => [
      `${name}:`,
      `  stage: ${name}`,
      "  trigger:",
      `    include: [{ artifact: ${FOLDER}/${name}.yml, job: plan }]`,
      "    strategy: depend",
    ]),
    reportLines(input, days, 0),
  ]);
  return [parent, ...parts];
}

function render(input: PipelineInput): PipelineFile[] {
  if (input.waves === undefined) throw new Error("Cannot make a pipeline for GitLab without a plan");
  const waves = withinLimit(input.waves);
  const count = waves.delaysMs.length;
  const lasts = waves.delaysMs.reduce((sum, delay) => sum + delay, 0);
  const days = SPARE_DAYS + 2 * Math.ceil(lasts / DAY_MS);
  if (count <= MAX_WAVES) return [whole(input, waves, days)];
  if (isGit(input) && input.output !== undefined) return inParts(input, waves, days);
  throw impossible(
    `one pipeline of GitLab has at most ${MAX_WAVES} waves, and the campaign needs about ${count}`,
    "give a longer --every, or give --home git:origin#BRANCH and --output DIR, which makes several pipelines",
  );
}

/** See the module. */
export const gitlab: PipelineFormat = { needsPlan: true, render };
