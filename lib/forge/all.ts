import { readAddress } from "./address.ts";
import type { Forge } from "./forge.ts";
import { GITEA } from "./gitea.ts";
import { GITHUB } from "./github.ts";
import { GITLAB } from "./gitlab.ts";
import type { PullRequestAddress } from "./model.ts";
import { forgeNamesText, forgeTokensText } from "./open.ts";

export const ALL_FORGES: readonly Forge[] = [GITHUB, GITLAB, GITEA];

const FORMS = ALL_FORGES.map(({ address }) => address);

export function parsePullRequest(text: string, trusted?: string): PullRequestAddress | undefined {
  return readAddress(FORMS, text, trusted);
}

export const PUBLIC_HOSTS: readonly string[] = ALL_FORGES.flatMap(({ publicHost = [] }) => publicHost);

export const FORGE_NAMES_TEXT: string = forgeNamesText(ALL_FORGES);

export const FORGE_TOKENS_TEXT: string = forgeTokensText(ALL_FORGES);
