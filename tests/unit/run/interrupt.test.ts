import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { InterruptedError, type InterruptSignal } from "../../../lib/errors.ts";
import { cancelsOnInterrupt, interruptible, type Interrupts } from "../../../lib/run/interrupts.ts";
import { fakeProcess } from "./memory_files.ts";

/** Sends signals at points of time and says with which codes the process was ended. */
async function sent(signals: [at: number, signal: InterruptSignal][], terminal = false) {
  const clock = virtualClock();
  const { io, send, exits, handled } = fakeProcess();
  let seen: Interrupts | undefined;
  await interruptible({ io: { ...io, isTerminal: () => terminal }, clock }, async (interrupts) => {
    seen = interrupts;
    for (const [at, signal] of signals) {
      await clock.sleep(at - clock.now());
      send(signal);
    }
  });
  return { exits, handled: handled(), reason: seen?.signal.reason };
}

test("interruptible() aborts at the first signal, with what it was", async () => {
  const { reason, exits } = await sent([[0, "SIGTERM"]]);
  expect(reason).toBeInstanceOf(InterruptedError);
  expect(reason).toMatchObject({ signal: "SIGTERM", exitCode: 143 });
  expect(exits).toEqual([]);
});

test("interruptible() takes SIGHUP for a signal like SIGTERM", async () => {
  const { reason, exits } = await sent([[0, "SIGHUP"], [1_500, "SIGHUP"]]);
  expect(reason).toMatchObject({ signal: "SIGHUP", exitCode: 129, message: "Stopped by SIGHUP" });
  expect(exits).toEqual([129]);
});

test("interruptible() asks for the parents to be watched in a job of a CI system without a terminal alone", async () => {
  const watched: unknown[] = [];
  const onSignal = (_: unknown, inJob?: boolean) => {
    watched.push(inJob);
    return () => {};
  };
  for (const [inJob, terminal] of [[true, false], [true, true], [false, false]] as const) {
    const io = { ...fakeProcess().io, onSignal, isTerminal: () => terminal };
    await interruptible({ io, clock: virtualClock(), inJob }, () => Promise.resolve());
  }
  expect(watched).toEqual([true, false, false]);
});

test("interruptible() calls SIGINT Ctrl-C where a person sits at a terminal", async () => {
  expect((await sent([[0, "SIGINT"]])).reason.message).toBe("Stopped by SIGINT");
  expect((await sent([[0, "SIGINT"]], true)).reason.message).toBe("Stopped by Ctrl-C");
  expect((await sent([[0, "SIGTERM"]], true)).reason.message).toBe("Stopped by SIGTERM");
});

test("interruptible() takes SIGINT for Ctrl-C, but no other signal, when only the process belongs to a terminal", async () => {
  const seen: unknown[] = [];
  for (const [signal, inJob] of [["SIGINT", false], ["SIGTERM", false], ["SIGHUP", false], ["SIGINT", true]] as const) {
    const { io, send } = fakeProcess();
    const isTerminal = (stream: string) => stream === "process";
    const clock = virtualClock();
    await interruptible({ io: { ...io, isTerminal }, clock, inJob }, (interrupts) => {
      const before = interrupts.terminal;
      send(signal);
      const { message } = interrupts.signal.reason;
      return Promise.resolve(seen.push([before, interrupts.terminal, message]));
    });
  }
  expect(seen).toEqual([
    [false, true, "Stopped by Ctrl-C"],
    [false, false, "Stopped by SIGTERM"],
    [false, false, "Stopped by SIGHUP"],
    [false, false, "Stopped by SIGINT"],
  ]);
});

test("interruptible() takes signals within 1.5 s for one", async () => {
  const { reason, exits } = await sent([[0, "SIGINT"], [1, "SIGINT"], [2, "SIGTERM"], [1_499, "SIGINT"]]);
  expect(reason).toMatchObject({ signal: "SIGINT", exitCode: 130 });
  expect(exits).toEqual([]);
});

test("interruptible() ends the process at once at a later signal", async () => {
  expect((await sent([[0, "SIGINT"], [1_500, "SIGTERM"]])).exits).toEqual([143]);
  expect((await sent([[0, "SIGTERM"], [3_000, "SIGINT"]])).exits).toEqual([130]);
});

test("interruptible() stops handling signals when its body is over, also when that throws", async () => {
  expect((await sent([])).handled).toBe(false);
  const { io, handled } = fakeProcess();
  await expect(interruptible({ io, clock: virtualClock() }, () => Promise.reject(new Error("no")))).rejects.toThrow(
    "no",
  );
  expect(handled()).toBe(false);
});

test("interruptible() takes a twin of the first signal for the same when its body is over, and a late one for another", async () => {
  const clock = virtualClock();
  const { io, send, exits, handled } = fakeProcess();
  await interruptible({ io, clock }, () => Promise.resolve(send("SIGTERM")));
  expect(handled()).toBe(true);
  send("SIGTERM");
  expect(exits).toEqual([]);
  await clock.sleep(1_500);
  send("SIGTERM");
  expect(exits).toEqual([143]);
});

test("cancelsOnInterrupt() cancels the runs of this job, unless a person watches at a terminal", () => {
  expect(cancelsOnInterrupt("auto", true, false)).toBe(true);
  expect(cancelsOnInterrupt("auto", false, false)).toBe(false);
  expect(cancelsOnInterrupt("auto", true, true)).toBe(false);
  expect(cancelsOnInterrupt("cancel", false, true)).toBe(true);
  expect(cancelsOnInterrupt("detach", true, false)).toBe(false);
});
