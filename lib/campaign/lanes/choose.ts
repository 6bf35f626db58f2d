/**
 * On which lanes a call works, and with which token.
 *
 * @module
 */
import { resolveConnection } from "../../api/connection/connection.ts";
import { UnauthorizedError, UsageError } from "../../errors.ts";
import { processIo } from "../../io.ts";
import { nearest } from "../../nearest.ts";
import { environmentVariable } from "../../runtime.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import type { Lane, ReadCampaign } from "../file/campaign_file.ts";
import { type CampaignInternals, readFile } from "../open_campaign.ts";
import { laneEnv } from "./assign.ts";

/** A call that works on one lane. */
export interface LaneCall<O, I> {
  lane: Lane;
  options: O;
  internals: I;
}

/** What a call works on. */
export interface Chosen<O, I> {
  /** The file. */
  read: ReadCampaign;
  /** For a campaign without lanes. They hold the file, so that it is not read again. */
  internals: I;
  /** The lanes to work on; undefined when the campaign has none. */
  lanes: readonly LaneCall<O, I>[] | undefined;
  /** All lanes of the file. */
  all: readonly LaneCall<O, I>[];
}

/** Internals with other values. They are not copied: the connection is looked for when it is needed. */
export function internalsWith<I extends object, M extends object>(internals: I, more: M): I & M {
  return Object.defineProperties(Object.create(internals), Object.getOwnPropertyDescriptors(more));
}

/**
 * A call on a lane, with the token of its variable unless another one was given for it.
 *
 * @param quiet Whether another lane tells of the service's address, which is the same for all.
 */
function callOf<O extends CampaignOptions, I extends CampaignInternals>(
  lane: Lane,
  options: O,
  internals: I,
  quiet: boolean,
): LaneCall<O, I> {
  const { token, client, url, env = environmentVariable } = options;
  const own = token !== undefined || client !== undefined ? {} : {
    get connection() {
      const found = resolveConnection({ env: laneEnv(env, lane), url, readFile: internals.readFile });
      return quiet ? { ...found, notices: [] } : found;
    },
  };
  const more = Object.defineProperties({ lane: lane.name }, Object.getOwnPropertyDescriptors(own));
  return { lane, options, internals: internalsWith(internals, more) };
}

function unknown(name: string, lanes: readonly Lane[]): UsageError {
  const names = lanes.map((lane) => lane.name);
  const near = nearest(name, names);
  const advice = names.length === 0
    ? "leave it out"
    : near === undefined
    ? `there are ${names.join(", ")}`
    : `did you mean "${near}"?`;
  const why = names.length === 0 ? "the campaign file has no lanes" : "the campaign file has no lane of this name";
  return new UsageError({ attempted: "work on a lane", why, value: JSON.stringify(name), advice });
}

/**
 * Reads the file, and finds the lanes to work on: the one that is named, else all.
 *
 * @throws {CampaignFileError} with every mistake of the file.
 * @throws {UsageError} when there is no such lane.
 */
export async function chooseLanes<O extends CampaignOptions, I extends CampaignInternals>(
  path: string,
  options: O,
  internals: I,
): Promise<Chosen<O, I>> {
  const read = await readFile(path, options, internals.io ?? processIo(), internals);
  const whole = internalsWith(internals, { read });
  const { lanes } = read.file;
  const { lane: name } = options;
  const one = lanes.find((lane) => lane.name === name);
  if (name !== undefined && one === undefined) throw unknown(name, lanes);
  if (lanes.length === 0) return { read, internals: whole, lanes: undefined, all: [] };
  const all = lanes.map((lane, index) => callOf(lane, options, whole, one === undefined && index > 0));
  return { read, internals: whole, lanes: one === undefined ? all : all.filter(({ lane }) => lane === one), all };
}

/**
 * Proves that each lane has a token.
 *
 * @throws {UsageError} when one token was given for all.
 * @throws {UnauthorizedError} naming every variable that is missing.
 */
export function checkTokens(lanes: readonly LaneCall<CampaignOptions, CampaignInternals>[]): void {
  const { token, client } = lanes[0]?.options ?? {};
  if (token !== undefined || client !== undefined) {
    throw new UsageError({
      attempted: "work on all lanes of a campaign",
      why: "one token was given, and each lane has its own",
      advice: "put the tokens into the variables that the file names, or name one lane with the option lane",
    });
  }
  const missing = lanes.filter(({ lane, options: { env = environmentVariable } }) =>
    (env(lane.tokenVariable)?.trim() ?? "") === ""
  );
  if (missing.length === 0) return;
  const names = missing.map(({ lane }) => `${lane.tokenVariable} (lane ${lane.name})`).join(", ");
  throw new UnauthorizedError({
    attempted: "work on all lanes of the campaign",
    why: `${missing.length === 1 ? "a variable is" : "variables are"} not set: ${names}`,
    advice: "set all of them in this job, or work on one lane with --lane NAME",
  });
}
