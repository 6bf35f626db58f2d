import { expect, test } from "bun:test";
import { Hono } from "hono";
import { type Call, route } from "../../../../lib/emulator/wire/route.ts";
import { Refusal } from "../../../../lib/emulator/service/refusal.ts";
import { arrange, TOKENS } from "../arrange.ts";

async function answer(work: (call: Call) => unknown, token = "alice_rw", scope?: "read" | "write") {
  const { world } = arrange().emulator;
  const handler = route<unknown, 202>({ scope, failed: "Failed to work", status: 202 }, work as (call: Call) => object);
  const app = new Hono().get("/:name", (c) => handler(world, c));
  const response = await app.request("/x?limit=7", { headers: { authorization: `Bearer ${TOKENS[token]}` } });
  return [response.status, await response.json()];
}

test("route() wraps the result in the envelope and hands over caller, query and path", async () => {
  const result = await answer(({ caller, query, param }) => ({
    by: caller.keyId,
    limit: query.get("limit"),
    name: param("name"),
  }));
  expect(result).toEqual([202, { ok: true, data: { by: "alice_rw", limit: "7", name: "x" } }]);
});

test("route() answers a Refusal as it says, any other error with a 500, and a whole answer unchanged", async () => {
  const failure = (code: string, message: string) => ({ ok: false, error: { code, message } });
  expect([
    await answer(() => {
      throw new Refusal(409, "CONFLICT", "Not now");
    }),
    await answer(() => Promise.reject(new TypeError("secret"))),
    await answer(() => Response.json({ odd: true }, { status: 403 })),
  ]).toEqual([
    [409, failure("CONFLICT", "Not now")],
    [500, failure("INTERNAL_ERROR", "Failed to work")],
    [403, { odd: true }],
  ]);
});

test("route() does no work for a token without the scope", async () => {
  let worked = false;
  const [status] = await answer(() => ({ worked: worked = true }), "alice_ro", "write");
  expect([status, worked]).toEqual([403, false]);
});
