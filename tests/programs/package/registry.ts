/** A container registry on loopback with one image, which asks for an anonymous token as Docker Hub does. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a registry misbehaves. Absent fields: as it should. */
export interface RegistryFault {
  /** Status of every answer about manifests. */
  status?: number;
  /** Challenge in its answer 401. */
  challenge?: string;
  /** Media type of the manifest. */
  type?: string;
  /** Digest in its headers. */
  digest?: string;
  /** Body that it sends as the manifest. */
  body?: string;
  /** Status of the answer to a request for a token. */
  tokenStatus?: number;
}

export interface Registry {
  /** Name of the image, with the host. */
  image: string;
  /** Tag of the image. */
  tag: string;
  /** Correct digest of the image. */
  digest: string;
  /** How it misbehaves from now on. */
  fault: RegistryFault;
  /** Methods and paths of the requests so far. */
  requests: string[];
  /** Closes the server and its connections. */
  close(): void;
}

const INDEX = JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] });
const TOKEN = "anonymous-token";

/** Starts a registry on a free port. */
export async function startRegistry(repository: string, tag: string): Promise<Registry> {
  const digest = `sha256:${createHash("sha256").update(INDEX).digest("hex")}`;

  function token(url: URL, outgoing: ServerResponse): void {
    const { tokenStatus = 200 } = registry.fault;
    const { service, scope } = Object.fromEntries(url.searchParams);
    const asked = service === "registry" && scope === `repository:${repository}:pull`;
    outgoing.writeHead(asked ? tokenStatus : 400).end(JSON.stringify({ token: TOKEN }));
  }

  function manifest(incoming: IncomingMessage, reference: string, outgoing: ServerResponse): void {
    const { fault } = registry;
    if (incoming.headers.authorization !== `Bearer ${TOKEN}`) {
      const challenge = fault.challenge ??
        `Bearer realm="http://${host}/token",service="registry",scope="repository:${repository}:pull"`;
      outgoing.writeHead(401, { "www-authenticate": challenge }).end();
      return;
    }
    const { type = "application/vnd.oci.image.index.v1+json", body = INDEX } = fault;
    const claimed = fault.digest ?? digest;
    const known = reference === tag || reference === claimed;
    const accepted = String(incoming.headers.accept).includes("application/vnd.oci.image.index.v1+json");
    const status = fault.status ?? (known && accepted ? 200 : 404);
    outgoing.writeHead(status, { "content-type": type, "docker-content-digest": claimed });
    outgoing.end(incoming.method === "HEAD" ? undefined : body);
  }

  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? "/", "http://localhost");
    registry.requests.push(`${incoming.method} ${url.pathname}`);
    const prefix = `/v2/${repository}/manifests/`;
    if (url.pathname === "/token") token(url, outgoing);
    else if (url.pathname.startsWith(prefix)) manifest(incoming, url.pathname.slice(prefix.length), outgoing);
    else outgoing.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  const registry: Registry = {
    image: `${host}/${repository}`,
    tag,
    digest,
    fault: {},
    requests: [],
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return registry;
}
