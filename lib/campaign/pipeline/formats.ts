/**
 * The CI systems that a pipeline of a campaign can be made for. A new one is a module and a row here.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { PipelineFormat } from "./format.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";

/** The formats, by the word of `--format`. */
const FORMATS: ReadonlyMap<string, PipelineFormat> = new Map([
  ["gitlab", gitlab],
  ["github", github],
]);

/** Recipes in the place of formats that earlier versions had. */
const GONE: ReadonlyMap<string, string> = new Map([
  ["buildkite", "examples/buildkite/campaign.yml"],
  ["kubernetes", "examples/kubernetes/campaign.yaml"],
]);

/** The format with a name. @throws {UsageError} when there is none. */
export function formatOf(name: string | undefined): PipelineFormat {
  const format = FORMATS.get(name ?? "");
  if (format !== undefined) return format;
  const recipe = GONE.get(name ?? "");
  if (recipe !== undefined) {
    throw new UsageError({
      attempted: "make a pipeline",
      why: `this version has no format ${JSON.stringify(name)} any more`,
      advice: `copy the recipe ${recipe}, which calls \`campaign advance\``,
    });
  }
  throw new UsageError({
    attempted: "make a pipeline",
    why: name === undefined ? "nothing says for which CI system" : "there is no such format",
    value: name === undefined ? undefined : JSON.stringify(name),
    advice: `give --format with one of ${[...FORMATS.keys()].join(", ")}`,
  });
}
