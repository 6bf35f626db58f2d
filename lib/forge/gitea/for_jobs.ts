import type { Forge } from "../forge.ts";
import { GITEA_BASE } from "./base.ts";
import { GITEA_NOTES } from "./comments.ts";
import { giteaFindings } from "./findings.ts";
import { findGitea, MAX_GITEA_PULL_REQUESTS, readGitea } from "./pulls.ts";
import { GiteaThreads } from "./threads.ts";

export const GITEA_FOR_JOBS: Forge = {
  ...GITEA_BASE,
  pulls: { largest: MAX_GITEA_PULL_REQUESTS, read: readGitea, find: findGitea, findings: giteaFindings },
  threads: (client, place) => new GiteaThreads(client, place),
  notes: GITEA_NOTES,
};
