/**
 * The Git repositories behind projects in bulk: a small bare one for each project that a run needs, made when it needs it.
 *
 * @module
 */
import { mkdtempSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { git } from "./git.ts";

/** Files of a project. The source uses a library, so that a command which replaces one has something to change. */
function filesOf(fullName: string): Readonly<Record<string, string>> {
  const name = fullName.split("/")[1] ?? fullName;
  return {
    "README.md": `# ${name}\n\nCounts days. Dates are read with moment.\n`,
    "package.json": `${
      JSON.stringify(
        { name, version: "1.0.0", type: "module", main: "src/days.js", dependencies: { moment: "^2.30.1" } },
        null,
        2,
      )
    }\n`,
    "src/days.js": `import moment from "moment";

/** Whole days from one date to another, both as in 2026-01-31. */
export function daysBetween(from, to) {
  return moment(to, "YYYY-MM-DD").diff(moment(from, "YYYY-MM-DD"), "days");
}
`,
  };
}

// The same time for all, so that a project has the same first commit on every machine.
const COMMITTED = "Mogplex Emulator <emulator@mogplex.invalid> 1767225600 +0000";

/** The first commit as a stream for `git fast-import`. */
function importStream(fullName: string, branch: string): string {
  const data = (text: string) => `data ${new TextEncoder().encode(text).length}\n${text}\n`;
  const files = Object.entries(filesOf(fullName)).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`);
  return `commit refs/heads/${branch}\ncommitter ${COMMITTED}\n${data(`Begin ${fullName}\n`)}${files.join("")}`;
}

/** Git repositories of projects, in one temporary directory. */
export class ProjectStore {
  /** Directory of the repositories: `OWNER/NAME.git` for each. */
  readonly directory: string;
  readonly #made = new Map<string, Promise<string>>();

  /** Makes the directory, `mogplex-emulator-projects-…`. */
  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), "mogplex-emulator-projects-"));
  }

  /**
   * Path of a project's repository, which is made if it does not exist yet.
   *
   * @param fullName `owner/name`.
   * @param branch Its default branch, if it has to be made.
   * @throws {GitError} if Git fails.
   */
  path(fullName: string, branch: string): Promise<string> {
    const known = this.#made.get(fullName);
    if (known !== undefined) return known;
    const made = this.#make(fullName, branch);
    this.#made.set(fullName, made);
    // The next run tries again.
    made.catch(() => this.#made.delete(fullName));
    return made;
  }

  async #make(fullName: string, branch: string): Promise<string> {
    const path = join(this.directory, `${fullName}.git`);
    // Under another name until it is complete.
    const draft = `${path}.new`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    await git(dirname(path), ["init", "--quiet", "--bare", "--template=", `--initial-branch=${branch}`, "--", draft]);
    await git(draft, ["fast-import", "--quiet"], { input: importStream(fullName, branch) });
    await rename(draft, path);
    return path;
  }

  /** Removes all of them. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#made.values());
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
