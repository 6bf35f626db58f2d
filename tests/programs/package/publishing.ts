/** A stand-in of npm's registry on loopback. Its shapes are what `npm publish` and `npm install` send and take, recorded with npm 11.19. */
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
