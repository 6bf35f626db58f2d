/**
 * A model of GitHub's runner, which reads the log of a step: the commands it obeys, and whether it still obeys any at the end.
 *
 * @module
 */

/** The effects of a log on the runner. */
export interface RunnerReport {
  /** Commands that took effect, as `name data`, without those that stop and resume. */
  obeyed: string[];
  /** Lines between a stop and its resumption. */
  fenced: string[];
  /** Tokens that stopped it, in order. */
  tokens: string[];
  /** Whether the runner obeys no commands at the end, so that those of later programs in the step are lost. */
  stopped: boolean;
  /** Lines that the web page of the log shows as headings or in color, whatever the runner does. */
  rendered: string[];
}

// Source: actions/runner, src/Runner.Worker/ActionCommandManager.cs and its command extensions.
const COMMANDS = [
  ...["internal-set-repo-path", "set-env", "set-output", "save-state", "add-path", "add-mask", "add-matcher"],
  ...["remove-matcher", "warning", "error", "notice", "debug", "group", "endgroup", "echo", "stop-commands"],
];

// The characters that .NET's String.TrimStart removes (Char.IsWhiteSpace).
const BLANKS = /^[\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

interface Command {
  name: string;
  data: string;
}

/** Source: actions/runner, src/Runner.Common/ActionCommand.cs, TryParseV2 and TryParse. */
function parse(line: string, known: ReadonlySet<string>): Command | undefined {
  const trimmed = line.replace(BLANKS, "");
  const end = trimmed.startsWith("::") ? trimmed.indexOf("::", 2) : -1;
  if (end >= 0) {
    const name = trimmed.slice(2, end).split(" ")[0] ?? "";
    if (known.has(name.toLowerCase())) return { name: name.toLowerCase(), data: trimmed.slice(end + 2) };
  }
  const start = line.indexOf("##[");
  const bracket = start < 0 ? -1 : line.indexOf("]", start);
  if (bracket < 0) return undefined;
  const name = line.slice(start + 3, bracket).split(" ")[0]?.toLowerCase() ?? "";
  return known.has(name) ? { name, data: line.slice(bracket + 1) } : undefined;
}

/** Reads a log as GitHub's runner does. */
export function runGithubLog(log: string): RunnerReport {
  const report: RunnerReport = { obeyed: [], fenced: [], tokens: [], stopped: false, rendered: [] };
  const known = new Set(COMMANDS);
  let token: string | undefined;
  for (const line of log.split(/\r\n|\r|\n/)) {
    if (/^\s*##\[/.test(line)) report.rendered.push(line);
    const command = parse(line, known);
    if (token !== undefined) {
      if (command?.name === token) {
        known.delete(token);
        token = undefined;
      } else report.fenced.push(line);
    } else if (command?.name === "stop-commands") {
      // The runner fails the step when the token is a command, empty, or `pause-logging`.
      token = command.data.toLowerCase();
      if (known.has(token) || token === "" || token === "pause-logging") throw new Error(`Invalid token: ${token}`);
      known.add(token);
      report.tokens.push(token);
    } else if (command !== undefined) report.obeyed.push(`${command.name} ${command.data}`.trim());
  }
  return { ...report, stopped: token !== undefined };
}
