/**
 * GitLab CI. The programs of the components import only this system.
 * @module
 */
import { RETRY_JOB } from "./gitlab_retry.ts";
import { definePlatform, type Platform, type ReadEnv, type Systems } from "./platform.ts";

function marker(word: string, wallTimeMs: number, name: string): string {
  return `\x1b[0Ksection_${word}:${Math.floor(wallTimeMs / 1_000)}:${name}`;
}

/**
 * Whether the runner writes a time before each line: the value of `FF_TIMESTAMPS`, or `true` from 18.7 on. A job cannot see the flag in the runner's
 * configuration file. A value that Go's `strconv.ParseBool` rejects turns the times off. Source: GitLab Runner 18.7, release notes, and
 * helpers/featureflags, `IsOn`.
 */
function stampsLines(env: ReadEnv): boolean {
  const flag = env("FF_TIMESTAMPS");
  if (flag) return /^(?:1|t|T|TRUE|true|True)$/.test(flag);
  const [, major = 0, minor = 0] = /^v?(\d+)\.(\d+)/.exec(env("CI_RUNNER_VERSION") ?? "")?.map(Number) ?? [];
  return major > 18 || major === 18 && minor >= 7;
}

/**
 * Every retry has a new `CI_JOB_ID`. `CI_PIPELINE_ID` and `CI_JOB_NAME` stay the same.
 *
 * The log has sections and no other commands. Variables reach later jobs as an artifact (`outputs.env`, `reports: dotenv`).
 *
 * In `after_script`, `CI_JOB_STATUS` is `success`, `failed` or `canceled`. With runners from 17.0 on, it can also be `running` or `timedout`. Source:
 * GitLab, "Predefined CI/CD variables"; gitlab-runner, its executors.
 */
export const gitlab: Platform = definePlatform({
  name: "gitlab",
  retryJob: RETRY_JOB,
  showsColors: true,
  server: ["CI_SERVER_URL"],
  project: ["CI_PROJECT_ID"],
  pipeline: ["CI_PIPELINE_ID"],
  job: ["CI_JOB_NAME"],
  node: ["CI_NODE_INDEX+CI_NODE_TOTAL"],
  attempt: ["CI_JOB_ID"],
  created: ["CI_PIPELINE_CREATED_AT"],
  schedule: ["CI_PIPELINE_SCHEDULE_DESCRIPTION"],
  state: ["CI_JOB_STATUS"],
  remote: "{CI_PROJECT_URL}.git",
  links: {
    job: "{CI_JOB_URL}",
    pipeline: "{CI_PIPELINE_URL}",
    commit: "{CI_PROJECT_URL}/-/commit/{CI_COMMIT_SHA}",
    // Files that a browser can show are below `/artifacts/file/`. Source: GitLab, "Job artifacts", "Access the latest job artifacts".
    file: "{CI_JOB_URL}/artifacts/file/",
  },
  reads: [
    "CI_API_V4_URL",
    "CI_MERGE_REQUEST_IID",
    "CI_MERGE_REQUEST_PROJECT_ID",
    "CI_PIPELINE_SOURCE",
    "CI_PROJECT_VISIBILITY",
    "CI_RUNNER_VERSION",
    "FF_TIMESTAMPS",
    "TRIGGER_PAYLOAD",
  ],
  stampsLines,
  // After the signal, a process has 6 s in the Docker executor, and more time in all other executors. Source: GitLab Runner 18.11, shells/bash.go,
  // `ContainerSigTermScriptForLinux`.
  interruptMs: 6_000,
  log: ["section"],
  // Source: GitLab, "Job logs", custom collapsible sections.
  section: (name, header, wallTimeMs, folded) => ({
    open: `${marker("start", wallTimeMs, name + (folded ? "[collapsed=true]" : ""))}\r\x1b[0K${header}`,
    close: (endMs) => `${marker("end", endMs, name)}\r\x1b[0K`,
  }),
});

export const ONLY_GITLAB: Systems = {
  detect: () => gitlab,
  variables: () => ["CI", "GITLAB_CI", ...gitlab.variables].sort(),
};
