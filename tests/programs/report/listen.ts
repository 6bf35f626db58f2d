/** A server of notes on a socket of this machine. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Served } from "../../unit/report/served.ts";

/** A server that answers in process. */
interface InProcess extends Served {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Serves it on a socket, whose address becomes the address of its API. @returns a function that stops it. */
export async function listen(server: InProcess): Promise<() => void> {
  const { origin, pathname } = new URL(server.api);

  async function answer(request: IncomingMessage): Promise<Response> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "GET", url, headers } = request;
    const pairs = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]);
    return await server.fetch(`${origin}${url}`, {
      method,
      headers: pairs,
      body: Buffer.concat(chunks).toString("utf8"),
    });
  }

  const http = createServer((request, response) => {
    answer(request).then(async (answered) => {
      response.writeHead(answered.status, Object.fromEntries(answered.headers));
      response.end(await answered.text());
    }, () => request.socket.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  server.api = `http://127.0.0.1:${(http.address() as AddressInfo).port}${pathname === "/" ? "" : pathname}`;
  return () => {
    http.closeAllConnections();
    http.close();
  };
}
