import { expect, test } from "bun:test";
import { parseHome } from "../../../lib/campaign/journal/open_home.ts";
import { checkRemote, maskAddress } from "../../../lib/git/remote.ts";

test.each([
  "https://github.com/acme/web.git",
  "https://gitlab.example.com:8443/group/sub/project",
  "ssh://git@example.com:2222/acme/web.git",
  "git@github.com:acme/web.git",
  "example.com:acme/web.git",
  "file:///srv/git/web.git",
  "/srv/git/web.git",
])("checkRemote() permits %s", (text) => {
  expect(checkRemote(text)).toBe(text);
});

test.each([
  "",
  "-uupload-pack=touch",
  "--upload-pack=touch /tmp/x",
  "ext::sh -c touch% /tmp/x",
  "ext::sh",
  "fd::7",
  "http://example.com/acme/web.git",
  "git://example.com/web.git",
  "ftp://example.com/web.git",
  "ssh://-oProxyCommand=touch/x",
  "ssh://git@-oProxyCommand=x/y",
  "-oProxyCommand=x:y",
  "git@-oProxyCommand=x:y",
  "host:-oProxyCommand=x",
  "https://example.com/web.git?x=1",
  "https://example.com/web.git#x",
  "https://example.com/a b",
  "https://example.com/a\nb",
  "web.git",
  "./web.git",
  `https://example.com/${"x".repeat(3_000)}`,
])("checkRemote() refuses %j", (text) => {
  expect(() => checkRemote(text)).toThrow("Cannot use the address of a Git repository");
});

test("checkRemote() refuses credentials, and does not repeat them", () => {
  for (
    const text of [
      "https://kim:hunter2@example.com/web.git",
      "https://hunter2@example.com/web",
      "ssh://kim:hunter2@example.com/web",
    ]
  ) {
    let message = "";
    try {
      checkRemote(text);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain("MOGPLEX_GIT_TOKEN");
    expect(message).not.toContain("hunter2");
  }
});

const PASSWORDS = [
  "https://kim:hunter2@example.com/web.git",
  "https://hunter2@example.com/web.git",
  "http://kim:hunter2@example.com/web.git",
  "ssh://kim:hunter2@example.com/web.git",
  "git://kim:hunter2@example.com/web.git",
  "ftp://kim:hunter2@example.com/web.git",
  "kim:hunter2@example.com:acme/web.git",
  "kim:hunter2@example.com/web.git",
  "https:kim:hunter2@example.com/web.git",
  "https:/kim:hunter2@example.com/web.git",
  "//kim:hunter2@example.com/web.git",
  "https://kim:hunter2/x?y@example.com/web.git",
  "https://kim:hun@hunter2@example.com/web.git",
  "https://kim:hunter2 @example.com/web.git",
  "HTTPS://kim:hunter2@example.com/web.git",
  "https://example.com/web.git?private_token=hunter2",
  `https://kim:hunter2@example.com/${"x".repeat(3_000)}`,
];

test.each(PASSWORDS)("no message has the password of %s", (address) => {
  for (
    const act of [
      () => checkRemote(address),
      () => parseHome(`git:${address}#b`, undefined),
      () => parseHome(address, undefined),
      () => parseHome(`git:${address}`, undefined),
      () => parseHome(`git:${address}#a..b`, undefined),
      () => parseHome("git:origin#b", address),
    ]
  ) {
    let message = "";
    try {
      act();
    } catch (error) {
      message = String(error);
    }
    expect(message).not.toBe("");
    expect(message).not.toContain("hunter2");
  }
});

test.each([
  ["git@github.com:acme/web.git", "git@github.com:acme/web.git"],
  ["ssh://git@example.com/web.git", "ssh://git@example.com/web.git"],
  ["git:git@github.com:acme/web#state", "git:git@github.com:acme/web#state"],
  ["https://kim:pw@example.com/web#state", "https://***@example.com/web#***"],
  ["https://example.com/web#hunter2", "https://example.com/web#***"],
  ["https://example.com/web?a#hunter2", "https://example.com/web?***#***"],
  ["hunter2@example.com/web.git", "***@example.com/web.git"],
  ["hunter2@example.com", "***@example.com"],
  ["git://hunter2@example.com/web", "git://***@example.com/web"],
  ["git:ssh://git@example.com/web#state", "git:ssh://git@example.com/web#state"],
  ["git:https://example.com/web?a#state", "git:https://example.com/web?***#state"],
  ["git:https://kim@example.com/web#state", "git:https://***@example.com/web#state"],
  ["/srv/git/web.git", "/srv/git/web.git"],
])("maskAddress() shows %s as %s", (text, shown) => {
  expect(maskAddress(text)).toBe(shown);
});
