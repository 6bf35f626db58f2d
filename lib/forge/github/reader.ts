/**
 * Programs for other forges also contain this part, because the service works with repositories on GitHub.
 *
 * @module
 */
import type { FileForge } from "../forge.ts";
import { isGiteaJob, serverHost } from "../workflow_job.ts";
import { githubFiles } from "./files.ts";
import { GITHUB_ADDRESS, githubApi } from "./address.ts";

const HOST = "github.com";

export const GITHUB_READER = {
  name: GITHUB_ADDRESS.name,
  system: "GitHub",
  publicHost: HOST,
  variable: "GITHUB_TOKEN",
  // Jobs on Gitea also have a token in a variable with this name.
  tokenHost: (env) => isGiteaJob(env) ? undefined : serverHost(env) ?? HOST,
  address: GITHUB_ADDRESS,
  api: githubApi,
  files: { needs: 'the permission "contents: read"', open: githubFiles },
} as const satisfies FileForge;
