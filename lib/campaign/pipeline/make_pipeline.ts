import { UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { environmentVariable } from "../../runtime.ts";
import { sha256Hex } from "../../sha256.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import { MAX_LIST_BYTES } from "../file/items.ts";
import {
  type CampaignInternals,
  internalsWith,
  placeOf,
  plannedStore,
  readSource,
  withCampaign,
} from "../open_campaign.ts";
import { DEFAULT_MEAN_RUN_MS } from "../pace/next_starts.ts";
import type { CampaignMemory } from "../journal/memory.ts";
import { type ForecastInput, waveMoments } from "../pace/forecast.ts";
import { closedBy, forecastInput, whoStopped } from "../view/progress.ts";
import {
  type CarriedFile,
  checkCarriedPath,
  type PipelineFile,
  type PipelineProgram,
  type PipelineSettings,
  refused,
  type WavePlan,
} from "./format.ts";
import { renderGitlab } from "./gitlab.ts";

interface PipelineOptions extends CampaignOptions {
  format: string | undefined;
  program?: string | undefined;
  meanRunMs?: number | undefined;
  settings: PipelineSettings;
  output: string | undefined;
}

/** For other CI systems, the documentation has recipes that call `campaign advance`. */
const FORMAT = "gitlab";

const PROGRAM_PATH = "ci/mogplex.mjs";

export async function makePipelineWith(
  path: string,
  options: PipelineOptions,
  internals: CampaignInternals & { io: Io },
): Promise<readonly PipelineFile[]> {
  const { format, program = PROGRAM_PATH, settings, output, meanRunMs } = options;
  const { io } = internals;
  checkFormat(format);
  const read = await readSource(path, options, io, internals);
  const { file, includes, skippedStdin } = read;
  const { directory, home } = placeOf(options, file.home, options.env ?? environmentVariable);
  if (skippedStdin && settings.source === undefined) {
    const why = "a list in the file comes from standard input, which jobs do not have";
    throw new UsageError({ attempted: "make a pipeline", why, advice: "put the list into a file" });
  }
  const all = {
    campaign: file.name,
    file: carried(io, "the campaign file", path),
    includes: includes.map((each) => carried(io, "a file that the campaign file references", each)),
    program: programOf(io, program),
    home,
    directory,
    settings,
    output: output?.replace(/\/+$/, ""),
  };
  return await withCampaign(path, options, internalsWith(internals, { read }), "read", (opened) => {
    const store = plannedStore(opened, "make a pipeline");
    const waves = wavePlan(store.memory, {
      // This machine's clock may be behind the service's clock.
      nowMs: Math.max(opened.clock.wallTime(), store.memory.slotsMs.at(-1) ?? 0),
      meanRunMs: store.meanRunMs ?? meanRunMs ?? DEFAULT_MEAN_RUN_MS,
      runningSinceMs: store.openRuns().map(({ start }) => Date.parse(start.createdAt ?? start.sentAt)),
      everyMs: settings.everyMs,
    });
    return Promise.resolve(renderGitlab({ ...all, waves }));
  });
}

function checkFormat(format: string | undefined): void {
  if (format === FORMAT) return;
  throw new UsageError({
    attempted: "make a pipeline",
    why: format === undefined ? "no CI system was given" : "this CI system is not supported",
    value: format === undefined ? undefined : JSON.stringify(format),
    advice:
      `use --format ${FORMAT}, or a recipe whose schedule calls \`campaign advance\`: docs/campaigns.md in the toolkit`,
  });
}

function programOf(io: Io, program: string): PipelineProgram {
  if (program.startsWith("command:")) {
    const name = program.slice("command:".length);
    if (/^[A-Za-z0-9_/][A-Za-z0-9._/-]*$/.test(name)) return { kind: "command", name };
    throw refused(
      "the command of the image",
      "is not the name of a command",
      name,
      "use only letters, digits, dots, dashes and slashes",
    );
  }
  if (io.realPath(program) === undefined) {
    const advice = "run `mogplex-ci init`, which creates it, or give its path with --program";
    throw refused("the program that jobs run", "does not exist", program, advice);
  }
  return { kind: "file", ...carried(io, "the program", program) };
}

function carried(io: Io, what: string, path: string): CarriedFile {
  const short = checkCarriedPath(what, path);
  const text = io.readFile(path, MAX_LIST_BYTES, "follow");
  if (text === undefined) throw refused(what, "does not exist", path, "check the path");
  return { path: short, sha256: sha256Hex(text) };
}

interface WavePlanInput extends Pick<ForecastInput, "nowMs" | "meanRunMs" | "runningSinceMs"> {
  everyMs: number;
}

/** Number of spare waves between the expected end of the canary and the gate, because canary runs may take longer. */
const SPARE_AT_GATE = 2;

/** Number of spare waves after the expected end of the campaign, because runs may take longer or be retried. */
const SPARE = { least: 2, share: 0.1 };

export function wavePlan(memory: CampaignMemory, { everyMs, ...rest }: WavePlanInput): WavePlan {
  if (memory.stopped !== null) {
    const why = `the campaign was stopped by ${whoStopped(memory.stopped)}`;
    throw new UsageError({ attempted: "make a pipeline", why, advice: "run `campaign resume` first" });
  }
  const input = forecastInput(memory, rest);
  const moments = momentsOf(input, everyMs);
  const delays = moments.map((moment, index) => moment - (moments[index - 1] ?? moment));
  const gate = gateOf(memory, input, everyMs);
  if (gate !== null && gate > 0) delays.splice(gate - SPARE_AT_GATE, 0, ...Array(SPARE_AT_GATE).fill(everyMs));
  const spare = Math.max(SPARE.least, Math.ceil(delays.length * SPARE.share));
  return { delaysMs: [...delays, ...Array(spare).fill(everyMs)], gate };
}

function momentsOf(input: ForecastInput, everyMs: number): number[] {
  const moments = waveMoments({ ...input, waveEveryMs: everyMs });
  if (moments !== null) return moments;
  throw new UsageError({ attempted: "make a pipeline", why: "no window of the campaign file ever opens" });
}

function gateOf(memory: CampaignMemory, input: ForecastInput, everyMs: number): number | null {
  if (closedBy(memory) === "gate") return 0;
  const { lock: { canary }, gates } = memory;
  if (canary?.gate !== "manual" || gates.canary.approved !== null || input.canary === null) return null;
  const waiting = input.canary ?? 0;
  return momentsOf({ ...input, waiting, canary: null }, everyMs).length + SPARE_AT_GATE;
}
