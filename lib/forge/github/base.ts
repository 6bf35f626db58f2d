import { apiOf } from "../api_of.ts";
import type { FileForge } from "../forge.ts";
import { isGiteaJob, repositoryOf, serverHost, serverOf, WORKFLOW_JOB } from "../workflow_job.ts";
import { githubApi } from "./address.ts";
import { GITHUB_TOKEN_NEEDS } from "./notes.ts";
import { GITHUB_READER } from "./reader.ts";

const { publicHost: HOST, variable: VARIABLE } = GITHUB_READER;
const API = "GITHUB_API_URL";

export const GITHUB_BASE: FileForge = {
  ...GITHUB_READER,
  job: {
    ...WORKFLOW_JOB,
    ciSystems: ["github"],
    // Names of people cannot contain brackets. Source: GitHub, "Differences between GitHub Apps and OAuth apps".
    botNames: /\[bot\]$/,
    // Source: GitHub, "Variables reference".
    user: { name: "GITHUB_ACTOR", id: "GITHUB_ACTOR_ID" },
    host: (env) => isGiteaJob(env) ? undefined : serverHost(env),
    tokenVariable: () => VARIABLE,
    tokenLine: `${VARIABLE}: \${{ github.token }}`,
    needs: {
      respond: "the permissions contents: read, checks: read, issues: write and pull-requests: write",
      note: GITHUB_TOKEN_NEEDS,
      followUp: "the permissions checks: read, contents: read, pull-requests: read and statuses: read",
      gate: "the permissions contents: read, checks: read and pull-requests: read",
      status: "the permissions contents: read, checks: read, pull-requests: read and statuses: write",
    },
    // On a self-hosted server, the variable contains the address of the REST API, which ends with `/v3`.
    api: (env) => env(API) ? apiOf(env, "GitHub", API).replace(/\/v3$/, "") : githubApi(serverOf(env)),
    place: (env) => ({ origin: serverOf(env), repository: repositoryOf(env) }),
    pullsAt: (env) => `${serverOf(env)}/${repositoryOf(env)}/pull/`,
    linkHosts: (env) => [HOST, `www.${HOST}`, new URL(serverOf(env)).hostname],
    workflowFolders: () => [".github/workflows"],
  },
};
