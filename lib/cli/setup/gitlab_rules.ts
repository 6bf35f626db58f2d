/**
 * Predicts whether GitLab creates a pipeline, and which jobs the pipeline starts. Source: GitLab, "CI/CD YAML syntax reference", `workflow:rules`,
 * `include:rules`, `rules`, `only`, `extends`, and "Specify when jobs run with rules", "CI/CD variable expressions".
 *
 * @module
 */
import { isObject, lookup } from "../../lookup.ts";
import { pipelineFiles } from "./gitlab_stage.ts";

/** An operand. `null` if the variable is absent, `undefined` if the value is unknown. */
type Value = string | null | undefined;
type Truth = boolean | undefined;

const DEFAULT_BRANCH = "\0default branch";

type Values = Readonly<Record<string, Value>>;

const MERGE_REQUEST = "merge_request_event";

/** The variables that are assumed for a pipeline on the default branch. All other variables are unknown. */
const branchPipeline = (branch: string): Values => ({
  CI: "true",
  GITLAB_CI: "true",
  CI_COMMIT_BRANCH: branch,
  CI_COMMIT_REF_NAME: branch,
  CI_DEFAULT_BRANCH: branch,
  CI_COMMIT_TAG: null,
  CI_MERGE_REQUEST_ID: null,
  CI_MERGE_REQUEST_IID: null,
  CI_OPEN_MERGE_REQUESTS: null,
  MOGPLEX_SCHEDULE: null,
});

/** Variables that differ in a pipeline for a merge request or a tag. Source: GitLab, "Run jobs only in specific pipeline types". */
function otherRef(source: string, tag: string | undefined): Values {
  if (source === MERGE_REQUEST) return { CI_COMMIT_BRANCH: null, CI_MERGE_REQUEST_ID: "1", CI_MERGE_REQUEST_IID: "1" };
  return tag === undefined ? {} : { CI_COMMIT_BRANCH: null, CI_COMMIT_REF_NAME: tag };
}

const NO_JOBS: readonly string[] = [
  ..."default include stages variables workflow spec image services cache before_script after_script".split(" "),
];
const MAX_EXTENDS = 11;
/** Maximum number of levels of lists and references in rules. Source: GitLab, "CI/CD YAML syntax reference", `!reference`: up to 10. */
const MAX_LEVELS = 21;

const WORDS: Readonly<Record<string, string>> = {
  trigger: "triggers",
  schedule: "schedules",
  push: "pushes",
  [MERGE_REQUEST]: "merge_requests",
};
/** The value of `only` in a job without `only` and `rules`, in a pipeline without `workflow:rules`. */
const DEFAULT_ONLY = ["branches", "tags"];
const ALL_WORDS =
  "api branches chat external external_pull_requests merge_requests pipelines pushes schedules tags triggers web"
    .split(" ");

type Fields = Readonly<Record<string, unknown>>;

export interface PipelineQuery {
  read(path: string): string | undefined;
  source: string;
  /** If `CI_COMMIT_TAG` is set, the pipeline runs for that tag. */
  variables?: Readonly<Record<string, string>> | undefined;
  /** The pipeline runs on this branch. `undefined` if the name of the default branch is unknown. */
  branch?: string | undefined;
}

export interface PipelinePrediction {
  isCreated: Truth;
  jobs: readonly string[];
  /** Included files that cannot be read here. They may contain more jobs and `workflow:rules`. */
  unreadable: readonly string[];
}

