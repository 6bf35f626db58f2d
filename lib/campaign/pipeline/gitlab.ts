/**
 * The GitLab format: a child pipeline with one job for each wave. A delayed job uses no runner while it waits. Scripts are written for POSIX shells,
 * and each user-provided value is quoted as one shell word.
 * @module
 */
import { Document, type Node, Scalar } from "yaml";
import { EXIT } from "../../exit_codes.ts";
import { RETRY_WHEN, RUNNER_INTERRUPTED } from "../../ci/gitlab_retry.ts";
import { NODE_IMAGE } from "../../ci/node_image.ts";
import { formatCount } from "../../text/duration.ts";
import {
  type CarriedFile,
  checkCarriedPath,
  commentAbove,
  GROUP,
  impossible,
  type PipelineFile,
  type PipelineInput,
  refused,
  script,
  shellWord,
  spaceOut,
  type WavePlan,
  yamlText,
} from "./format.ts";

/** Source: specification of campaigns, section 9. GitLab.com allows 500 jobs in a pipeline of the free tier. */
const MAX_WAVES = 200;
/** One week. Source: GitLab, "Run a job after a delay". */
const MAX_DELAY_MS = 7 * 86_400_000;
/** 5 MB. Source: GitLab, "Downstream pipelines", "Dynamic child pipelines". */
const MAX_BYTES = 5_000_000;
const DAY_MS = 86_400_000;
/** Artifacts are kept for twice the planned time plus this number of days, because a gate may stay closed for a long time. */
const SPARE_DAYS = 30;
const PARENT = "campaign.gitlab-ci.yml";

const FOLDER = "mogplex-pipeline";
/** Contains a numbered directory for each wave, so that the artifacts of different waves do not overwrite each other. */
const WAVES = "mogplex-waves";
const DIRECTORY = "mogplex-campaign";
const PROGRAM = "mogplex.mjs";

function carriedOf({ file, includes, program }: PipelineInput): Map<string, Pick<CarriedFile, "path" | "sha256">> {
  const all = new Map([file, ...includes].map((each) => [each.path, each]));
  for (const path of all.keys()) {
    if ([WAVES, DIRECTORY, PROGRAM].includes(path.split("/")[0] ?? "")) {
      throw refused("a file of the campaign", "has a name that is reserved for the jobs", path, "rename it");
    }
  }
  return new Map<string, Pick<CarriedFile, "path" | "sha256">>([
    ...program.kind === "file" ? [[PROGRAM, program] as const] : [],
    ...all,
  ]);
}

function printed(lines: readonly string[]): string {
  return ["printf '%s\\n'", ...lines.map((line) => `  ${shellWord(line)}`)].join(" \\\n");
}

function fail(message: string, code: number): string {
  return `{ echo "error: ${message}" >&2; exit ${code}; }`;
}

function checkScript(input: PipelineInput): string {
  const lines = [...carriedOf(input)].map(([path, { sha256 }]) => `${sha256}  ${path}`);
  return [
    `cd ${FOLDER} || ${
      fail(`the folder ${FOLDER} of the job plan is missing: its artifacts have expired or were deleted`, 2)
    }`,
    `${printed(lines)} | sha256sum -c - > /dev/null ||`,
    `  ${fail("a file has changed since this pipeline was made", 2)}`,
  ].join("\n");
}

function carryScript(input: PipelineInput, parts: readonly string[]): string {
  const files = [...carriedOf(input)];
  const folders = new Set(files.flatMap(([path]) => path.includes("/") ? [path.slice(0, path.lastIndexOf("/"))] : []));
  const { output = "." } = input;
  return [
    `[ ! -e ${FOLDER} ] || ${fail(`the repository has a folder ${FOLDER}, which the jobs need: rename it`, 2)}`,
    `mkdir -p ${[WAVES, ...folders].map((path) => shellWord(`${FOLDER}/${path}`)).join(" ")}`,
    ...files.map(([path, { path: from }]) => `cp ${shellWord(from)} ${shellWord(`${FOLDER}/${path}`)}`),
    ...parts.map((part) => `cp ${shellWord(`${output}/${part}`)} ${FOLDER}/${part}`),
  ].join("\n");
}

