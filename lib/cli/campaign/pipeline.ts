import { internalsWith } from "../../campaign/open_campaign.ts";
import type { PipelineFile, PipelineSettings } from "../../campaign/pipeline/format.ts";
import { makePipelineWith } from "../../campaign/pipeline/make_pipeline.ts";
import { INTERRUPTED_SINCE } from "../../ci/gitlab_retry.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { anyText, HOME } from "../options.ts";
import type { Context, Option, Verb, VerbFlag } from "../verb.ts";
import { maskToken } from "../context.ts";
import { campaignVerb, readPlace, writeFile } from "./campaign_job.ts";
import { ALLOW_OUTSIDE, DIR, duration, JSON_OBJECT, MEAN_RUN } from "./flags.ts";

const FORMAT: Option<string> = {
  name: "format",
  value: "NAME",
  help: "CI system: gitlab (required)",
  parse: anyText,
};

const OUTPUT: Option<string> = {
  name: "output",
  value: "PATH",
  help: "File to write, or directory if it ends with / or there are several files (standard output)",
  parse: fitting(/\S/, "a path"),
};

const IMAGE: Option<string> = {
  name: "image",
  value: "IMAGE",
  help: "Container image of the jobs, preferably with a digest; needs sh, sha256sum and Node",
  parse: fitting(/^[A-Za-z0-9][\w./:@-]{0,300}$/, "the name of an image"),
};

const TAG: Option<string> = {
  name: "tag",
  value: "TAG",
  multiple: true,
  help: "Tag, label or queue of the runners",
  parse: fitting(/^[A-Za-z0-9][\w ./:@=-]{0,100}$/, "letters, digits, spaces and ./:@=_-"),
};

/** In milliseconds. */
const EVERY: Option<number> = {
  name: "every",
  value: "TIME",
  help: "Minimum time between two waves, from 1m to 24h (15m)",
  parse(text, source) {
    const ms = duration(text, source);
    if (ms >= 60_000 && ms <= 86_400_000) return ms;
    throw new UsageError({
      attempted: `use ${source}`,
      why: "it must be from 1m to 24h",
      value: JSON.stringify(text),
    });
  },
};

/** In milliseconds. */
const REHEARSAL: Option<number> = {
  name: "rehearsal",
  value: "TIME",
  help: "Replace every delay with this one, to rehearse a pipeline against the emulator",
  parse: duration,
};

const RETRY_INTERRUPTED: VerbFlag = {
  name: "retry-interrupted",
  help:
    `GitLab ${INTERRUPTED_SINCE} and later: also retry a wave whose runner was stopped; older versions reject the file`,
};

const PROGRAM_FLAG: Option<string> = {
  name: "program",
  value: "PATH",
  help: "Path of mogplex.mjs in the repository, or command:NAME for a command in the image (ci/mogplex.mjs)",
  parse: anyText,
};

const FROM_JOB: Option<string> = {
  name: "from-job",
  value: "NAME",
  help: "GitLab: job of this pipeline whose artifacts contain plan, program and files (default: the checkout)",
  parse: fitting(/^[A-Za-z0-9][A-Za-z0-9 _.:-]{0,100}$/, "the name of a job"),
};

export const campaignPipelineVerb: Verb = campaignVerb("pipeline", {
  summary: "Write a CI pipeline whose jobs run the waves; send no request",
  flags: [
    // `WEBHOOK_VARIABLE` is left out, because the generated jobs do not pass this flag.
    [DIR, HOME, ALLOW_OUTSIDE],
    [FORMAT, OUTPUT],
    [IMAGE, TAG, PROGRAM_FLAG, FROM_JOB],
    [EVERY, MEAN_RUN, REHEARSAL, RETRY_INTERRUPTED],
    JSON_OBJECT,
  ],
  codes: ["success", "usage", "unavailable", "internal"],
  meanings: {
    success: "the pipeline was written",
    usage: "there is no plan; a mistake in the file or the arguments; a setting that the CI system does not support",
    unavailable: "the directory cannot be read",
  },
  examples: ["mogplex-ci campaign pipeline campaign.yml --format gitlab --output waves.yml"],
  run: pipeline,
});

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
  if (flags.has(JSON_OBJECT)) writer.json({ files: files.map(({ path, text }) => ({ path, text })) });
  else if (output === undefined) writer.output(files.map(({ text }) => text.trimEnd()).join("\n"));
  return EXIT.success;
}

const EVERY_MS = 15 * 60_000;

function sourceOf({ option, io }: Context): PipelineSettings["source"] {
  const job = option(FROM_JOB);
  if (job === undefined) return undefined;
  const pipeline = io.env("CI_PIPELINE_ID") ?? "";
  if (/^\d{1,20}$/.test(pipeline)) return { pipeline, job };
  throw new UsageError({
    attempted: "use --from-job",
    why: "this is not a GitLab job: CI_PIPELINE_ID is not a number",
    advice: "omit the flag; the jobs then use the files in the checkout",
  });
}

function settingsOf(context: Context): PipelineSettings {
  const { option, flags } = context;
  return {
    image: option(IMAGE),
    tags: flags.all(TAG).map((tag) => TAG.parse(tag, `--${TAG.name}`)),
    everyMs: option(EVERY) ?? EVERY_MS,
    rehearsalMs: option(REHEARSAL),
    retryInterrupted: flags.has(RETRY_INTERRUPTED),
    source: sourceOf(context),
  };
}

function write(context: Context, files: readonly PipelineFile[], output: string): void {
  const isDirectory = files.length > 1 || output.endsWith("/");
  for (const file of files) {
    const path = isDirectory ? `${output.replace(/\/+$/, "")}/${file.path}` : output;
    writeFile(context, path, file.text, "make a pipeline");
    context.writer.note(context.writer.untrusted(`wrote ${path}`));
  }
}

/** Accepts only text without a special meaning in YAML, a shell or a CI system. */
function fitting(form: RegExp, what: string): (text: string, source: string) => string {
  return (text, source) => {
    if (form.test(text)) return text;
    throw new UsageError({ attempted: `use ${source}`, why: `it must be ${what}`, value: JSON.stringify(text) });
  };
}
