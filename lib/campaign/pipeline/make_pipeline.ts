/**
 * The job of `campaign pipeline`: reads a campaign with everything that its jobs need, and makes the files of a CI system. Sends nothing.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { sha256Hex } from "../../sha256.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import { MAX_LIST_BYTES } from "../file/includes.ts";
import {
  type CampaignInternals,
  DEFAULT_DIRECTORY,
  internalsWith,
  plannedStore,
  readFile,
  withCampaign,
} from "../open_campaign.ts";
import { DEFAULT_MEAN_RUN_MS } from "../pace/pace.ts";
import type { CarriedFile, PipelineFile, PipelineInput, PipelineProgram, PipelineSettings } from "./format.ts";
import { formatOf } from "./formats.ts";
import { wavePlan } from "./wave_plan.ts";
import { checkCarriedPath, refused } from "./words.ts";

/** Options of {@linkcode makePipelineWith}. */
export interface PipelineOptions extends CampaignOptions {
  /** A key of the table of formats. */
  format: string | undefined;
  /** Path of the program in the repository, or `command:NAME` for one that the image has. @default {"ci/mogplex.mjs"} */
  program?: string | undefined;
  /** Mean time of a run in milliseconds, until runs have ended. @default {1_200_000} */
  meanRunMs?: number | undefined;
  /** What is said about the jobs. */
  settings: PipelineSettings;
  /** Directory or file that is written; undefined for standard output. */
  output: string | undefined;
}

/** Where `init` puts the program. */
const PROGRAM_PATH = "ci/mogplex.mjs";

function carried(io: Io, what: string, path: string): CarriedFile {
  const short = checkCarriedPath(what, path);
  const text = io.readFile(path, MAX_LIST_BYTES, "follow");
  if (text === undefined) throw refused(what, "does not exist", path, "name another one");
  return { path: short, text, sha256: sha256Hex(text) };
}

function programOf(io: Io, program: string): PipelineProgram {
  if (program.startsWith("command:")) {
    const name = program.slice("command:".length);
    if (/^[A-Za-z0-9_/][A-Za-z0-9._/-]*$/.test(name)) return { kind: "command", name };
    throw refused(
      "the command of the image",
      "is none",
      name,
      "letters, digits, dots, dashes and slashes are permitted",
    );
  }
  if (io.realPath(program) === undefined) {
    const advice = "run `mogplex-ci init`, which puts it there, or name it with --program";
    throw refused("the program that jobs run", "does not exist", program, advice);
  }
  const { path, sha256 } = carried(io, "the program", program);
  return { kind: "file", path, sha256 };
}

/**
 * Makes the files of a pipeline.
 *
 * @param path Path of the campaign file, below the working directory.
 * @throws {UsageError} for mistakes in the file, a plan that is missing, files that jobs could not find, and what the CI system cannot do.
 */
export async function makePipelineWith(
  path: string,
  options: PipelineOptions,
  internals: CampaignInternals & { io: Io },
): Promise<readonly PipelineFile[]> {
  const { format: name, program = PROGRAM_PATH, settings, output, meanRunMs, home } = options;
  const { io } = internals;
  const format = formatOf(name);
  const read = await readFile(path, options, io, internals);
  const { file, includes, skippedStdin } = read;
  if (skippedStdin && settings.source === undefined) {
    const why = "a list of the file is standard input, which no job has";
    throw new UsageError({ attempted: "make a pipeline", why, advice: "put the list into a file" });
  }
  const all: PipelineInput = {
    campaign: file.name,
    round: file.round,
    file: carried(io, "the campaign file", path),
    includes: await Promise.all(includes.map((each) => carried(io, "a file that the campaign file names", each))),
    program: programOf(io, program),
    home,
    directory: options.directory ?? DEFAULT_DIRECTORY,
    waves: undefined,
    settings,
    output: output?.replace(/\/+$/, ""),
  };
  if (!format.needsPlan) return format.render(all);
  return await withCampaign(path, options, internalsWith(internals, { read }), "read", (opened) => {
    const store = plannedStore(opened, "make a pipeline");
    const waves = wavePlan(store.memory, {
      // This machine's clock may be behind that of the service.
      nowMs: Math.max(opened.clock.wallTime(), store.memory.slotsMs.at(-1) ?? 0),
      meanRunMs: store.meanRunMs ?? meanRunMs ?? DEFAULT_MEAN_RUN_MS,
      runningSinceMs: store.openRuns().map(({ start }) => Date.parse(start.createdAt ?? start.sentAt)),
      everyMs: settings.everyMs,
    });
    return Promise.resolve(format.render({ ...all, waves }));
  });
}
