import { expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../../lib/errors.ts";
import { parseOrigin, type ParseOriginOptions } from "../../../lib/service/connection.ts";

function refusal(text: string, options?: ParseOriginOptions): string {
  try {
    parseOrigin(text, options);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`Expected ${text} to be refused`);
}

test("parseOrigin() accepts an HTTPS origin, and reports whether it is the default one", () => {
  expect(parseOrigin("https://mogplex.com/")).toEqual({
    origin: "https://mogplex.com",
    host: "mogplex.com",
    custom: false,
    plain: false,
  });
  expect(parseOrigin(" https://Mogplex.example:8443 ")).toEqual(
    { origin: "https://mogplex.example:8443", host: "mogplex.example:8443", custom: true, plain: false },
  );
});

test("parseOrigin() normalises the www host, and no other host", () => {
  expect(parseOrigin("https://www.mogplex.com").origin).toBe("https://mogplex.com");
  expect(parseOrigin("https://www.mogplex.com:443/").custom).toBe(false);
  expect(parseOrigin("https://www.mogplex.com.example").origin).toBe("https://www.mogplex.com.example");
});

test("parseOrigin() refuses path, query, fragment, credentials and other schemes, and names the broken rule", () => {
  expect(refusal("https://mogplex.com/api/v1")).toContain("without path or query");
  expect(refusal("https://mogplex.com/?")).toContain("without path or query");
  expect(refusal("https://mogplex.com#")).toContain("without path or query");
  expect(refusal("ftp://mogplex.com")).toContain("scheme must be https");
  expect(refusal("mogplex.com")).toContain("not a URL");
  expect(refusal("")).toContain(`not a URL: ""`);
  const credentials = refusal("https://user:hunter22@mogplex.com");
  expect(credentials).toBe("Cannot use MOGPLEX_URL: it contains credentials; remove the part before the @");
  expect(credentials).not.toContain("hunter22");
});

test("parseOrigin() does not show a token that was given as the address", () => {
  expect(refusal("mog_Zk9pQ2rT7vXw3YbN5sLdF8aG")).not.toContain("Zk9pQ2rT7v");
});

test("parseOrigin() permits plain HTTP to this machine with dev, and to no other host", () => {
  const dev = { dev: true };
  const hosts = ["localhost:3000", "127.0.0.1:8080", "127.1.2.3", "[::1]:9"];
  expect(hosts.map((host) => parseOrigin(`http://${host}`, dev))).toEqual(
    hosts.map((host) => ({ origin: `http://${host}`, host, custom: true, plain: true })),
  );
  for (const host of hosts) expect(refusal(`http://${host}`)).toContain("MOGPLEX_DEV=1");
  for (const host of ["mogplex.com", "localhost.example", "127.0.0.1.example", "128.0.0.1", "emulator:4000"]) {
    expect(refusal(`http://${host}`, dev)).toContain("plain HTTP");
  }
});

test("parseOrigin() permits plain HTTP to the one host named, with or without its port", () => {
  const options = { dev: true, devHost: "emulator" };
  expect(parseOrigin("http://emulator:4000", options).origin).toBe("http://emulator:4000");
  expect(parseOrigin("http://emulator:4000", { dev: true, devHost: "emulator:4000" }).plain).toBe(true);
  expect(refusal("http://emulator:4001", { dev: true, devHost: "emulator:4000" })).toContain("plain HTTP");
  expect(refusal("http://emulator.example", options)).toContain("plain HTTP");
  expect(refusal("http://emulator:4000", { devHost: "emulator" })).toContain("plain HTTP");
});

test("parseOrigin() refuses plain HTTP in production whatever else is set", () => {
  expect(refusal("http://localhost:1", { dev: true, production: true })).toContain("NODE_ENV=production");
});

test("parseOrigin() gives a bare origin or a UsageError for any text", () => {
  const texts = fc.oneof(
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc.string(),
    fc.domain().map((host) => `https://${host}`),
  );
  fc.assert(fc.property(texts, (text) => {
    try {
      const { origin } = parseOrigin(text);
      return origin.startsWith("https://") && new URL(origin).origin === origin;
    } catch (error) {
      return error instanceof UsageError;
    }
  }));
});
