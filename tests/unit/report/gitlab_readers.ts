/**
 * Reports as GitLab reads them, and stricter: what GitLab would drop or repair is an error here.
 *
 * @module
 */
import { SaxesParser } from "saxes";

/** A case on GitLab's page of tests. */
export interface GitlabCase {
  /** Column "Suite". */
  classname: string;
  name: string;
  status: "success" | "failed" | "error" | "skipped";
  /** Seconds. */
  time: number;
  /** What the details show; null when it passed. */
  output: string | null;
}

type Hash = { [key: string]: string | Hash | (string | Hash)[] };

// Source: ActiveSupport, XmlMini::PARSING and XMLConverter::DISALLOWED_TYPES, file and array besides.
const TYPES = ["symbol", "date", "datetime", "dateTime", "duration", "integer", "float", "double", "decimal", "boolean"]
  .concat("string", "yaml", "base64Binary", "hexBinary", "file", "array");

/** An element as a hash, as `Hash.from_xml` makes it; text beside attributes wins over them. */
function hashOf(xml: string): Hash {
  const stack: Hash[] = [{}];
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ attributes }) => void stack.push({ ...attributes as Record<string, string> }));
  parser.on("text", (text) => {
    const hash = stack.at(-1) as Hash;
    hash.__content__ = `${hash.__content__ ?? ""}${text}`;
  });
  parser.on("closetag", ({ name }) => {
    const hash = stack.pop() as Hash;
    if (TYPES.includes(String(hash.type))) throw new TypeError(`GitLab would obey type "${hash.type}"`);
    const content = String(hash.__content__ ?? "");
    delete hash.__content__;
    const value = content.trim() === "" ? hash : content;
    const [parent, key] = [stack.at(-1) as Hash, name.replaceAll("-", "_")];
    const before = parent[key];
    parent[key] = before === undefined ? value : [...Array.isArray(before) ? before : [before], value];
  });
  parser.write(xml).close();
  return stack[0] as Hash;
}

function all(value: Hash[string] | undefined): Hash[] {
  return (value === undefined ? [] : Array.isArray(value) ? value : [value]) as Hash[];
}

function caseOf(data: Hash): GitlabCase {
  const { classname, name, time } = data as Record<string, string>;
  if (!classname || !name || !/^\d+\.\d+$/.test(time ?? "")) throw new SyntaxError("A case lacks a name or its time");
  const found = ([["failure", "failed"], ["error", "error"], ["skipped", "skipped"]] as const)
    .filter(([key]) => data[key] !== undefined);
  if (found.length > 1) throw new SyntaxError("A case is two things at once");
  const [[key, status] = ["", "success"] as const] = found;
  const output = key === "" ? null : data[key];
  if (output !== null && typeof output !== "string") throw new SyntaxError("GitLab would show attributes, not a text");
  return { classname, name, status, time: Number(time), output };
}

/**
 * Reads a JUnit report. Source: gitlabhq, lib/gitlab/ci/parsers/test/junit.rb, lib/gitlab/xml_converter.rb.
 *
 * @throws on what is not well-formed, too large, or loses a case.
 */
export function readGitlabJunit(xml: string): GitlabCase[] {
  if (xml.length > 30 * 1024 * 1024) throw new RangeError("The XML file must be less than 30 MB");
  const suites = all(hashOf(xml).testsuites).flatMap((root) => all(root.testsuite));
  const cases = suites.flatMap((suite) => all(suite.testcase).map((data) => ({ suite: suite.name, ...caseOf(data) })));
  const keys = cases.map(({ suite, classname, name }) => `${suite}_${classname}_${name}`);
  if (new Set(keys).size !== keys.length) throw new SyntaxError("GitLab drops the second of two cases of one name");
  return cases.map(({ suite: _suite, ...one }) => one);
}

/** A link on the page of a job. */
export interface GitlabLink {
  label: string;
  url: string;
}

/** Reads annotations. Source: gitlabhq, ParseAnnotationsArtifactService and the schema ci_job_annotation_data.json. */
export function readGitlabAnnotations(text: string): [list: string, links: GitlabLink[]][] {
  if (new TextEncoder().encode(text).length > 80 * 1024) throw new RangeError("Annotations Artifact Too Big");
  const json: unknown = JSON.parse(text);
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new SyntaxError("No JSON object");
  const lists = Object.entries(json).map(([name, items]): [string, GitlabLink[]] => {
    if (name === "" || name.length > 255 || !Array.isArray(items)) throw new SyntaxError(`Not a list: ${name}`);
    return [name, items.map(linkOf)];
  });
  if (lists.flatMap(([, links]) => links).length > 20) throw new RangeError("More than 20 annotations");
  return lists;
}

function linkOf(item: unknown): GitlabLink {
  const { external_link: link, ...others } = item as { external_link?: GitlabLink };
  const { label, url, ...more } = link ?? { label: undefined, url: undefined };
  if (typeof label !== "string" || typeof url !== "string" || Object.keys({ ...others, ...more }).length > 0) {
    throw new SyntaxError(`Not an external link: ${JSON.stringify(item)}`);
  }
  if (label === "" || /\s{2}|[\n\r]/.test(label)) throw new SyntaxError(`Not a label: ${label}`);
  return { label, url };
}

/**
 * Reads a metrics report: of every line what stands before the first `#`, cut into words as a shell does it.
 * Source: GitLab, lib/gitlab/ci/parsers/metrics/generic.rb; Ruby, Shellwords.
 */
export function readGitlabMetrics(text: string): [name: string, value: string][] {
  return text.split("\n").flatMap((line): [string, string][] => {
    const words = shellWords(line.replace(/#.*$/, ""));
    if (words.length === 0) return [];
    if (words.length !== 2) throw new SyntaxError(`Not a name and a value: ${line}`);
    return [words as [string, string]];
  });
}

function shellWords(line: string): string[] {
  const words: string[] = [];
  let rest = line.trimStart();
  while (rest !== "") {
    const word = /^(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+/.exec(rest)?.[0];
    if (word === undefined || !/^(?:\s|$)/.test(rest.slice(word.length))) {
      throw new SyntaxError(`Unmatched quote: ${line}`);
    }
    words.push(word.replace(/"((?:[^"\\]|\\.)*)"/g, (_, inner: string) => inner.replace(/\\([$`"\\])/g, "$1")));
    rest = rest.slice(word.length).trimStart();
  }
  return words;
}
