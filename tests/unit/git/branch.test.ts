/** A branch whose server answers as a test wants it; no Git runs. */
import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { GitBranch } from "../../../lib/git/remote.ts";
import { MogplexError } from "../../../lib/errors.ts";

const REMOTE = "https://git.example.com/acme/state.git";
const ACCESS = `fatal: unable to access '${REMOTE}/': The requested URL returned error:`;
const DECLINED = " ! [remote rejected] state -> state (pre-receive hook declined)";
const OK = { code: 0, stdout: new Uint8Array(), stderr: "" };
const printed = (text: string) => ({ ...OK, stdout: new TextEncoder().encode(text) });
const refused = (stderr: string) => ({ code: 1, stdout: new Uint8Array(), stderr });

/** A branch that exists. @param answers Of `command`, one after the other; the last one stays. */
async function branchWith(command: string, answers: readonly (typeof OK)[]) {
  const clock = virtualClock();
  const calls: { args: readonly string[]; variables: Readonly<Record<string, string>> | undefined }[] = [];
  let count = 0;
  const run = (args: readonly string[], _input?: string | Uint8Array, variables?: Readonly<Record<string, string>>) => {
    calls.push({ args, variables });
    const isAsked = args[0] === command || args[0] === "ls-remote" && variables !== undefined;
    if (isAsked) return Promise.resolve(answers[Math.min(count++, answers.length - 1)] ?? OK);
    // Nothing has arrived, and nobody else has written.
    if (args[0] === "merge-base") return Promise.resolve({ ...OK, code: 1 });
    return Promise.resolve(args[0] === "rev-parse" ? printed("1f\n") : OK);
  };
  const branch = new GitBranch({ folder: "/x", run, close: () => Promise.resolve() }, REMOTE, "state", {
    clock,
    random: () => 0.5,
    redact: (text) => text.replaceAll("hunter2", "[redacted]"),
  });
  if (command !== "fetch") await branch.read();
  const asked = () => calls.filter(({ args }) => args[0] === command).length;
  return { branch, clock, calls, asked };
}

const FILES = new Map([["lock.json", "{}"]]);

/** Exit code and message of what is thrown. */
async function failureOf(act: () => Promise<unknown>): Promise<string> {
  const error = await act().then(() => undefined, (thrown) => thrown);
  if (error instanceof MogplexError) return `${error.exitCode} ${error.message}`;
  throw error ?? new Error("nothing was thrown");
}

for (const words of [`${ACCESS} 403`, DECLINED]) {
  test(`GitBranch.write() pushes twice more after a refusal that may be a moment's trouble: ${words}`, async () => {
    const world = await branchWith("push", [refused(words), refused(words), OK]);
    await world.branch.write(FILES, "x");
    expect([world.asked(), world.clock.slept]).toEqual([3, [1_500, 4_500]]);
    const other = await branchWith("push", [refused(words)]);
    expect(await failureOf(() => other.branch.write(FILES, "x"))).toStartWith("2 Cannot write to branch");
    expect(other.asked()).toBe(3);
  });
}

test("GitBranch.read() fetches twice more after a 403, and looks twice more whether the branch has moved", async () => {
  const fetched = await branchWith("fetch", [refused(`${ACCESS} 403`), OK]);
  expect(await fetched.branch.read()).toEqual([]);
  const looked = await branchWith("ls-remote", [refused(`${ACCESS} 403`), printed("1f\trefs/heads/state\n")]);
  await looked.branch.checkUnmoved();
  expect([fetched.asked(), looked.asked()]).toEqual([2, 2]);
});

test("GitBranch.write() believes a refused password at once", async () => {
  const world = await branchWith("push", [refused(`fatal: Authentication failed for '${REMOTE}/'`)]);
  expect(await failureOf(() => world.branch.write(FILES, "x"))).toStartWith("2 ");
  expect(world.asked()).toBe(1);
});

// Sources: GitLab, lib/gitlab/git_access.rb; GitLab's documentation, "Maintenance mode".
for (
  const words of [
    "GitLab: The repository is temporarily read-only. Please try again later.",
    "Git push is not allowed because this GitLab instance is currently in (read-only) maintenance mode.",
  ]
) {
  for (const end of [`${ACCESS} 403`, DECLINED]) {
    test(`GitBranch.write() ends with 69 and the server's words after three tries: ${words} ${end}`, async () => {
      const world = await branchWith("push", [refused(`remote: ${words}\nremote: \n${end}`)]);
      const failure = await failureOf(() => world.branch.write(FILES, "x"));
      expect(failure).toStartWith('69 Cannot write to branch "state"');
      expect(failure).toContain(
        `; the server says ${JSON.stringify(words)}; when the repository can be reached, run the same`,
      );
      expect(world.asked()).toBe(3);
    });
  }
}

test("GitBranch shows the server's words in one line, cut and masked, also where it refuses", async () => {
  const lines = ["remote: ============", "remote: no hunter2 \u001b[31mhere", `remote: ${"x".repeat(400)}`, DECLINED];
  const world = await branchWith("push", [refused(lines.join("\n"))]);
  const failure = await failureOf(() => world.branch.write(FILES, "x"));
  expect(failure).toContain(`(pre-receive hook declined); the server says "no [redacted]  [31mhere xxx`);
  expect(failure).toContain("MOGPLEX_GIT_TOKEN");
  expect(failure).not.toContain("x".repeat(300));
});

const TRACE = (location: string) =>
  refused(`12:00:00 http.c:684  <= Recv header: Location: ${location}\r\n${ACCESS} 301`);

test("GitBranch names the new address of a repository that has moved, ends with 2, and follows no redirect", async () => {
  for (
    const [from, to] of [["/acme/renamed.git", "https://git.example.com/acme/renamed.git"], [
      "https://kim:pw@new.example/x",
      "https://***@new.example/x",
    ]]
  ) {
    const world = await branchWith("fetch", [
      refused(`${ACCESS} 301`),
      TRACE(`${from}/info/refs?service=git-upload-pack`),
    ]);
    expect(await failureOf(() => world.branch.read())).toBe(
      `2 Cannot read branch "state" of "${REMOTE}" because the repository now has a different address: "${to}"; use that address ` +
        "in --home, in MOGPLEX_CAMPAIGN_HOME, or as the home in the campaign file",
    );
    expect(world.calls.at(-1)).toEqual({
      args: ["ls-remote", "-q", "--", REMOTE],
      variables: { GIT_TRACE_CURL: "1", GIT_TRACE_CURL_NO_DATA: "1" },
    });
  }
});

test("GitBranch takes a redirect to a page for an outage", async () => {
  const world = await branchWith("fetch", [refused(`${ACCESS} 302`), TRACE("https://status.example/maintenance")]);
  expect(await failureOf(() => world.branch.read())).toStartWith("69 Cannot read branch");
});
