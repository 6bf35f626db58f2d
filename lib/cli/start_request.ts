/**
 * What `run --follow` asks for: the task from one of its sources, and the rest from flags and variables.
 *
 * @module
 */
import { validateStartRequest } from "../api/validate.ts";
import { UsageError } from "../errors.ts";
import type { StartRequest } from "../model.ts";
import { readCheckoutFile } from "./checkout_file.ts";
import { setting, switchSetting } from "./settings.ts";
import type { VerbContext } from "./verb.ts";

interface PromptSource {
  name: string;
  read(): string | Promise<string>;
}

function promptSources(context: VerbContext): PromptSource[] {
  const { io, flags } = context;
  const [argument] = flags.positionals;
  const sources: PromptSource[] = [];
  if (argument === "-") sources.push({ name: "standard input (-)", read: () => io.readStdin() });
  else if (argument !== undefined) sources.push({ name: "the argument", read: () => argument });
  const file = flags.get("prompt-file");
  if (file !== undefined) {
    sources.push({
      name: "--prompt-file",
      read: () => readCheckoutFile(context, file, "read prompt"),
    });
  }
  const variable = io.env("MOGPLEX_PROMPT") || undefined;
  if (variable !== undefined) sources.push({ name: "MOGPLEX_PROMPT", read: () => variable });
  const named = io.env("MOGPLEX_PROMPT_FILE")?.trim() || undefined;
  if (named !== undefined) {
    sources.push({
      name: "MOGPLEX_PROMPT_FILE",
      read: () => readCheckoutFile(context, named, "read prompt"),
    });
  }
  return sources;
}

/** The task. @throws {UsageError} when there is none, when there is more than one, or when it cannot be read. */
async function readPrompt(context: VerbContext): Promise<string> {
  const [source, ...others] = promptSources(context);
  if (source === undefined) {
    throw new UsageError(
      "run: a prompt is required: an argument, - for standard input, --prompt-file, MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
    );
  }
  if (others.length > 0) {
    const names = [source, ...others].map((each) => each.name).join(" and ");
    throw new UsageError(`Cannot choose a prompt: it comes from ${names}; give one of them`);
  }
  return await source.read();
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
    throw new UsageError("run: --repo <id> is required, or MOGPLEX_REPO_ID (find IDs via `mogplex-ci repos list`)");
  }
  const prompt = await readPrompt(context);
  return validateStartRequest({ repoId, prompt, ...readRequestSettings(context) });
}
