/** Must equal the version in `package.json`, `deno.json` and the newest entry of `CHANGELOG.md`. A test compares them. */
export const VERSION = "0.0.0";
