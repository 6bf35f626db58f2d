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
      "the components and plain-job.yml: a job that finishes, is cancelled, is forcibly cancelled, reaches its script timeout or is retried; a stopped runner",
    found:
      "One cancel request is sent 2 to 6 s after somebody cancels the job, and all reports are uploaded. If a runner is stopped, its jobs end with `runner_interrupted` on GitLab 19.1 and later, and with `unknown_failure` on earlier versions",
    date: DATE,
  },
  {
    system: "GitLab Runner, shell executor with `--user`",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, with the runner installed from the Linux packages",
    found:
      "Cancelling a job kills only `su` and the outer shell. The components and the waves of a campaign cancelled the run after 5 to 8 s. The jobs from `init`, plain-job.yml and comment-trigger.yml did not cancel the run. The program now watches its shell; this was tested only in the lab",
    date: DATE,
  },
  {
    system: "GitLab Runner, docker executor",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, on Docker 20.10, with images that have bash, busybox, tini or a non-root user",
    found:
      "SIGTERM reaches the program. Exit codes are kept with busybox and dash. Before 18.11.4 and 19.0.2, they are kept with bash only if the script calls `exit`",
    date: DATE,
  },
  {
    system: "Buildkite, an agent with `start`",
    version: "3.137.0",
    tried:
      "the recipe and its hook: a cancelled job whose command hangs; a cancel request that the service does not answer",
    found:
      "After the grace period, the agent kills `bootstrap` with all its processes. No hook runs, and the run continues. If a cancel request got no answer, the hook sends it again",
    date: DATE,
  },
];
