/**
 * The interface of a CI system: plain data and functions of the environment. `systems/` has one file for each; `detectPlatform`
 * picks one.
 *
 * @module
 */

/** Reads an environment variable; undefined when unset. */
export type ReadEnv = (name: string) => string | undefined;

/** What distinguishes one CI job from another, for idempotency keys. A field is null when the system does not provide it. */
export interface JobIdentity {
  /** Base URL of the CI server: different servers use the same ids. */
  server: string | null;
  /** Id or name of the project or repository on that server. */
  project: string | null;
  /** Id of the pipeline or workflow run; stays the same when a job is retried. */
  pipeline: string | null;
  /** Name of the job. */
  job: string | null;
  /** Node of a matrix or of parallel copies; an empty string when there is none, or the system does not show it. */
  node: string;
  /** Id or number of this execution; differs for every retry. */
  attempt: string | null;
  /**
   * UTC date on which the pipeline was created, `YYYY-MM-DD`. Null where the system does not show it (GitHub and most others):
   * keys then use the current day, so that a retry after midnight starts a second run.
   */
  date: string | null;
  /** Description or expression of the schedule; an empty string when there is none. */
  schedule: string;
}

/** State of the CI job, as a clean-up step sees it. */
export type JobState = "success" | "failed" | "cancelled" | "timed_out" | "unknown";

/** Files of the CI system that a job may append to; undefined where there is no such file. */
export interface PlatformFiles {
  /** Step outputs in GitHub's format (`GITHUB_OUTPUT`). */
  outputs?: string | undefined;
  /** Variables for later steps, one `NAME=value` on each line (`BITBUCKET_PIPELINES_VARIABLES_PATH`). */
  variables?: string | undefined;
  /** Step summary in Markdown (`GITHUB_STEP_SUMMARY`). */
  summary?: string | undefined;
}

/** Addresses of the job's pages on its CI system. An address that the system does not provide is absent. */
export interface PlatformLinks {
  /** The job. */
  job?: string | undefined;
  /** The pipeline, workflow run or build that it belongs to. */
  pipeline?: string | undefined;
  /** The commit that it runs for. */
  commit?: string | undefined;
  /** Beginning of the address of a file among the job's artifacts: its path follows. */
  file?: string | undefined;
}

/** Severity of an annotation. */
export type AnnotationLevel = "notice" | "warning" | "error";

/** Lines around a foldable part of the log. */
export interface Section {
  /** Line before it. */
  readonly open: string;
  /** Line after it; do not print it when it is empty. */
  readonly close: (wallTimeMs: number) => string;
}

/** Lines around a part of the log in which the system obeys no command. Text in between cannot contain the second line. */
export interface Fence {
  /** Line before it. */
  readonly open: string;
  /** Line after it. */
  readonly close: string;
}

/** The CI systems that a program knows. */
export interface Systems {
  /** The one that a job runs on. */
  detect(env: ReadEnv): Platform;
  /** Every variable of these systems that is ever read, sorted: for Deno's permissions. `lib/variables.ts` lists our own. */
  variables(): string[];
}

/** A CI system. */
export interface Platform {
  /** `github`, `gitlab`, the name that `std-env` knows, `ci` for a system that is not known, or `none` outside CI. */
  readonly name: string;
  /** Whether we stand in a CI job. */
  readonly isCi: boolean;
  /** Names of the variables that are read on this system. */
  readonly variables: readonly string[];
  /** Whether the environment is the same in all nodes of a matrix, so that only `--key-part` can distinguish them. */
  readonly hidesNode: boolean;
  /**
   * Name of the command with which a step registers a secret for masking; absent where there is none. The step that fetches the
   * secret should use it. The toolkit does not: it would print the token, and that output may go to a file.
   */
  readonly maskCommand?: string;
  /** Identity of this job; `MOGPLEX_CI_JOB` fills fields that the system does not provide. Null outside CI. */
  identity(env: ReadEnv): JobIdentity | null;
  /** State of the job, for `cleanup`: from `MOGPLEX_JOB_STATUS`, else from the system's own variable. */
  jobState(env: ReadEnv): JobState;
  /** Files that the system reads after the step. */
  files(env: ReadEnv): PlatformFiles;
  /** Pages of the job. */
  links(env: ReadEnv): PlatformLinks;
  /** Address of the repository that the job was started for, as Git fetches it; undefined where the system does not show it. */
  remote(env: ReadEnv): string | undefined;
  /** Longest time for the cancel of a run after a signal, in milliseconds. */
  readonly interruptMs: number;
  /** Whether the system shows the colours of a terminal in its log, although a job has none. */
  readonly showsColours: boolean;
  /** Whether the system writes a time before each line of the log. */
  stampsLines(env: ReadEnv): boolean;
  /**
   * Makes one line of untrusted text inert in this system's log. The text has already passed `plainText`.
   *
   * @param line The complete line without its line break: harmless parts can add up to a command.
   */
  escapeLine(line: string): string;
  /**
   * A line for stdout that makes the system show a message outside the log; absent where it cannot. Makes title and text inert.
   */
  annotate?(level: AnnotationLevel, title: string, text: string): string;
  /**
   * A line for stdout that sets a variable for later steps or jobs; absent where a file does that, or the system cannot.
   *
   * @param name Name of the variable: `[A-Za-z0-9_]+`.
   * @param value Result of `bareValue`.
   */
  setOutput?(name: string, value: string): string;
  /** A line for stdout that shows a Markdown file on the page of the build; absent where a file does that, or the system cannot. */
  showSummary?(absolutePath: string): string;
  /**
   * Lines that fold a part of the log; absent where the system cannot.
   *
   * @param name `[A-Za-z0-9_.-]+`, unique within the job.
   * @param header Title of the section; made inert.
   * @param folded Whether the section is closed at first, on systems that let the log choose.
   */
  section?(name: string, header: string, wallTimeMs: number, folded: boolean): Section;
  /** A new pair of lines between which the system obeys no command; absent where the system has no such lines. */
  fence?(): Fence;
}
