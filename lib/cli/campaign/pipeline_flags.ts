/**
 * Flags of `campaign pipeline`. They stand apart from its function, which is not loaded for the help.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { anyText } from "../options/values.ts";
import { INTERRUPTED_SINCE } from "../../platforms/gitlab_retry.ts";
import type { Option, VerbFlag } from "../verb.ts";
import { duration } from "./flags.ts";

/** A text in which neither YAML nor a shell nor a CI system finds anything. */
function fitting(form: RegExp, what: string): (text: string, source: string) => string {
  return (text, source) => {
    if (form.test(text)) return text;
    throw new UsageError({ attempted: `use ${source}`, why: `it must be ${what}`, value: JSON.stringify(text) });
  };
}

/** The CI system. */
export const FORMAT: Option<string> = {
  name: "format",
  value: "NAME",
  help: "CI system: gitlab or github (required)",
  parse: anyText,
};

/** Where the files go. */
export const OUTPUT: Option<string> = {
  name: "output",
  value: "PATH",
  help: "File to write, or directory when it ends with / or several files are made (standard output)",
  parse: fitting(/\S/, "a path"),
};

/** Container image. */
export const IMAGE: Option<string> = {
  name: "image",
  value: "IMAGE",
  help: "Container image of the jobs, best with a digest; it has sh, sha256sum and Node",
  parse: fitting(/^[A-Za-z0-9][\w./:@-]{0,300}$/, "the name of an image"),
};

/** Machines. */
export const TAG: Option<string> = {
  name: "tag",
  value: "TAG",
  multiple: true,
  help: "Tag of the runner, label or queue of the machine",
  parse: fitting(/^[A-Za-z0-9][\w ./:@=-]{0,100}$/, "letters, digits, blanks and ./:@=_-"),
};

/** Distance of waves, in milliseconds. */
export const EVERY: Option<number> = {
  name: "every",
  value: "TIME",
  help: "Shortest time between two waves, from 1m to 24h (15m)",
  parse(text, source) {
    const ms = duration(text, source);
    if (ms >= 60_000 && ms <= 86_400_000) return ms;
    throw new UsageError({
      attempted: `use ${source}`,
      why: "it must be from 1m to 24h",
      value: JSON.stringify(text),
    });
  },
};

/** Rehearsals, in milliseconds. */
export const REHEARSAL: Option<number> = {
  name: "rehearsal",
  value: "TIME",
  help: "Use this time in place of every delay, to rehearse a pipeline against the emulator",
  parse: duration,
};

/** Jobs of stopped runners. */
export const RETRY_INTERRUPTED: VerbFlag = {
  name: "retry-interrupted",
  help:
    `GitLab ${INTERRUPTED_SINCE} and later: also retry a wave whose runner was stopped; an older one refuses the file`,
};

/** The program. */
export const PROGRAM_FLAG: Option<string> = {
  name: "program",
  value: "PATH",
  help: "Path of mogplex.mjs in the repository, or command:NAME for one that the image has (ci/mogplex.mjs)",
  parse: anyText,
};

/** The job whose artifacts hold plan, program and files. */
export const FROM_JOB: Option<string> = {
  name: "from-job",
  value: "NAME",
  help: "GitLab: job of this pipeline whose artifacts hold plan, program and files (the checkout has the files)",
  parse: fitting(/^[A-Za-z0-9][A-Za-z0-9 _.:-]{0,100}$/, "the name of a job"),
};
