/**
 * Strict parsers of the files that CI systems and other programs read.
 *
 * @module
 */

/**
 * Parses a file in the format of `GITHUB_OUTPUT` as the strictest of its readers does. GitHub's runner skips empty lines, act and the
 * runners that descend from it refuse them.
 * Source: actions/runner, FileCommandManager, EnvFileKeyValuePairs; nektos/act, pkg/container/parse_env_file.go.
 */
export function parseGithubFile(text: string): [string, string][] {
  const pairs: [string, string][] = [];
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      if (equals === 0) throw new SyntaxError(`Invalid format: ${line}`);
      pairs.push([line.slice(0, equals), line.slice(equals + 1)]);
    } else if (heredoc > 0 && heredoc < line.length - 2) {
      const delimiter = line.slice(heredoc + 2);
      const end = lines.indexOf(delimiter, index + 1);
      if (end < 0) throw new SyntaxError(`Matching delimiter not found: ${delimiter}`);
      pairs.push([line.slice(0, heredoc), lines.slice(index + 1, end).join("\n")]);
      index = end;
    } else {
      throw new SyntaxError(`invalid format '${line}', expected a line with '=' or '<<'`);
    }
  }
  return pairs;
}

// References that GitLab expands in values. Source: gitlabhq, lib/expand_variables.rb; runners do the same with `$`.
const REFERENCE = /\$\$|%%|\$[a-zA-Z_]|\$\{|%(?![0-9a-fA-F]{2}%)[a-zA-Z_][a-zA-Z0-9_]*%/;

/**
 * Parses a dotenv report. Source: gitlabhq, app/services/ci/parse_dotenv_artifact_service.rb, and its documented limits. An
 * instance accepts at least 20 variables; the limit here is lower, since other jobs add theirs.
 *
 * @throws {SyntaxError} also where GitLab does not complain: it takes the last of two equal names, and trims and expands values.
 */
export function parseDotenv(text: string): [string, string][] {
  if (new TextEncoder().encode(text).length >= 5 * 1024) throw new SyntaxError("Dotenv Artifact Too Big");
  if (text.startsWith("\ufeff") || /[\r\0]|\p{Cs}/u.test(text)) throw new SyntaxError("Not plain UTF-8");
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new SyntaxError("The last line is not closed");
  if (lines.length > 15) throw new SyntaxError("Dotenv files cannot have more than 15 variables");
  const names = new Set<string>();
  return lines.map((line) => {
    const match = /^(.*?)=(.*)$/.exec(line);
    if (match === null) throw new SyntaxError(`Invalid Format: ${line}`);
    const [, key = "", value = ""] = match;
    if (!/^[a-zA-Z0-9_]{1,255}$/.test(key)) throw new SyntaxError(`Key is invalid: ${key}`);
    if (names.has(key)) throw new SyntaxError(`Key occurs twice: ${key}`);
    names.add(key);
    if (REFERENCE.test(value)) throw new SyntaxError(`Value refers to a variable: ${value}`);
    // Quotes, blanks and references are not allowed, because GitLab's documentation does not define their meaning.
    if (/["'`\s$\\]/.test(value)) throw new SyntaxError(`Value is not bare: ${value}`);
    return [key, value];
  });
}

/** Parses NDJSON strictly: an object on every line, and a line break at the end. */
export function parseNdjson(text: string): Record<string, unknown>[] {
  if (text === "") return [];
  const lines = text.split(/\r\n|[\n\r\v\f\x85\u2028\u2029]/);
  if (lines.pop() !== "") throw new SyntaxError("The last line is not closed");
  return lines.map((line) => {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError("No object");
    return value as Record<string, unknown>;
  });
}

/**
 * Parses comma-separated values strictly: CR LF after every line, the same number of cells in each, quotes only around whole cells.
 * Source: RFC 4180, section 2.
 */
export function parseCsv(text: string): string[][] {
  const CELL = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  const rows: string[][] = [[]];
  while (CELL.lastIndex < text.length) {
    const at = CELL.lastIndex;
    const match = CELL.exec(text);
    if (match === null) throw new SyntaxError(`Not a cell: ${text.slice(at, at + 100)}`);
    const [, quoted, bare = "", after] = match;
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? bare);
    if (after === "\r\n") rows.push([]);
  }
  if (rows.pop()?.length !== 0) throw new SyntaxError("The last line is not closed");
  if (new Set(rows.map((row) => row.length)).size > 1) throw new SyntaxError("Lines have different numbers of cells");
  return rows;
}
