/** Tests that run once on each runtime. */
import { test } from "bun:test";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { sharedService } from "../../programs/processes/world/service.ts";
import type { RuntimeService } from "../../programs/processes/world/ci_job.ts";

/** Declares a test for each runtime, which the test's name ends with. All use the service that the files of this process share. */
export function onEveryRuntime(what: string, body: (on: RuntimeService) => Promise<void>): void {
  for (const [name, runtime] of Object.entries(RUNTIMES)) {
    test(`${what}, on ${name}`, async () => {
      await body({ name, runtime, service: await sharedService() });
    });
  }
}
