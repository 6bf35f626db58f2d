/** GitHub's own actions, but only the parts that the recipes use, pinned by a commit. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { copyMatching, type Machine } from "../machine.ts";
import { type Fields, fields, text } from "../../../../unit/examples/strict.ts";
import { writeFiles } from "../../../components/project.ts";

/** What a job has kept for later ones. It cannot be changed. */
export interface GithubCache {
  /** Branch of the job: a cache is for it, and one of the default branch is for all. */
  branch: string;
  key: string;
  /** Folder with what it holds. */
  folder: string;
}

/** What a job gives to an action. */
export interface ActionWorld {
  machine: Machine;
  cwd: string;
  branch: string;
  /** Files of the repository. */
  files: Readonly<Record<string, string>>;
  /** The oldest first. */
  caches: GithubCache[];
  /** Files that were uploaded, by the name of their artifact. */
  artifacts: Record<string, string[]>;
  /** Evaluates the expressions of an input. */
  evaluate(text: string): string;
}

type Action = (inputs: Fields, world: ActionWorld) => void;

/** An action, and its inputs that recipes use. */
const ACTIONS: Readonly<Record<string, { inputs: readonly string[]; run: Action }>> = {
  // Source: actions/checkout, README: it removes what is there, and keeps the token in .git/config unless told not to.
  "actions/checkout": {
    inputs: ["persist-credentials"],
    run(inputs, { cwd, files, machine }) {
      if (inputs["persist-credentials"] !== false) throw new TypeError("The checkout would keep a token");
      // Every repository has the program where `init` puts it.
      writeFiles(cwd, {
        "ci/mogplex.mjs": readFileSync(machine.command, "utf8"),
        "ci/mogplex.mjs.sha256": `${machine.checksum}  mogplex.mjs\n`,
        ...files,
      });
    },
  },
  // Source: actions/cache, restore/README.md, and GitHub, "Dependency caching": the exact key, then the newest with a prefix; caches of the
  // branch, then of the default branch.
  "actions/cache/restore": {
    inputs: ["path", "key", "restore-keys"],
    run(inputs, { caches, branch, cwd, evaluate }) {
      const path = text(inputs.path, "path");
      const [key, prefix] = [evaluate(text(inputs.key, "key")), text(inputs["restore-keys"], "restore-keys")];
      const fits = (each: GithubCache) => each.key === key || each.key.startsWith(prefix);
      const found = [branch, "main"].map((from) => caches.findLast((each) => each.branch === from && fits(each)));
      const cache = found.find((each) => each !== undefined);
      if (cache !== undefined) copyMatching([`${path}/**`], cache.folder, cwd);
    },
  },
  // Source: actions/cache, save/README.md: it warns when the path is not there, or the key is taken.
  "actions/cache/save": {
    inputs: ["path", "key"],
    run(inputs, { caches, branch, cwd, machine, evaluate }) {
      const [path, key] = [text(inputs.path, "path"), evaluate(text(inputs.key, "key"))];
      if (!existsSync(join(cwd, path)) || caches.some((each) => each.branch === branch && each.key === key)) return;
      const folder = machine.directory();
      copyMatching([`${path}/**`], cwd, folder);
      caches.push({ branch, key, folder });
    },
  },
  // Source: actions/upload-artifact, action.yml and src/shared/search.ts.
  "actions/upload-artifact": {
    inputs: ["name", "path", "if-no-files-found", "retention-days"],
    run(inputs, { cwd, machine, artifacts, evaluate }) {
      if (inputs["if-no-files-found"] !== "ignore") throw new TypeError("A job without reports would get a warning");
      const lines = text(inputs.path, "path").trim().split("\n");
      const without = lines.filter((line) => line.startsWith("!")).map((line) => new Bun.Glob(line.slice(1)));
      const found = lines.filter((line) => !line.startsWith("!")).map((line) => `${line}/**`);
      const files = copyMatching(found, cwd, machine.directory())
        // What is hidden is not uploaded.
        .filter((file) => !/(^|\/)\./.test(file) && !without.some((glob) => glob.match(file)));
      if (files.length > 0) artifacts[evaluate(text(inputs.name, "name"))] = files;
    },
  },
};

/** Runs the action of a step. @throws when it is not GitHub's own, not pinned, or has inputs that are not known here. */
export function runAction(step: Fields, name: string, world: ActionWorld): void {
  const uses = text(step.uses, `uses of ${name}`);
  const [, path = ""] = /^([\w/-]+)@[0-9a-f]{40}$/.exec(uses) ?? [];
  const action = Object.hasOwn(ACTIONS, path) ? ACTIONS[path] : undefined;
  if (action === undefined) throw new TypeError(`Unknown action: ${uses}`);
  action.run(fields(step.with, `with of ${name}`, action.inputs), world);
}
