import type { Forge } from "../forge.ts";
import { GITLAB_BASE } from "./base.ts";
import { gitlabFindings } from "./findings.ts";
import { GITLAB_NOTES } from "./notes.ts";
import { findGitlab, readGitlab } from "./pulls.ts";
import { GitlabThreads } from "./threads.ts";

export const GITLAB_FOR_JOBS: Forge = {
  ...GITLAB_BASE,
  pulls: {
    largest: 1,
    read: (client, batch) => Promise.all(batch.map((address) => readGitlab(client, address))),
    find: findGitlab,
    findings: gitlabFindings,
  },
  threads: (client, place) => new GitlabThreads(client, place),
  notes: GITLAB_NOTES,
};
