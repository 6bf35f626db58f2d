/** `main()` with errors of another copy of the built package. */
import { expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { VERSION } from "../../../lib/version.ts";
import { built } from "../../built.ts";
import { RUNTIMES, runToEnd } from "../package/runtimes.ts";

test("main() ends with the code of an error of another copy, and with 2 and both versions for an incompatible one", () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-copies-"));
  try {
    const dist = dirname(built("mod.mjs"));
    for (const copy of ["one", "two"]) cpSync(dist, join(folder, copy), { recursive: true });
    const script = join(folder, "script.mjs");
    writeFileSync(
      script,
      `const [{ main }, other] = await Promise.all(["one", "two"].map((copy) => import(\`./\${copy}/mod.mjs\`)));
      const error = new other.UnauthorizedError("the vault is closed");
      const brand = error[Symbol.for("@mogplex/ci.error")];
      if (process.argv[2] !== undefined) brand.version = process.argv[2];
      await main(() => { throw error; });`,
    );
    const [same, next] = [[], ["9.1.0"]].map((more) => runToEnd([...RUNTIMES.node, script, ...more]));
    expect(same).toEqual({ code: 64, stdout: "", stderr: "error: the vault is closed\n" });
    expect(next?.code).toBe(2);
    expect(next?.stderr).toBe(
      `error: the vault is closed\nerror: this error comes from @mogplex/ci 9.1.0, and the caller uses ${VERSION}: install only one version\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
