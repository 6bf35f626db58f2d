/**
 * Tests by hand, on servers and runners that no package registry has, or that need their own server.
 *
 * @module
 */

/** One test by hand. */
export interface ByHand {
  system: string;
  version: string;
  tried: string;
  /** Result of the test. */
  found: string;
  /** Month of the test, as `YYYY-MM`. */
  date: string;
}

const DATE = "2026-11";

/** Rows of the second table of `docs/tested-on.md`. */
export const BY_HAND: readonly ByHand[] = [
  {
    system: "GitLab Runner, shell executor as root",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "components and plain job: ends, cancel, force cancel, script limit, retry, runner stopped",
    found: "one cancel 2 to 6 s after the click, all reports uploaded; a stopped runner ends its jobs with " +
      "`runner_interrupted` from 19.1 on, and with `unknown_failure` where the server is older",
    date: DATE,
  },
  {
    system: "GitLab Runner, shell executor with `--user`",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, as the Linux packages install the runner",
    found:
      "a cancel kills `su` and the outer shell alone; the run is cancelled after 5 to 8 s in the components, and in waves of a " +
      "campaign. The job of init, plain-job.yml and comment-trigger.yml cancelled nothing then: the program looks for its shell " +
      "since, which was tried in the lab alone",
    date: DATE,
  },
  {
    system: "GitLab Runner, docker executor",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, on Docker 20.10 with images that have bash, busybox, tini, a user that is not root",
    found:
      "SIGTERM reaches the tool; busybox and dash keep exit codes, bash before 18.11.4 and 19.0.2 only those of `exit`",
    date: DATE,
  },
  {
    system: "Buildkite, an agent with `start`",
    version: "3.137.0",
    tried:
      "the recipe and its hook: a cancelled job whose command does not answer; a cancel that the service does not answer",
    found:
      "the agent kills its whole `bootstrap` after the grace period, no hook runs, and the run continues; a cancel that was " +
      "not answered is repeated by the hook",
    date: DATE,
  },
];
