import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtInScenarios } from "../../../lib/emulator/agents/scenario.ts";
import { startEmulator } from "../../../lib/emulator/server.ts";
import type { StartEmulatorOptions } from "../../../lib/emulator/options.ts";
import { openPull } from "../../../lib/emulator/service/listings.ts";

const closing: (() => Promise<void>)[] = [];

async function served(options: StartEmulatorOptions = {}) {
  const emulator = await startEmulator(options);
  closing.push(emulator.close);
  const headers = { authorization: `Bearer ${emulator.token}` };
  return { ...emulator, get: (path: string) => fetch(`${emulator.url}/api/v1/mogplex${path}`, { headers }) };
}

afterAll(async () => {
  await Promise.all(closing.map((close) => close()));
});

/** Sends bytes and returns what came back until the connection ended, and how it ended. */
function raw(url: string, text: string): Promise<{ text: string; error: string | undefined }> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let received = "";
    let error: string | undefined;
    socket.on("data", (chunk) => received += chunk);
    socket.on("error", (problem: Error & { code?: string }) => error = problem.code);
    socket.on("close", () => resolve({ text: received, error }));
  });
}

test("startEmulator() serves a user with two tokens and a repository out of the box", async () => {
  const { url, token, readOnlyToken, repos, get } = await served();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(token).toStartWith("mog_");
  expect(readOnlyToken).toStartWith("mog_");
  expect(repos).toEqual([{ id: expect.any(String), full_name: "acme/web" }]);
  const body = await (await get("/repos")).json() as { data: { repos: unknown[] } };
  expect(body.data.repos).toMatchObject(repos);
});

test("startEmulator() offers commands and control routes on loopback alone", async () => {
  await expect(startEmulator({ host: "0.0.0.0", controlRoutes: true })).rejects.toThrow('Cannot listen on "0.0.0.0"');
  await expect(startEmulator({ host: "192.168.0.1", commands: { codex: "true" } })).rejects.toThrow(
    "allowed only over loopback",
  );
});

test("startEmulator() names the port that another program uses, and what to do", async () => {
  const port = Number(new URL((await served()).url).port);
  await expect(startEmulator({ port })).rejects.toThrow(
    `Cannot listen on "127.0.0.1" because another program is using the port: port ${port}; use another --port, or 0 for a free one`,
  );
});

test("startEmulator() refuses a repository that is not there, and one without an owner", async () => {
  await expect(startEmulator({ repos: [{ fullName: "a/b", path: "/nowhere" }] })).rejects.toThrow(
    'no Git repository at "/nowhere"',
  );
  await expect(startEmulator({ repos: [{ fullName: "b", path: "." }] })).rejects.toThrow("the form owner/name");
});

test("a served reset0 breaks the connection before a byte of the answer", async () => {
  const { url, emulator } = await served();
  emulator.control("fault", { kind: "reset0" });
  const { text } = await raw(url, "GET /api/v1/mogplex/repos HTTP/1.1\r\nhost: localhost\r\n\r\n");
  expect(text).toBe("");
});

test("a served resetMid promises more bytes than come", async () => {
  const { url, token, emulator, get } = await served();
  emulator.control("fault", { kind: "resetMid" });
  const request = `GET /api/v1/mogplex/repos HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`;
  const { text } = await raw(url, request);
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const promised = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  expect(head).toStartWith("HTTP/1.1 200");
  expect(body.length).toBe(Math.ceil(promised / 2));
  expect((await get("/repos")).status).toBe(200);
});

test("a served answer keeps its connection", async () => {
  const { url } = await served();
  const request = "GET /api/v1/mogplex/repos HTTP/1.1\r\nhost: localhost\r\n";
  const { text } = await raw(url, `${request}\r\n${request}connection: close\r\n\r\n`);
  expect(text.match(/HTTP\/1\.1 307/g)).toHaveLength(2);
});

test("the page of a pull request shows title, branches and change, and escapes all of them", async () => {
  const { url, emulator } = await served();
  const address = openPull(emulator.world, {
    repo: "acme/web",
    prompt: "<script>alert(1)</script>\nsecond line",
    base: "main",
    branch: 'b"<i>',
    diff: "+<b>bold</b> & more",
  });
  expect(address).toBe(`${url}/acme/web/pull/1`);
  const page = await fetch(address);
  const text = await page.text();
  expect(page.headers.get("content-type")).toStartWith("text/html");
  expect(text).toContain("<h1><span><bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi></span></h1>");
  expect(text).toContain("+&lt;b&gt;bold&lt;/b&gt; &amp; more");
  expect(text).not.toMatch(/<script|<b>|<i>|second line/);
  expect((await fetch(`${url}/acme/web/pull/2`)).status).toBe(404);
});

test("the page of a pull request is not shown under the host name of another site", async () => {
  const { url, emulator } = await served();
  openPull(emulator.world, { repo: "acme/web", prompt: "secret plan", base: "main", branch: "b", diff: "" });
  const page = async (host: string) => {
    const { text } = await raw(url, `GET /acme/web/pull/1 HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    return [/^HTTP\/1.1 (\d+)/.exec(text)?.[1], text.includes("secret plan")];
  };
  expect([await page("127.0.0.1"), await page("localhost:1"), await page("[::1]:1")]).toEqual([
    ["200", true],
    ["200", true],
    ["200", true],
  ]);
  expect([await page("evil.example"), await page("127.0.0.1.evil.example:80")]).toEqual([["403", false], [
    "403",
    false,
  ]]);
});

test("close() ends open connections, and the port is free again", async () => {
  const { url, close } = await startEmulator();
  const open = raw(url, "GET /api/v1/mogplex/repos HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await fetch(url, { redirect: "manual" });
  await close();
  await open;
  await expect(fetch(url)).rejects.toThrow();
});

test("startEmulator() lets a scripted run work on a branch that the local repository has", async () => {
  const path = mkdtempSync(join(tmpdir(), "mogplex-branch-"));
  closing.push(() => Promise.resolve(rmSync(path, { recursive: true })));
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", path, "-c", "user.name=T", "-c", "user.email=t@t", ...args]);
  git("init", "--quiet", "--initial-branch=main");
  git("commit", "--quiet", "--allow-empty", "-m", "Begin");
  git("branch", "topic");
  const { url, token, repos, get } = await served({
    repos: [{ fullName: "acme/web", path }],
    scenarios: builtInScenarios("success"),
    runDuration: () => 0,
  });
  const branchOf = async (workingBranch: string) => {
    const answer = await fetch(`${url}/api/v1/mogplex/runs`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "idempotency-key": workingBranch },
      body: JSON.stringify({ repoId: repos[0]?.id, prompt: "Fix it", workingBranch }),
    });
    const { data: { runId } } = await answer.json() as { data: { runId: string } };
    const { data } = await (await get(`/runs/${runId}/events`)).json() as { data: { events: { message: string }[] } };
    return data.events.find(({ message }) => message.startsWith("Synchronized "))?.message;
  };
  expect(await branchOf("topic")).toBe("Synchronized topic");
  expect(await branchOf("missing")).toStartWith("Synchronized mogplex/agent-");
});
