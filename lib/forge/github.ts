import type { Forge } from "./forge.ts";
import { GITHUB_FOR_JOBS } from "./github/for_jobs.ts";
import { GITHUB_MERGING } from "./github/merging.ts";
import { GITHUB_STATUSES } from "./github/statuses.ts";
import { GITHUB_WRITES } from "./github/writes.ts";

export const GITHUB: Forge = {
  ...GITHUB_FOR_JOBS,
  merging: GITHUB_MERGING,
  statuses: GITHUB_STATUSES,
  writes: GITHUB_WRITES,
};
