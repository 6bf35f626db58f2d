/** A test of your own code with Deno.test. It needs no account, and does not wait for real time.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.0.0
 * deno test --no-lock --node-modules-dir=manual deno.test.mjs
 * ```
 */

import { createMogplex } from "@mogplex/ci";
import { createEmulator } from "@mogplex/ci/testing";
import { decide } from "./decide.mjs";

for (
  const [scenario, word] of [
    ["success", "review"],
    ["no-changes", "nothing to do"],
    ["agent-failure", "call a person"],
    ["stuck-streaming", "look again later"],
  ]
) {
  Deno.test(`decide() says "${word}" when the run plays ${scenario}`, async () => {
    const service = createEmulator({ scenario });
    const [repo] = service.repos;
    const said = await decide(createMogplex(service.options), repo.full_name, "Fix the flaky tests");
    if (said !== word) throw new Error(`it says "${said}"`);
  });
}
