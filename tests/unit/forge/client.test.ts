import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { virtualClock } from "../../../lib/clock.ts";
import { ForgeClient } from "../../../lib/forge/client.ts";
import { readList } from "../../../lib/forge/pages.ts";
import type { Fetch } from "../../../lib/service/transport.ts";

/** A client, and the requests that it sends. @param answer By `METHOD path?query`. */
function clientAt(api: string, answer: (request: string, body: string) => Response) {
  const clock = virtualClock();
  const requests: string[] = [];
  const fetch = ((url: string, init: RequestInit) => {
    const request = `${init.method} ${url}`;
    requests.push(request);
    return Promise.resolve(answer(request, String(init.body ?? "")));
  }) as Fetch;
  const client = new ForgeClient({ clock, fetch, random: () => 0.5 }, { system: "Gitea" }, api, {
    token: "x",
    place: "test",
  });
  return { client, clock, requests };
}

const movedTo = (location: string, status = 301) => new Response("", { status, headers: { location } });

for (const [api, base] of [["https://git.example/api/v1", "/api/v1"], ["https://api.git.example", ""]] as const) {
  test(`ForgeClient follows a redirect below ${api} with the same method and body`, async () => {
    // Source: Gitea, services/context/repo.go, `RedirectToRepo`: 301 to a path.
    const { client, requests } = clientAt(api, (request, body) => {
      if (request.includes("/old/")) return movedTo(`${base}/repos/new/x`);
      return Response.json({ body });
    });
    const read = (value: unknown) => value;
    expect(await client.call({ what: "write", path: "/repos/old/x", body: { a: 1 }, read })).toEqual({
      body: '{"a":1}',
    });
    expect(await client.call({ what: "write", path: "/repos/old/x", method: "DELETE", read })).toEqual({ body: "" });
    expect(requests).toEqual(
      ["POST", "DELETE"].flatMap((method) => ["old", "new"].map((name) => `${method} ${api}/repos/${name}/x`)),
    );
  });
}

test("ForgeClient follows no redirect to another host or out of the API, and not a second one", async () => {
  const api = "https://git.example/api/v1";
  for (
    const [location, words, count] of [
      ["https://evil.example/api/v1/x", "and following it would lose the token", 1],
      ["https://git.example/login", "and following it would lose the token", 1],
      ["https://user@git.example/api/v1/x", "and following it would lose the token", 1],
      ["https://git.example/api/v1/y", "the request was redirected twice", 2],
    ] as const
  ) {
    const { client, requests } = clientAt(api, () => movedTo(location, 307));
    for (const body of [undefined, { a: 1 }]) {
      await expect(client.send("write", "/x", { body })).rejects.toThrow(words);
    }
    expect(requests.length).toBe(2 * count);
  }
});

test("ForgeClient sends writes to one host a second apart, also with another token, and other hosts do not wait", async () => {
  const clock = virtualClock();
  const times: [host: string, at: number][] = [];
  const fetch = ((url: string) => {
    times.push([new URL(url).host, clock.now()]);
    return Promise.resolve(Response.json({}));
  }) as Fetch;
  const clientOf = (host: string, token: string) =>
    new ForgeClient({ clock, fetch }, { system: "Gitea" }, `https://${host}/api/v1`, { token, place: "test" });
  const write = (client: ForgeClient) => client.send("write", "/x", { body: {}, write: "once" });
  const [reads, merges, other] = [clientOf("a.example", "x"), clientOf("a.example", "y"), clientOf("b.example", "x")];
  await Promise.all([write(reads), write(merges), write(other), write(reads), reads.send("read", "/x")]);
  expect(times.toSorted(([a, at], [b, before]) => a.localeCompare(b) || at - before)).toEqual([
    ["a.example", 0],
    ["a.example", 0],
    ["a.example", 1_000],
    ["a.example", 2_000],
    ["b.example", 0],
  ]);
});

test("ForgeClient sends no request beyond its budget, which narrowed clients share", async () => {
  const { client, requests } = clientAt("https://git.example/api/v1", () => Response.json({}));
  const narrow = client.within({ limits: {}, reason: () => undefined });
  for (let index = 0; index < 6_000; index++) await (index % 2 === 0 ? client : narrow).send("read", "/x");
  for (const each of [client, narrow]) {
    await expect(each.send("read", "/x")).rejects.toThrow("Cannot read: the limit of 6000 requests has been reached");
  }
  expect(requests.length).toBe(6_000);
});

test("readList() reads behind a page with fewer rows when the answer names a next one", async () => {
  // GitLab leaves out notes that the token does not see after it has made the pages.
  const { client, requests } = clientAt("https://git.example/api/v4", (request) => {
    const isFirst = request.endsWith("page=1");
    return Response.json(isFirst ? [1] : [2, 3], { headers: { "x-next-page": isFirst ? "2" : "" } });
  });
  expect(await readList(client, "read", "/notes", z.int())).toEqual({ list: [1, 2, 3], isWhole: true });
  expect(requests.length).toBe(2);
});

test("readList() asks for no page behind the one that an answer calls the last, however full that is", async () => {
  const rows = Array.from({ length: 100 }, (_, index) => index);
  const link =
    '<https://git.example/api/notes?page=1>; rel="first", <https://git.example/api/notes?page=1>; rel="last"';
  const { client, requests } = clientAt("https://git.example/api", () => Response.json(rows, { headers: { link } }));
  expect(await readList(client, "read", "/notes?sort=asc", z.int())).toEqual({ list: rows, isWhole: true });
  expect(requests).toEqual(["GET https://git.example/api/notes?sort=asc&per_page=100&page=1"]);
});

test("ForgeClient names the repository in errors that name none, if it works on several", async () => {
  const { client } = clientAt("https://git.example/api/v1", () => Response.json({ message: "no" }, { status: 404 }));
  const named = client.within({ repository: "acme/web" }).within({ limits: {} });
  for (
    const [of, what, words] of [
      [named, "read the comments of pull request #4", "read the comments of pull request #4 in acme/web: "],
      [named, "read project acme/web", "read project acme/web: "],
      [named.ofHost, "read the user of the token", "read the user of the token: "],
    ] as const
  ) {
    await expect(of.send(what, "/x")).rejects.toThrow(`Cannot ${words}`);
  }
});
