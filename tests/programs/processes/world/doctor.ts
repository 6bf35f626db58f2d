/** The verb `doctor` as a process, and what it found. */
import type { Check } from "../../../../lib/check.ts";
import { type Ended, launch, REPO } from "./service.ts";

/** Variables of a process. */
export type Env = Record<string, string>;

/** How it ended, and its checks by name. */
export interface Diagnosis extends Ended {
  checks: Record<string, Check>;
}

/** Runs `doctor --json`. @param line The runtime and the command. */
export async function diagnose(line: readonly string[], env: Env, cwd: string): Promise<Diagnosis> {
  const variables = { MOGPLEX_REPO_ID: REPO, DENO_NO_UPDATE_CHECK: "1", ...env };
  const ended = await launch([...line, "doctor", "--json"], { cwd, env: variables }).ended;
  const { checks } = JSON.parse(ended.stdout) as { checks: Check[] };
  return { ...ended, checks: Object.fromEntries(checks.map((check) => [check.name, check])) };
}
