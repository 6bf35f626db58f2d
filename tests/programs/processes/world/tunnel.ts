/** What stands between a job and the service in a company: a proxy for tunnels, and certificates of an authority of its own. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A name that no resolver knows: only the proxy gets there. */
export const HIDDEN_HOST = "mogplex.example";

/** The way into the service. */
export interface Tunnel {
  /** Its address behind TLS, by a name that only the proxy resolves. */
  hiddenUrl: string;
  /** The same by a name that everybody resolves. */
  localUrl: string;
  /** The proxy, `http://127.0.0.1:PORT`. */
  proxyUrl: string;
  /** PEM file of the authority. */
  authority: string;
  /** Targets of the tunnels that were asked for since the last call, with the credentials that came along. */
  asked(): string[];
  close(): void;
}

/** Makes an authority, and a certificate of it for some names. */
function makeCertificates(folder: string, hosts: readonly string[]): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=Authority",
    "-days",
    "2",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    ...authority,
  );
  openssl("req", ...key, "-subj", `/CN=${HIDDEN_HOST}`, "-keyout", "key.pem", "-out", "request.pem");
  const names = hosts.map((host) => `DNS:${host}`).join(",");
  writeFileSync(join(folder, "names"), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
  openssl("x509", "-req", "-in", "request.pem", ...signed, "-out", "cert.pem");
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/**
 * Puts TLS and a proxy in front of a service.
 *
 * @param serviceUrl Origin of the service, in plain HTTP. It stands for every host that the proxy is asked for.
 * @param hosts Names that the certificate is for.
 */
export async function openTunnel(serviceUrl: string, hosts = [HIDDEN_HOST, "localhost"]): Promise<Tunnel> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-tunnel-"));
  makeCertificates(folder, hosts);
  const read = (name: string) => readFileSync(join(folder, name));
  const front = createTlsServer({ key: read("key.pem"), cert: read("cert.pem") }, (incoming, reply) => {
    const { method, headers, url } = incoming;
    const onward = request(`${serviceUrl}${url}`, { method, headers }, (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    incoming.pipe(onward.on("error", () => reply.destroy()));
  });
  const port = await portOf(front);
  let asked: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((_, reply) => reply.writeHead(502).end());
  proxy.on("connect", ({ url, headers }, near: Socket) => {
    const login = /^Basic (\S+)$/.exec(headers["proxy-authorization"] ?? "")?.[1];
    asked.push(login === undefined ? String(url) : `${atob(login)}@${url}`);
    const far = connect(port, "127.0.0.1", () => {
      near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      near.pipe(far).pipe(near);
    });
    for (const socket of [near, far]) {
      sockets.add(socket.on("error", () => [near, far].forEach((each) => each.destroy())));
    }
  });
  const proxyUrl = `http://127.0.0.1:${await portOf(proxy)}`;
  return {
    hiddenUrl: `https://${HIDDEN_HOST}:${port}`,
    localUrl: `https://localhost:${port}`,
    proxyUrl,
    authority: join(folder, "ca.pem"),
    asked() {
      const before = asked;
      asked = [];
      return before;
    },
    close() {
      for (const server of [front, proxy]) server.close();
      for (const socket of sockets) socket.destroy();
      front.closeAllConnections();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
