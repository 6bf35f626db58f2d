import { printCompletion } from "../setup/completion.ts";
import type { Verb } from "../verb.ts";

export const completionVerb: Verb = {
  name: "completion",
  usage: "bash | zsh | fish",
  maxPositionals: 1_000,
  summary: "Print the shell completion script for commands and flags",
  group: "toolkit",
  flags: [],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the script was printed", usage: "bad arguments" },
  examples: ["mogplex-ci completion bash >> ~/.bashrc"],
  run: printCompletion,
};
