/** CI systems that obey commands in their logs: names, and a variable that marks each. */
export const SYSTEMS: Readonly<Record<string, string>> = {
  github: "GITHUB_ACTIONS",
  gitlab: "GITLAB_CI",
  azure_pipelines: "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
  teamcity: "TEAMCITY_VERSION",
  buildkite: "BUILDKITE",
};
