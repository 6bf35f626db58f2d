/**
 * The scripts of GitLab's jobs. They are for POSIX shells, and every text of a user in them is one word of the shell.
 *
 * @module
 */
import type { CarriedFile, PipelineInput } from "./format.ts";
import { checkCarriedPath, refused, shellWord } from "./words.ts";

/** Folder in which all jobs work: the files at their paths, the program, and the directories of the waves. */
export const FOLDER = "mogplex-pipeline";
/** Folder in it with a directory for each wave. A number of its own keeps the artifacts of two waves apart. */
export const WAVES = "mogplex-waves";
/** Directory in it with the reports of the whole. */
export const DIRECTORY = "mogplex-campaign";
/** The program in it. */
const PROGRAM = "mogplex.mjs";

/** Everything that jobs carry, by its path in the folder. */
function carriedOf({ file, includes, program }: PipelineInput): Map<string, Pick<CarriedFile, "path" | "sha256">> {
  const all = new Map([file, ...includes].map((each) => [each.path, each]));
  for (const path of all.keys()) {
    if ([WAVES, DIRECTORY, PROGRAM].includes(path.split("/")[0] ?? "")) {
      throw refused("a file of the campaign", "has a name that the jobs need", path, "rename it");
    }
  }
  return new Map<string, Pick<CarriedFile, "path" | "sha256">>([
    ...program.kind === "file" ? [[PROGRAM, program] as const] : [],
    ...all,
  ]);
}

/** Words that print lines, each as it is. */
function printed(lines: readonly string[]): string {
  return ["printf '%s\\n'", ...lines.map((line) => `  ${shellWord(line)}`)].join(" \\\n");
}

function fail(message: string, code: number): string {
  return `{ echo "error: ${message}" >&2; exit ${code}; }`;
}

/** Enters the folder, and compares everything in it with its checksum. */
export function checkScript(input: PipelineInput): string {
  const lines = [...carriedOf(input)].map(([path, { sha256 }]) => `${sha256}  ${path}`);
  return [
    `cd ${FOLDER} || ${
      fail(`the folder ${FOLDER} of the job plan is not here: its artifacts have expired, or were deleted`, 2)
    }`,
    `${printed(lines)} | sha256sum -c - > /dev/null ||`,
    `  ${fail("a file is not the one that this pipeline was made with", 2)}`,
  ].join("\n");
}

/** Puts everything that the jobs need into the folder. */
export function carryScript(input: PipelineInput, parts: readonly string[]): string {
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

/** A verb of the program. */
function call(input: PipelineInput, verb: string, ...words: readonly string[]): string {
  const { program, file, home } = input;
  const command = program.kind === "file" ? `node ${PROGRAM}` : program.name;
  const all = [command, "campaign", verb, shellWord(file.path), ...words.filter((word) => word !== "")];
  if (isGit(input)) all.push("--home", shellWord(home ?? ""));
  // With exit: bash and runners before 18.11.4 and 19.0.2 end every other failure with 1.
  return `${all.join(" ")} 2>&1 || exit $?`;
}

/** Whether lock and journal are in a Git repository, so that jobs need not hand them on. */
export function isGit({ home }: PipelineInput): boolean {
  return home !== undefined && home !== "dir";
}

/** Brings the lock of the plan, or plans. A home in Git has it. */
export function planScript(input: PipelineInput): string {
  const { directory, settings: { source } } = input;
  const plan = call(input, "plan", `--dir ${WAVES}/0`);
  // A directory elsewhere is for the machine that made the pipeline.
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

/** Takes over the directory of the wave before. */
export function takeOverScript(): string {
  return [
    `[ -f "${WAVES}/$((mogplex_wave - 1))/lock.json" ] ||`,
    `  ${fail("the directory of the wave before is not here: its artifacts have expired, or were deleted", 2)}`,
    `rm -rf "${WAVES}/$mogplex_wave"`,
    `mv "${WAVES}/$((mogplex_wave - 1))" "${WAVES}/$mogplex_wave"`,
  ].join("\n");
}

/** One wave. */
export function waveScript(input: PipelineInput): string {
  return call(input, "advance", isGit(input) ? "" : `--dir "${WAVES}/$mogplex_wave"`);
}

/** The wave of a person who opens the gate. The wave before it collects what has ended, and closes the gate if it is time. */
export function gateScript(input: PipelineInput): string {
  const outputs = isGit(input) ? `${DIRECTORY}/outputs.env` : `"${WAVES}/$mogplex_wave/outputs.env"`;
  const approve = isGit(input) ? "--approve" : `--approve --dir "${WAVES}/$mogplex_wave"`;
  const early = isGit(input)
    ? ["else", '  echo "no gate is closed: the next waves go on. Approve a later one with: campaign approve"']
    : ["else", `  ${fail("no gate is closed, since the canary is still at work: retry this job later", 2)}`];
  return [
    waveScript(input),
    `if grep -qx MOGPLEX_CAMPAIGN_STATE=gated ${outputs}; then`,
    `  ${call(input, "advance", approve)}`,
    ...early,
    "fi",
  ].join("\n");
}

/** Reports and verdict, from the newest directory. */
export function reportScript(input: PipelineInput, waves: number): string {
  const take = [
    `mogplex_wave=${waves}`,
    `while [ "$mogplex_wave" -ge 0 ] && [ ! -f "${WAVES}/$mogplex_wave/lock.json" ]; do`,
    "  mogplex_wave=$((mogplex_wave - 1))",
    "done",
    `[ "$mogplex_wave" -ge 0 ] || ${fail("no wave has left a directory", 2)}`,
    `rm -rf ${DIRECTORY}`,
    `mv "${WAVES}/$mogplex_wave" ${DIRECTORY}`,
  ];
  return [...isGit(input) ? [] : take, call(input, "report"), call(input, "status", "--exit-status")].join("\n");
}
