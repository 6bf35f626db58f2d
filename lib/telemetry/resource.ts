/**
 * What made the spans: the program, and the job and pipeline that it runs in.
 *
 * @module
 */
import type { Platform, ReadEnv } from "../platforms/platform.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import { VERSION } from "../version.ts";
import { SEMCONV } from "./names.ts";
import type { Attributes } from "./otlp.ts";

/** Longest text of an attribute, in UTF-16 units. */
const MAX_TEXT = 500;

/** The job in its CI system. */
export interface CiPlace {
  /** The CI system. */
  platform: Platform;
  env: ReadEnv;
}

/** Every text normalised, without secrets, and short. */
export function cleanAttributes(attributes: Attributes, redact: (text: string) => string): Attributes {
  const clean = (text: string) => cutText(redact(plainText(text)), MAX_TEXT);
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [
      clean(key),
      typeof value === "string" ? clean(value) || null : value,
    ]),
  );
}

/** The address of a repository, without what may be a token in front of its host. */
function withoutUser(address: string | undefined): string | null {
  return address?.replace(/\.git$/, "").replace(/^(https?:\/\/)[^/]*@/i, "$1") ?? null;
}

/** Attributes of the resource. @param given What the user gives; it wins. */
export function resourceAttributes({ platform, env }: CiPlace, given: ReadonlyMap<string, string>): Attributes {
  const links = platform.links(env);
  return {
    [SEMCONV.serviceName]: "mogplex-ci",
    [SEMCONV.serviceVersion]: VERSION,
    [SEMCONV.pipelineRunId]: platform.identity(env)?.pipeline ?? null,
    [SEMCONV.pipelineRunUrl]: links.pipeline ?? null,
    [SEMCONV.repositoryUrl]: withoutUser(platform.remote(env)),
    ...Object.fromEntries(given),
  };
}

/**
 * Attributes of the job as a task of its pipeline.
 *
 * @param spanId Names the task where there is no CI system.
 */
export function taskAttributes({ platform, env }: CiPlace, spanId: string): Attributes {
  const { job = null, node = "", attempt = null } = platform.identity(env) ?? {};
  const links = platform.links(env);
  // Only GitLab's attempt is an id of its own.
  const parts = platform.name === "gitlab" ? [attempt] : [job, node, attempt];
  const id = parts.filter((part) => part !== null && part !== "").join("/");
  return {
    [SEMCONV.taskName]: job ?? "mogplex-ci",
    [SEMCONV.taskRunId]: id || spanId,
    [SEMCONV.taskRunUrl]: links.job ?? links.pipeline ?? null,
  };
}
