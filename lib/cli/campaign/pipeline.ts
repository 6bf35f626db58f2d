/**
 * `campaign pipeline`: writes the pipeline of a CI system that makes the waves of a campaign. Sends nothing.
 *
 * @module
 */
import { internalsWith } from "../../campaign/open_campaign.ts";
import type { PipelineFile, PipelineSettings } from "../../campaign/pipeline/format.ts";
import { makePipelineWith } from "../../campaign/pipeline/make_pipeline.ts";
import { messageOf } from "../../error_sentence.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Context, Verb } from "../verb.ts";
import { maskToken, readPlace } from "./campaign_job.ts";
import {
  ALLOW_OUTSIDE,
  DIR,
  EVERY,
  FORMAT,
  FROM_JOB,
  HOME,
  IMAGE,
  JSON_OBJECT,
  MEAN_RUN,
  OUTPUT,
  PROGRAM_FLAG,
  REHEARSAL,
  RETRY_INTERRUPTED,
  TAG,
} from "./flags.ts";

/** Time between two waves when none is given, in milliseconds. */
const EVERY_MS = 15 * 60_000;

/** The job whose artifacts the pipeline takes. @throws {UsageError} when this is no job of GitLab. */
function sourceOf({ option, io }: Context): PipelineSettings["source"] {
  const job = option(FROM_JOB);
  if (job === undefined) return undefined;
  const pipeline = io.env("CI_PIPELINE_ID") ?? "";
  if (/^\d{1,20}$/.test(pipeline)) return { pipeline, job };
  throw new UsageError({
    attempted: "use --from-job",
    why: "this is no job of GitLab: CI_PIPELINE_ID is not a number",
    advice: "leave the flag out: the jobs then take the files from the checkout",
  });
}

function settingsOf(context: Context): PipelineSettings {
  const { option, flags } = context;
  return {
    image: option(IMAGE),
    tags: flags.all(TAG.name).map((tag) => TAG.parse(tag, `--${TAG.name}`)),
    everyMs: option(EVERY) ?? EVERY_MS,
    rehearsalMs: option(REHEARSAL),
    retryInterrupted: flags.has(RETRY_INTERRUPTED.name),
    source: sourceOf(context),
  };
}

function write({ io, writer }: Context, files: readonly PipelineFile[], output: string): void {
  const isDirectory = files.length > 1 || output.endsWith("/");
  for (const file of files) {
    const path = isDirectory ? `${output.replace(/\/+$/, "")}/${file.path}` : output;
    try {
      io.writeFile(path, file.text);
    } catch (cause) {
      const why = `${JSON.stringify(path)} cannot be written`;
      throw new UsageError({ attempted: "make a pipeline", why, value: messageOf(cause) }, { cause });
    }
    writer.note(writer.untrusted(`wrote ${path}`));
  }
}

async function pipeline(context: Context): Promise<number> {
  const { flags, option, writer, io } = context;
  const place = readPlace(context, "campaign pipeline");
  maskToken(context);
  const output = option(OUTPUT);
  const files = await makePipelineWith(place.path, {
    ...place.options,
    format: option(FORMAT),
    program: option(PROGRAM_FLAG),
    meanRunMs: option(MEAN_RUN),
    settings: settingsOf(context),
    output,
  }, internalsWith(place.internals, { io }));
  if (output !== undefined) write(context, files, output);
  if (flags.has("json")) writer.json({ files: files.map(({ path, text }) => ({ path, text })) });
  else if (output === undefined) writer.output(files.map(({ text }) => text.trimEnd()).join("\n"));
  return EXIT.success;
}

export const campaignPipelineVerb: Verb = {
  name: "campaign pipeline",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Write the pipeline of a CI system that makes the waves; no request",
  group: "toolkit",
  flags: [
    // The jobs name no variable: the file has one with a usual name.
    [DIR, HOME, ALLOW_OUTSIDE],
    [FORMAT, OUTPUT],
    [IMAGE, TAG, PROGRAM_FLAG, FROM_JOB],
    [EVERY, MEAN_RUN, REHEARSAL, RETRY_INTERRUPTED],
    JSON_OBJECT,
  ],
  codes: ["success", "usage", "unavailable", "internal"],
  meanings: {
    success: "it was written",
    usage: "nothing was planned; a mistake in file or arguments; something that the CI system cannot do",
    unavailable: "the directory cannot be read",
  },
  examples: ["mogplex-ci campaign pipeline campaign.yml --format gitlab --output waves.yml"],
  run: pipeline,
};
