/** What the models of the CI systems have in common. */
import type { Machine } from "./systems/machine.ts";

/** What became of a build. */
export interface Build {
  /** Its status. */
  status: "success" | "failed" | "cancelled";
  /** What it tells later jobs, by name. */
  outputs: Record<string, string>;
  /** Files that the system keeps. */
  artifacts: string[];
  /** The JUnit report that the system shows, if it reads one. */
  tests: string | undefined;
}

/** Which build it is. */
export interface BuildOptions {
  /** Id; what is tried again within a build has the same. */
  id: string;
}

/** Runs a recipe as its CI system would. */
export type RunBuild = (recipe: string, machine: Machine, options: BuildOptions) => Promise<Build>;

/** A build that has not done anything. */
export function emptyBuild(): Build {
  return { status: "success", outputs: {}, artifacts: [], tests: undefined };
}
