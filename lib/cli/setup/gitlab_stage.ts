/**
 * A job with an unknown stage makes the whole pipeline invalid.
 *
 * @module
 */
import { isMap, isNode, isScalar, isSeq, type Node, parseAllDocuments, type YAMLMap, type YAMLSeq } from "yaml";
import { isObject, valueOr } from "../../lookup.ts";

export const PIPELINE_FILE = ".gitlab-ci.yml";
const MAX_FILES = 50;
/** A path that GitLab does not expand, and that is not an address. */
const PLAIN_PATH = /^(?!\w+:)[^$*]+\.ya?ml$/;
const ALWAYS_THERE = [".pre", ".post"];

export type Stages =
  /** No file defines stages, so GitLab's default stages apply. */
  | { kind: "default" }
  /** The last stage for ordinary jobs. */
  | { kind: "named"; stage: string }
  | { kind: "unknown" };

/** The last document is the pipeline. An earlier document contains `spec`, the inputs of a template. */
function documentsOf(text: string) {
  try {
    const documents = parseAllDocuments(text, { logLevel: "silent", uniqueKeys: false, merge: true });
    return Array.isArray(documents) ? documents : [];
  } catch {
    // GitLab cannot read the file either, and reports the problem.
    return [];
  }
}

export function invalidPlaceIn(text: string): string | undefined {
  const [start] = documentsOf(text).flatMap(({ errors }) => errors).map(({ linePos }) => linePos?.[0]);
  return start && `line ${start.line}, column ${start.col}`;
}

const pipelineOf = (text: string): Node | undefined => documentsOf(text).at(-1)?.contents ?? undefined;

function textsOf(node: unknown): string[] | undefined {
  if (!isSeq(node) || node.tag !== undefined && node.tag !== "tag:yaml.org,2002:seq") return undefined;
  const texts = node.items.map((item) => isScalar(item) ? item.value : undefined);
  return texts.every((text) => typeof text === "string") ? texts : undefined;
}

function includedPaths(include: unknown): string[] | undefined {
  const entries = isSeq(include) ? include.items : [include];
  const paths = entries.map((entry) => {
    const local = isMap(entry) ? entry.get("local") : isScalar(entry) ? entry.value : undefined;
    return typeof local === "string" && PLAIN_PATH.test(local) ? local.replace(/^\/+/, "") : undefined;
  });
  return paths.every((path) => path !== undefined) ? paths : undefined;
}

/**
 * The stages of a file override the stages of its includes, and a later include overrides an earlier include.
 * @param read Returns `undefined` if the repository does not contain the file. Called only for paths.
 */
export function stagesOf(read: (path: string) => string | undefined): Stages {
  let budget = MAX_FILES;
  const look = (path: string): Stages => {
    const text = budget-- > 0 ? read(path) : undefined;
    if (text === undefined) return { kind: path === PIPELINE_FILE ? "default" : "unknown" };
    const pipeline = pipelineOf(text);
    if (pipeline === undefined) return { kind: text.trim() === "" ? "default" : "unknown" };
    if (!isMap(pipeline)) return { kind: "unknown" };
    if (pipeline.has("stages")) {
      const stage = textsOf(pipeline.get("stages", true))?.filter((name) => !ALWAYS_THERE.includes(name)).at(-1);
      return stage === undefined ? { kind: "unknown" } : { kind: "named", stage };
    }
    if (!pipeline.has("include")) return { kind: "default" };
    const paths = includedPaths(pipeline.get("include", true));
    if (paths === undefined) return { kind: "unknown" };
    return paths.map(look).findLast(({ kind }) => kind !== "default") ?? { kind: "default" };
  };
  return look(PIPELINE_FILE);
}

export interface PipelineFiles {
  files: readonly Readonly<Record<string, unknown>>[];
  /** The names of other files: files of another project or server, and files whose path GitLab expands. */
  unreadable: readonly string[];
}

/**
 * Reads the files of the repository's pipeline. Each file comes after the files that it includes.
 * @param admits Whether the rules of an include might permit the file. The rules may be `undefined`.
 */
export function pipelineFiles(
  read: (path: string) => string | undefined,
  admits: (rules: unknown) => boolean,
): PipelineFiles {
  const files = new Map<string, Readonly<Record<string, unknown>>>();
  const seen = new Set<string>();
  const unreadable = new Set<string>();
  const add = (path: string, inputs: unknown) => {
    const key = JSON.stringify([path, inputs]);
    if (seen.has(key) || seen.size >= MAX_FILES) return;
    seen.add(key);
    const content = contentOf(read(path) ?? "", inputs);
    if (!isObject(content)) return;
    for (const entry of [content.include].flat()) {
      if (isObject(entry) && !admits(entry.rules)) continue;
      const local = isObject(entry) ? entry.local : entry;
      if (typeof local === "string" && PLAIN_PATH.test(local)) {
        add(local.replace(/^\/+/, ""), isObject(entry) ? entry.inputs : undefined);
      } else for (const name of namesOf(entry)) unreadable.add(name);
    }
    files.set(key, content);
  };
  add(PIPELINE_FILE, undefined);
  return { files: [...files.values()], unreadable: [...unreadable] };
}

