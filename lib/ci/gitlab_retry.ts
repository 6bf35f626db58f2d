/**
 * The failures after which GitLab retries a job of the toolkit. The components and the recipes use the same words.
 *
 * Source: GitLab, "CI/CD YAML syntax reference", `retry:when` ("Introduced in GitLab 19.1, some failures are changed from `runner_system_failure` to
 * the more accurate `runner_external_dependency_failure` or `runner_interrupted`"). GitLab Runner 19.4, common/network.go: a runner that is stopped
 * ends its jobs with `runner_interrupted` ("When this failure reason is not supported by Rails, the mapper falls through to UnknownFailure").
 * @module
 */

export const RETRY_JOB = "retry this job";

/**
 * Values of `retry: when` that every supported server accepts. The runner failed, was stopped, or lost its connection to the server. These failures
 * do not depend on the run.
 */
export const RETRY_WHEN: readonly string[] = ["runner_system_failure", "unknown_failure", "api_failure"];

/** The failure reason of a stopped runner, on servers since {@linkcode INTERRUPTED_SINCE}. Older servers reject a file with this word. */
export const RUNNER_INTERRUPTED = "runner_interrupted";

export const INTERRUPTED_SINCE = "19.1";
