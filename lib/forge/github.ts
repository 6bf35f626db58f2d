/**
 * GitHub, in the cloud and self-hosted.
 * @module
 */
import { apiOf } from "./api_of.ts";
import type { Forge } from "./forge.ts";
import { githubFindings } from "./github/findings.ts";
import { GITHUB_MERGING } from "./github/merging.ts";
import { GITHUB_NOTES, GITHUB_TOKEN_NEEDS } from "./github/notes.ts";
import { findGithub, GITHUB_ADDRESS, githubApi, MAX_PULL_REQUESTS, readGithub } from "./github/pulls.ts";
import { GITHUB_READER } from "./github/reader.ts";
import { GITHUB_STATUSES } from "./github/statuses.ts";
import { GithubThreads } from "./github/threads.ts";
import { GITHUB_WRITES } from "./github/writes.ts";
import { isGiteaJob, repositoryOf, serverHost, serverOf, WORKFLOW_JOB } from "./workflow_job.ts";

const { publicHost: HOST, variable: VARIABLE } = GITHUB_READER;
const API = "GITHUB_API_URL";
const PERMISSIONS = "contents: read, checks: read, issues: write and pull-requests: write";

export const GITHUB: Forge = {
  ...GITHUB_READER,
  address: GITHUB_ADDRESS,
  pulls: { largest: MAX_PULL_REQUESTS, read: readGithub, find: findGithub, findings: githubFindings },
  merging: GITHUB_MERGING,
  statuses: GITHUB_STATUSES,
  threads: (client, place) => new GithubThreads(client, place),
  writes: GITHUB_WRITES,
  notes: GITHUB_NOTES,
  job: {
    ...WORKFLOW_JOB,
    ciSystems: ["github"],
    // Source: GitHub, "Variables reference".
    user: { name: "GITHUB_ACTOR", id: "GITHUB_ACTOR_ID" },
    host: (env) => isGiteaJob(env) ? undefined : serverHost(env),
    tokenVariable: () => VARIABLE,
    advice: {
      ask: `put a token there, with the permissions ${PERMISSIONS}`,
      note: `put a token there, with ${GITHUB_TOKEN_NEEDS}`,
    },
    // On a self-hosted server the REST API is below the GraphQL API.
    api: (env) => env(API) ? apiOf(env, "GitHub", API).replace(/\/v3$/, "") : githubApi(serverOf(env)),
    place: (env) => ({ origin: serverOf(env), repository: repositoryOf(env) }),
    pullsAt: (env) => `${serverOf(env)}/${repositoryOf(env)}/pull/`,
    linkHosts: (env) => [HOST, `www.${HOST}`, new URL(serverOf(env)).hostname],
    workflowFolders: () => [".github/workflows"],
  },
};
