/**
 * Scripts of systems whose jobs have a checkout, and a branch that remembers the campaign: for POSIX shells, with every text of a user as one
 * word of the shell. And the clock of systems that have one.
 *
 * @module
 */
import { formatDuration } from "../../result/duration.ts";
import { parseHome } from "../journal/home/open_home.ts";
import type { PipelineInput } from "./format.ts";
import { impossible, refused, shellWord } from "./words.ts";

const MINUTE_MS = 60_000;
/** The first wave of an hour is in this minute: schedulers are busy on the full hour. */
const MINUTE = 7;

/**
 * The cron line of waves that are evenly spread: minutes that divide an hour, or hours that divide a day.
 *
 * @param leastMs Shortest distance that the system keeps.
 * @throws {UsageError} for any other distance.
 */
export function cronOf({ settings: { everyMs } }: PipelineInput, system: string, leastMs: number): string {
  const minutes = everyMs / MINUTE_MS;
  if (everyMs >= leastMs && Number.isInteger(minutes) && minutes <= 60 && 60 % minutes === 0) {
    const first = MINUTE % minutes;
    return `${Array.from({ length: 60 / minutes }, (_, index) => first + index * minutes).join(",")} * * * *`;
  }
  const hours = minutes / 60;
  if (Number.isInteger(hours) && hours <= 24 && 24 % hours === 0) {
    return `${MINUTE} ${hours === 24 ? "0" : `*/${hours}`} * * *`;
  }
  throw impossible(
    `the schedule of ${system} cannot make a wave every ${formatDuration(everyMs)}`,
    `give --every with minutes that divide an hour, from ${
      formatDuration(leastMs)
    } on, or with hours that divide a day`,
  );
}

/** Refuses what only another system has. @throws {UsageError} */
export function checkSettings({ settings: { rehearsalMs, source } }: PipelineInput, system: string): void {
  if (rehearsalMs !== undefined) {
    throw impossible(
      `${system} has no delays that --rehearsal could shorten`,
      "rehearse with --format gitlab, or leave it out",
    );
  }
  if (source !== undefined) throw impossible(`--from-job is for GitLab, and not for ${system}`, "leave it out");
}

/** Stands for the repository of a job, whose address is not known before. */
const SOME_ORIGIN = "https://origin.invalid/repository.git";

/** Refuses a home that no job could use, and with it line breaks and whatever else an address or a branch never has. @throws {UsageError} */
export function checkHome({ home }: Pick<PipelineInput, "home">): void {
  if (home !== undefined) parseHome(home, SOME_ORIGIN);
}

/** The home of a campaign whose jobs keep no directory. @throws {UsageError} when it is a directory, or no home. */
export function branchHome({ home, campaign }: PipelineInput, system: string): string {
  checkHome({ home });
  if (home !== "dir") return home ?? `git:origin#mogplex-campaign/${campaign}`;
  throw impossible(
    `no directory goes from one job of ${system} to the next`,
    "leave --home out, or give --home git:REMOTE#BRANCH",
  );
}

/** Directory with the reports, which jobs upload. */
const REPORTS = "mogplex-campaign";

/**
 * Compares what the jobs work with to what the pipeline was made with. Before it, what the checkout has in the place of the reports is removed:
 * it would be uploaded as theirs, and with a link in its place so would whatever the link leads to.
 */
export function checkScript({ file, includes, program }: PipelineInput): string {
  const all = [file, ...includes, ...program.kind === "file" ? [program] : []];
  const lines = [...new Set(all.map(({ path, sha256 }) => shellWord(`${sha256}  ${path}`)))];
  const inside = all.find(({ path }) => path.split("/")[0] === REPORTS);
  if (inside !== undefined) {
    throw refused("a file of the campaign", "is where the jobs put their reports", inside.path, "move it");
  }
  return [
    `rm -rf ${REPORTS}`,
    "printf '%s\\n' \\",
    ...lines.map((line, index) =>
      `  ${line}${index < lines.length - 1 ? " \\" : " | sha256sum -c - > /dev/null || {"}`
    ),
    `    echo "error: a file is not the one that this pipeline was made with: make it again" >&2`,
    "    exit 2",
    "  }",
  ].join("\n");
}

/** The program, as words for a shell, up to `campaign`. */
function programWords({ program }: PipelineInput): string {
  return `${program.kind === "file" ? `node ${shellWord(`./${program.path}`)}` : program.name} campaign`;
}

/**
 * A wave, in the place of the shell: the system's signals reach the program then. Without a plan nothing is started, since a branch that was
 * lost would begin the campaign anew.
 */
export function waveScript(input: PipelineInput, home: string): string {
  const words = `${shellWord(input.file.path)} --home ${shellWord(home)}`;
  return [
    `${programWords(input)} status ${words} > /dev/null || exit`,
    `exec ${programWords(input)} advance ${words}`,
  ].join("\n");
}
