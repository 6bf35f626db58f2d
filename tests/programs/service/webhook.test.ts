import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "bun:test";
import { systemClock } from "../../../lib/clock.ts";
import { callWebhook } from "../../../lib/service/post.ts";

/** Calls a server on this machine that answers so. @returns What came of it, and the paths that were asked for. */
async function called(
  answer: (response: ServerResponse) => void,
  limitMs = 60_000,
): Promise<[string | null, string[]]> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    request.resume().on("end", () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const url = `http://127.0.0.1:${port}/secret`;
    // Once the server was asked, the time of all tries is over: there is no second one.
    const clock = { ...systemClock, now: () => paths.length === 0 ? 0 : limitMs };
    return [await callWebhook(url, { text: "x" }, { clock, limitMs, wholeMs: limitMs }), paths];
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("callWebhook() tells how a hostile server failed without its address", async () => {
  const flood = (response: ServerResponse): void => {
    response.on("error", () => {});
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  };
  const answers: [string | null, (response: ServerResponse) => void][] = [
    [null, (response) => response.writeHead(204).end()],
    [null, flood],
    ["it answered with HTTP 503", (response) => response.writeHead(503).end("down")],
    [
      "it answered with a redirect, which is not followed",
      (response) => response.writeHead(307, { Location: "/b" }).end(),
    ],
    ["the network failed", (response) => void response.destroy()],
  ];
  for (const [expected, answer] of answers) expect(await called(answer)).toEqual([expected, ["POST /secret"]]);
  expect((await called(() => {}, 300))[0]).toBe("there was no answer within 0.3 seconds");
});
