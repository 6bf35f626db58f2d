/** Types that the models of all CI systems share. */
import type { Machine } from "./systems/machine.ts";

/** Result of a build. */
export interface Build {
  status: "success" | "failed" | "cancelled";
  /** Outputs for later jobs, by name. */
  outputs: Record<string, string>;
  /** Files that the system keeps. */
  artifacts: string[];
  /** The JUnit report that the system shows, if it reads one. */
  tests: string | undefined;
}

/** Identity of a build. */
export interface BuildOptions {
  /** Id; a retry within the same build has the same id. */
  id: string;
}

/** Runs a recipe as its CI system would. */
export type RunBuild = (recipe: string, machine: Machine, options: BuildOptions) => Promise<Build>;

/** A build that has not done anything. */
export function emptyBuild(): Build {
  return { status: "success", outputs: {}, artifacts: [], tests: undefined };
}
