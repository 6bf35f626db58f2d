/**
 * The `User-Agent` header.
 *
 * @module
 */
import { runtimeName } from "../runtime.ts";
import { VERSION } from "../version.ts";

/**
 * The value of the header: `mogplex-ci/<version> (<runtime>; <CI system>)`.
 *
 * @param ci Name of the CI system; `none` outside CI.
 */
export function userAgent(ci = "none"): string {
  return `mogplex-ci/${VERSION} (${runtimeName()}; ${ci.replace(/[^A-Za-z0-9._-]/g, "_") || "none"})`;
}
