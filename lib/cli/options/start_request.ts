/**
 * What `run --follow` asks for: the task from one of its sources, and the rest from flags and variables.
 *
 * @module
 */
import { validateStartRequest } from "../../api/validate.ts";
import { UsageError } from "../../errors.ts";
import type { StartRequest } from "../../model.ts";
import { readCheckoutFile } from "./checkout_file.ts";
import { setting, switchSetting } from "./settings.ts";
import type { VerbContext } from "../verb.ts";

type ReadPrompt = () => string | Promise<string>;

function ofFile(context: VerbContext, path: string): ReadPrompt {
  return () => readCheckoutFile(context, path, "read prompt");
}

/** The sources of the command line, which win over those of the environment. */
function givenPrompts(context: VerbContext): ReadPrompt[] {
  const { io, flags } = context;
  const [argument] = flags.positionals;
  const file = flags.get("prompt-file");
  return [
    ...argument === undefined ? [] : [argument === "-" ? () => io.readStdin() : () => argument],
    ...file === undefined ? [] : [ofFile(context, file)],
  ];
}

/** The sources of the environment. */
function variablePrompts(context: VerbContext): ReadPrompt[] {
  const text = context.io.env("MOGPLEX_PROMPT");
  const file = context.io.env("MOGPLEX_PROMPT_FILE")?.trim();
  return [...text ? [() => text] : [], ...file ? [ofFile(context, file)] : []];
}

/**
 * The task.
 *
 * @throws {UsageError} when there is none, when two sources that count the same have one, or when it cannot be read.
 */
async function readPrompt(context: VerbContext): Promise<string> {
  const { words } = context;
  const given = givenPrompts(context);
  const [source, other] = given.length > 0 ? given : variablePrompts(context);
  if (source === undefined) throw new UsageError(`Cannot start run without a prompt: give ${words.prompt}`);
  if (other !== undefined) {
    const names = given.length > 0 ? "the argument and --prompt-file" : words.promptVariables;
    throw new UsageError(`Cannot choose a prompt as it comes from ${names}: give one of them`);
  }
  return await source();
}

/**
 * What flags and variables say of a request, but for its task and its repository; not checked.
 *
 * @throws {UsageError} when a switch is neither on nor off.
 */
export function readRequestSettings(context: VerbContext): Omit<StartRequest, "repoId" | "prompt"> {
  return {
    harness: setting(context, "harness", "MOGPLEX_HARNESS"),
    mode: setting(context, "mode", "MOGPLEX_MODE"),
    baseBranch: setting(context, "base-branch", "MOGPLEX_BASE_BRANCH"),
    workingBranch: setting(context, "branch", "MOGPLEX_WORKING_BRANCH"),
    createBranch: switchSetting(context, "create-branch", "MOGPLEX_CREATE_BRANCH") || undefined,
    rootDirectory: setting(context, "root", "MOGPLEX_ROOT"),
  };
}

/**
 * The request, complete and checked.
 *
 * @throws {UsageError} naming what is missing or breaks a rule; nothing was sent.
 */
export async function readStartRequest(context: VerbContext): Promise<StartRequest> {
  const repoId = setting(context, "repo", "MOGPLEX_REPO_ID");
  if (repoId === undefined) {
    throw new UsageError(`Cannot start run without a repository: give ${context.words.repo}`);
  }
  const prompt = await readPrompt(context);
  return validateStartRequest({ repoId, prompt, ...readRequestSettings(context) });
}
