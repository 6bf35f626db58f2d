import { expect, test } from "bun:test";
import { remembered } from "../../../lib/forge/threads.ts";

test("remembered() asks once, and again after a failure", async () => {
  let asked = 0;
  const ask = remembered(() =>
    Promise.resolve(++asked).then((count) => {
      if (count === 1) throw new Error("down");
      return count;
    })
  );
  await expect(ask()).rejects.toThrow("down");
  expect(await Promise.all([ask(), ask()])).toEqual([2, 2]);
  expect([await ask(), asked]).toEqual([2, 2]);
});
