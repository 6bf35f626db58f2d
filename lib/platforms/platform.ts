/**
 * A CI system as the toolkit sees it. One file a system; `detectPlatform` picks.
 *
 * @module
 */

/** Reads an environment variable; undefined when unset. */
export type ReadEnv = (name: string) => string | undefined;

/** What tells one job from another, for idempotency keys. Each field is null when the system does not say. */
export interface JobIdentity {
  /** Base URL of the CI server: ids repeat between servers. */
  server: string | null;
  /** Project or repository on that server. */
  project: string | null;
  /** Pipeline or workflow run; stays the same when a job is retried. */
  pipeline: string | null;
  /** Name of the job. */
  job: string | null;
  /** Node of a matrix or of parallel copies; an empty string when the system has none or hides it. */
  node: string;
  /** Id or attempt number of this very execution; differs for every retry. */
  attempt: string | null;
  /**
   * UTC date of the pipeline's creation, `YYYY-MM-DD`. Null where the system hides it (GitHub and most others): the day on
   * which the job asks is then the nearest thing, at the price of a second run when a retry crosses midnight.
   */
  date: string | null;
  /** Description or expression of the schedule; an empty string when there is none. */
  schedule: string;
}

/** How the job stands, as far as the system tells a clean-up step. */
export type JobState = "success" | "failed" | "cancelled" | "timed_out" | "unknown";

/** Files of the CI system that we may append to. */
export interface PlatformFiles {
  /** Step outputs in GitHub's form (`GITHUB_OUTPUT`), or undefined. */
  outputs?: string | undefined;
  /** Variables for later steps, one `NAME=value` a line (`BITBUCKET_PIPELINES_VARIABLES_PATH`), or undefined. */
  variables?: string | undefined;
  /** Step summary in Markdown (`GITHUB_STEP_SUMMARY`), or undefined. */
  summary?: string | undefined;
}

/** Addresses of the job on its CI system, for people. One that the system does not tell is absent. */
export interface PlatformLinks {
  /** The job. */
  job?: string | undefined;
  /** The pipeline, workflow run or build that it belongs to. */
  pipeline?: string | undefined;
  /** The commit that it was started for. */
  commit?: string | undefined;
}

/** How grave an annotation is. */
export type AnnotationLevel = "notice" | "warning" | "error";

/** Lines around a part of the log that can be folded. */
export interface Section {
  /** Line before it. */
  readonly open: string;
  /** Line after it; an empty one need not be printed. */
  readonly close: (wallTimeMs: number) => string;
}

/** Lines around a part of the log in which no command is obeyed. Nobody who writes in between can guess the second one. */
export interface Fence {
  /** Line before it. */
  readonly open: string;
  /** Line after it. */
  readonly close: string;
}

/** A CI system. */
export interface Platform {
  /** `github`, `gitlab`, the name that `std-env` knows, `ci` for a system that is not known, or `none` outside CI. */
  readonly name: string;
  /** Whether we stand in a CI job. */
  readonly isCi: boolean;
  /** Names of the variables that it reads. */
  readonly variables: readonly string[];
  /** Whether its environment looks the same in all nodes of a matrix, so that only `--key-part` can tell them apart. */
  readonly hidesNode: boolean;
  /**
   * Name of the command by which a step has the system mask a secret that it does not know; absent where there is none. It
   * is for whoever fetches the secret: from us it would print the token, and what is printed can be piped into a file.
   */
  readonly maskCommand?: string;
  /** Whether the environment is that of this system. */
  matches(env: ReadEnv): boolean;
  /** Who this job is, open fields filled with `MOGPLEX_CI_JOB`; null outside CI. */
  identity(env: ReadEnv): JobIdentity | null;
  /** How the job stands, for `cleanup`: what `MOGPLEX_JOB_STATUS` says, else the system. */
  jobState(env: ReadEnv): JobState;
  /** Files that the system reads. */
  files(env: ReadEnv): PlatformFiles;
  /** Where people find the job. */
  links(env: ReadEnv): PlatformLinks;
  /**
   * Makes one line of untrusted text inert in this system's log. The text has already passed `plainText`.
   *
   * @param line The complete line, as it is going to be printed but for its line break: harmless parts can add up to a command.
   */
  escapeLine(line: string): string;
  /**
   * A line for stdout that shows a message beside the log; absent where the system cannot. Title and text are made inert.
   */
  annotate?(level: AnnotationLevel, title: string, text: string): string;
  /**
   * A line for stdout that sets a variable for later steps or jobs; absent where a file does that, or nothing.
   *
   * @param name Ours: `[A-Za-z0-9_]+`.
   * @param value Bare: see `bareValue`.
   */
  setOutput?(name: string, value: string): string;
  /** A line for stdout that shows a Markdown file on the page of the build; absent where a file does that, or nothing. */
  showSummary?(absolutePath: string): string;
  /**
   * Lines that fold a part of the log; absent where the system cannot. `name` is `[A-Za-z0-9_.-]`, unique within the job;
   * `header` is made inert. An empty line to close with need not be printed. `folded`: closed at first, where there is a choice.
   */
  section?(name: string, header: string, wallTimeMs: number, folded: boolean): Section;
  /** A new pair of lines between which the system obeys no command; absent where there is no such thing. */
  fence?(): Fence;
}
