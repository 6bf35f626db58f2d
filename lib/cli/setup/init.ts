/**
 * Only `init --update` overwrites files: the program, its checksum and its licenses. `init --uninstall` keeps jobs, tasks and programs that were
 * changed.
 *
 * @module
 */
import { STATUS_VARIABLE } from "../../ci/platform.ts";
import { repoName } from "../../service/repository.ts";
import { messageOf } from "../../error_sentence.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { parentOf } from "../../io.ts";
import { didYouMean } from "../../nearest.ts";
import { programFile } from "../../runtime.ts";
import { isSha256Hex, sha256Hex } from "../../sha256.ts";
import { commandLine } from "../../text/escape.ts";
import { defaultBranchOf, hostOf, remotesOf, rootOfRepository } from "../job/origin.ts";
import { MENTION_NAME, oneOf } from "../options.ts";
import { variableOf } from "../settings.ts";
import type { Context, Option, VerbFlag } from "../verb.ts";
import { type PipelinePrediction, predictPipeline } from "./gitlab_rules.ts";
import {
  hasSection,
  includeAdvice,
  invalidPlaceIn,
  isIncluded,
  PIPELINE_FILE,
  stageLine,
  stagesOf,
  withoutStage,
} from "./gitlab_stage.ts";
import {
  ATTRIBUTES,
  ATTRIBUTES_FILE,
  CHECKSUM_FILE,
  COMMIT,
  EXAMPLE_SERVER,
  jobFile,
  keepOthersOut,
  LICENSES_FILE,
  needsOf,
  NO_SYSTEM,
  OTHER_PIPELINES,
  PROGRAM_FILE,
  type Recipe,
  RECIPES,
  REPO_PLACES,
  respondRecipe,
  STARTS_OTHERS,
  TASK,
  TASK_FILE,
  TERMINAL,
  TOKEN,
  TOOL,
  withoutMention,
  withoutRepo,
} from "./recipes.ts";
import { valueOr } from "../../lookup.ts";
import { CHECK_SCHEDULES, type CheckSchedule } from "../../respond/checks.ts";

export const RESPOND: VerbFlag = {
  name: "respond",
  help: "Write the job that answers mentions in comments",
};
export const SCHEDULE: Option<CheckSchedule> = {
  name: "schedule",
  value: "WHEN",
  help: "With --respond: look for missed mentions hourly, daily or never (none) [hourly]",
  parse: oneOf(CHECK_SCHEDULES),
};
export const JOB_REPO: Option<string> = {
  name: "repo",
  value: "REPO",
  help: "Name of the repository in the job: owner/name [the name in the remote origin]",
  parse(text, name) {
    if (SAFE_NAME.test(text) && !/(?:^|\/)(?:-|\.\.?(?:\/|$))/.test(text)) return text;
    const why = `${name} must be the name of a repository, such as acme/web`;
    throw new UsageError({ attempted: ATTEMPTED, why, value: JSON.stringify(text.slice(0, 80)) });
  },
};
export const DRY_RUN: VerbFlag = { name: "dry-run", help: "Print what would be written, and write nothing" };
export const UPDATE: VerbFlag = { name: "update", help: "Replace the program and its checksum with this version" };
export const FORCE: VerbFlag = {
  name: "force",
  help: "With --update: also replace a program that differs from its checksum",
};
export const SHA256: Option<string> = {
  name: "sha256",
  value: "HEX",
  help: "With --update: write nothing unless this program has this SHA-256",
  parse(text, name) {
    if (isSha256Hex(text)) return text.toLowerCase();
    const why = `${name} must be a SHA-256 in hexadecimal digits`;
    throw new UsageError({ attempted: "update the program", why, value: JSON.stringify(text.slice(0, 80)) });
  },
};
export const UNINSTALL: VerbFlag = { name: "uninstall", help: "Remove what init wrote, unless it was changed" };

const ATTEMPTED = "set up the repository";

function attemptedOf({ flags }: Context): string {
  return flags.has(UNINSTALL) ? "remove the files of init" : ATTEMPTED;
}

/** Safe in a command line and in YAML. */
const SAFE_NAME = /^[\w.-]+(?:\/[\w.-]+)+$/;

function safeNameOf(origin: string): string | undefined {
  const repo = repoName(origin);
  return SAFE_NAME.test(repo) ? repo : undefined;
}

const PLACEHOLDER = "OWNER/NAME";

const isInSubgroup = (name: string) => name.split("/").length > 2;

