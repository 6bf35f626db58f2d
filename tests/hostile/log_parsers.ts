/**
 * Models of the programs that read a job's log for commands. Each answers with the commands it would obey; where a program
 * is choosy (known names only), the model is not.
 *
 * @module
 */

/** Reads a log, as bytes would arrive, and lists what it would obey. */
export type LogParser = (log: string) => string[];

// .NET's Char.IsWhiteSpace, which String.TrimStart goes by.
const DOTNET_BLANKS = /^[\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Lines as .NET's StreamReader.ReadLine and Go's scanners (with `\r` as an overwrite) see them. */
function lines(log: string): string[] {
  return log.split(/\r\n|\r|\n/);
}

/** Source: actions/runner, src/Runner.Common/ActionCommand.cs, TryParseV2 and TryParse. */
export function githubCommands(log: string): string[] {
  return lines(log).filter((line) => {
    const trimmed = line.replace(DOTNET_BLANKS, "");
    if (trimmed.startsWith("::") && trimmed.indexOf("::", 2) >= 0) return true;
    const start = line.indexOf("##[");
    return start >= 0 && line.indexOf("]", start) >= 0;
  });
}

/** Source: GitLab, lib/gitlab/ci/ansi2json, and its log viewer; here without the line ending that they want. */
export function gitlabCommands(log: string): string[] {
  return log.match(/section_(?:start|end):\d+:[A-Za-z0-9_.-]+/g) ?? [];
}

/** Source: azure-pipelines-agent, src/Microsoft.VisualStudio.Services.Agent/Command.cs; formats of the log viewer. */
export function azureCommands(log: string): string[] {
  return lines(log).filter((line) => /##(?:vso)?\[[^\]]*\]/i.test(line));
}

/** Source: TeamCity, "Service messages". */
export function teamcityCommands(log: string): string[] {
  return lines(log).filter((line) => /##teamcity\[/i.test(line));
}

/** Source: buildkite/agent, process/ansi.go and process/timestamper: colours go first, a mark starts the line. */
export function buildkiteCommands(log: string): string[] {
  return lines(log)
    // deno-lint-ignore no-control-regex
    .map((line) => line.replace(/\x1b\[[0-9;]*m/g, ""))
    .filter((line) => /^(?:---|~~~|\+\+\+|\^\^\^)(?:\s|$)/.test(line));
}

/** Source: travis-worker, the folding of logs. */
export function travisCommands(log: string): string[] {
  return log.match(/travis_(?:fold|time):\w+:/g) ?? [];
}

/** What a terminal would not show as it stands: control characters, half characters, invisible ones. */
export function terminalCommands(log: string): string[] {
  return log.match(/[^\P{Cc}\t\n]|\p{Cs}|[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\ufff9-\ufffb]/gu) ?? [];
}

/** The readers of each CI system's log; one that we do not know has all of them. */
export const LOG_PARSERS: Record<string, LogParser> = {
  github: githubCommands,
  // Their runner knows fewer commands, and wants them at the start of a line. Source: act, pkg/runner/command.go.
  gitea: githubCommands,
  forgejo: githubCommands,
  gitlab: gitlabCommands,
  azure_pipelines: azureCommands,
  teamcity: teamcityCommands,
  buildkite: buildkiteCommands,
  travis: travisCommands,
};
