import type { Forge } from "./forge.ts";
import { GITEA_FOR_JOBS } from "./gitea/for_jobs.ts";
import { GITEA_MERGING } from "./gitea/merging.ts";
import { GITEA_STATUSES } from "./gitea/statuses.ts";
import { GITEA_WRITES } from "./gitea/writes.ts";

export const GITEA: Forge = {
  ...GITEA_FOR_JOBS,
  merging: GITEA_MERGING,
  statuses: GITEA_STATUSES,
  writes: GITEA_WRITES,
};
