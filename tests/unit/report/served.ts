/** What the servers of notes have in common: they record requests, and fail when told to. */

/** What happens to one request instead of an answer; `reset after` lets the request be carried out before. */
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

export type AnswerRequest = (method: string, url: URL, headers: Headers, text: string) => Response;

/**
 * The `fetch` that reaches a server.
 *
 * @param server The server, where requests are recorded and faults are taken from.
 * @param answer What it answers.
 * @param prefix Path of the API; records leave it out.
 */
export function reachable(server: () => Served, answer: AnswerRequest, prefix = "") {
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

  return { fetch };
}
