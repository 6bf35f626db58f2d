import type { ReadEnv } from "../../ci/platform.ts";
import { lookup } from "../../lookup.ts";
import { apiOf } from "../api_of.ts";
import type { FileForge } from "../forge.ts";
import { isGiteaJob, repositoryOf, serverHost, serverOf, WORKFLOW_JOB } from "../workflow_job.ts";
import { GITEA_ADDRESS } from "./address.ts";
import { giteaFiles } from "./files.ts";
import { GITEA_TOKEN_NEEDS } from "./comments.ts";

const VARIABLE = "GITEA_TOKEN";
/** Source: Gitea, "API Usage", scopes of tokens. Teams are part of the organization scope. */
const ADMINISTRATOR =
  "and a user who is an administrator of the repository (in an organization, also the read:organization scope)";

const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  // Source: Gitea, "Quick Start" of Actions, https://docs.gitea.com/1.24/usage/actions/quickstart
  gitea: [".gitea/workflows", ".github/workflows"],
  // Source: Forgejo, "User guide" of Actions, https://forgejo.org/docs/latest/user/actions/overview. Older versions also read Gitea's folders.
  forgejo: [".forgejo/workflows", ".gitea/workflows", ".github/workflows"],
};

const ownHost = (env: ReadEnv) => isGiteaJob(env) ? serverHost(env) : undefined;

// Source: Gitea, "API Usage".
const api = (origin: string) => `${origin}/api/v1`;

export const GITEA_BASE: FileForge = {
  name: GITEA_ADDRESS.name,
  system: "Gitea",
  relatives: ["Forgejo"],
  variable: VARIABLE,
  tokenHost: ownHost,
  address: GITEA_ADDRESS,
  api,
  files: { needs: 'the "read:repository" scope', open: giteaFiles },
  job: {
    ...WORKFLOW_JOB,
    ciSystems: ["gitea", "forgejo"],
    user: { name: "GITHUB_ACTOR", id: null },
    host: ownHost,
    // The job's own token is in a variable with GitHub's name. This token is not allowed to read who can push.
    tokenVariable: () => VARIABLE,
    needs: {
      respond: GITEA_TOKEN_NEEDS,
      note: GITEA_TOKEN_NEEDS,
      followUp: "the read:issue and read:repository scopes",
      gate: `the read:user, read:issue and read:repository scopes, ${ADMINISTRATOR}`,
      status: `the read:user, read:issue and write:repository scopes, ${ADMINISTRATOR}`,
    },
    api: (env) => apiOf(env, "Gitea", "GITHUB_API_URL"),
    place: (env) => ({ origin: serverOf(env), repository: repositoryOf(env) }),
    pullsAt: (env) => `${serverOf(env)}/${repositoryOf(env)}/pulls/`,
    linkHosts: (env) => [new URL(serverOf(env)).hostname],
    workflowFolders: (ciSystem) => lookup(FOLDERS, ciSystem) ?? [],
  },
};