function call(input: PipelineInput, verb: string, ...words: readonly string[]): string {
  const { program, file, home } = input;
  const command = program.kind === "file" ? `node ${PROGRAM}` : program.name;
  const all = [command, "campaign", verb, shellWord(file.path), ...words.filter((word) => word !== "")];
  if (isGit(input)) all.push("--home", shellWord(home ?? ""));
  // With bash, runners before 18.11.4 and 19.0.2 report the exit code only if the script calls exit.
  return `${all.join(" ")} 2>&1 || exit $?`;
}

/** Whether the lock and the journal are in a Git repository. If so, jobs do not pass them on as artifacts. */
function isGit({ home }: PipelineInput): boolean {
  return home !== undefined && home !== "dir";
}

function planScript(input: PipelineInput): string {
  const { directory, settings: { source } } = input;
  const plan = call(input, "plan", `--dir ${WAVES}/0`);
  // An absolute path exists only on the machine that created the pipeline.
  if (source === undefined && directory.startsWith("/")) return plan;
  const from = shellWord(`../${checkCarriedPath("the directory of the campaign", directory)}`);
  return [
    `if [ -f ${from}/lock.json ]; then`,
    `  cp -R ${from} ${WAVES}/0`,
    "else",
    `  ${plan}`,
    "fi",
  ].join("\n");
}

function takeOverScript(): string {
  return [
    `[ -f "${WAVES}/$((mogplex_wave - 1))/lock.json" ] ||`,
    `  ${fail("the previous wave's directory is missing: its artifacts have expired or were deleted", 2)}`,
    `rm -rf "${WAVES}/$mogplex_wave"`,
    `mv "${WAVES}/$((mogplex_wave - 1))" "${WAVES}/$mogplex_wave"`,
  ].join("\n");
}

function directoryOf(input: PipelineInput): string {
  return isGit(input) ? "" : `--dir "${WAVES}/$mogplex_wave"`;
}

function waveScript(input: PipelineInput): string {
  return call(input, "advance", directoryOf(input));
}

/** For the manual job that opens the gate. The wave before the approval records finished runs, and closes the gate if it is due. */
function gateScript(input: PipelineInput): string {
  const outputs = isGit(input) ? `${DIRECTORY}/ci/outputs.env` : `"${WAVES}/$mogplex_wave/ci/outputs.env"`;
  const early = isGit(input)
    ? [
      "else",
      '  echo "no gate is closed, so the next waves continue. If a gate closes later, open it with: campaign approve"',
    ]
    : ["else", `  ${fail("no gate is closed, because the canary is still running: retry this job later", 2)}`];
  return [
    waveScript(input),
    `if grep -qx MOGPLEX_CAMPAIGN_STATE=gated ${outputs}; then`,
    `  ${call(input, "approve", directoryOf(input))}`,
    `  ${waveScript(input)}`,
    ...early,
    "fi",
  ].join("\n");
}

/** Reports the newest directory, because the last waves may not have created one. */
function reportScript(input: PipelineInput, waves: number): string {
  const take = [
    `mogplex_wave=${waves}`,
    `while [ "$mogplex_wave" -ge 0 ] && [ ! -f "${WAVES}/$mogplex_wave/lock.json" ]; do`,
    "  mogplex_wave=$((mogplex_wave - 1))",
    "done",
    `[ "$mogplex_wave" -ge 0 ] || ${fail("no wave saved a directory", 2)}`,
    `rm -rf ${DIRECTORY}`,
    `mv "${WAVES}/$mogplex_wave" ${DIRECTORY}`,
  ];
  return [...isGit(input) ? [] : take, call(input, "report"), call(input, "status", "--exit-status")].join("\n");
}

/** GitLab limits the delay of a job, so longer delays are split with extra waves. */
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

function startIn(ms: number, rehearsalMs: number | undefined): string {
  if (rehearsalMs !== undefined) return `${Math.max(1, Math.ceil(rehearsalMs / 1000))} seconds`;
  return `${Math.max(1, Math.ceil(ms / 60_000))} minutes`;
}

function keep(days: number, paths: readonly string[], exclude: readonly string[] = []) {
  return {
    when: "always",
    access: "developer",
    expire_in: `${days} days`,
    paths: [...paths],
    ...exclude.length > 0 && { exclude: [...exclude] },
  };
}

const NEWEST = `${FOLDER}/${WAVES}/*`;
const HANDED_ON = [`${NEWEST}/lock.json`, `${NEWEST}/journal/`, `${NEWEST}/campaign.json`];
/** These files identify the writing process on one machine, and have no meaning on another. */
const NOT_KEPT = [`${NEWEST}/**/writer*.json`];

