import { expect, test } from "bun:test";
import { isLoopback } from "../../../lib/loopback.ts";

test("isLoopback() accepts localhost, 127.0.0.0/8 and ::1 in any spelling, with and without a port", () => {
  const hosts = [
    ...["localhost", "LOCALHOST", "localhost:80", "127.0.0.1", "127.0.0.1:65535", "127.9.9.9", "127.1", "2130706433"],
    ...["::1", "[::1]", "[::1]:8080", "0:0:0:0:0:0:0:1", "[0:0::1]", "::ffff:127.0.0.1", "[::ffff:7f00:1]:1"],
  ];
  expect(hosts.filter((host) => !isLoopback(host))).toEqual([]);
});

test("isLoopback() refuses other machines, listening everywhere, and what is not a host", () => {
  const hosts = [
    ...["", "0.0.0.0", "::", "[::]", "0", "10.0.0.1", "128.0.0.1", "127.0.0.256", "::2", "::ffff:10.0.0.1", "[::1"],
    ...[
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "evil.example",
      "a.localhost",
      "localhost.",
      "localhost:99999",
    ],
    ...[
      "localhost@evil.example",
      "evil.example/localhost",
      "localhost/",
      "localhost#",
      " localhost",
      "localhost\n",
      "%6cocalhost",
    ],
  ];
  expect(hosts.filter(isLoopback)).toEqual([]);
});
