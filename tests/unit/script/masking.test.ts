import { expect, test } from "bun:test";
import { createLogText, createMogplex, mask } from "../../../mod.ts";
import { scriptMask } from "../../../lib/script/report.ts";
import { createEmulator } from "../../../testing.ts";

const TOKEN = "mog_scriptTestToken";
const FILE = { MOGPLEX_API_KEY_FILE: "/run/token" };

/** A text with two tokens that have no known shape, and a further secret, after masking. */
function masked(env: Record<string, string>, token?: string, readFile?: (path: string) => string | undefined): string {
  const options = { env: (name: string) => env[name], token, secrets: ["correct horse"] };
  const { redact } = scriptMask("mask", options, readFile);
  return redact("plain-token-0001 plain-token-0002 correct horse");
}

test("scriptMask() masks the token of the environment, unless another one is given", () => {
  const env = { MOGPLEX_API_KEY: "plain-token-0001" };
  expect(masked(env)).toBe("[redacted] plain-token-0002 [redacted]");
  expect(masked(env, "plain-token-0002")).toBe("plain-token-0001 [redacted] [redacted]");
});

test("scriptMask() masks the token of MOGPLEX_API_KEY_FILE", () => {
  const readFile = (path: string) => path === "/run/token" ? "plain-token-0002\n" : undefined;
  expect(masked(FILE, undefined, readFile)).toBe("plain-token-0001 [redacted] [redacted]");
});

test("scriptMask() works without a token, and with one that cannot be used", () => {
  const broken = () => {
    throw new Error("EACCES");
  };
  expect(masked({})).toBe("plain-token-0001 plain-token-0002 [redacted]");
  expect(masked(FILE, undefined, broken)).toBe("plain-token-0001 plain-token-0002 [redacted]");
  expect(scriptMask("mask", { env: () => " " }).redact(`a ${TOKEN}`)).toBe("a [redacted]");
});

test("mask() masks the token, the variables and further secrets of a client when it is given the client", () => {
  const env = (name: string) => name === "CI_JOB_TOKEN" ? "plain-token-0002" : undefined;
  const mogplex = createMogplex({ token: "plain-token-0001", env });
  const text = "plain-token-0001 plain-token-0002 plain-token-0003";
  expect(mask(text, { mogplex })).toBe("[redacted] [redacted] plain-token-0003");
  expect(mask(text, { mogplex, secrets: ["plain-token-0003"] })).toBe("[redacted] [redacted] [redacted]");
  expect(mask(text, { mogplex, token: "plain-token-0003" })).toBe("[redacted] [redacted] [redacted]");
  expect(mask(text, { mogplex, env: () => undefined })).toBe("[redacted] plain-token-0002 plain-token-0003");
  for (const wrong of [{}, mogplex.api]) {
    expect(() => mask(text, { mogplex: wrong as never })).toThrow("'mogplex' must be what createMogplex() returned");
  }
});

test("createLogText() masks each token that the function of its client gives later", async () => {
  const service = createEmulator();
  let token = "plain-token-0001";
  const mogplex = createMogplex({ ...service.options, token: () => token });
  const { line } = createLogText({ mogplex });
  const text = "plain-token-0001 plain-token-0002";
  expect(line(text)).toBe(text);
  for (const expected of ["[redacted] plain-token-0002", "[redacted] [redacted]"]) {
    // The service knows neither, so that the second request asks for the token again.
    await mogplex.api.listRepos().catch(() => {});
    expect(line(text)).toBe(expected);
    token = "plain-token-0002";
  }
});
