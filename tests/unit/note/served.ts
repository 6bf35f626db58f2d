/** What the servers of notes have in common: they record requests, fail when told to, and answer in process or on a socket. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to one request in place of an answer; `reset after` lets the request be carried out before. */
export type Fault = Response | "reset" | "reset after" | "hang";

/** What every server of notes keeps. */
export interface Served {
  /** Base of the API. */
  api: string;
  /** Requests so far: `METHOD path?query`. */
  requests: string[];
  /** All headers and bodies of requests so far. */
  received: string[];
  /** What happens to the next requests that match, by `METHOD path`; the first that matches is used once. */
  faults: { match: RegExp; fault: Fault }[];
}

/** Answers a request. */
export type AnswerRequest = (method: string, url: URL, headers: Headers, text: string) => Response;

/**
 * The two ways to reach a server.
 *
 * @param server The server, where requests are recorded and faults are taken from.
 * @param answer What it answers.
 * @param origin Origin of the server, for requests that come by the socket.
 * @param prefix Path of the API; records leave it out.
 */
export function reachable(server: () => Served, answer: AnswerRequest, origin: string, prefix = "") {
  // deno-lint-ignore require-await
  async function fetch(address: string, init: RequestInit): Promise<Response> {
    const { requests, received, faults } = server();
    const [method, url] = [init.method ?? "GET", new URL(address)];
    const [headers, text] = [new Headers(init.headers), String(init.body ?? "")];
    requests.push(`${method} ${url.pathname.replace(prefix, "")}${url.search}`);
    received.push([...headers].map((pair) => pair.join(": ")).join("\n") + `\n${text}`);
    const index = faults.findIndex(({ match }) => match.test(`${method} ${url.pathname}`));
    const fault = index < 0 ? undefined : faults.splice(index, 1)[0]?.fault;
    if (fault === "reset") throw new TypeError("fetch failed");
    if (fault === "hang") return new Promise(() => {});
    if (fault instanceof Response) return fault;
    const response = answer(method, url, headers, text);
    if (fault === "reset after") throw new TypeError("fetch failed");
    return response;
  }

  async function serve(request: IncomingMessage): Promise<Response> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    const body = Buffer.concat(chunks).toString("utf8");
    const pairs = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]);
    return await fetch(`${origin}${url}`, { method: method as string, headers: pairs, body });
  }

  async function listen(): Promise<() => void> {
    const http = createServer((request, response) => {
      serve(request).then(async (answered) => {
        response.writeHead(answered.status, Object.fromEntries(answered.headers));
        response.end(await answered.text());
      }, () => request.socket.destroy());
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    server().api = `http://127.0.0.1:${(http.address() as AddressInfo).port}${prefix}`;
    return () => {
      http.closeAllConnections();
      http.close();
    };
  }

  return { fetch, listen };
}
