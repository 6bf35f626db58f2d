/**
 * Stand-ins of the registries that a release goes to, on loopback. Shapes of npm and JSR are what `npm publish`, `npm install` and `deno publish`
 * send and take (recorded with npm 11.19 and Deno 2.9); those of GitHub are of its REST documentation, "Releases" and "Release assets".
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers one request. @returns false when it does not know the path. */
type Answer = (method: string, url: URL, body: Buffer, outgoing: ServerResponse, incoming: IncomingMessage) => boolean;

export interface StandIn {
  /** Its address, with a slash at the end. */
  url: string;
  /** Methods and paths of the requests so far. */
  requests: string[];
  /** Closes it and its connections. */
  close(): void;
}

async function serve(answer: Answer): Promise<StandIn> {
  const requests: string[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const url = new URL(incoming.url ?? "/", "http://localhost");
    const { method = "" } = incoming;
    requests.push(`${method} ${url.pathname}`);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    if (!answer(method, url, Buffer.concat(chunks), outgoing, incoming)) json(outgoing, 404, { message: "Not Found" });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, requests, close };
}

function json(outgoing: ServerResponse, status: number, value: unknown): true {
  outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  return true;
}

/** A registry of npm with one package. */
export async function npmRegistry(): Promise<StandIn> {
  // deno-lint-ignore no-explicit-any
  let packument: any;
  const tarballs = new Map<string, Buffer>();
  return await serve((method, url, body, outgoing, { headers }) => {
    const path = decodeURIComponent(url.pathname);
    const tarball = tarballs.get(path);
    if (method === "GET" && tarball !== undefined) return outgoing.writeHead(200).end(tarball) !== undefined;
    if (path !== "/@mogplex/ci") return false;
    if (method === "GET") return packument === undefined ? false : json(outgoing, 200, packument);
    if (headers.authorization !== "Bearer npm-token") return json(outgoing, 401, {});
    const { _attachments, ...rest } = JSON.parse(body.toString());
    packument = { ...rest, versions: { ...packument?.versions, ...rest.versions } };
    for (const [name, { data }] of Object.entries<{ data: string }>(_attachments)) {
      tarballs.set(`/@mogplex/ci/-/${name}`, Buffer.from(data, "base64"));
    }
    const version = Object.values<{ dist: { tarball: string; shasum: string } }>(rest.versions)[0];
    const bytes = version && tarballs.get(decodeURIComponent(new URL(version.dist.tarball).pathname));
    const good = bytes !== undefined && createHash("sha1").update(bytes).digest("hex") === version?.dist.shasum;
    return json(outgoing, good ? 201 : 400, {});
  });
}

/** JSR with one package. `published` are the tarballs by version, gzipped. */
export async function jsrRegistry(): Promise<StandIn & { published: Map<string, Buffer> }> {
  const published = new Map<string, Buffer>();
  const prefix = "/api/scopes/mogplex/packages/ci";
  const standIn = await serve((method, { pathname }, body, outgoing, { headers }) => {
    const version = pathname.startsWith(`${prefix}/versions/`)
      ? pathname.slice(`${prefix}/versions/`.length)
      : undefined;
    if (pathname === prefix) return json(outgoing, 200, { scope: "mogplex", name: "ci", githubRepository: null });
    if (pathname.startsWith("/api/publish_status/")) {
      return json(outgoing, 200, { id: "1", status: "success", error: null });
    }
    if (version === undefined) return false;
    if (method === "GET") return published.has(version) ? json(outgoing, 200, { version }) : false;
    if (headers.authorization !== "Bearer jsr-token") {
      return json(outgoing, 401, { code: "unauthorized", message: "no" });
    }
    published.set(version, body);
    return json(outgoing, 200, { id: "1", status: "pending", error: null });
  });
  return { ...standIn, published };
}

/** One asset of {@linkcode githubReleases}. */
interface Asset {
  id: number;
  name: string;
  state: string;
  size: number;
  digest: string;
}

/** GitHub with the releases of one repository. `breakAt` is the name of the asset whose next upload is cut off. */
export async function githubReleases(
  repository: string,
): Promise<StandIn & { release: { draft: boolean; body: string; assets: Asset[] } | undefined; breakAt: string }> {
  // deno-lint-ignore no-explicit-any
  let release: any;
  let ids = 100;
  const prefix = `/repos/${repository}/releases`;
  const state = { breakAt: "" };
  const standIn = await serve((method, { pathname, searchParams }, body, outgoing, { headers }) => {
    if (headers.authorization !== "Bearer github-token") return json(outgoing, 401, { message: "Bad credentials" });
    if (pathname === prefix && method === "GET") return json(outgoing, 200, release === undefined ? [] : [release]);
    if (pathname === prefix && method === "POST") {
      release = {
        ...JSON.parse(body.toString()),
        id: 7,
        assets: [],
        upload_url: `${standIn.url}up/7/assets{?name,label}`,
      };
      return json(outgoing, 201, release);
    }
    if (pathname === "/up/7/assets" && method === "POST") {
      const name = searchParams.get("name") ?? "";
      const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
      const cut = state.breakAt === name;
      const asset = { id: ids++, name, state: cut ? "starter" : "uploaded", size: cut ? 0 : body.length, digest };
      if (release.assets.some((each: Asset) => each.name === name)) {
        return json(outgoing, 422, { message: "already_exists" });
      }
      release.assets.push(asset);
      if (cut) state.breakAt = "";
      return cut ? json(outgoing, 502, {}) : json(outgoing, 201, asset);
    }
    if (pathname.startsWith(`${prefix}/assets/`) && method === "DELETE") {
      release.assets = release.assets.filter(({ id }: Asset) => !pathname.endsWith(`/${id}`));
      return outgoing.writeHead(204).end() !== undefined;
    }
    if (pathname === `${prefix}/7` && method === "PATCH") {
      Object.assign(release, JSON.parse(body.toString()));
      return json(outgoing, 200, release);
    }
    return false;
  });
  return {
    ...standIn,
    get release() {
      return release;
    },
    get breakAt() {
      return state.breakAt;
    },
    set breakAt(name: string) {
      state.breakAt = name;
    },
  };
}
