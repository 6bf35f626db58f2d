/**
 * After which failures GitLab tries a job of ours again. The components and the recipes have the same words.
 *
 * Sources: GitLab, "CI/CD YAML syntax reference", `retry:when` ("Introduced in GitLab 19.1, some failures are changed from
 * `runner_system_failure` to the more accurate `runner_external_dependency_failure` or `runner_interrupted`"); GitLab Runner 19.4,
 * common/network.go (a runner that is stopped ends its jobs with `runner_interrupted`: "When this failure reason is not supported by Rails,
 * the mapper falls through to UnknownFailure").
 *
 * @module
 */

/** Words of `retry: when` that every supported server knows: the runner broke, or was stopped, or lost the server. They are no verdicts. */
export const RETRY_WHEN: readonly string[] = ["runner_system_failure", "unknown_failure", "api_failure"];

/** The word for a runner that was stopped, on servers since {@linkcode INTERRUPTED_SINCE}. An older one refuses a file that has it. */
export const RUNNER_INTERRUPTED = "runner_interrupted";

/** The oldest version of GitLab that knows {@linkcode RUNNER_INTERRUPTED}. */
export const INTERRUPTED_SINCE = "19.1";
