/**
 * Serves the files of the emulated repositories at the routes of a self-hosted GitHub server, where the client reads result files. No token is
 * required.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import type { RepoRow } from "../state/store.ts";
import { contentsOf, type World } from "../state/world.ts";
import { hasForeignHost } from "./routes.ts";

const json = (status: 200 | 403 | 404 | 503, body: unknown) => Response.json(body, { status });
const missing = () => json(404, { message: "Not Found" });

/** Source: GitHub REST API documentation of Git references, Git trees, Git blobs and repositories. */
export function addContentsRoutes(app: Hono, world: World): void {
  const repository = "/api/v3/repos/:owner/:name";

  async function answer(c: Context, work: (repo: RepoRow) => Response | Promise<Response>): Promise<Response> {
    if (world.runsCommands && hasForeignHost(world, c.req.raw)) {
      return json(403, { message: "Files are shown only over loopback" });
    }
    world.driver.catchUp();
    if (world.around.files === "down") return json(503, { message: "Unavailable" });
    const name = `${c.req.param("owner")}/${c.req.param("name")}`;
    const repo = [...world.store.repos.values()].find(({ full_name }) =>
      full_name.toLowerCase() === name.toLowerCase()
    );
    return repo === undefined || world.around.files === "hidden" ? missing() : await work(repo);
  }

  app.get(
    repository,
    (c) =>
      answer(c, ({ full_name, default_branch }) => json(200, { full_name, default_branch: default_branch ?? "main" })),
  );
  app.get(`${repository}/git/ref/heads/:branch{.+}`, (c) =>
    answer(c, async (repo) => {
      const branch = decodeURIComponent(c.req.param("branch"));
      const sha = await contentsOf(world, repo).head(branch);
      return sha === undefined
        ? missing()
        : json(200, { ref: `refs/heads/${branch}`, object: { type: "commit", sha } });
    }));
  app.get(`${repository}/git/trees/:id`, (c) =>
    answer(c, async (repo) => {
      const tree = await contentsOf(world, repo).tree(c.req.param("id"));
      return tree === undefined ? missing() : json(200, { sha: c.req.param("id"), tree, truncated: false });
    }));
  app.get(`${repository}/git/blobs/:id`, (c) =>
    answer(c, async (repo) => {
      const bytes = await contentsOf(world, repo).blob(c.req.param("id"));
      if (bytes === undefined) return missing();
      return json(200, {
        sha: c.req.param("id"),
        size: bytes.length,
        encoding: "base64",
        content: base64Of(bytes),
      });
    }));
}

function base64Of(bytes: Uint8Array): string {
  const parts: string[] = [];
  // The number of bytes is a multiple of three, so that the encoded parts can be joined. It is limited because a call can have only a limited number
  // of arguments.
  for (let at = 0; at < bytes.length; at += 30_000) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + 30_000))));
  }
  return parts.join("");
}
