/** Version of this toolkit, as in `package.json`, `deno.json` and the newest entry of `CHANGELOG.md` (a test compares them). */
export const VERSION = "0.0.0";
