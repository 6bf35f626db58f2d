/** CI systems whose logs obey commands, by name, and the variable that gives each away. */
export const SYSTEMS: Readonly<Record<string, string>> = {
  github: "GITHUB_ACTIONS",
  gitlab: "GITLAB_CI",
  azure_pipelines: "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
  teamcity: "TEAMCITY_VERSION",
  buildkite: "BUILDKITE",
};
