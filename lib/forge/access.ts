/**
 * Which forge gets which token. A token is sent to the forge that it is for, and to a host that the user has named; to no other.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { isFileVariable } from "../platforms/file_variable.ts";
import type { ReadEnv } from "../platforms/platform.ts";
import type { PullRequestAddress } from "./address.ts";
import type { ForgeName } from "./pull_request.ts";

/** Variables with the tokens of the public forges. */
export const FORGE_VARIABLES: Readonly<Record<ForgeName, string>> = { github: "GITHUB_TOKEN", gitlab: "GITLAB_TOKEN" };

const PUBLIC: Readonly<Record<ForgeName, string>> = { github: "github.com", gitlab: "gitlab.com" };

/** A token, and where it was found, for messages: `variable GITHUB_TOKEN`. */
export interface ForgeToken {
  token: string;
  place: string;
}

/** Which forge gets which token. */
export interface ForgeAccess {
  /** The token for a forge; undefined when none is for its host. */
  tokenFor(address: Pick<PullRequestAddress, "forge" | "host">): ForgeToken | undefined;
  /** The only host with a token, where a repository must be; undefined when there are several, or more than one kind of forge is there. */
  readonly only: { forge: ForgeName; host: string } | undefined;
}

/** A value that a header can hold, that is no name of a variable and not the token of the service. */
function usable(env: ReadEnv, name: string): string | undefined {
  const value = env(name)?.trim() ?? "";
  const isToken = /^[\x21-\x7e]+$/.test(value) && !value.startsWith("$") && !isFileVariable(name, value);
  return isToken && value !== env("MOGPLEX_API_KEY")?.trim() ? value : undefined;
}

function refuse(text: string, why: string, advice: string): UsageError {
  return new UsageError({ attempted: "use --forge-host", why, value: JSON.stringify(text.slice(0, 200)), advice });
}

/** Reads `HOST` or `HOST=VARIABLE`. @throws {UsageError} when it is neither. */
function parseHost(text: string): { host: string; variable: string | undefined } {
  const [, host = "", variable] = /^([^=]*)(?:=(.*))?$/s.exec(text.trim()) ?? [];
  const form = "give the host of a forge, as in git.example.com or git.example.com=VARIABLE_WITH_ITS_TOKEN";
  if (
    !/^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:]+\](?::\d{1,5})?$/.test(host) || !URL.canParse(`https://${host}`)
  ) {
    throw refuse(text, "it is not a host", form);
  }
  if (variable !== undefined && !/^[A-Za-z_]\w*$/.test(variable)) {
    // People put the token itself there.
    throw refuse(`${host}=…`, "what follows the = is not the name of a variable", form);
  }
  return { host: new URL(`https://${host}`).host, variable };
}

/** The token for a host that the user has named. @throws {UsageError} when it is not clear which one, or there is none. */
function tokenOfHost(env: ReadEnv, text: string): [host: string, token: ForgeToken] {
  const { host, variable } = parseHost(text);
  const names = variable === undefined ? Object.values(FORGE_VARIABLES) : [variable];
  const found = names.flatMap((name) => {
    const token = usable(env, name);
    return token === undefined ? [] : [{ token, place: `variable ${name}` }];
  });
  const [token, other] = found;
  if (token === undefined) {
    throw refuse(text, `there is no token in ${names.join(" or ")}`, "set the variable, or leave the flag out");
  }
  if (other !== undefined) {
    throw refuse(
      text,
      `both ${names.join(" and ")} are set, and only one may be sent there`,
      `name it: ${host}=${FORGE_VARIABLES.github} or ${host}=${FORGE_VARIABLES.gitlab}`,
    );
  }
  return [host, token];
}

/**
 * Finds the tokens of forges in the environment: `GITHUB_TOKEN` is for github.com, `GITLAB_TOKEN` for gitlab.com.
 *
 * @param hosts Further hosts, each as `HOST` or `HOST=VARIABLE`.
 * @returns Undefined when there is no token at all.
 * @throws {UsageError} when a host is none, or it is not clear which token is for it.
 */
export function resolveForgeAccess(env: ReadEnv, hosts: readonly string[] = []): ForgeAccess | undefined {
  const named = new Map(hosts.map((text) => tokenOfHost(env, text)));
  const known = new Map<string, { forge: ForgeName; host: string; token: ForgeToken }>();
  for (const forge of ["github", "gitlab"] as const) {
    const token = usable(env, FORGE_VARIABLES[forge]);
    const host = PUBLIC[forge];
    if (token === undefined || named.has(host)) continue;
    known.set(host, { forge, host, token: { token, place: `variable ${FORGE_VARIABLES[forge]}` } });
  }
  if (named.size + known.size === 0) return undefined;
  const [first] = known.values();
  return {
    tokenFor({ forge, host }) {
      const own = known.get(host);
      return named.get(host) ?? (own?.forge === forge ? own.token : undefined);
    },
    only: named.size === 0 && known.size === 1 && first !== undefined
      ? { forge: first.forge, host: first.host }
      : undefined,
  };
}
