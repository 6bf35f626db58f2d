/**
 * Manual tests on servers and runners that no package registry provides, or that need their own server.
 *
 * @module
 */

export interface ByHand {
  system: string;
  version: string;
  tried: string;
  found: string;
  date: string;
}

const DATE = "2026-11";

export const BY_HAND: readonly ByHand[] = [
  {
    system: "GitLab Runner, shell executor as root",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried:
      "the components and plain-job.yml: a job that ends, is cancelled, is cancelled by force, reaches its script limit or is retried; a stopped runner",
    found:
      "one cancel request, 2 to 6 s after the click, and all reports are uploaded. A stopped runner ends its jobs with `runner_interrupted` from 19.1, and with `unknown_failure` on older servers",
    date: DATE,
  },
  {
    system: "GitLab Runner, shell executor with `--user`",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, with the runner as the Linux packages install it",
    found:
      "a cancel kills only `su` and the outer shell. The components, and waves of a campaign, cancel the run after 5 to 8 s. The jobs from `init`, plain-job.yml and comment-trigger.yml did not cancel the run. The program now watches its shell; that was tested only in the lab",
    date: DATE,
  },
  {
    system: "GitLab Runner, docker executor",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, on Docker 20.10 with images that have bash, busybox, tini, or a user other than root",
    found:
      "SIGTERM reaches the program. busybox and dash keep exit codes; before 18.11.4 and 19.0.2, bash keeps an exit code only if the script calls `exit`",
    date: DATE,
  },
  {
    system: "Buildkite, an agent with `start`",
    version: "3.137.0",
    tried:
      "the recipe and its hook: a cancelled job with a command that hangs; a cancel request that the service does not answer",
    found:
      "the agent kills its whole `bootstrap` after the grace period, no hook runs, and the run continues. If a cancel request got no answer, the hook sends it again",
    date: DATE,
  },
];
