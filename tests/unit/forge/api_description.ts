/** What a published OpenAPI description says of single operations: the form of the body, and the statuses of the answers. No sentence of it is kept. */

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonMap = { [key: string]: Json };

export interface Operation {
  /** JSON Schema of the body; null without one. */
  body: Json;
  /** Names of parameters in the query. */
  query: string[];
  statuses: string[];
}

export interface Description {
  /** Where it was published, with its version. */
  source: string;
  /** By `PUT /path/{parameter}`. */
  operations: Record<string, Operation>;
}

const WORDS: ReadonlySet<string> = new Set(["description", "title", "example", "examples", "default"]);

/** A schema without words for people. The names of properties stay, whatever they are. */
function bare(value: Json, isNames = false): Json {
  if (Array.isArray(value)) return value.map((each) => bare(each));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => isNames || !WORDS.has(key));
  return Object.fromEntries(entries.map(([key, each]) => [key, bare(each, key === "properties" && !isNames)]));
}

const mapOf = (value: Json | undefined): JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};

/** Follows a reference within the document. */
function resolved(document: JsonMap, value: Json | undefined): JsonMap {
  const map = mapOf(value);
  if (typeof map.$ref !== "string") return map;
  let target: Json | undefined = document;
  for (const part of map.$ref.replace(/^#\//, "").split("/")) target = mapOf(target)[part];
  return mapOf(target);
}

/** Reads operations out of a whole document. @param names As in {@linkcode Description.operations}. */
export function describe(document: JsonMap, names: readonly string[]): Record<string, Operation> {
  return Object.fromEntries(names.map((name) => {
    const [method = "", path = ""] = name.split(" ");
    const operation = mapOf(mapOf(mapOf(document.paths)[path])[method.toLowerCase()]);
    const content = mapOf(mapOf(operation.requestBody).content);
    const schema = mapOf(content["application/json"]).schema;
    const parameters = Array.isArray(operation.parameters) ? operation.parameters : [];
    return [name, {
      body: schema === undefined ? null : bare(resolved(document, schema)),
      query: parameters.map((each) => resolved(document, each)).filter((each) => each.in === "query")
        .map((each) => String(each.name)).sort(),
      statuses: Object.keys(mapOf(operation.responses)).sort(),
    }];
  }));
}

/** Operations of GitHub that we use for changes. */
export const GITHUB_OPERATIONS: readonly string[] = [
  "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge-async",
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/merge-async/{uuid}",
  "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge",
  "PUT /repos/{owner}/{repo}/pulls/{pull_number}/update-branch",
  "GET /repos/{owner}/{repo}/pulls/{pull_number}",
  "PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
  "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
  "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
  "GET /repos/{owner}/{repo}/git/ref/{ref}",
  "DELETE /repos/{owner}/{repo}/git/refs/{ref}",
  "GET /user",
];
