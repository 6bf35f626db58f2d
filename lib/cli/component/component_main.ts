/**
 * This file is part of the program of every component. It imports no verb, because each program bundles its own verbs.
 *
 * @module
 */
import { ONLY_GITLAB } from "../../ci/gitlab.ts";
import type { ReadEnv } from "../../ci/platform.ts";
import { exitCodeFor, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { type Io, processIo } from "../../io.ts";
import type { Forge } from "../../forge/forge.ts";
import { lookup } from "../../lookup.ts";
import { programArgs, setExitCode } from "../../runtime.ts";
import { createWriter, explain } from "../explain.ts";
import { openContext } from "../context.ts";
import {
  inOneStream,
  type JobExtras,
  type MainOptions,
  type NotePlanner,
  type VerbFlags,
  type VerbFunction,
} from "../verb.ts";
import { checkInputs, componentVocabulary, type InputPattern, inputsFirst, limitNotice } from "./inputs.ts";

interface ComponentProgram {
  verbs: Readonly<Record<string, VerbFunction>>;
  flags: VerbFlags;
  patterns: readonly InputPattern[];
  /**
   * Called before any file is read.
   * @param env The environment, in which inputs override variables.
   */
  check?: (env: ReadEnv) => void;
  notes?: NotePlanner;
  forges?: readonly Forge[];
  extras?: JobExtras;
}

const SECONDARY: readonly string[] = ["permissions", "cleanup"];

/** Never throws. */
export async function componentMain(
  { verbs, flags, patterns, check, notes, forges = [], extras }: ComponentProgram,
  args: readonly string[],
  process: Io,
  options: MainOptions,
): Promise<number> {
  const [name = ""] = args;
  // Only the output of `permissions` is read by a program, so only this verb needs a separate stdout.
  const streams = name === "permissions" ? process : inOneStream(process);
  const io: Io = { ...streams, env: inputsFirst(process.env) };
  const platform = ONLY_GITLAB.detect(io.env);
  const writer = createWriter(io, platform, "toolkit");
  const vocabulary = componentVocabulary(name, io.env);
  try {
    const verb = lookup(verbs, name);
    if (verb === undefined || args.length > 1) {
      const advice = `give one of ${Object.keys(verbs).join(", ")}`;
      throw new UsageError({ attempted: `run ${JSON.stringify(args.join(" "))}`, why: "unknown command", advice });
    }
    checkInputs(process.env, patterns);
    check?.(io.env);
    const notice = SECONDARY.includes(name) ? undefined : limitNotice(process.env);
    if (notice !== undefined) writer.note(notice);
    return await verb(
      openContext(
        {
          io,
          variables: process.env,
          platform,
          systems: ONLY_GITLAB,
          writer,
          flags,
          vocabulary,
          verbs: [],
          dropIn: false,
          notes,
          forges,
          extras,
        },
        options,
      ),
    );
  } catch (error) {
    explain(error, writer, vocabulary);
    return exitCodeFor(error);
  }
}

export async function runComponent(main: (args: readonly string[], process: Io) => Promise<number>): Promise<void> {
  // If a promise never settles, the process ends with this code on every runtime.
  setExitCode(EXIT.internal);
  const io = processIo();
  io.setExitCode(await main(programArgs(), io));
}