/** An unknown condition is treated as true if it starts something, and as false if it excludes something. */
export function predictPipeline({ read, source, variables, branch }: PipelineQuery): PipelinePrediction {
  const values = {
    ...branchPipeline(branch ?? DEFAULT_BRANCH),
    ...otherRef(source, variables?.["CI_COMMIT_TAG"]),
    ...variables,
    CI_PIPELINE_SOURCE: source,
  };
  const sections = new Map<string, unknown>();
  const passes = (rules: unknown) => passesRules(expandRules(rules, sections), values, (when) => when !== "never");
  const { files, unreadable } = pipelineFiles(read, (rules) => rules === undefined || passes(rules) !== false);
  const jobs = new Map<string, Fields>();
  for (const file of files) {
    for (const [name, section] of Object.entries(file)) {
      sections.set(name, section);
      if (isObject(section) && !NO_JOBS.includes(name)) jobs.set(name, section);
    }
  }
  const workflowRules = files.map(({ workflow }) => isObject(workflow) ? workflow.rules : undefined)
    .findLast((rules) => rules !== undefined);
  return {
    isCreated: workflowRules === undefined ? true : passes(workflowRules),
    jobs: [...jobs].filter(([name, job]) =>
      !name.startsWith(".") &&
      mightStart({ jobs, sections }, job, values, workflowRules === undefined ? DEFAULT_ONLY : [])
    ).map(([name]) => name),
    unreadable,
  };
}

function mightStart(
  { jobs, sections }: { jobs: ReadonlyMap<string, Fields>; sections: ReadonlyMap<string, unknown> },
  job: Fields,
  values: Values,
  defaultOnly: readonly string[],
): boolean {
  const field = (key: string) => fieldOf(jobs, job, key);
  if (field("script") === undefined && field("trigger") === undefined && field("run") === undefined) return false;
  const rules = expandRules(field("rules"), sections);
  const starts = (when: unknown) => when !== "never" && when !== "manual";
  if (rules === undefined) {
    return starts(field("when")) && passesOnly(field("only") ?? defaultOnly, field("except"), values);
  }
  return passesRules(rules, values, (when) => starts(when ?? field("when"))) !== false;
}

/**
 * Replaces each `!reference` with the rules that it names. The parser reads a `!reference` as a list of keys. If the target is in a file that is not
 * available here, the list stays unchanged.
 */
function expandRules(rules: unknown, sections: ReadonlyMap<string, unknown>, level = 0): unknown {
  if (!Array.isArray(rules) || level > MAX_LEVELS) return rules;
  const [section, ...keys] = rules;
  if (typeof section !== "string") return rules.map((rule) => expandRules(rule, sections, level + 1));
  const target = keys.reduce<unknown>(
    (value, key) => isObject(value) ? lookup(value, String(key)) : undefined,
    sections.get(section),
  );
  return target === undefined ? rules : expandRules(target, sections, level + 1);
}

function passesRules(
  rules: unknown,
  values: Values,
  starts: (when: unknown) => boolean,
): Truth {
  if (!Array.isArray(rules)) return undefined;
  let mightPass = false;
  for (const rule of rules.flat(10)) {
    // The text is a part of a reference to rules that are not available here.
    if (!isObject(rule)) return undefined;
    const isMet = typeof rule.if === "string" ? truthOf(rule.if, values) : true;
    const doesStart = starts(rule.when);
    if (isMet === true && rule.changes === undefined && rule.exists === undefined) {
      return doesStart || (mightPass ? undefined : false);
    }
    if (isMet !== false && doesStart) mightPass = true;
  }
  return mightPass ? undefined : false;
}

function fieldOf(jobs: ReadonlyMap<string, Fields>, job: Fields, key: string, depth = 0): unknown {
  const value = lookup(job, key);
  if (value !== undefined || depth >= MAX_EXTENDS) return value;
  for (const name of [job.extends].flat().toReversed()) {
    const base = typeof name === "string" ? jobs.get(name) : undefined;
    const inherited = base === undefined ? undefined : fieldOf(jobs, base, key, depth + 1);
    if (inherited !== undefined) return inherited;
  }
  return undefined;
}

