/** The built files that tests run, as they lie in `dist/`: no test builds them, and none writes there. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DIST, isFresh } from "../tools/build/fresh.ts";

let fresh: boolean | undefined;

/**
 * Path of a file in `dist/`, for example `mogplex.mjs`.
 *
 * @throws when `dist/` is not what this checkout builds, or has no such file.
 */
export function built(file: string): string {
  fresh ??= isFresh();
  const path = join(DIST, file);
  if (fresh && existsSync(path)) return path;
  const why = fresh ? "dist/ has no such file" : "dist/ is not what this checkout builds";
  throw new Error(`Cannot take ${file} from dist/: ${why}. Run "npm run build".`);
}
