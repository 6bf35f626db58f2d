/**
 * Variables that GitLab gives as a file: their value is the path of the file.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { VARIABLES } from "../variables.ts";
import type { ReadEnv } from "./platform.ts";

/**
 * Whether a value is the path that the runner gives for a variable of type File: that of the project, `.tmp/`, and the name of the
 * variable. No token and no text looks like that, so nothing looks for the file: Deno has no permission to.
 *
 * Source: GitLab Runner 18.11, shells/bash.go, `Variable`, and common/build.go, `TmpProjectDir`; GitLab, "Use file type CI/CD variables".
 */
export function isFileVariable(name: string, value: string | undefined): boolean {
  const text = value?.trim() ?? "";
  return /^(?:\/|[A-Za-z]:)[^\n]*$/.test(text) && text.replaceAll("\\", "/").endsWith(`.tmp/${name}`);
}

/** What to do about a variable of type File that has to be a text. */
export function fileVariableAdvice(name: string): string {
  const sibling = VARIABLES.find((each) => each.name === `${name}_FILE`)?.name;
  return `${sibling === undefined ? "" : `name it ${sibling}, or `}change its type to Variable`;
}

/**
 * Reads a variable that holds a text. One whose name ends in `_FILE` may hold the path of a file.
 *
 * @throws {UsageError} when it is of type File.
 */
export function readTextVariable(env: ReadEnv, name: string): string | undefined {
  const value = env(name);
  if (name.endsWith("_FILE") || !isFileVariable(name, value)) return value;
  throw new UsageError({
    attempted: `use ${name}`,
    why: "this variable is of type File, so that its value is the path of a file",
    advice: fileVariableAdvice(name),
  });
}