/** Mogplex has no repositories in subgroups. A repository in a subgroup gets a placeholder that the user must replace. */
function jobNameOf(safeName: string | undefined): string | undefined {
  return safeName !== undefined && isInSubgroup(safeName) ? PLACEHOLDER : safeName;
}

const MAX_BYTES = 4 * 1024 * 1024;

const CHECKSUM_NOTE = "  its checksum";
const LICENSES_NOTE = "  the licenses of its dependencies";

// deno-lint-ignore require-await
export async function initRepository(context: Context): Promise<number> {
  const { flags } = context;
  const steps = new Steps(context);
  if (flags.has(UPDATE)) {
    update(context, steps);
    const unused = [
      ...flags.has(RESPOND) ? ["--respond"] : [],
      ...[SCHEDULE, JOB_REPO].flatMap((each) => flags.get(each) === undefined ? [] : [`--${each.name}`]),
    ];
    if (unused.length > 0) {
      const verb = unused.length > 1 ? "have" : "has";
      steps.say(
        `--update replaces only the program, so ${
          unused.join(", ").replace(/, (?=[^,]*$)/, " and ")
        } ${verb} no effect: no job was changed.`,
      );
    }
    return EXIT.success;
  }
  const origin = remotesOf(context).get("origin") ?? "";
  const schedule = context.option(SCHEDULE);
  if (schedule !== undefined && !flags.has(RESPOND)) {
    const advice = "add --respond, or leave out --schedule";
    throw new UsageError({ attempted: ATTEMPTED, why: "--schedule works only with --respond", advice });
  }
  if (flags.has(UNINSTALL)) {
    uninstall(context, steps, origin);
    return EXIT.success;
  }
  const [name, system] = systemOf(context, origin);
  const repo = repoName(origin);
  if (/(?:^|\/)(?:-|\.\.?(?:\/|$))/.test(repo)) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: "the address of the remote origin is invalid: a part of the path begins with a dash, or is . or ..",
      value: JSON.stringify(repo.slice(0, 80)),
      advice: "correct it: git remote set-url origin ADDRESS",
    });
  }
  const stages = system.file === PIPELINE_FILE ? stagesOf((path) => readOrNothing(context, path)) : undefined;
  const stage = stages === undefined ? "" : stageLine(stages);
  const safeName = safeNameOf(origin);
  const givenName = context.option(JOB_REPO);
  const jobName = givenName ?? jobNameOf(safeName);
  const respondJobs = respondJobsOf(system, jobName, stage);
  // An existing job keeps its schedule.
  const written = respondJobs.find((each) => each.paths.some((path) => isSameJob(readOrNothing(context, path), each)));
  const asks = flags.has(RESPOND)
    ? needRespondRecipe(context, [name, system], written?.schedule ?? schedule)
    : undefined;
  const recipe = asks ?? system;
  const job = jobFile(recipe, jobName, stage);
  const { file, beside, add = "" } = recipe;
  const { text, checksum, note, licenses } = programOf(context);
  const program = present(context, PROGRAM_FILE);
  if (program !== undefined && program !== text) {
    const why = changeOfProgram(context);
    const call = initCall(context, `--${UPDATE.name}`, `--${FORCE.name}`);
    const advice = `find out what changed it, then replace it: ${call}; nothing was written`;
    if (why !== undefined) throw new UsageError({ attempted: ATTEMPTED, why, advice });
  }
  const theirs = file === "" ? undefined : present(context, file);
  const hasJob = beside !== undefined && startedJobs(theirs ?? "", [{ text: job }]).length > 0;
  const isOther = theirs !== undefined && !isSameJob(theirs, { text: job });
  const path = beside !== undefined && isOther && !hasJob ? beside : file;
  const root = rootOfRepository(context.io);
  if (root !== ".") {
    if (root !== undefined) {
      const why = "CI systems look for their files only in the root of the repository";
      const advice = `run init there (${JSON.stringify(root)}); nothing was written`;
      throw new UsageError({ attempted: ATTEMPTED, why, advice });
    }
    context.writer.note("this folder is not in a Git repository; commit these files in the root of your repository");
  }
  steps.say(
    `Setting up ${system.title}${
      (givenName ?? safeName) === undefined ? "" : ` for the repository ${givenName ?? safeName}`
    }`,
  );
  if (program === undefined || program === text) {
    steps.add(PROGRAM_FILE, text, note);
    steps.add(CHECKSUM_FILE, checksum, CHECKSUM_NOTE);
    if (licenses !== undefined) steps.add(LICENSES_FILE, licenses, LICENSES_NOTE);
  } else {
    const call = initCall(context, `--${UPDATE.name}`);
    steps.say(`keep ${PROGRAM_FILE}, ${programVersion(program)}. To replace it with ${programVersion(text)}: ${call}`);
  }
  if (file !== "" && !flags.has(RESPOND)) {
    const task = present(context, TASK_FILE);
    if (task !== undefined && task !== TASK) steps.say(`keep ${TASK_FILE}`);
    else steps.add(TASK_FILE, TASK);
  }
  const isKept = hasJob && isOther || file !== "" && !steps.add(path, job);
  if (hasJob && isOther) steps.say(`keep ${path}, which already has the job`);
  const isJobMissing = isKept && startedJobs(present(context, path) ?? "", [{ text: job }]).length === 0;
  if (isJobMissing) {
    steps.say(
      `No job was added because ${path} exists but does not start the program. Rename it, then run init again.`,
    );
  }
  if (schedule !== undefined && isKept) {
    steps.say("--schedule does not change an existing file. Edit the schedule there.");
  } else if (schedule !== undefined && written !== undefined && written.schedule !== schedule) {
    steps.say(
      `The schedule stays ${written.schedule}. For --schedule ${schedule}, remove ${path} and run init again.`,
    );
  }
  const attributes = present(context, ATTRIBUTES_FILE);
  const isThere = attributes?.split(/\r?\n/).includes(ATTRIBUTES.trim()) === true;
  if (attributes === undefined) steps.add(ATTRIBUTES_FILE, ATTRIBUTES);
  const readFile = (each: string) => readOrNothing(context, each);
  if (path !== file) {
    if (file !== PIPELINE_FILE) steps.say("", `${add}${path}`);
    else if (!isIncluded(path, readFile)) {
      const [sentence, lines] = includeAdvice(path, readFile);
      steps.say("", sentence, "");
      steps.show(...lines);
    }
  }
  if (stages?.kind === "unknown") {
    steps.say("", unknownStages(path), "");
    steps.show(stage.trimEnd());
  }
  let startsOthers = true;
  if (file === PIPELINE_FILE) {
    const started = asks === undefined ? RUN_JOB : respondJob(written?.schedule ?? schedule);
    const place = theirs === undefined ? undefined : invalidPlaceIn(theirs);
    if (place !== undefined) {
      steps.say(
        "",
        `${PIPELINE_FILE} is not valid YAML (${place}), so GitLab rejects it, and init cannot tell which other jobs start. ` +
          "Correct the file, then run init again.",
      );
    }
    if (path !== file && hasSection(started.name, path, readFile)) {
      steps.say(
        "",
        `Your pipeline already has a job ${started.name}, and GitLab would merge the two jobs. Rename one of them.`,
      );
    }
    startsOthers = describePipelines(steps, context, started) || place !== undefined;
  }
  if (attributes !== undefined && !isThere) {
    steps.say("", `To collapse the program in reviews, add to ${ATTRIBUTES_FILE}:`, "");
    steps.show(ATTRIBUTES.trim());
  }
  const check = `${TOOL} doctor ${asks === undefined ? "" : "--for respond "}--repo ${jobName ?? PLACEHOLDER}`;
  if (!steps.hasChanges && !isJobMissing && !flags.has(DRY_RUN)) {
    steps.say(
      "",
      `Nothing was written: all files exist. To read the steps again, add --${DRY_RUN.name}. To check the setup:`,
    );
    steps.show(`  ${check}`);
    return EXIT.success;
  }
  steps.say("", `Needs: ${needsOf(recipe, givenName ?? safeName)}.`);
  const host = hostOf(origin);
  const isOtherHost = [...RECIPES.values()].some(({ hosts }) => hosts !== system.hosts && hosts?.test(host ?? ""));
  const server = host === undefined || isOtherHost ? EXAMPLE_SERVER : `https://${host}`;
  // Without a job, the files can be on any branch.
  const then = file === "" ? `Check the setup: \`${check}\`` : COMMIT;
  for (const [index, step] of [...recipe.steps, then, ...recipe.laterSteps ?? []].entries()) {
    const text = step.replaceAll(EXAMPLE_SERVER, server);
    steps.explain(`  ${index + 1}. `, withClonePages(context, startsOthers ? text : text.replace(STARTS_OTHERS, "")));
  }
  if (givenName === undefined && jobName !== safeName) {
    const place = recipe.file === ""
      ? "put that name after --repo"
      : `replace ${PLACEHOLDER} in the job with that name${asks === undefined ? "" : ` (${REPO_PLACES})`}`;
    steps.say(
      "",
      `Mogplex connects repositories through GitHub, so their names are ${PLACEHOLDER}, unlike ${safeName}. ` +
        `Find the name with \`${TOOL} repos list\`, and ${place}.`,
      "",
    );
  }
  if (asks !== undefined && !isKept && asks.lost.length > 0) {
    steps.say("", "Without a schedule:", ...asks.lost.map((each) => `  - ${each}`), "");
  }
  if (flags.has(DRY_RUN)) {
    steps.say(
      steps.hasChanges
        ? "Nothing was written. To write these files, leave out --dry-run."
        : "Nothing was written: all files exist.",
    );
  } else if (recipe.trial !== undefined) steps.say(withClonePages(context, recipe.trial));
  else if (file !== "") {
    steps.say("Then check the setup:");
    steps.show(`  ${check}`);
  }
  if (file === "") {
    steps.say(
      "",
      `If you write a job yourself, call \`${TOOL} run --follow\`, and then call ` +
        `\`${TOOL} cleanup\` in a final step that always runs, with ${STATUS_VARIABLE} set or with --always.`,
    );
  }
  return EXIT.success;
}

