/**
 * Files that scripted runs and control actions commit. Runs that execute a command use a real Git repository.
 *
 * @module
 */
import { sha256Hex } from "../../sha256.ts";

export interface StoredFile {
  readonly mode: string;
  readonly text: string;
  /** Size in bytes. A shorter text is padded when it is read. */
  readonly size: number;
}

export interface TreeRow {
  path: string;
  mode: string;
  sha: string;
  size?: number;
}

export interface Contents {
  head(branch: string): string | undefined | Promise<string | undefined>;
  tree(id: string): readonly TreeRow[] | undefined | Promise<readonly TreeRow[] | undefined>;
  blob(id: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

const FOLDER = "040000";

/** The id has the form of a Git id. */
const idOf = (kind: string, content: string) => sha256Hex(`${kind} ${content}`).slice(0, 40);

export function storedFile(text: string, mode = "100644", size?: number): StoredFile {
  return { mode, text, size: size ?? new TextEncoder().encode(text).length };
}

const README = storedFile("A repository of the emulator.\n");

type Files = ReadonlyMap<string, StoredFile>;

export class ScriptedContents implements Contents {
  readonly #branches = new Map<string, Files>();
  readonly #commits = new Map<string, Files>();
  readonly #trees = new Map<string, readonly TreeRow[]>();
  readonly #blobs = new Map<string, StoredFile>();

  constructor(defaultBranch: string) {
    this.#branches.set(defaultBranch, new Map([["README.md", README]]));
  }

  commit(branch: string, base: string, files: Readonly<Record<string, StoredFile>>): void {
    const before = this.#branches.get(branch) ?? this.#branches.get(base) ?? new Map<string, StoredFile>();
    this.#branches.set(branch, new Map([...before, ...Object.entries(files)]));
  }

  deleteBranch(branch: string): void {
    this.#branches.delete(branch);
  }

  head(branch: string): string | undefined {
    const files = this.#branches.get(branch);
    if (files === undefined) return undefined;
    const id = idOf("commit", JSON.stringify([...files].sort()));
    if (!this.#commits.has(id)) {
      this.#commits.set(id, files);
      this.#trees.set(id, this.#rows(files, ""));
    }
    return id;
  }

  tree(id: string): readonly TreeRow[] | undefined {
    return this.#trees.get(id);
  }

  blob(id: string): Uint8Array | undefined {
    const file = this.#blobs.get(id);
    return file && new TextEncoder().encode(file.text.padEnd(file.size, "x"));
  }

  #rows(files: Files, folder: string): TreeRow[] {
    const rows = new Map<string, TreeRow>();
    for (const [path, file] of files) {
      if (!path.startsWith(folder)) continue;
      const [name = "", ...rest] = path.slice(folder.length).split("/");
      if (rows.has(name)) continue;
      if (rest.length === 0) {
        const sha = idOf("blob", JSON.stringify(file));
        this.#blobs.set(sha, file);
        rows.set(name, { path: name, mode: file.mode, sha, ...(file.mode !== "160000" && { size: file.size }) });
      } else {
        const below = this.#rows(files, `${folder}${name}/`);
        const sha = idOf("tree", JSON.stringify(below));
        this.#trees.set(sha, below);
        rows.set(name, { path: name, mode: FOLDER, sha });
      }
    }
    return [...rows.values()];
  }
}
