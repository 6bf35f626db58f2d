/**
 * For the program of the GitHub action: its jobs run on GitHub, or on a runner that takes its actions.
 *
 * @module
 */
import type { Systems } from "./platform.ts";
import { forgejo } from "./systems/forgejo.ts";
import { gitea } from "./systems/gitea.ts";
import { github } from "./systems/github.ts";

/** Forgejo and Gitea by their marks, else GitHub. */
export const ONLY_GITHUB: Systems = {
  detect(env) {
    if (env("FORGEJO_ACTIONS")) return forgejo;
    return env("GITEA_ACTIONS") ? gitea : github;
  },
  variables() {
    const marks = ["CI", "FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITHUB_ACTIONS"];
    return [...new Set([...marks, ...[forgejo, gitea, github].flatMap((each) => each.variables)])].sort();
  },
};
