import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { good, script } from "../../service/answers.ts";
import { fakeIo } from "../fake_io.ts";
import { TOKEN } from "../world.ts";

test("automations list prints what there is and exits 0 when the service gives a cursor twice", async () => {
  const times = { createdAt: "2026-08-10T12:00:00+00:00", updatedAt: "2026-08-10T12:00:00+00:00" };
  const page = (id: string) => good({ automations: [{ id, name: id, status: "active", ...times }], nextCursor: "c" });
  const { fetch } = script(page("first"), page("second"));
  const io = fakeIo({ env: { MOGPLEX_API_KEY: TOKEN } });
  const code = await main(["automations", "list", "--all"], io, { fetch, clock: virtualClock() });
  expect({ code, ...io.text }).toEqual({
    code: 0,
    stdout: "first   active  never published  first\nsecond  active  never published  second\n",
    stderr: "note: the list ends after 2 automations because the service returned the same cursor again on page 2\n",
  });
});
