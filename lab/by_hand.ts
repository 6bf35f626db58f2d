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
    found: "SIGTERM reaches the tool: one cancel 2 to 6 s after the click, all reports uploaded. " +
      "Before 18.11.4 and 19.0.2 bash turned every failure into exit code 1",
    date: DATE,
  },
  {
    system: "GitLab Runner, shell executor with `--user`",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, as the Linux packages install the runner",
    found: "a cancel killed `su` and the outer shell, and the tool lived on for up to 613 s",
    date: DATE,
  },
  {
    system: "GitLab Runner, docker executor",
    version: "16.10.0, 18.6.6, 18.11.4, 19.3.0",
    tried: "the same, on Docker 20.10 with images that have bash, busybox, tini, a user that is not root",
    found: "SIGTERM reaches the tool; busybox and dash keep exit codes, bash does not before 18.11.4 and 19.0.2",
    date: DATE,
  },
  {
    system: "nektos/act",
    version: "0.2.89",
    tried: "the GitHub recipes, without containers",
    found: "it refused our outputs file for its empty line, and gives each step a terminal",
    date: DATE,
  },
  {
    system: "Buildkite agent",
    version: "not noted",
    tried: "the recipe and its hook, with a pseudo-terminal: ends, cancel, retry",
    found: "the status line was drawn in the log; exit status -1 also stands for a cancelled job and a missing secret",
    date: DATE,
  },
  {
    system: "Woodpecker, `woodpecker-cli exec`",
    version: "not noted",
    tried: "the recipe",
    found: "no defect was noted",
    date: DATE,
  },
];
