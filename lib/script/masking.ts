/**
 * The redactor of scripts: which secrets `report()` and `createLogText()` mask.
 *
 * @module
 */
import { resolveToken } from "../api/connection/connection.ts";
import type { ReadEnv } from "../platforms/platform.ts";
import { environmentVariable } from "../runtime.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";

/** Options of {@linkcode createLogText}: which secrets to mask. */
export interface LogTextOptions {
  /** Access token, which is masked. @default the token that a run would use */
  token?: string | undefined;
  /** Reads an environment variable; values of variables that hold secrets are masked. @default the environment of the process */
  env?: ReadEnv | undefined;
  /** Further texts to mask, of at least 8 characters. @default {[]} */
  secrets?: readonly string[] | undefined;
}

/** Reads a file; undefined when it does not exist. */
type ReadFile = (path: string) => string | undefined;

/** The token that a run would use; undefined when there is none, or it could not be used. */
function knownToken(env: ReadEnv, readFile: ReadFile | undefined): string | undefined {
  try {
    return resolveToken({ env, readFile });
  } catch {
    return undefined;
  }
}

/**
 * Creates the redactor for a script. A missing or unusable token is not an error: a script can report without one.
 *
 * @param readFile Reads the token file. @default reads the file system
 */
export function scriptRedactor(options: LogTextOptions, readFile?: ReadFile): Redactor {
  const { env = environmentVariable, token, secrets } = options;
  return createRedactor({ token: token ?? knownToken(env, readFile), env, secrets });
}
