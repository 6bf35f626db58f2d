import { expect, test } from "bun:test";
import { worstOf } from "../../../../lib/campaign/work/settle.ts";
import { UsageError } from "../../../../lib/errors.ts";
import { LostRaceError } from "../../../../lib/git/remote.ts";

test("worstOf() is a lost race, after which everything is read again; then an error of another class than ours", () => {
  const [usage, bug, lost] = [new UsageError("x"), new Error("x"), new LostRaceError("main")];
  expect(worstOf([usage, bug, lost])).toBe(lost);
  expect(worstOf([usage, bug])).toBe(bug);
});
