import { expect, test } from "bun:test";
import { ALL_SYSTEMS, detectPlatform } from "../../../lib/ci/detect.ts";
import { guardCheckout } from "../../../lib/cli/start_request.ts";
import { type FakeIo, fakeIo } from "./fake_io.ts";

const CI = { CI: "true" };

function guard(io: FakeIo, runtime: string, args: readonly string[]): void {
  guardCheckout({ io, platform: detectPlatform(io.env), systems: ALL_SYSTEMS }, runtime, args);
}

test("guardCheckout() refuses a .env of the checkout that sets the origin when Bun has read it in CI", () => {
  const hostile: [file: string, text: string, name: string][] = [
    [".env", "MOGPLEX_URL=https://evil.example", "MOGPLEX_URL"],
    [".env.local", "A=1\n  export MOGPLEX_DEV=1\n", "MOGPLEX_DEV"],
    [".env.production", "MOGPLEX_DEV_HOST : evil", "MOGPLEX_DEV_HOST"],
    [".env.test.local", "\r\nMOGPLEX_URL = x", "MOGPLEX_URL"],
    [".env", "HTTPS_PROXY=http://evil.example\nNODE_TLS_REJECT_UNAUTHORIZED=0", "HTTPS_PROXY"],
    [".env", "NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_TLS_REJECT_UNAUTHORIZED"],
    [".env", "A=1\nno_proxy=x", "no_proxy"],
    [".env", "BUN_CONFIG_VERBOSE_FETCH=curl", "BUN_CONFIG_VERBOSE_FETCH"],
    [".env", "MOGPLEX_MODE=YOLO", "MOGPLEX_MODE"],
    [".env", "GITHUB_STEP_SUMMARY=/home/ci/.profile", "GITHUB_STEP_SUMMARY"],
    [".env", "OTEL_EXPORTER_OTLP_ENDPOINT=https://evil.example", "OTEL_EXPORTER_OTLP_ENDPOINT"],
  ];
  for (const [file, text, name] of hostile) {
    expect(() => guard(fakeIo({ env: CI, files: { [file]: text } }), "bun/1.4.5", [])).toThrow(
      `Cannot trust ${name}: it is set in "${file}", a file in the checkout that Bun loaded; start with bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null`,
    );
  }
});

test("guardCheckout() lets everything else pass", () => {
  const files = { ".env": "MOGPLEX_URL=https://evil.example" };
  guard(fakeIo({ env: CI, files }), "node/20.20.0", []);
  guard(fakeIo({ env: CI, files }), "deno/2.9.6", []);
  guard(fakeIo({ env: CI, files }), "bun/1.4.5", [
    "--no-env-file",
    "--config=/dev/null",
    "--tsconfig-override=/dev/null",
  ]);
  guard(fakeIo({ files }), "bun/1.4.5", []);
  guard(fakeIo({ env: CI, files: { ".env": "# MOGPLEX_URL=x\nMY_MOGPLEX_URL=y\n" } }), "bun/1.4.5", []);
});

test("guardCheckout() reads what Bun reads, however odd", () => {
  const spellings = [
    "#\rMOGPLEX_URL=x",
    "A=1\vMOGPLEX_URL=x",
    "A=1\n\fMOGPLEX_URL=x",
    "\ufeffMOGPLEX_URL=x",
    "export\nMOGPLEX_URL=x",
    "export\vMOGPLEX_URL=x",
    "export export MOGPLEX_URL=x",
    "MOGPLEX_URL\n\n=x",
    "MOGPLEX_URL\t:\tx",
    "A='\nMOGPLEX_URL=x",
  ];
  for (const text of spellings) {
    const guarded = () => guard(fakeIo({ env: CI, files: { ".env": text } }), "bun/1.4.5", []);
    expect(guarded).toThrow("Cannot trust MOGPLEX_URL: ");
  }
});

test("guardCheckout() ignores a directory with the name of an environment file", () => {
  const io = fakeIo({ env: CI });
  io.readFile = () => {
    throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
  };
  guard(io, "bun/1.4.5", []);
});