function contentOf(text: string, inputs: unknown): unknown {
  // Reading throws for aliases without an anchor, and for too many aliases.
  const values = documentsOf(text).map((document): unknown => valueOr(() => document.toJS(), undefined));
  const [header] = values;
  const spec = values.length > 1 && isObject(header) && isObject(header.spec) ? header.spec.inputs : undefined;
  const defaults = Object.entries(isObject(spec) ? spec : {})
    .map(([name, input]) => [name, isObject(input) ? input.default : undefined] as const);
  const all = new Map([...defaults, ...Object.entries(isObject(inputs) ? inputs : {})]);
  return all.size === 0 ? values.at(-1) : withInputs(values.at(-1), all);
}

/** Expressions with a function are not changed. Source: GitLab, "CI/CD inputs", "Define input parameters with spec:inputs". */
function withInputs(value: unknown, inputs: ReadonlyMap<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((each) => withInputs(each, inputs));
  if (typeof value === "string") {
    const [, whole] = /^\$\[\[\s*inputs\.([\w-]+)\s*\]\]$/.exec(value) ?? [];
    if (whole !== undefined) return inputs.get(whole) ?? value;
    return value.replace(/\$\[\[\s*inputs\.([\w-]+)\s*\]\]/g, (text, name) => String(inputs.get(name) ?? text));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [String(withInputs(key, inputs)), withInputs(each, inputs)]),
  );
}

/** The name of an included file or its project, without the parts of an address that may be secret. */
function namesOf(entry: unknown): string[] {
  const names = isObject(entry) ? [entry.local, entry.template, entry.project, entry.component, entry.remote] : [entry];
  return names.filter((name) => typeof name === "string").map((name) =>
    name.replace(/\/\/[^/]*@/, "//").replace(/[?#].*/s, "")
  );
}

function entriesOf(pipeline: YAMLMap): readonly unknown[] {
  const include = pipeline.get("include", true);
  return isSeq(include) ? include.items : [include];
}

export function hasSection(name: string, path: string, read: (path: string) => string | undefined): boolean {
  const { files } = pipelineFiles((each) => each === path ? undefined : read(each), () => true);
  return files.some((file) => Object.hasOwn(file, name));
}

export function isIncluded(path: string, read: (path: string) => string | undefined): boolean {
  const pipeline = pipelineOf(read(PIPELINE_FILE) ?? "");
  return isMap(pipeline) && entriesOf(pipeline).some((entry) => includedPaths(entry)?.includes(path) === true);
}

export function includeAdvice(
  path: string,
  read: (path: string) => string | undefined,
): [sentence: string, lines: string[]] {
  const text = read(PIPELINE_FILE) ?? "";
  const pipeline = pipelineOf(text);
  const include = isMap(pipeline) ? pipeline.get("include", true) : undefined;
  const entry = `local: ${path}`;
  if (include === undefined) return [`Add these lines to ${PIPELINE_FILE}:`, ["include:", `  - ${entry}`]];
  if (isSeq(include)) {
    const where = `Add this entry to the existing include of ${PIPELINE_FILE}:`;
    return include.flow ? [where, [`{ ${entry} }`]] : [where, [`${" ".repeat(dashColumn(text, include))}- ${entry}`]];
  }
  const old = isScalar(include) && include.value === null ? [] : entryOf(text, include);
  return [`Replace the include of ${PIPELINE_FILE} with this list:`, ["include:", ...old, `  - ${entry}`]];
}

function dashColumn(text: string, { range }: Pick<YAMLSeq, "range">): number {
  const start = range?.[0] ?? 0;
  return start - (text.lastIndexOf("\n", start - 1) + 1);
}

function entryOf(text: string, node: unknown): string[] {
  const [start, end] = isNode(node) && node.range ? node.range : [0, 0];
  const indent = start - (text.lastIndexOf("\n", start - 1) + 1);
  const lines = text.slice(start, end).trimEnd().split(/\r?\n/);
  return lines.map((line, index) =>
    index === 0 ? `  - ${line}` : `    ${line.slice(Math.min(indent, line.search(/\S|$/)))}`
  );
}

export function stageLine(stages: Stages): string {
  if (stages.kind === "default") return "";
  if (stages.kind === "unknown") return "  stage: test # replace it with one of the stages of your pipeline\n";
  return `  stage: ${
    /^[A-Za-z][\w.-]*$/.test(stages.stage) ? stages.stage : JSON.stringify(stages.stage)
  } # the last stage of your pipeline; you can use another one\n`;
}

export function withoutStage(job: string): string {
  return job.replace(/^ {2}stage: .*\n/m, "");
}
