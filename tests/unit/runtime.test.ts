import { expect, test } from "bun:test";
import { callOf } from "../../lib/runtime.ts";

const call = (file: string, runtime = "node") => callOf({ file, cwd: "/srv", runtime }, "mogplex-ci");

test("callOf() gives the file to its runtime, below the working directory by its relative path", () => {
  expect(call("/srv/mogplex.mjs")).toBe("node mogplex.mjs");
  expect(call("/srv/.mogplex/mogplex.mjs", "bun")).toBe("bun .mogplex/mogplex.mjs");
  expect(call("/opt/mogplex.mjs", "deno")).toBe(
    "deno run --no-config --no-lock --no-prompt $(deno run --no-config --no-lock --no-prompt --allow-env /opt/mogplex.mjs permissions) /opt/mogplex.mjs",
  );
  expect(call("/srvx/mogplex.mjs")).toBe("node /srvx/mogplex.mjs");
  const nowhere = callOf({ file: "/srv/mogplex.mjs", cwd: undefined, runtime: "node" }, "mogplex-ci");
  expect(nowhere).toBe("node /srv/mogplex.mjs");
});

test("callOf() keeps the flags of the runtime, and none where a shell would take one apart", () => {
  const bun = (...flags: string[]) => callOf({ file: "/srv/mogplex.mjs", cwd: "/srv", runtime: "bun", flags }, "x");
  expect(bun("--no-env-file", "--config=/dev/null")).toBe("bun --no-env-file --config=/dev/null mogplex.mjs");
  expect(bun("--no-env-file", "--define=a='b'")).toBe("bun mogplex.mjs");
});

test("callOf() uses the name of a link on the PATH, and the fallback for what a package manager put away", () => {
  expect(call("/usr/local/bin/mogplex-ci")).toBe("mogplex-ci");
  expect(call("C:\\tools\\mogplex")).toBe("mogplex");
  expect(call("/srv/node_modules/@mogplex/ci/dist/mogplex.mjs")).toBe("mogplex-ci");
  expect(call("")).toBe("mogplex-ci");
});

test("callOf() uses the fallback for a path that a shell would take apart", () => {
  for (const odd of ["/a b/mogplex.mjs", "/a$(id)/mogplex.mjs", "/a;b/mogplex.mjs", "/a\nb/mogplex.mjs"]) {
    expect(call(odd)).toBe("mogplex-ci");
  }
});
