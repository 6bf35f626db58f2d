import { expect, test } from "bun:test";
import { checkRemote } from "../../../lib/git/remote.ts";

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
