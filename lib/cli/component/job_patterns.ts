/**
 * Patterns of the inputs of a job that follows a run. The patterns are in a separate file, because the bundler would otherwise keep them in the
 * program of the dashboard.
 *
 * @module
 */
import { HISTORY, OUT } from "../options.ts";
import { type InputPattern, TOKEN_PATTERN } from "./inputs.ts";

/** Source: the templates. A test compares the templates with this list. */
export const JOB_PATTERNS: readonly InputPattern[] = [
  TOKEN_PATTERN,
  [OUT.variable, OUT.name, /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/],
  ["MOGPLEX_NOTE_TOKEN_VARIABLE", "note-token-variable", /^[A-Z_][A-Z0-9_]{0,63}$/],
  [null, HISTORY.name, /^([A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){0,7})?$/],
];