/** Source: GitLab, "Deprecated keywords", `only` and `except`; lib/gitlab/ci/config/entry/policy.rb. */
function passesOnly(only: unknown, except: unknown, values: Values): boolean {
  const refs = (value: unknown) =>
    [isObject(value) ? value.refs : value].flat().filter((each) => typeof each === "string");
  const source = values["CI_PIPELINE_SOURCE"] ?? "";
  const isMergeRequest = source === MERGE_REQUEST;
  const ref = isMergeRequest ? [] : [values["CI_COMMIT_TAG"] ? "tags" : "branches"];
  const words = [...ref, lookup(WORDS, source) ?? source];
  const isOne = (each: string) => words.includes(each);
  if (refs(except).some(isOne)) return false;
  const exceptions = isObject(except) ? [except.variables].flat() : [];
  if (exceptions.some((each) => typeof each === "string" && truthOf(each, values) === true)) return false;
  const wanted = isObject(only) && only.refs === undefined ? DEFAULT_ONLY : refs(only);
  // All other values are patterns or names of branches or tags, optionally with a project path. They never match a merge request.
  const name = values["CI_COMMIT_REF_NAME"];
  const mightMatch = (each: string) => name === DEFAULT_BRANCH || each.startsWith("/") || each.split("@")[0] === name;
  return wanted.length === 0 ||
    wanted.some((each) => isOne(each) || !isMergeRequest && !ALL_WORDS.includes(each) && mightMatch(each));
}

const TOKEN =
  /\s*(?:(\$\{?\w+\}?)|"([^"]*)"|'([^']*)'|\/((?:[^/\\]|\\.)+)\/[a-z]*|(null)\b|(==|!=|=~|!~|&&|\|\||[()]))/y;

/** `undefined` if the value of the expression is unknown, or if the expression cannot be parsed. */
function truthOf(expression: string, values: Readonly<Record<string, Value>>): Truth {
  const tokens: RegExpExecArray[] = [];
  TOKEN.lastIndex = 0;
  while (expression.slice(TOKEN.lastIndex).trim() !== "") {
    const token = TOKEN.exec(expression);
    if (token === null) return undefined;
    tokens.push(token);
  }
  let next = 0;
  const takes = (sign: string) => tokens[next]?.[6] === sign && ++next > 0;
  const operand = (): { value: Value; isPattern: boolean } => {
    const [, variable, double, single, pattern] = tokens[next++] ?? [];
    if (variable !== undefined) return { value: lookup(values, variable.replace(/\W/g, "")), isPattern: false };
    if (pattern !== undefined) return { value: pattern, isPattern: true };
    return { value: double ?? single ?? null, isPattern: false };
  };
  const comparison = (): Truth => {
    if (takes("(")) {
      const inner = either();
      takes(")");
      return inner;
    }
    const { value } = operand();
    if (takes("==")) return isEqual(value, operand().value);
    if (takes("!=")) return not(isEqual(value, operand().value));
    if (takes("=~")) return matches(value, operand());
    if (takes("!~")) return not(matches(value, operand()));
    return value === undefined ? undefined : value !== null && value !== "";
  };
  const both = (): Truth => {
    let all = comparison();
    while (takes("&&")) {
      const other = comparison();
      all = all === false || other === false ? false : all === undefined || other === undefined ? undefined : true;
    }
    return all;
  };
  const either = (): Truth => {
    let any = both();
    while (takes("||")) {
      const other = both();
      any = any === true || other === true ? true : any === undefined || other === undefined ? undefined : false;
    }
    return any;
  };
  return either();
}

const not = (truth: Truth): Truth => truth === undefined ? undefined : !truth;

function isEqual(one: Value, other: Value): Truth {
  if (one === undefined || other === undefined) return undefined;
  if (one === other) return true;
  const isBranch = [one, other].includes(DEFAULT_BRANCH) && one !== null && other !== null;
  return isBranch ? undefined : false;
}

function matches(value: Value, { value: pattern, isPattern }: { value: Value; isPattern: boolean }): Truth {
  if (value === null) return false;
  if (value === undefined || value === DEFAULT_BRANCH || !isPattern || typeof pattern !== "string") return undefined;
  // The usual patterns for sources are lists of words. Other patterns of the repository are not executed, because they may be slow.
  const [, words] = /^\^?\(?([\w|]+)\)?\$?$/.exec(pattern) ?? [];
  return words === undefined ? undefined : words.split("|").some((word) => value.includes(word));
}
