import { expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../../lib/errors.ts";
import { resolveOrigin } from "../../../lib/service/connection.ts";

/** The origin of an address in `MOGPLEX_URL`, with other variables. */
function originOf(text: string, variables: Record<string, string> = {}) {
  return resolveOrigin({ env: (name) => ({ ...variables, MOGPLEX_URL: text })[name] });
}

function refusal(text: string, variables?: Record<string, string>): string {
  try {
    originOf(text, variables);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`Expected ${text} to be refused`);
}

test("resolveOrigin() accepts an HTTPS origin, and reports whether it is the default one", () => {
  expect(originOf("https://mogplex.com/")).toEqual({
    origin: "https://mogplex.com",
    host: "mogplex.com",
    custom: false,
    plain: false,
  });
  expect(originOf(" https://Mogplex.example:8443 ")).toEqual(
    { origin: "https://mogplex.example:8443", host: "mogplex.example:8443", custom: true, plain: false },
  );
});

test("resolveOrigin() normalizes the www host, and no other host", () => {
  expect(originOf("https://www.mogplex.com").origin).toBe("https://mogplex.com");
  expect(originOf("https://www.mogplex.com:443/").custom).toBe(false);
  expect(originOf("https://www.mogplex.com.example").origin).toBe("https://www.mogplex.com.example");
});

test("resolveOrigin() refuses path, query, fragment, credentials and other schemes, and names the broken rule", () => {
  expect(refusal("https://mogplex.com/api/v1")).toContain("without path or query");
  expect(refusal("https://mogplex.com/?")).toContain("without path or query");
  expect(refusal("https://mogplex.com#")).toContain("without path or query");
  expect(refusal("ftp://mogplex.com")).toContain("scheme must be https");
  expect(refusal("mogplex.com")).toContain("not a URL");
  expect(() => resolveOrigin({ env: () => undefined, url: "" })).toThrow(`not a URL: ""`);
  const credentials = refusal("https://user:hunter22@mogplex.com");
  expect(credentials).toBe("Cannot use MOGPLEX_URL: it contains credentials; remove the part before the @");
  expect(credentials).not.toContain("hunter22");
});

test("resolveOrigin() does not show a token that was given as the address", () => {
  expect(refusal("mog_Zk9pQ2rT7vXw3YbN5sLdF8aG")).not.toContain("Zk9pQ2rT7v");
});

test("resolveOrigin() permits plain HTTP to this machine with dev, and to no other host", () => {
  const dev = { MOGPLEX_DEV: "1" };
  const hosts = ["localhost:3000", "127.0.0.1:8080", "127.1.2.3", "[::1]:9"];
  expect(hosts.map((host) => originOf(`http://${host}`, dev))).toEqual(
    hosts.map((host) => ({ origin: `http://${host}`, host, custom: true, plain: true })),
  );
  for (const host of hosts) expect(refusal(`http://${host}`)).toContain("MOGPLEX_DEV=1");
  for (const host of ["mogplex.com", "localhost.example", "127.0.0.1.example", "128.0.0.1", "emulator:4000"]) {
    expect(refusal(`http://${host}`, dev)).toContain("plain HTTP");
  }
});

test("resolveOrigin() permits plain HTTP to the one host named, with or without its port", () => {
  const options = { MOGPLEX_DEV: "1", MOGPLEX_DEV_HOST: "emulator" };
  expect(originOf("http://emulator:4000", options).origin).toBe("http://emulator:4000");
  expect(originOf("http://emulator:4000", { MOGPLEX_DEV: "1", MOGPLEX_DEV_HOST: "emulator:4000" }).plain).toBe(true);
  expect(refusal("http://emulator:4001", { MOGPLEX_DEV: "1", MOGPLEX_DEV_HOST: "emulator:4000" })).toContain(
    "plain HTTP",
  );
  expect(refusal("http://emulator.example", options)).toContain("plain HTTP");
  expect(refusal("http://emulator:4000", { MOGPLEX_DEV_HOST: "emulator" })).toContain("plain HTTP");
});

test("resolveOrigin() refuses plain HTTP in production whatever else is set", () => {
  expect(refusal("http://localhost:1", { MOGPLEX_DEV: "1", NODE_ENV: "production" })).toContain("NODE_ENV=production");
});

test("resolveOrigin() gives a bare origin or a UsageError for any text", () => {
  const texts = fc.oneof(
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc.string(),
    fc.domain().map((host) => `https://${host}`),
  );
  fc.assert(fc.property(texts, (text) => {
    try {
      const { origin } = originOf(text);
      return origin.startsWith("https://") && new URL(origin).origin === origin;
    } catch (error) {
      return error instanceof UsageError;
    }
  }));
});
