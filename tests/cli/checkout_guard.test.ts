import { expect, test } from "bun:test";
import { guardCheckout } from "../../lib/cli/checkout_guard.ts";
import { fakeIo } from "./fake_io.ts";

const CI = { CI: "true" };

test("guardCheckout() refuses a .env of the checkout that sets the origin when Bun has read it in CI", () => {
  const hostile: [file: string, text: string, name: string][] = [
    [".env", "MOGPLEX_URL=https://evil.example", "MOGPLEX_URL"],
    [".env.local", "A=1\n  export MOGPLEX_DEV=1\n", "MOGPLEX_DEV"],
    [".env.production", "MOGPLEX_DEV_HOST : evil", "MOGPLEX_DEV_HOST"],
    [".env.test.local", "\r\nMOGPLEX_URL = x", "MOGPLEX_URL"],
  ];
  for (const [file, text, name] of hostile) {
    expect(() => guardCheckout(fakeIo({ env: CI, files: { [file]: text } }), "bun/1.4.5", [])).toThrow(
      `Cannot trust ${name}: Bun read the file "${file}" of the checkout, which sets it; start with bun --no-env-file --config=/dev/null`,
    );
  }
});

test("guardCheckout() lets everything else pass", () => {
  const files = { ".env": "MOGPLEX_URL=https://evil.example" };
  guardCheckout(fakeIo({ env: CI, files }), "node/20.20.0", []);
  guardCheckout(fakeIo({ env: CI, files }), "deno/2.9.6", []);
  guardCheckout(fakeIo({ env: CI, files }), "bun/1.4.5", ["--no-env-file", "--config=/dev/null"]);
  guardCheckout(fakeIo({ files }), "bun/1.4.5", []);
  guardCheckout(fakeIo({ env: CI, files: { ".env": "# MOGPLEX_URL=x\nMY_MOGPLEX_URL=y\n" } }), "bun/1.4.5", []);
});
