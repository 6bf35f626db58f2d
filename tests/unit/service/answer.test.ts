import { expect, test } from "bun:test";
import { describeAnswer, excerpt, factsOf, readAnswer } from "../../../lib/service/answer.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { TOKEN } from "./answers.ts";

const redact = createRedactor({ token: TOKEN });

test("excerpt() puts text on one line without control and formatting characters", () => {
  const hostile = "a\r\n::error::b\u001b[31mc\u202ed\u200be\u0000f\u009bg\u2028h";
  expect(excerpt(hostile, redact)).toBe("a ::error::b [31mc d e f g h");
});

test("excerpt() masks before it cuts, so that no part of a secret survives", () => {
  expect(excerpt(`${"x".repeat(150)} ${TOKEN}`, redact)).not.toContain(TOKEN.slice(0, 8));
  expect(excerpt(`${"x ".repeat(2040)}${TOKEN}${TOKEN}${TOKEN}`, redact, 9999)).not.toContain(TOKEN.slice(0, 12));
});

test("excerpt() cuts at its limit and says so", () => {
  expect(excerpt("abcdef", redact, 4)).toBe("abcd…");
  expect(excerpt("abcd", redact, 4)).toBe("abcd");
});

test("factsOf() takes the first x-*-id header as request id", async () => {
  const headers = { "x-vercel-id": "fra1::abc", "x-other": "no", "content-type": "text/html", "retry-after": "3" };
  const answer = await readAnswer(new Response("x", { status: 502, headers }), 100, 0);
  const facts = factsOf(answer, null, redact);
  expect(facts).toEqual({
    ...{ status: 502, code: null, requestId: "fra1::abc", retryAfterMs: 3000 },
    headers: { "x-vercel-id": "fra1::abc", "content-type": "text/html", "retry-after": "3" },
  });
  expect(describeAnswer(answer, facts, redact)).toBe(`HTTP 502, content type "text/html", request id "fra1::abc"`);
});

test("factsOf() gives null when there is no request id", async () => {
  const answer = await readAnswer(new Response(null, { status: 405, headers: { "x-frame-options": "DENY" } }), 100, 0);
  expect(factsOf(answer, null, redact)).toEqual({
    status: 405,
    code: null,
    requestId: null,
    retryAfterMs: null,
    headers: {},
  });
  expect(describeAnswer(answer, factsOf(answer, null, redact), redact)).toBe("HTTP 405, no content type");
});

test("readAnswer() joins characters that lie across two chunks", async () => {
  const bytes = new TextEncoder().encode("Größe 😀");
  const body = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  expect((await readAnswer(new Response(body), 100, 0)).text).toBe("Größe 😀");
});
