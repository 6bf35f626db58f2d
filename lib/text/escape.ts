/**
 * Step 3 for untrusted text: escapes the text for its destination, such as a log, Markdown, XML, JSON, CSV, a dotenv file, a CI command or a shell.
 * Steps 1 and 2 are in `plain_text.ts` and `redact.ts`.
 *
 * @module
 */
import { lookup } from "../lookup.ts";
import type { SafeLine } from "./safe_line.ts";

// An added space breaks every command that the CI system would run. The input does not have to pass through `plainText` first.

export type LogSyntax = "workflow" | "legacy" | "section" | "group";

const RULES: Record<LogSyntax, readonly [RegExp, string]> = {
  // GitHub skips spaces at the start of a line, then looks for `::name …::`. Source: actions/runner, ActionCommand.TryParseV2.
  workflow: [/^\s*:(?=:)/, "$&\u0020"],
  // `##[name]` anywhere in a line is an older GitHub command format (ActionCommand.TryParse) and an Azure log format. `##vso[` starts an Azure
  // command, and `##teamcity[` starts a TeamCity command. Some versions ignore case.
  legacy: [/##(?=(?:vso|teamcity)?\[)/gi, "## "],
  // GitLab: `section_start:<unix>:<name>`. Travis: `travis_fold:start:<name>` and `travis_time:`.
  section: [/(?:section_(?:start|end)|travis_(?:fold|time))(?=:)/gi, "$& "],
  // Buildkite reads a line that starts with one of four marks and a space. Source: Buildkite, "Managing log output".
  group: [/^(?:---|~~~|\+\+\+|\^\^\^)/, " $&"],
};

// Line breaks, and the two characters that start terminal sequences.
// deno-lint-ignore no-control-regex
const UNSAFE = /[\n\v\f\r\x1b\x85\x9b\u2028\u2029]/g;

/**
 * Pass the complete line, because two safe parts can form a command.
 *
 * @param syntaxes Syntaxes that the CI system reads. @default all of them
 */
export function escapeLogLine(
  line: string,
  syntaxes: readonly LogSyntax[] = ["workflow", "legacy", "section", "group"],
): SafeLine {
  let safe = line.replace(UNSAFE, " ");
  for (const name of syntaxes) safe = safe.replace(RULES[name][0], RULES[name][1]);
  return safe as SafeLine;
}

// Characters that make a cell a formula, including full-width forms that spreadsheets treat the same way, and leading spaces, which spreadsheets
// skip. Source: OWASP, "CSV Injection". `csv-stringify` is not used because it does not escape a formula after a space.
const FORMULA = /^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

/** A cell that a spreadsheet would read as a formula gets a leading apostrophe. NUL becomes U+FFFD. Source: RFC 4180, section 2, rules 5 to 7. */
function csvCell(text: string): string {
  const safe = text.replaceAll("\0", "\ufffd").replaceAll('"', '""');
  return `"${FORMULA.test(text) ? "'" : ""}${safe}"`;
}

/** Numbers must be finite. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  const written = cells.map((cell) => cell === null ? "" : typeof cell === "number" ? String(cell) : csvCell(cell));
  return `${written.join(",")}\r\n`;
}

/** Source: GitLab, "Instance limits", dotenv variables: 5 KB. */
const MAX_DOTENV_BYTES = 5_000;

// GitLab expands `%NAME%` inside the values of a report, even if `NAME` is a secret. `%%` stands for a single `%`. Two hexadecimal digits after `%`
// are allowed because addresses contain them. Source: gitlabhq, lib/expand_variables.rb.
const REFERENCE = /%(?:%|(?![0-9A-Fa-f]{2}%)[A-Za-z_][A-Za-z0-9_]*%)/;

/** In UTF-16 code units. */
export const MAX_BARE = 1_024;

/**
 * Safe text contains only letters, digits and marks of any script and `._/:@%+=,#?~-`, and has at most 1,024 UTF-16 code units.
 *
 * Quotes, spaces, `$` and similar characters are rejected because GitLab does not remove quotes, and users write `${{ … }}` and `$NAME` without
 * quotes in shell scripts. The first character must not be `-`, `~`, `#` or `=`: `git fetch origin $MOGPLEX_BRANCH` would read `--upload-pack=./x` as
 * an option. GitLab would expand `%NAME%`.
 *
 * @returns An empty string if the text is not safe.
 */
export function bareValue(text: string): string {
  const bare = text.length <= MAX_BARE && /^(?![-~#=])[\p{L}\p{N}\p{M}._/:@%+=,#?~-]*$/u.test(text);
  return bare && !REFERENCE.test(text) ? text : "";
}

/**
 * A value that {@linkcode bareValue} rejects becomes empty, because the format has no quoting.
 * @throws {RangeError} if a name has characters other than `[A-Za-z0-9_]`, or if the file is too large. Both are bugs in the caller.
 */
export function renderDotenvFile(values: Readonly<Record<string, string>>): string {
  let text = "";
  for (const [name, value] of Object.entries(values)) {
    if (!/^[A-Za-z0-9_]+$/.test(name)) {
      throw new RangeError(
        `Cannot write dotenv file because a name has characters other than A-Z a-z 0-9 _: "${name}"`,
      );
    }
    text += `${name}=${bareValue(value)}\n`;
  }
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_DOTENV_BYTES) {
    throw new RangeError(
      `Cannot write dotenv file because it must be at most ${MAX_DOTENV_BYTES} bytes: it has ${bytes}`,
    );
  }
  return text;
}

/**
 * Writes every invisible character as `\uXXXX`, so the JSON is safe to print on a terminal. `JSON.stringify` does not escape C1 control characters,
 * direction overrides or zero-width characters.
 */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\x7f-\x9f\u2028\u2029\ufff9-\ufffb\p{Default_Ignorable_Code_Point}]/gu,
    (char) => char.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** Returns one line of JSON that is safe on a terminal and in the log of every CI system. Parsing the line returns the same value. */
export function jsonLine(value: unknown): SafeLine {
  const line = jsonText(value)
    // GitHub, Azure and TeamCity look for `##[` and `##vso[` anywhere in a line. GitLab looks for `section_start:`.
    .replace(/#(?=#)/g, "\\u0023")
    .replace(/(section_(?:start|end)|travis_(?:fold|time)):/gi, "$1\\u003a");
  return line as SafeLine;
}

// For text inside Azure Pipelines logging commands: `##vso[area.action property=…;]data`.

/**
 * Escapes the data after the bracket. Source: azure-pipelines-task-lib, taskcommand.ts, escapeData; azure-pipelines-agent, CommandStringConvertor
 * (`%AZP25`).
 */
export function escapeLoggingData(text: string): string {
  return text.replaceAll("%", "%AZP25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

// Untrusted text in Markdown is always code. Renderers do not look for links, images, HTML, mentions or quick actions inside code.

function longestRun(text: string): number {
  let longest = 0;
  for (const run of text.match(/`+/g) ?? []) longest = Math.max(longest, run.length);
  return longest;
}

/**
 * Returns inline code that is also safe inside a table. Line breaks become spaces. `|` becomes `│`, because renderers disagree on how to escape `|`
 * in a table. Blank text becomes an empty string.
 */
export function markdownCode(text: string): string {
  const line = text.replace(/\s+/g, " ").replaceAll("|", "│").trim();
  if (line === "") return "";
  const fence = "`".repeat(longestRun(line) + 1);
  const pad = /^`|`$/.test(line) ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/**
 * Returns a block of code. The fence is longer than any run of backticks in the text. Put the block between empty lines, at the left margin. Each
 * line, including the fences, is indented by one space, which renderers remove. Untrusted text must not begin at the left margin, because GitLab
 * reads quick actions (`/close` at the start of a line) from the Markdown source. Older versions of GitLab end any block at a line of three
 * backticks. Source: gitlabhq, lib/gitlab/quick_actions/extractor.rb: `^\/`, before and after GitLab added Markdown parsing there.
 */
export function markdownBlock(text: string): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  const lines = text.split(/\r\n?|[\n\v\f\x85\u2028\u2029]/);
  return [`${fence}text`, ...lines, fence].map((line) => ` ${line}`).join("\n");
}

export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** @param text Trusted Markdown. @default the address, as code */
export function markdownLink(url: string, text = markdownCode(url)): string {
  // `&` could start a character reference (`&colon;`). The other characters could end the link destination or the table cell.
  const target = url.replace(/[^\w:/.~%@?=&#+,;-]/g, (char) => encodeURIComponent(char).replace(/^[^%]/, percent))
    .replaceAll("&", "&amp;");
  return `[${text}](<${target}>)`;
}

// For `!'()*`, which `encodeURIComponent` does not encode.
function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

// Characters that XML 1.0 cannot contain, not even as a reference. Source: XML 1.0, production 2 (Char).
// deno-lint-ignore no-control-regex
const NO_XML = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu;
const REFERENCES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export function holdable(text: string): string {
  return text.replace(NO_XML, "\ufffd");
}

/**
 * Escapes text for XML and HTML content and for attributes in single or double quotes. The result is not safe in scripts, styles, comments, names and
 * addresses (`href`), where escaping is not enough. Characters that XML cannot contain become U+FFFD.
 */
export function escapeMarkup(text: string): string {
  // Parsers turn unescaped line breaks and tabs in attributes into spaces.
  return holdable(text).replace(
    /[&<>"'\t\n\r]/g,
    (char) => lookup(REFERENCES, char) ?? `&#${char.charCodeAt(0)};`,
  );
}

/** Slack requires exactly these three escapes. Source: Slack, "Formatting message text", "Escaping text". */
export function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// For label values in OpenMetrics text. The older text format of Prometheus uses the same escapes.

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

/**
 * Escapes a label value for use between double quotes. Every kind of line break becomes `\n`, the only kind that the format supports. NUL and lone
 * surrogates become U+FFFD. `#` becomes `＃`, because GitLab stops reading a line at the first `#`, even inside quotes. Source: OpenMetrics 1.0,
 * "ABNF"; GitLab, parser of metrics reports.
 */
export function escapeLabel(text: string): string {
  return text.replace(/\0|\p{Cs}/gu, "\ufffd").replaceAll("#", "＃").replace(/\r\n?|[\v\f\x85\u2028\u2029]/g, "\n")
    .replace(/[\\"\n]/g, (char) => lookup(ESCAPES, char) as string);
}

// For text inside TeamCity service messages: `##teamcity[name attribute='…']`.

/**
 * Escapes an attribute value. TeamCity would treat text between two percent signs as the name of a build parameter, such as a password, and insert
 * the parameter's value. Service messages have no documented escape for `%`, so if the text contains more than one `%`, each becomes `％` (U+FF05).
 * Source: TeamCity, "Service messages", escaped values; "Using build parameters".
 */
export function escapeServiceMessage(text: string): string {
  const plain = text.indexOf("%") === text.lastIndexOf("%") ? text : text.replaceAll("%", "\uff05");
  return plain.replace(/[|'[\]]/g, "|$&").replaceAll("\n", "|n").replaceAll("\r", "|r");
}

export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function commandLine(program: string, ...args: readonly string[]): string {
  return [program, ...args.map(shellWord)].join(" ");
}

/**
 * Accepts `http` and `https` addresses without user name and password, of at most 2,048 UTF-16 code units.
 * @returns The normalized address; `undefined` if the text is not safe as a link (`javascript:`, several lines).
 */
export function webUrl(text: string): string | undefined {
  // Check the form first, because `new URL` removes tabs and line breaks and repairs other mistakes.
  if (!/^https?:\/\/[^\s\\]+$/i.test(text) || text.length > 2_048 || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === "" && url.password === "" ? url.href : undefined;
}

// For text inside GitHub Actions, Gitea and Forgejo workflow commands: `::name property=…::data`.

/** Escapes the data after the second `::`. Source: actions/runner, ActionCommand; actions/toolkit, escapeData. */
export function escapeWorkflowData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/** Escapes a property value. Source: actions/runner, ActionCommand; actions/toolkit, escapeProperty. */
export function escapeWorkflowProperty(text: string): string {
  return escapeWorkflowData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
