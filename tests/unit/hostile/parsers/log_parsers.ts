/**
 * Models of the programs that read commands from a job's log. Each returns the commands that the program would obey; where a
 * program obeys only known names, the model accepts any name.
 *
 * @module
 */

/** Reads a log and returns the commands that it would obey. */
export type LogParser = (log: string) => string[];

// The characters that .NET's String.TrimStart removes (Char.IsWhiteSpace).
const DOTNET_BLANKS = /^[\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Splits lines like .NET's StreamReader.ReadLine, and like Go's scanners with `\r` as an overwrite. */
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

/** Source: GitLab, lib/gitlab/ci/ansi2json, and its log viewer; the model does not require their line ending. */
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

/** Source: buildkite/agent, process/ansi.go and process/timestamper: without colors, a mark starts the line. */
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

/** Characters that a terminal does not simply show: control characters, lone surrogates, invisible ones. */
export function terminalCommands(log: string): string[] {
  return log.match(/[^\P{Cc}\t\n]|\p{Cs}|[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\ufff9-\ufffb]/gu) ?? [];
}

/** The parser of each CI system's log; use all of them for an unknown system. */
export const LOG_PARSERS: Record<string, LogParser> = {
  github: githubCommands,
  // Their runner knows fewer commands, and only at the start of a line. Source: act, pkg/runner/command.go.
  gitea: githubCommands,
  forgejo: githubCommands,
  gitlab: gitlabCommands,
  azure_pipelines: azureCommands,
  teamcity: teamcityCommands,
  buildkite: buildkiteCommands,
  travis: travisCommands,
};
