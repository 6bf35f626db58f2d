/**
 * Which lane has which repository, and where its lock, journal and token are. Pure.
 *
 * @module
 */
import type { ReadEnv } from "../../platforms/platform.ts";
import { createRedactor, type Redactor } from "../../text/redact.ts";
import type { Lane } from "../file/campaign_file.ts";
import { matchesGlob } from "../file/glob.ts";

/**
 * The lane of a repository: the first of the file one of whose globs fits its name, else the first of all. It depends on file and name
 * alone, so that two machines divide the items in the same way.
 *
 * @param lanes At least one.
 * @param name Full name; the id of a repository that is hidden.
 */
export function laneOf(lanes: readonly Lane[], name: string): string {
  const found = lanes.find(({ repositories }) => repositories.some((glob) => matchesGlob(glob, name))) ?? lanes[0];
  if (found === undefined) throw new Error("Cannot find a lane: the file has none");
  return found.name;
}

/** The directory of a lane below that of the campaign: no report and no journal of the whole has its name. */
export function laneDirectory(directory: string, lane: string): string {
  return `${directory.replace(/\/+$/, "")}/lanes/${lane}`;
}

/** The branch of a lane, for a home in Git. Not below the campaign's: Git cannot have a branch and others below it. */
export function laneBranch(branch: string, lane: string): string {
  return `${branch}-${lane}`;
}

/** The environment as a lane sees it: its own variable is the one with the token. */
export function laneEnv(env: ReadEnv, { tokenVariable }: Lane): ReadEnv {
  return (name) => {
    if (name === "MOGPLEX_TOKEN_VARIABLE") return tokenVariable;
    return name === "MOGPLEX_API_KEY_FILE" ? undefined : env(name);
  };
}

/** Masks the tokens of lanes, as far as they are set. */
export function laneMasks(lanes: readonly Lane[], env: ReadEnv): Redactor[] {
  return lanes.flatMap(({ tokenVariable }) => {
    const token = env(tokenVariable)?.trim() ?? "";
    return token === "" ? [] : [createRedactor({ token })];
  });
}
