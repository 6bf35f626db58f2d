/**
 * Shared by the programs of all components. It imports no verb: each program bundles its own.
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
  /** Verbs by name; `permissions` prints the flags with which Deno may run the others. */
  verbs: Readonly<Record<string, VerbFunction>>;
  /** The flags of a job, which has no command line. */
  flags: VerbFlags;
  /** Patterns of its inputs. */
  patterns: readonly InputPattern[];
  /** Checks inputs before anything is read. @param env Inputs first. @throws {UsageError} @default nothing to check */
  check?: (env: ReadEnv) => void;
  /** @default no notes */
  notes?: NotePlanner;
  /** @default {[]} */
  forges?: readonly Forge[];
  /** @default nothing besides the reports */
  extras?: JobExtras;
}

/** Verbs beside the job's own work. */
const SECONDARY: readonly string[] = ["permissions", "cleanup"];

/**
 * Runs a verb of the component.
 * @param args The verb.
 * @param process Environment, files, streams and signals.
 * @returns The exit code; it never throws.
 */
export async function componentMain(
  { verbs, flags, patterns, check, notes, forges = [], extras }: ComponentProgram,
  args: readonly string[],
  process: Io,
  options: MainOptions,
): Promise<number> {
  const [name = ""] = args;
  // Only for `permissions` does a program read stdout alone.
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
  // A promise that never settles ends the process with this code, on every runtime.
  setExitCode(EXIT.internal);
  const io = processIo();
  io.setExitCode(await main(programArgs(), io));
}
