import { expect, test } from "bun:test";
import { scriptRedactor } from "../../../lib/script/report.ts";

const TOKEN = "mog_scriptTestToken";
const FILE = { MOGPLEX_API_KEY_FILE: "/run/token" };

/** A text with two tokens that have no known shape, and a further secret, after masking. */
function masked(env: Record<string, string>, token?: string, readFile?: (path: string) => string | undefined): string {
  const redact = scriptRedactor({ env: (name) => env[name], token, secrets: ["correct horse"] }, readFile);
  return redact("plain-token-0001 plain-token-0002 correct horse");
}

test("scriptRedactor() masks the token of the environment, unless another one is given", () => {
  const env = { MOGPLEX_API_KEY: "plain-token-0001" };
  expect(masked(env)).toBe("[redacted] plain-token-0002 [redacted]");
  expect(masked(env, "plain-token-0002")).toBe("plain-token-0001 [redacted] [redacted]");
});

test("scriptRedactor() masks the token of MOGPLEX_API_KEY_FILE", () => {
  const readFile = (path: string) => path === "/run/token" ? "plain-token-0002\n" : undefined;
  expect(masked(FILE, undefined, readFile)).toBe("plain-token-0001 [redacted] [redacted]");
});

test("scriptRedactor() works without a token, and with one that cannot be used", () => {
  const broken = () => {
    throw new Error("EACCES");
  };
  expect(masked({})).toBe("plain-token-0001 plain-token-0002 [redacted]");
  expect(masked(FILE, undefined, broken)).toBe("plain-token-0001 plain-token-0002 [redacted]");
  expect(scriptRedactor({ env: () => " " })(`a ${TOKEN}`)).toBe("a [redacted]");
});
