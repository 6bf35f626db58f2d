/**
 * Makes the data of a dashboard fit for its files: every text in it is normalised, redacted and cut.
 *
 * @module
 */
import { cutText, plainText } from "../text/plain_text.ts";
import type { DashboardData } from "./data.ts";

/** Most UTF-16 units of a text: the errors of the service are the longest. */
const MAX_TEXT = 2_000;
/** UTF-16 units that are looked at: normalising takes time, and the most of a hostile text may be invisible. */
const MAX_READ = 20_000;

/** Fields that programs look up: only the token is masked in them. */
const LOOKED_UP: readonly string[] = ["id", "runId", "status", "state", "outcome", "kind", "at", "schema"];

/**
 * A copy with every text normalised, redacted and cut after 2 000 characters.
 *
 * @param redact Removes secrets from one text; `token` removes the token alone.
 */
export function cleanDashboard(
  data: DashboardData,
  redact: { (text: string): string; token(text: string): string },
): DashboardData {
  function clean(value: unknown, key = ""): unknown {
    if (typeof value === "string") {
      const mask = LOOKED_UP.includes(key) ? redact.token : redact;
      return cutText(mask(plainText(value.slice(0, MAX_READ))), MAX_TEXT);
    }
    if (Array.isArray(value)) return value.map((item) => clean(item, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, clean(item, name)]));
  }
  return clean(data) as DashboardData;
}