interface Row {
  waves: WavePlan;
  first: number;
}

class PipelineDocument {
  readonly #input: PipelineInput;
  readonly #days: number;
  // GitLab reads YAML 1.1, in which words such as "yes" and "on" are booleans unless quoted.
  readonly #document = new Document<Node>(null, { compat: "yaml-1.1" });
  readonly #check: Scalar<string>;
  readonly #takeOver = new Scalar(script(takeOverScript()));

  constructor(input: PipelineInput, days: number) {
    this.#input = input;
    this.#days = days;
    this.#check = new Scalar(script(checkScript(input)));
  }

  #checkAgain() {
    return this.#document.createAlias(this.#check, "check");
  }

  #base() {
    const { settings: { image = NODE_IMAGE, tags, retryInterrupted } } = this.#input;
    return {
      image,
      ...tags.length > 0 && { tags: [...tags] },
      timeout: "1 hour",
      interruptible: false,
      variables: { GIT_DEPTH: "1", RUNNER_SCRIPT_TIMEOUT: "50m", RUNNER_AFTER_SCRIPT_TIMEOUT: "1m" },
      retry: {
        max: 2,
        when: [
          ...RETRY_WHEN,
          "stuck_or_timeout_failure",
          "scheduler_failure",
          "stale_schedule",
          ...retryInterrupted ? [RUNNER_INTERRUPTED] : [],
        ],
      },
    };
  }

  #plan(parts: readonly string[]) {
    const { settings: { source } } = this.#input;
    return {
      extends: ".mogplex-job",
      stage: "plan",
      resource_group: GROUP,
      ...source !== undefined && { needs: [{ ...source }] },
      script: [
        script(carryScript(this.#input, parts)),
        this.#check,
        ...isGit(this.#input) ? [] : [script(planScript(this.#input))],
      ],
      artifacts: keep(this.#days, [`${FOLDER}/`], NOT_KEPT),
    };
  }

  #waveBase() {
    const isDirect = isGit(this.#input);
    return {
      extends: ".mogplex-job",
      resource_group: GROUP,
      allow_failure: { exit_codes: [EXIT.unavailable, EXIT.rateLimited] },
      script: [this.#checkAgain(), ...isDirect ? [] : [this.#takeOver], script(waveScript(this.#input))],
      artifacts: keep(this.#days, isDirect ? [`${FOLDER}/${DIRECTORY}/campaign.json`] : HANDED_ON),
    };
  }

  #gate() {
    const takeOver = isGit(this.#input) ? [] : [this.#document.createAlias(this.#takeOver, "take-over")];
    return {
      when: "manual",
      allow_failure: false,
      script: [
        this.#checkAgain(),
        ...takeOver,
        script(gateScript(this.#input)),
      ],
    };
  }

  #waves({ waves: { delaysMs, gate }, first }: Row): [name: string, job: object][] {
    const { settings: { rehearsalMs } } = this.#input;
    const isDirect = isGit(this.#input);
    let timeMs = 0;
    return delaysMs.map((delay, index) => {
      const number = first + index;
      const isDaily = Math.floor((timeMs + delay) / DAY_MS) > Math.floor(timeMs / DAY_MS);
      timeMs += delay;
      return [`wave-${number}`, {
        extends: ".mogplex-wave",
        stage: `wave-${number}`,
        dependencies: isDirect || number === 1 ? ["plan"] : ["plan", `wave-${number - 1}`],
        ...!isDirect && { before_script: [`mogplex_wave=${number}`] },
        ...index === gate
          ? this.#gate()
          : delay === 0
          ? {}
          : { when: "delayed", start_in: startIn(delay, rehearsalMs) },
        ...isDaily && !isDirect && { artifacts: keep(this.#days, [`${FOLDER}/${WAVES}/`], NOT_KEPT) },
      }];
    });
  }

  #report(waves: number) {
    const before = isGit(this.#input) ? [] : Array.from({ length: waves }, (_, index) => `wave-${index + 1}`);
    const at = `${FOLDER}/${DIRECTORY}`;
    return {
      extends: ".mogplex-job",
      stage: "report",
      when: "always",
      dependencies: ["plan", ...before],
      script: [this.#checkAgain(), script(reportScript(this.#input, waves))],
      artifacts: {
        ...keep(this.#days, [`${at}/`], [`${at}/**/writer*.json`]),
        reports: {
          dotenv: `${at}/ci/outputs.env`,
          junit: `${at}/ci/junit.xml`,
          annotations: `${at}/ci/annotations.json`,
          metrics: `${at}/ci/metrics.txt`,
        },
      },
    };
  }

  #file(path: string, what: string, jobs: Record<string, object>, gate: string | undefined): PipelineFile {
    const { campaign, waves } = this.#input;
    const document = this.#document;
    const stages = Object.entries(jobs).filter(([name]) => !name.startsWith(".")).map(([name]) => name);
    const data = {
      workflow: { auto_cancel: { on_new_commit: "none" } },
      stages,
      ".mogplex-job": this.#base(),
      ...jobs,
    };
    document.contents = document.createNode(data, { aliasDuplicateObjects: false });
    spaceOut(document);
    commentAbove(
      document,
      [".mogplex-job", "retry"],
      "A wave that runs twice is safe: it finds the runs of the first attempt.",
    );
    if (".mogplex-wave" in jobs) {
      const why = "An outage does not end the campaign: the next wave continues.";
      commentAbove(document, [".mogplex-wave", "allow_failure"], why);
    }
    if (gate !== undefined) {
      commentAbove(document, [gate, "when"], "Review the canary, then run this job to continue.");
    }
    const text = yamlText(document, [
      `Campaign ${campaign}: ${what}, generated by "mogplex-ci campaign pipeline". Do not edit: generate it again.`,
      `${formatCount(waves.delaysMs.length, "wave")}. All values are fixed: no pipeline variable changes them.`,
    ]);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes <= MAX_BYTES) return { path, text };
    throw impossible(
      `GitLab accepts files of at most ${MAX_BYTES} bytes`,
      "use fewer or shorter file names in the campaign file",
      `${path} has ${bytes}`,
    );
  }

  waves(path: string, what: string, row: Row, end: boolean): PipelineFile {
    const { waves: { gate, delaysMs }, first } = row;
    const jobs = {
      plan: this.#plan([]),
      ".mogplex-wave": this.#waveBase(),
      ...Object.fromEntries(this.#waves(row)),
      ...end && { report: this.#report(delaysMs.length) },
    };
    return this.#file(path, what, jobs, gate === null ? undefined : `wave-${first + gate}`);
  }

  parent(parts: readonly string[]): PipelineFile {
    const jobs = parts.map((path) => {
      const name = path.replace(".yml", "");
      const include = [{ artifact: `${FOLDER}/${path}`, job: "plan" }];
      return [name, { stage: name, trigger: { include, strategy: "depend" } }];
    });
    return this.#file(PARENT, "a child pipeline for GitLab that runs the parts", {
      plan: this.#plan(parts),
      ...Object.fromEntries(jobs),
      report: this.#report(0),
    }, undefined);
  }
}

function inParts(input: PipelineInput, { delaysMs, gate }: WavePlan, days: number): PipelineFile[] {
  const parts: PipelineFile[] = [];
  for (let first = 0; first < delaysMs.length; first += MAX_WAVES) {
    const name = `part-${parts.length + 1}`;
    const gateWave = gate !== null && gate >= first && gate < first + MAX_WAVES ? gate - first : null;
    const waves = { delaysMs: delaysMs.slice(first, first + MAX_WAVES), gate: gateWave };
    const document = new PipelineDocument(input, days);
    parts.push(document.waves(`${name}.yml`, `${name} of the waves`, { waves, first: first + 1 }, false));
  }
  return [new PipelineDocument(input, days).parent(parts.map(({ path }) => path)), ...parts];
}

export function renderGitlab(input: PipelineInput): readonly PipelineFile[] {
  const waves = withinLimit(input.waves);
  const count = waves.delaysMs.length;
  const lasts = waves.delaysMs.reduce((sum, delay) => sum + delay, 0);
  const days = SPARE_DAYS + 2 * Math.ceil(lasts / DAY_MS);
  if (count <= MAX_WAVES) {
    const what = "a child pipeline for GitLab";
    return [new PipelineDocument(input, days).waves(PARENT, what, { waves, first: 1 }, true)];
  }
  if (isGit(input) && input.output !== undefined) return inParts(input, waves, days);
  throw impossible(
    `a GitLab pipeline has at most ${MAX_WAVES} waves, and the campaign needs about ${count}`,
    "use a longer --every, or use --home git:origin#BRANCH and --output DIR to write several pipelines",
  );
}
