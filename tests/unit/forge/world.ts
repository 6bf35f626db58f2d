/** Forges on a virtual clock, with tokens in an environment. */
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import { resolveForgeAccess } from "../../../lib/forge/open.ts";
import { Forges } from "../../../lib/forge/batch.ts";
import type { Fetch } from "../../../lib/service/transport.ts";
import type { Notice } from "../../../lib/notice.ts";
import { type GiteaForge, giteaForge } from "./gitea_forge.ts";
import { type GithubForge, githubForge } from "./github_forge.ts";
import { type GitlabForge, gitlabForge } from "./gitlab_forge.ts";

export const GITHUB_TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
export const GITLAB_TOKEN = "glpat-0123456789abcdefghij";
export const GITEA_TOKEN = "0123456789abcdef0123456789abcdef01234567";

export interface ForgeTestWorld {
  clock: VirtualClock;
  github: GithubForge;
  gitlab: GitlabForge;
  forges: Forges;
  notices: Notice[];
  /** Requested addresses without a server. */
  strays: string[];
}

/** Sends each request to the forge of its host. A host without a forge is recorded, and the request fails. */
export function fetchOf(
  github: GithubForge,
  gitlab: GitlabForge,
  strays: string[] = [],
  gitea: GiteaForge = giteaForge(),
): Fetch {
  return (async (url: string, init: RequestInit) => {
    const { host } = new URL(url);
    if (host === github.host || github.host === "github.com" && host === "api.github.com") {
      return await github.fetch(url, init);
    }
    if (host === gitlab.host) return await gitlab.fetch(url, init);
    if (host === gitea.host && gitea.exchanges.length > 0) return await gitea.fetch(url, init);
    strays.push(url);
    throw new TypeError("fetch failed");
  }) as Fetch;
}

/** Makes one. @param hosts Values of `--forge-host`. */
export function forgeWorld(
  {
    hosts = [],
    github = githubForge(),
    gitlab = gitlabForge(),
    gitea = giteaForge(),
    env = { GITHUB_TOKEN, GITLAB_TOKEN },
  }: {
    hosts?: string[];
    github?: GithubForge;
    gitlab?: GitlabForge;
    gitea?: GiteaForge;
    env?: Record<string, string>;
  } = {},
): ForgeTestWorld {
  const clock = virtualClock();
  const notices: Notice[] = [];
  const strays: string[] = [];
  const access = resolveForgeAccess(ALL_FORGES, (name) => new Map(Object.entries(env)).get(name), hosts);
  if (access === undefined) throw new Error("there is no token");
  const forges = new Forges(ALL_FORGES, access, {
    clock,
    fetch: fetchOf(github, gitlab, strays, gitea),
    onNotice: (notice) => notices.push(notice),
    random: () => 0.5,
  });
  return { clock, github, gitlab, forges, notices, strays };
}
