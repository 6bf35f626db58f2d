/**
 * The CI systems that a pipeline of a campaign can be made for. A new one is a module and a row here.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { buildkite } from "./buildkite.ts";
import type { PipelineFormat } from "./format.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { kubernetes } from "./kubernetes.ts";

/** The formats, by the word of `--format`. */
const FORMATS: ReadonlyMap<string, PipelineFormat> = new Map([
  ["gitlab", gitlab],
  ["github", github],
  ["buildkite", buildkite],
  ["kubernetes", kubernetes],
]);

/** The format with a name. @throws {UsageError} when there is none. */
export function formatOf(name: string | undefined): PipelineFormat {
  const format = FORMATS.get(name ?? "");
  if (format !== undefined) return format;
  throw new UsageError({
    attempted: "make a pipeline",
    why: name === undefined ? "nothing says for which CI system" : "there is no such format",
    value: name === undefined ? undefined : JSON.stringify(name),
    advice: `give --format with one of ${[...FORMATS.keys()].join(", ")}`,
  });
}
