import type { Forge } from "../forge.ts";
import { GITHUB_BASE } from "./base.ts";
import { githubFindings } from "./findings.ts";
import { GITHUB_NOTES } from "./notes.ts";
import { findGithub, MAX_PULL_REQUESTS, readGithub } from "./pulls.ts";
import { GithubThreads } from "./threads.ts";

export const GITHUB_FOR_JOBS: Forge = {
  ...GITHUB_BASE,
  pulls: { largest: MAX_PULL_REQUESTS, read: readGithub, find: findGithub, findings: githubFindings },
  threads: (client, place) => new GithubThreads(client, place),
  notes: GITHUB_NOTES,
};
