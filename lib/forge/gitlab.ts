import type { Forge } from "./forge.ts";
import { GITLAB_FOR_JOBS } from "./gitlab/for_jobs.ts";
import { GITLAB_MERGING } from "./gitlab/merging.ts";
import { GITLAB_STATUSES } from "./gitlab/statuses.ts";
import { GITLAB_WRITES } from "./gitlab/writes.ts";

export const GITLAB: Forge = {
  ...GITLAB_FOR_JOBS,
  merging: GITLAB_MERGING,
  statuses: GITLAB_STATUSES,
  writes: GITLAB_WRITES,
};
