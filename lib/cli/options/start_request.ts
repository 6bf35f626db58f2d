/**
 * What `run --follow` asks for: the task from one of its sources, and the rest from flags and variables.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { StartRequest } from "../../model.ts";
import { checkRunRequest, type RunRequest } from "../../runs/run_request.ts";
import { readTextVariable } from "../../platforms/file_variable.ts";
import type { VerbContext } from "../verb.ts";
import { requiredRepo } from "./arguments.ts";
import { readCheckoutFile } from "./checkout_file.ts";
import { BASE_BRANCH, BRANCH, CREATE_BRANCH, HARNESS, MODE, NO_CREATE_BRANCH, PROMPT_FILE, ROOT } from "./table.ts";

type ReadPrompt = () => string | Promise<string>;

function ofFile(context: VerbContext, path: string): ReadPrompt {
  return () => readCheckoutFile(context, path, "read prompt");
}

/** The sources of the command line, which win over those of the environment. */
function givenPrompts(context: VerbContext): ReadPrompt[] {
  const { io, flags } = context;
  const [argument] = flags.positionals;
  const file = flags.get(PROMPT_FILE.name);
  return [
    ...argument === undefined ? [] : [argument === "-" ? () => io.readStdin() : () => argument],
    ...file === undefined ? [] : [ofFile(context, file)],
  ];
}

/** The sources of the environment. */
function variablePrompts(context: VerbContext): ReadPrompt[] {
  const text = readTextVariable(context.io.env, "MOGPLEX_PROMPT");
  const file = context.option(PROMPT_FILE);
  return [...text ? [() => text] : [], ...file ? [ofFile(context, file)] : []];
}

/**
 * The task.
 *
 * @throws {UsageError} when there is none, when two sources of the same rank have one, or when it cannot be read.
 */
async function readPrompt(context: VerbContext): Promise<string> {
  const { vocabulary } = context;
  const given = givenPrompts(context);
  const [source, other] = given.length > 0 ? given : variablePrompts(context);
  if (source === undefined) {
    throw new UsageError({ attempted: "start run", why: "a prompt is missing", advice: `give ${vocabulary.prompt}` });
  }
  if (other !== undefined) {
    const names = given.length > 0 ? `the argument and --${PROMPT_FILE.name}` : vocabulary.promptVariables;
    throw new UsageError({ attempted: "choose a prompt", why: `it comes from ${names}`, advice: "give one of them" });
  }
  return await source();
}

/**
 * What flags and variables say of a request, but for its task and its repository; not checked.
 *
 * @throws {UsageError} when a switch is neither on nor off, or both.
 */
export function readRequestSettings({ flags, option }: VerbContext): Omit<StartRequest, "repoId" | "prompt"> {
  if (flags.has(CREATE_BRANCH.name) && flags.has(NO_CREATE_BRANCH.name)) {
    const why = `--${CREATE_BRANCH.name} and --${NO_CREATE_BRANCH.name} exclude each other`;
    throw new UsageError({ attempted: "start run", why, advice: "give one of them" });
  }
  return {
    // The words are checked with the rest of the request.
    harness: option(HARNESS) as StartRequest["harness"],
    mode: option(MODE) as StartRequest["mode"],
    baseBranch: option(BASE_BRANCH),
    workingBranch: option(BRANCH),
    createBranch: flags.has(NO_CREATE_BRANCH.name) ? false : option(CREATE_BRANCH),
    rootDirectory: option(ROOT),
  };
}

/**
 * The request, complete and checked.
 *
 * @throws {UsageError} naming what is missing or breaks a rule; nothing was sent.
 */
export async function readStartRequest(context: VerbContext): Promise<RunRequest> {
  const repo = requiredRepo(context, "start run");
  const prompt = await readPrompt(context);
  const request = { repo, prompt, ...readRequestSettings(context) };
  checkRunRequest(request);
  return request;
}
