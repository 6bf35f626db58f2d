/** A Git server on loopback. It takes the place of the GitLab instance that a component is included from. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";

const BACKEND = join(spawnSync("git", ["--exec-path"], { encoding: "utf8" }).stdout?.trim() ?? "", "git-http-backend");

/** Whether this machine has Git's server. */
export const CAN_SERVE = existsSync(BACKEND);

export interface GitServer {
  /** Its host and port. */
  host: string;
  /** Stops the server and closes its port. */
  close(): void;
}

function cgi(root: string, incoming: IncomingMessage): Record<string, string> {
  const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://localhost");
  const header = (name: string) => String(incoming.headers[name] ?? "");
  return {
    PATH: process.env.PATH ?? "",
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_PROTOCOL: header("git-protocol"),
    PATH_INFO: pathname,
    QUERY_STRING: searchParams.toString(),
    REQUEST_METHOD: incoming.method ?? "GET",
    CONTENT_TYPE: header("content-type"),
    HTTP_CONTENT_ENCODING: header("content-encoding"),
    REMOTE_ADDR: "127.0.0.1",
  };
}

async function answer(root: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const backend = spawn(BACKEND, [], { env: cgi(root, incoming), stdio: ["pipe", "pipe", "inherit"] });
  backend.stdin.on("error", () => {});
  incoming.pipe(backend.stdin);
  const chunks: Uint8Array[] = [];
  for await (const chunk of backend.stdout) chunks.push(chunk as Uint8Array);
  const output = Buffer.concat(chunks);
  const end = output.indexOf("\r\n\r\n");
  const headers = output.subarray(0, end).toString().split("\r\n").map((line) => line.split(": ") as [string, string]);
  const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
  outgoing.writeHead(Number.parseInt(status), Object.fromEntries(headers.filter(([name]) => name !== "Status")));
  outgoing.end(output.subarray(end + 4));
}

/** Serves the bare repositories below a folder, as `http://HOST/GROUP/NAME.git`. */
export async function serveGit(root: string): Promise<GitServer> {
  const server = createServer((incoming, outgoing) => {
    answer(root, incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `localhost:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
