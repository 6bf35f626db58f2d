import { expect, test } from "bun:test";
import { type LoggedRequest, requestLine } from "../../../../lib/emulator/wire/request.ts";
import { arrange } from "../arrange.ts";

test("requestLine() is one short line of plain characters", () => {
  const request = { atMs: Date.UTC(2026, 0, 1, 2, 56, 5), method: "POST", status: 202, tookMs: 3.2, fault: undefined };
  expect(requestLine({ ...request, target: "/api/v1/mogplex/runs" })).toBe("02:56:05  202  POST /runs  3 ms");
  const odd = { ...request, target: `/x\n\x1b[31m\u202e${"y".repeat(900)}`, status: null, fault: "reset0" };
  expect(requestLine(odd)).toMatch(/^02:56:05 {2}--- {2}POST \/x\?\?\[31m\?y+\.\.\. {2}3 ms {2}\(fault reset0\)$/);
  expect(requestLine(odd).length).toBeLessThan(260);
});

test("every request is logged once, with its status and its fault", async () => {
  const seen: LoggedRequest[] = [];
  const { emulator, call } = arrange({ onRequest: (request) => seen.push(request) });
  await call("GET", "/repos?limit=1");
  await call("GET", "/repos", { token: null });
  emulator.control("fault", { kind: "503" });
  await call("GET", "/repos");
  emulator.control("fault", { kind: "reset0" });
  await call("GET", "/repos").catch(() => {});
  await emulator.fetch("http://localhost/");
  expect(seen.map(({ method, target, status, fault }) => [method, target, status, fault])).toEqual([
    ["GET", "/api/v1/mogplex/repos?limit=1", 200, undefined],
    ["GET", "/api/v1/mogplex/repos", 307, undefined],
    ["GET", "/api/v1/mogplex/repos", 503, "503"],
    ["GET", "/api/v1/mogplex/repos", null, "reset0"],
    ["GET", "/", 200, undefined],
  ]);
});
