/** Repositories in a temporary folder, and this project's Git on them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { systemClock } from "../../../lib/clock.ts";
import { type GitOptions, openGit, type SystemGit } from "../../../lib/git/git.ts";

/** Repositories, and what opens Git. */
export interface Remotes {
  folder: string;
  /** Makes an empty bare repository. Returns its path. */
  make(name: string): string;
  /** Runs the machine's own Git, and returns what it printed. */
  git(cwd: string, ...args: string[]): string;
  /** Opens Git as the toolkit does; it is closed with the rest. */
  open(options?: Partial<GitOptions>): Promise<SystemGit>;
  close(): Promise<void>;
}

const ENV = {
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  ...{ GIT_AUTHOR_NAME: "Test", GIT_AUTHOR_EMAIL: "test@example.com" },
  ...{ GIT_COMMITTER_NAME: "Test", GIT_COMMITTER_EMAIL: "test@example.com" },
};

/** Makes a folder for repositories. */
export function makeRemotes(): Remotes {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-remotes-"));
  const opened: SystemGit[] = [];
  function git(cwd: string, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync("git", args, { cwd, env: ENV, encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  }
  return {
    folder,
    git,
    make(name) {
      git(folder, "init", "-q", "--bare", name);
      return join(folder, name);
    },
    async open(options = {}) {
      const made = await openGit({
        env: (name) => name === "PATH" ? ENV.PATH : undefined,
        clock: systemClock,
        remote: "https://example.com/acme/web.git",
        ...options,
      });
      opened.push(made);
      return made;
    },
    async close() {
      for (const each of opened) await each.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
