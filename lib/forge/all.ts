/**
 * All forges, for the command and for campaigns. A program that cannot meet all of them has a list of its own, so that its file does not carry the
 * others.
 *
 * @module
 */
import { readAddress } from "./address.ts";
import type { Forge } from "./forge.ts";
import { GITEA } from "./gitea.ts";
import { GITHUB } from "./github.ts";
import { GITLAB } from "./gitlab.ts";
import type { PullRequestAddress } from "./model.ts";
import { forgeNamesText, forgeTokensText } from "./open.ts";

/** In the order in which addresses and tokens are looked at. */
export const ALL_FORGES: readonly Forge[] = [GITHUB, GITLAB, GITEA];

const FORMS = ALL_FORGES.map(({ address }) => address);

/** {@linkcode readAddress} for every forge. */
export function parsePullRequest(text: string, trusted?: string): PullRequestAddress | undefined {
  return readAddress(FORMS, text, trusted);
}

/** Hosts with repositories of all users. */
export const PUBLIC_HOSTS: readonly string[] = ALL_FORGES.flatMap(({ publicHost = [] }) => publicHost);

/** Their names, for sentences. */
export const FORGE_NAMES_TEXT: string = forgeNamesText(ALL_FORGES);

/** Where tokens are found, for sentences. */
export const FORGE_TOKENS_TEXT: string = forgeTokensText(ALL_FORGES);
