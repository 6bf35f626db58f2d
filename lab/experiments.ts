/**
 * In the order in which the experiments run and appear in `docs/tested-on.md`.
 *
 * @module
 */
import type { Experiment } from "./experiment.ts";
import { BUILDKITE } from "./experiments/buildkite.ts";
import { DOCKER } from "./experiments/docker.ts";
import { GITEA_EXPERIMENTS } from "./experiments/gitea.ts";
import { GITEA_ACTIONS } from "./experiments/gitea_actions.ts";
import { GITEA_APPROVALS } from "./experiments/gitea_approvals.ts";
import { GITEA_CAMPAIGN } from "./experiments/gitea_campaign.ts";
import { GITEA_MERGE } from "./experiments/gitea_merge.ts";
import { GITEA_RESPOND } from "./experiments/gitea_respond.ts";
import { GITEA_RESULT } from "./experiments/gitea_result.ts";
import { GITEA_THREADS } from "./experiments/gitea_threads.ts";
import { GITHUB } from "./experiments/github.ts";
import { GITEA_CLOSE } from "./experiments/gitea_close.ts";
import { GITEA_WRITES } from "./experiments/gitea_writes.ts";
import { FORGE_API } from "./experiments/forge_api.ts";
import { GITHUB_ACTION } from "./experiments/github_action.ts";
import { GITHUB_RESPOND } from "./experiments/github_respond.ts";
import { GITHUB_CAMPAIGN } from "./experiments/github_campaign.ts";
import { GITLAB } from "./experiments/gitlab.ts";
import { JENKINS } from "./experiments/jenkins.ts";
import { LINTERS } from "./experiments/linters.ts";
import { METRICS } from "./experiments/metrics.ts";
import { OPENTELEMETRY_EXPERIMENTS } from "./experiments/opentelemetry.ts";
import { PACKAGE } from "./experiments/package.ts";
import { RELEASE } from "./experiments/release.ts";
import { SHELL_EXPERIMENTS } from "./experiments/shells.ts";

export const EXPERIMENTS: readonly Experiment[] = [
  ...GITLAB,
  ...DOCKER,
  ...GITHUB,
  ...GITHUB_ACTION,
  ...GITHUB_CAMPAIGN,
  ...GITHUB_RESPOND,
  ...GITEA_EXPERIMENTS,
  ...GITEA_THREADS,
  ...GITEA_RESPOND,
  ...GITEA_ACTIONS,
  ...GITEA_APPROVALS,
  ...GITEA_CAMPAIGN,
  ...GITEA_MERGE,
  ...GITEA_RESULT,
  ...GITEA_WRITES,
  ...GITEA_CLOSE,
  ...FORGE_API,
  ...LINTERS,
  ...BUILDKITE,
  ...JENKINS,
  ...METRICS,
  ...PACKAGE,
  ...RELEASE,
  ...OPENTELEMETRY_EXPERIMENTS,
  ...SHELL_EXPERIMENTS,
];
