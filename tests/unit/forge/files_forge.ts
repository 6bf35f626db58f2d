/**
 * Files as the APIs of GitHub, GitLab and Gitea show them, in process. Where each shape is from:
 * - GitHub: "REST API endpoints for Git trees", "… for Git blobs", "… for Git references" (404 without the reference, 409 without a commit)
 * - GitLab: "Repositories API" (pages of 100, `x-next-page`), "Branches API", "Projects API"
 * - Gitea 1.24: API reference, `GitTreeResponse` (`truncated` means that there is another page), `GitBlobResponse`, `Branch`
 */
import { json } from "./github_forge.ts";

export interface FakeFile {
  mode?: string;
  content?: string;
  /** What lists show; the content may be shorter. */
  size?: number;
}

export interface FilesForge {
  /** By branch. Each commit has the files of the forge. */
  branches: Map<string, string>;
  files: Map<string, FakeFile>;
  /** Entries that no list has room for. */
  hidden: Set<string>;
  /** Answers to everything; undefined for the usual ones. */
  fault: (() => Response) | undefined;
  received: string[];
  /** The tokens that were sent, each once. */
  tokens: Set<string>;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

interface Row {
  name: string;
  path: string;
  mode: string;
  id: string;
  size: number | undefined;
}

const base64 = (text: string) => new TextEncoder().encode(text).toBase64();
const idOf = (path: string) => `tree-${path.replaceAll("/", "~")}`;

/** @param files By path; a text is a regular file. */
export function filesForge(files: Record<string, string | FakeFile>): FilesForge {
  const missing = () => json(404, { message: "Not Found" });
  const forge: FilesForge = {
    branches: new Map([["main", "c0"]]),
    files: new Map(
      Object.entries(files).map(([path, file]) => [path, typeof file === "string" ? { content: file } : file]),
    ),
    hidden: new Set(),
    fault: undefined,
    received: [],
    tokens: new Set(),
    // deno-lint-ignore require-await
    async fetch(url, { headers }) {
      const { host, pathname, searchParams } = new URL(url);
      const sent = new Headers(headers);
      const token = sent.get("authorization") ?? sent.get("private-token");
      if (token !== null) forge.tokens.add(token);
      forge.received.push(host + pathname);
      if (forge.fault !== undefined) return forge.fault();
      if (host === "api.github.com") return github(pathname);
      if (host === "gitlab.com") return gitlab(pathname, searchParams);
      if (host === "git.example.com") return gitea(pathname, searchParams);
      throw new TypeError("fetch failed");
    },
  };

  function rowsOf(folder: string): Row[] {
    const rows = new Map<string, Row>();
    const prefix = folder === "" ? "" : `${folder}/`;
    for (const [path, { mode = "100644", content = "", size }] of forge.files) {
      if (!path.startsWith(prefix)) continue;
      const [name = "", ...rest] = path.slice(prefix.length).split("/");
      const at = prefix + name;
      if (forge.hidden.has(at)) continue;
      const row = rest.length > 0
        ? { mode: "040000", id: idOf(at), size: undefined }
        : { mode, id: `blob-${path.replaceAll("/", "~")}`, size: size ?? content.length };
      rows.set(name, { name, path: at, ...row });
    }
    return [...rows.values()];
  }

  const folderOf = (id: string) => id.startsWith("tree-") ? id.slice(5).replaceAll("~", "/") : "";

  function blob(id: string): Response {
    const file = forge.files.get(id.slice(5).replaceAll("~", "/"));
    return file === undefined ? missing() : json(200, { content: base64(file.content ?? ""), encoding: "base64" });
  }

  function github(path: string): Response {
    const [, part = "", rest = ""] = /^\/repos\/acme\/web(?:\/git\/(ref\/heads|trees|blobs)\/(.+))?$/.exec(path) ?? [];
    if (path === "/repos/acme/web") return json(200, { default_branch: "main" });
    if (part === "ref/heads") {
      if (forge.branches.size === 0) return json(409, { message: "Git Repository is empty." });
      const name = decodeURIComponent(rest);
      const sha = forge.branches.get(name);
      return sha === undefined ? missing() : json(200, { ref: `refs/heads/${name}`, object: { sha } });
    }
    if (part === "blobs") return blob(rest);
    if (part !== "trees") return missing();
    const tree = rowsOf(folderOf(rest)).map(({ name, mode, id, size }) => ({ path: name, mode, sha: id, size }));
    return json(200, { tree, truncated: forge.hidden.size > 0 });
  }

  function gitlab(path: string, query: URLSearchParams): Response {
    const [, rest = ""] = /^\/api\/v4\/projects\/acme%2Fweb(?:\/repository\/(.+))?$/.exec(path) ?? [];
    if (path.endsWith("/projects/acme%2Fweb")) return json(200, { default_branch: "main" });
    if (rest.startsWith("branches/")) {
      const name = decodeURIComponent(rest.slice("branches/".length));
      const id = forge.branches.get(name);
      return id === undefined ? missing() : json(200, { name, commit: { id } });
    }
    if (rest.startsWith("blobs/")) return blob(rest.slice("blobs/".length));
    if (rest !== "tree" || query.get("ref") !== "c0") return missing();
    const rows = rowsOf(query.get("path") ?? "");
    const [page, size] = [Number(query.get("page")), Number(query.get("per_page"))];
    const list = rows.slice((page - 1) * size, page * size).map(({ id, name, path, mode }) => ({
      id,
      name,
      path,
      mode,
    }));
    return json(200, list, { "x-next-page": rows.length > page * size ? String(page + 1) : "" });
  }

  function gitea(path: string, query: URLSearchParams): Response {
    const [, part = "", rest = ""] =
      /^\/api\/v1\/repos\/acme\/web(?:\/(branches|git\/trees|git\/blobs)\/(.+))?$/.exec(path) ?? [];
    if (path === "/api/v1/repos/acme/web") return json(200, { default_branch: "main" });
    if (part === "branches") {
      const name = decodeURIComponent(rest);
      const id = forge.branches.get(name);
      return id === undefined ? missing() : json(200, { name, commit: { id } });
    }
    if (part === "git/blobs") return blob(rest);
    if (part !== "git/trees") return missing();
    const rows = rowsOf(folderOf(rest));
    const [page, size] = [Number(query.get("page")), Number(query.get("per_page"))];
    const tree = rows.slice((page - 1) * size, page * size)
      .map(({ name, mode, id, size: bytes }) => ({ path: name, mode, sha: id, size: bytes ?? 0 }));
    return json(200, { tree, truncated: rows.length > page * size });
  }

  return forge;
}
