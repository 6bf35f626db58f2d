import { expect, test } from "bun:test";
import { arrange, TOKENS } from "../arrange.ts";

async function ask(
  path: string,
  headers: Record<string, string> = {},
  gate = true,
): Promise<[number, string | null]> {
  const { emulator } = arrange();
  emulator.control("gate", { enabled: gate });
  const answer = await emulator.fetch(`http://localhost${path}`, { headers, redirect: "manual" });
  return [answer.status, answer.headers.get("location")];
}

const bearer = { authorization: `Bearer ${TOKENS.alice_rw}` };

test("passGate() sends a request without a bearer token to the login page", async () => {
  expect([
    await ask("/api/v1/mogplex/repos"),
    await ask("/api/v1/mogplex/repos?a=1&b=2"),
    await ask("/api/v1/mogplex/repos", { authorization: "Basic abc" }),
    await ask("/api/v1/mogplex/repos", { authorization: "bearer abc" }),
    await ask("/dashboard", bearer),
  ]).toEqual([
    [307, "/login?next=%2Fapi%2Fv1%2Fmogplex%2Frepos"],
    [307, "/login?next=%2Fapi%2Fv1%2Fmogplex%2Frepos%3Fa%3D1%26b%3D2"],
    [307, "/login?next=%2Fapi%2Fv1%2Fmogplex%2Frepos"],
    [307, "/login?next=%2Fapi%2Fv1%2Fmogplex%2Frepos"],
    [307, "/login?next=%2Fdashboard"],
  ]);
});

test("passGate() lets a bearer token of any text through to the API's own check", async () => {
  expect(await ask("/api/v1/mogplex/repos", { authorization: "Bearer x" })).toEqual([401, null]);
  expect(await ask("/api/v1/mogplex/repos", bearer)).toEqual([200, null]);
});

test("passGate() tidies paths with a redirect that keeps the query", async () => {
  expect([
    await ask("/api/v1/mogplex/repos/?a=1", bearer),
    await ask("/api/v1//mogplex/repos", bearer),
    await ask("/api/v1/mogplex/repos", { ...bearer, host: "www.mogplex.com" }),
  ]).toEqual([
    [308, "/api/v1/mogplex/repos?a=1"],
    [308, "/api/v1/mogplex/repos"],
    [308, "http://mogplex.com/api/v1/mogplex/repos"],
  ]);
});

test("passGate() does not ask at paths that look like images, nor when it is off", async () => {
  expect([
    await ask("/api/v1/mogplex/runs/x.png"),
    await ask("/api/v1/mogplex/runs/x.pdf"),
    await ask("/api/v1/mogplex/repos", {}, false),
  ]).toEqual([[401, null], [307, "/login?next=%2Fapi%2Fv1%2Fmogplex%2Fruns%2Fx.pdf"], [401, null]]);
});