class Steps {
  readonly #context: Context;
  readonly #dry: boolean;
  hasChanges = false;

  constructor(context: Context) {
    this.#context = context;
    this.#dry = context.flags.has(DRY_RUN);
  }

  say(...lines: readonly string[]): void {
    const { writer } = this.#context;
    for (const line of lines) {
      const start = /^(?: *(?:\d+\. |- )?|[+-] *)/.exec(line)?.[0] ?? "";
      const indent = /^[+-]/.test(line) ? start.length + 4 : Math.max(2, start.length);
      writer.out(...writer.broken("stdout", writer.untrustedLines(line), indent));
    }
  }

  show(...lines: readonly string[]): void {
    const { writer } = this.#context;
    writer.out(...lines.flatMap((line) => writer.untrustedLines(line)));
  }

  /** @param front Text before the first line. All other lines are indented by its length. */
  explain(front: string, text: string): void {
    for (const [index, line] of text.split("\n").entries()) {
      const whole = line === "" ? "" : `${index === 0 ? front : " ".repeat(front.length)}${line}`;
      if (line.startsWith("  ")) this.show(whole);
      else this.say(whole);
    }
  }

  write(path: string, text: string, visibleLines: readonly string[]): void {
    this.hasChanges = true;
    this.say(`${this.#dry ? "would write" : "write"} ${path}`, ...visibleLines);
    if (this.#dry) return;
    try {
      this.#context.io.writeFile(path, text);
    } catch (cause) {
      const why = `${JSON.stringify(path)} cannot be written`;
      throw new UsageError({ attempted: ATTEMPTED, why, value: messageOf(cause) }, {
        cause,
      });
    }
  }

  remove(path: string): void {
    this.say(`${this.#dry ? "would remove" : "remove"} ${path}`);
    if (!this.#dry) this.#context.io.removeFile(path);
  }

  add(path: string, text: string, note?: string): boolean {
    const old = present(this.#context, path);
    const lines = note === undefined ? diff(old ?? "", text).filter((line) => line !== "+") : [note];
    if (old === undefined) this.write(path, text, lines);
    else if (old === text) this.say(`unchanged: ${path}`);
    else this.say(`keep ${path}, which differs from what init would write:`, ...lines);
    return old === undefined || old === text;
  }
}

function present(context: Context, path: string): string | undefined {
  try {
    return context.io.readFile(path, MAX_BYTES, "refuse", "replace");
  } catch (cause) {
    const why = `${JSON.stringify(path)} cannot be read`;
    throw new UsageError({ attempted: attemptedOf(context), why, value: messageOf(cause) }, { cause });
  }
}

function exists({ io }: Context, path: string): boolean {
  return io.realPath(path) !== undefined;
}

function diff(old: string, next: string): string[] {
  const [before, after] = [old.split("\n"), next.split("\n")];
  let start = 0;
  while (start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end++;
  const lines = (text: readonly string[], sign: string) =>
    text.slice(start, text.length - end).map((line) => sign + line);
  return [...old === "" ? [] : lines(before, "-"), ...lines(after, "+")];
}

function update(context: Context, steps: Steps): void {
  const attempted = "update the program";
  const { text, checksum, note, licenses } = programOf(context);
  const expected = context.option(SHA256);
  const digest = sha256Hex(text);
  if (expected !== undefined && expected !== digest) {
    const why = `the SHA-256 of this program is ${digest}, which differs from --sha256`;
    throw new UsageError({
      attempted,
      why,
      value: expected,
      advice: "download the program again; nothing was written",
    });
  }
  const old = present(context, PROGRAM_FILE);
  const why = changeOfProgram(context);
  if (why !== undefined && !context.flags.has(FORCE)) {
    const advice = old === undefined
      ? "run it in the root of the repository, or run init"
      : "find out what changed it, then add --force to replace it; nothing was written";
    throw new UsageError({ attempted, why, advice });
  }
  if (old === text) return steps.say(`unchanged: ${PROGRAM_FILE}`);
  const version = programVersion(text);
  if (old !== undefined && programVersion(old) === version) {
    steps.say(
      `Updating ${PROGRAM_FILE} to another build of ${version}`,
      ...[`  from sha256 ${sha256Hex(old)}`, `  to   sha256 ${digest}`],
    );
  } else {
    const was = old === undefined ? "none" : `${programVersion(old)} (sha256 ${sha256Hex(old)})`;
    steps.say(`Updating ${PROGRAM_FILE}`, `  from ${was}`, `  to   ${version} (sha256 ${digest})`);
  }
  steps.write(PROGRAM_FILE, text, [note]);
  steps.write(CHECKSUM_FILE, checksum, diff(present(context, CHECKSUM_FILE) ?? "", checksum));
  if (licenses !== undefined) steps.write(LICENSES_FILE, licenses, [LICENSES_NOTE]);
}

export function programVersion(text: string): string {
  return /^\/\/ @mogplex\/ci (\S{1,40}) mogplex\.mjs /m.exec(text.slice(0, 1_000))?.[1] ?? "an unknown version";
}

function changeOfProgram(context: Context): string | undefined {
  const text = present(context, PROGRAM_FILE);
  if (text === undefined) return `there is no ${PROGRAM_FILE} here`;
  const checksum = present(context, CHECKSUM_FILE);
  if (checksum === undefined) return `${PROGRAM_FILE} has no checksum next to it (${CHECKSUM_FILE})`;
  if (!checksum.startsWith(sha256Hex(text))) return `${PROGRAM_FILE} differs from its checksum in ${CHECKSUM_FILE}`;
  return undefined;
}

function programOf(context: Context) {
  const text = ownProgram(context);
  const hash = sha256Hex(text);
  return {
    text,
    checksum: `${hash}  mogplex.mjs\n`,
    note: `  sha256 ${hash}`,
    licenses: ownLicenses(context),
  };
}

/** The user's own repository does not contain the pages of the documentation. */
export function withPages(sentence: string, pathOf: (page: string) => string | undefined = () => undefined): string {
  return sentence.replace(/\bdocs\/[\w-]+\.md/g, (page) => pathOf(page) ?? `${page} in the toolkit`);
}

function withClonePages(context: Context, sentence: string): string {
  const clone = parentOf(parentOf(fileOfProgram(context)));
  return withPages(sentence, (page) => {
    const path = `${clone}/${page}`;
    return exists(context, path) ? path : undefined;
  });
}

const fileOfProgram = ({ machine }: Context) => machine.programFile ?? programFile();

function ownProgram(context: Context): string {
  const file = fileOfProgram(context);
  const text = /\.mjs$/.test(file) || exists(context, file) ? context.io.readFile(file) : undefined;
  if (text !== undefined && text.startsWith("#!") && text.includes("mogplex.mjs")) return text;
  const why = "this program is not the file mogplex.mjs";
  const advice =
    "use a clone of the toolkit: npm --prefix FOLDER-OF-THE-CLONE run init builds that file, then runs init";
  throw new UsageError({ attempted: ATTEMPTED, why, value: JSON.stringify(file), advice });
}

function ownLicenses(context: Context): string | undefined {
  return valueOr(() => context.io.readFile(`${fileOfProgram(context)}.licenses.txt`), undefined);
}

function systemOf(context: Context, origin: string): [name: string, recipe: Recipe] {
  const [given] = context.flags.positionals;
  const names = context.flags.has(RESPOND) ? respondSystems() : [...RECIPES.keys(), TERMINAL];
  const advice = `give one of ${names.join(", ")}`;
  if (given !== undefined) {
    const recipe = given.toLowerCase() === TERMINAL ? NO_SYSTEM : RECIPES.get(given.toLowerCase());
    if (recipe !== undefined) return [given.toLowerCase(), recipe];
    throw new UsageError({
      attempted: attemptedOf(context),
      why: "the CI system is unknown",
      value: JSON.stringify(given),
      advice: didYouMean(given, names) ?? advice,
    });
  }
  const host = hostOf(origin) ?? "";
  const marked = [...RECIPES].filter(([, { file, marks = [] }]) =>
    [file, ...marks].some((path) => exists(context, path))
  );
  const matches = marked.length > 0 ? marked : [...RECIPES].filter(([, { hosts }]) => hosts?.test(host));
  const [first, other] = matches;
  if (first !== undefined && other === undefined) return first;
  const why = first === undefined
    ? "no file here shows which CI system this repository uses"
    : `the repository uses several CI systems: ${matches.map(([name]) => name).join(", ")}`;
  const root = rootOfRepository(context.io);
  const example = matches.map(([name]) => name).find((name) => names.includes(name)) ?? names[0] ?? "";
  const call = callAgain(context, example);
  const others = names.filter((name) => name !== example).join(", ");
  const which = `choose one: ${call} (or ${others}${names.includes(TERMINAL) ? `, which writes no job` : ""})`;
  const there = root === undefined || root === "."
    ? which
    : `run it in the root of the repository, ${JSON.stringify(root)}`;
  throw new UsageError({ attempted: ATTEMPTED, why, advice: there });
}

function callAgain(context: Context, name: string): string {
  const { flags } = context;
  const flagWords = [RESPOND, DRY_RUN].filter((flag) => flags.has(flag)).map((flag) => `--${flag.name}`);
  for (const option of [SCHEDULE, JOB_REPO]) {
    const value = flags.get(option);
    if (value !== undefined) flagWords.push(`--${option.name}`, value);
  }
  return initCall(context, name, ...flagWords);
}

/** npm passes the name of the script and the path of `package.json` to the script. */
function initCall({ io, vocabulary }: Context, ...words: string[]): string {
  const file = io.env("npm_lifecycle_event") === "init" ? io.env("npm_package_json") : undefined;
  if (file !== undefined) return commandLine("npm", "--prefix", parentOf(file), "run", "init", "--", ...words);
  return commandLine(vocabulary.program, "init", ...words);
}

function respondSystems(): string[] {
  return [...RECIPES].filter(([, { respond }]) => respond !== undefined).map(([name]) => name);
}

function needRespondRecipe(
  { variables }: Context,
  [name, recipe]: readonly [name: string, recipe: Recipe],
  schedule?: CheckSchedule,
): NonNullable<ReturnType<typeof respondRecipe>> {
  const match = respondRecipe(recipe, schedule, variableOf(variables, MENTION_NAME));
  if (match !== undefined) return match;
  throw new UsageError({
    attempted: ATTEMPTED,
    why: `a comment cannot start a job on ${name}`,
    advice: `--respond works with ${respondSystems().join(", ")}`,
  });
}

function readOrNothing(context: Context, path: string): string | undefined {
  if (path.split("/").includes("..")) return undefined;
  return valueOr(() => present(context, path), undefined);
}

interface WrittenJob {
  paths: readonly string[];
  text: string;
  remains: readonly string[];
}

function writtenJob(recipe: Recipe, name: string | undefined, stage: string): WrittenJob {
  const { file, beside = "", remains, repo } = recipe;
  return {
    paths: [file, beside].filter((path) => path !== ""),
    text: jobFile(recipe, name, stage),
    remains: (name ?? repo) === undefined ? [...remains, "the variable MOGPLEX_REPO_ID"] : remains,
  };
}

function respondJobsOf(system: Recipe, name: string | undefined, stage: string) {
  return CHECK_SCHEDULES.flatMap((schedule) => {
    const recipe = respondRecipe(system, schedule);
    return recipe === undefined ? [] : [{ ...writtenJob(recipe, name, stage), schedule }];
  });
}

const COMMAND = new RegExp(`${TOOL} (?:run|respond)\\b`);

/** An include of the component `campaign`. By default, the component uses the program that `init` writes. */
const CAMPAIGN_COMPONENT =
  /^\s*(?:- )?\{?\s*(?:component\s*:\s*\S+\/campaign@|(?:local|file|remote)\s*:.*mogplex-campaign\.yml)/m;

const plainJob = (text: string) => withoutRepo(withoutMention(withoutStage(text)));

const isSameJob = (text: string | undefined, job: Pick<WrittenJob, "text">) =>
  text !== undefined && plainJob(text) === plainJob(job.text);

function startedJobs<T extends Pick<WrittenJob, "text">>(text: string, jobs: readonly T[]): readonly T[] {
  return jobs.filter((job) => {
    const [call] = COMMAND.exec(job.text) ?? [];
    return call !== undefined && text.includes(call);
  });
}

function uninstall(context: Context, steps: Steps, origin: string): void {
  const isNamed = context.flags.positionals.length > 0;
  const systems = isNamed ? [systemOf(context, origin)] : RECIPES;
  const name = jobNameOf(safeNameOf(origin));
  const jobs = [...systems].flatMap(([, system]) => [writtenJob(system, name, ""), ...respondJobsOf(system, name, "")]);
  const root = rootOfRepository(context.io);
  if (root !== undefined && root !== ".") {
    const why = "init writes its files in the root of the repository, and this folder is inside it";
    throw new UsageError({ attempted: attemptedOf(context), why, advice: `run it in ${JSON.stringify(root)}` });
  }
  const isProgramUnchanged = changeOfProgram(context) === undefined;
  const gone = new Set<string>();
  const remains = new Set<string>();
  // Places that several jobs need are listed last.
  const addLast = (places: readonly string[]) => {
    for (const each of places) {
      remains.delete(each);
      remains.add(each);
    }
  };
  const jobPaths = [...new Set(jobs.flatMap(({ paths }) => paths))];
  for (const path of [...jobPaths, TASK_FILE, ATTRIBUTES_FILE]) {
    const isJob = jobPaths.includes(path);
    // The pipeline file of another CI system can be a link. `init` never writes links.
    const old = isJob && !isNamed ? readOrNothing(context, path) : present(context, path);
    if (old === undefined) continue;
    const job = jobs.find((each) => each.paths.includes(path) && isSameJob(old, each));
    if (job !== undefined || path === TASK_FILE && old === TASK || path === ATTRIBUTES_FILE && old === ATTRIBUTES) {
      steps.remove(path);
      gone.add(path);
      addLast(job?.remains ?? []);
    } else if (path !== ATTRIBUTES_FILE || old.includes(ATTRIBUTES.trim())) {
      for (const each of startedJobs(old, jobs.filter(({ paths }) => paths.includes(path)))) {
        addLast(each.remains);
      }
      const isProgramGone = isProgramUnchanged || !exists(context, PROGRAM_FILE);
      const isUser = isJob && (old.includes(PROGRAM_FILE) || path === PIPELINE_FILE && CAMPAIGN_COMPONENT.test(old));
      if (isJob && !isNamed && !isUser) continue;
      const isBroken = isUser && isProgramGone;
      const then = isBroken
        ? ". It still starts the program: delete the file, or that job in it. Otherwise the job fails."
        : "";
      steps.say(`keep ${path}: init did not write it, or it was changed${then}`);
    }
  }
  for (const path of [PROGRAM_FILE, CHECKSUM_FILE, LICENSES_FILE].filter((each) => exists(context, each))) {
    if (isProgramUnchanged) steps.remove(path);
    else if (path === PROGRAM_FILE) steps.say(`keep ${path}, which was changed`);
    else steps.say(`keep ${path}, which belongs to ${PROGRAM_FILE}`);
  }
  const isMissing = (path: string) => path !== PIPELINE_FILE && (gone.has(path) || !exists(context, path));
  const brokenIncludes = jobPaths.filter((path) =>
    isMissing(path) && isIncluded(path, (each) => readOrNothing(context, each))
  );
  if (brokenIncludes.length > 0) {
    steps.say(
      "",
      `The pipeline is invalid while it includes missing files. Remove from the include of ${PIPELINE_FILE}:`,
    );
    steps.say("");
    steps.show(...brokenIncludes.map((path) => `  - local: ${path}`));
  }
  steps.say("", "init cannot remove what is outside this repository. Remove these if nothing else uses them:");
  steps.say(...[...remains, TOKEN].map((each) => `  - ${each}`));
  if (!context.flags.has(DRY_RUN)) removeEmptyFolders(context, [...gone, PROGRAM_FILE]);
}

function removeEmptyFolders({ io }: Context, paths: readonly string[]): void {
  const folders = paths.flatMap((path) => {
    const parts = path.split("/").slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  });
  // The longest path comes first, because a folder can only be removed after the folders inside it.
  for (const folder of [...new Set(folders)].sort((a, b) => b.length - a.length)) {
    try {
      io.removeDirectory(folder);
    } catch {
      // The folder contains other files, or does not exist.
    }
  }
}

const MAX_JOBS = 20;

interface JobPipeline {
  name: string;
  source: string;
  variables?: Readonly<Record<string, string>>;
  condition: string;
}

const BY_HAND: JobPipeline = {
  name: "pipelines started by hand",
  source: "web",
  condition: '$CI_PIPELINE_SOURCE == "web"',
};

const onSchedule = (value: string): JobPipeline => ({
  name: "schedules",
  source: "schedule",
  variables: { MOGPLEX_SCHEDULE: value },
  condition: "$MOGPLEX_SCHEDULE",
});

interface GitlabJob {
  name: string;
  place: string;
  pipelines: readonly JobPipeline[];
  /** How to keep other jobs out of the pipelines. `undefined` if a setup step already explains this. */
  advice: string | undefined;
}

const RUN_JOB: GitlabJob = {
  name: "mogplex",
  place: "of a schedule with MOGPLEX_SCHEDULE=run",
  pipelines: [onSchedule("run"), BY_HAND],
  advice: `To keep them out, ${keepOthersOut(OTHER_PIPELINES)}`,
};

const respondJob = (schedule: CheckSchedule | undefined): GitlabJob => ({
  name: "mogplex-respond",
  place: "that start mogplex-respond",
  pipelines: [
    { name: "triggers", source: "trigger", condition: '$CI_PIPELINE_SOURCE == "trigger"' },
    ...schedule === "none" ? [] : [onSchedule("respond")],
    BY_HAND,
  ],
  advice: undefined,
});

/** @returns Whether other jobs start or might start. */
function describePipelines(steps: Steps, context: Context, job: GitlabJob): boolean {
  const read = (path: string) => readOrNothing(context, path);
  const branch = defaultBranchOf(context.io);
  const predictions = job.pipelines.map((each) => ({ ...each, ...predictPipeline({ ...each, read, branch }) }));
  const refused = predictions.filter(({ isCreated }) => isCreated !== true);
  if (refused.length > 0) {
    const verb = refused.every(({ isCreated }) => isCreated === false) ? "exclude" : "might exclude";
    steps.say(
      "",
      `The pipeline's workflow:rules ${verb} ${
        refused.map(({ name }) => name).join(", ").replace(/, (?=[^,]*$)/, " and ")
      }. ` +
        "GitLab then creates no pipeline and reports no error. Put this rule before the others:",
      "",
    );
    steps.show(`    - if: ${refused.map(({ condition }) => condition).join(" || ")}`);
  }
  // Users who start a pipeline manually expect the other jobs to run.
  const lines = otherJobs(predictions.filter((each) => each.source !== BY_HAND.source), job);
  steps.say(...lines);
  if (lines.length > 0 && job.advice !== undefined) steps.explain("", `\n${job.advice}`);
  return lines.length > 0;
}

function otherJobs(predictions: readonly PipelinePrediction[], { name, place }: GitlabJob): string[] {
  const names = [...new Set(predictions.flatMap(({ jobs }) => jobs))].filter((each) => each !== name);
  const unreadable = [...new Set(predictions.flatMap((each) => each.unreadable))];
  if (names.length === 0 && unreadable.length === 0) return [];
  return [
    ...names.length === 0 ? [] : ["", `The pipelines ${place} also run these jobs: ${list(names)}`],
    ...unreadable.length === 0 ? [] : [
      "",
      `init cannot read these files: ${list(unreadable)}. Jobs in them might start, too. ` +
      "If they have workflow:rules, check that the rules do not exclude these pipelines.",
    ],
  ];
}

const list = (names: readonly string[]) =>
  names.slice(0, MAX_JOBS).join(", ") + (names.length > MAX_JOBS ? `, and ${names.length - MAX_JOBS} more` : "");

const unknownStages = (path: string) =>
  "The stages of the pipeline are in files that are not in this repository. A stage that does not exist makes the whole " +
  `pipeline invalid, so edit this line of ${path}:`;
