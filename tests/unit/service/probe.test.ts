import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { NetworkError } from "../../../lib/errors.ts";
import { probe, troubleOf } from "../../../lib/service/probe.ts";
import type { Fetch } from "../../../lib/service/transport.ts";

const URL_ASKED = "https://mogplex.example/api";

async function ask(fetch: Fetch) {
  return await probe(URL_ASKED, { fetch, clock: virtualClock(), limitMs: 5_000 });
}

/** What a runtime throws: the error and its causes, each as `[message, code]`. */
function thrownBy(...chain: [message: string, code?: string][]): Error {
  return chain.reduceRight<Error | undefined>(
    (cause, [message, code]) => Object.assign(new TypeError(message, { cause }), code === undefined ? {} : { code }),
    undefined,
  ) as Error;
}

test("probe() asks once, with GET, without a token, and follows no redirect", async () => {
  const seen: [string, RequestInit][] = [];
  const answer = await ask((url, init) => {
    seen.push([url, init]);
    return new Response("", { status: 302, headers: { location: "/login", date: "Tue, 01 Sep 2026 00:00:00 GMT" } });
  });
  const [[url, init] = ["", {}], ...others] = seen;
  expect({ url, method: init.method, redirect: init.redirect, others }).toEqual({
    url: URL_ASKED,
    method: "GET",
    redirect: "manual",
    others: [],
  });
  expect([...new Headers(init.headers).keys()]).toEqual(["accept", "user-agent"]);
  expect({ status: answer.status, dateMs: answer.dateMs }).toEqual({ status: 302, dateMs: Date.UTC(2026, 8, 1) });
});

test("probe() does not read the body of a good answer, nor all of an error's", async () => {
  let cancelled = 0;
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(32_768).fill(120)),
      cancel: () => void cancelled++,
    });
  expect((await ask(() => new Response(endless(), { status: 206 }))).text).toBe("");
  expect((await ask(() => new Response(endless(), { status: 500 }))).text.length).toBe(65_536);
  expect(cancelled).toBe(2);
});

test("probe() ends at its limit", async () => {
  const clock = virtualClock();
  const silent: Fetch = () => new Promise(() => {});
  const error = await probe(URL_ASKED, { fetch: silent, clock, limitMs: 5_000 }).catch((error) => error);
  expect(error).toBeInstanceOf(NetworkError);
  expect(error.message).toBe("Cannot reach the service: no answer within 5 seconds");
  expect([troubleOf(error), clock.now()]).toEqual(["timeout", 5_000]);
});

// As Node 20.20, Bun 1.4.5 and Deno 2.9.6 throw them; of undici, which is Node's fetch, its source tells the words for proxies.
const sending = `error sending request for url (${URL_ASKED}): client error (Connect): `;
const TROUBLES: Record<string, Error[]> = {
  permission: [thrownBy([`Requires net access to "mogplex.example:443", run again with the --allow-net flag`])],
  proxy: [
    thrownBy(["fetch failed"], ["Proxy response (407) !== 200 when HTTP Tunneling"]),
    thrownBy(["Proxy refused to open a tunnel: 403 Forbidden", "ERR_PROXY_TUNNEL"]),
    thrownBy(["fetch failed"], [`${sending}proxy authentication required`]),
    thrownBy(["fetch failed"], [`${sending}unsuccessful tunnel`]),
  ],
  name: [
    thrownBy(["fetch failed"], ["getaddrinfo ENOTFOUND mogplex.example", "ENOTFOUND"]),
    thrownBy(["fetch failed"], ["getaddrinfo EAI_AGAIN mogplex.example", "EAI_AGAIN"]),
    thrownBy(["fetch failed"], [
      `${sending}dns error: failed to lookup address information: Name or service not known`,
    ]),
  ],
  refused: [
    thrownBy(["fetch failed"], ["", "ECONNREFUSED"]),
    thrownBy(["ECONNREFUSED: Unable to connect. Is the computer able to access the url?", "ECONNREFUSED"]),
    thrownBy(["fetch failed"], [`${sending}tcp connect error: Connection refused (os error 111)`]),
  ],
  expired: [
    thrownBy(["fetch failed"], ["certificate has expired", "CERT_HAS_EXPIRED"]),
    thrownBy(["certificate is not yet valid", "CERT_NOT_YET_VALID"]),
    thrownBy(["fetch failed"], [
      `${sending}invalid peer certificate: certificate expired: verification time 1795544102`,
    ]),
  ],
  wrong_name: [
    thrownBy(["fetch failed"], [
      "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1",
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ]),
    thrownBy([`ERR_TLS_CERT_ALTNAME_INVALID fetching "${URL_ASKED}"`, "ERR_TLS_CERT_ALTNAME_INVALID"]),
    thrownBy(["fetch failed"], [`${sending}invalid peer certificate: certificate not valid for name "127.0.0.1"`]),
  ],
  issuer: [
    thrownBy(["fetch failed"], ["self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"]),
    thrownBy(["unable to get local issuer certificate", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"]),
    thrownBy(["unable to verify the first certificate", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]),
    thrownBy(["fetch failed"], [`${sending}invalid peer certificate: UnknownIssuer`]),
  ],
  no_tls: [
    thrownBy(["fetch failed"], [
      "0A00010B:SSL routines:ssl3_get_record:wrong version number",
      "ERR_SSL_WRONG_VERSION_NUMBER",
    ]),
    thrownBy(["EPROTO: The TLS handshake failed. Does the server speak TLS on this port?", "EPROTO"]),
    thrownBy(["fetch failed"], [`${sending}received corrupt message of type InvalidContentType`]),
  ],
  timeout: [
    thrownBy(["fetch failed"], ["Connect Timeout Error", "UND_ERR_CONNECT_TIMEOUT"]),
    thrownBy(["connect EHOSTUNREACH 10.0.0.1:443", "EHOSTUNREACH"]),
  ],
  reset: [
    thrownBy(["fetch failed"], ["read ECONNRESET", "ECONNRESET"]),
    thrownBy(["fetch failed"], ["other side closed", "UND_ERR_SOCKET"]),
    thrownBy(["fetch failed"], [`${sending}Connection reset by peer (os error 104)`]),
  ],
  unknown: [thrownBy(["fetch failed"], ["bad port"])],
};

test("troubleOf() knows the words of every runtime", async () => {
  for (const [trouble, errors] of Object.entries(TROUBLES)) {
    for (const error of errors) {
      const thrown = await ask(() => Promise.reject(error)).catch((error) => error);
      expect(thrown).toBeInstanceOf(NetworkError);
      expect({ words: thrown.message, trouble: troubleOf(thrown) }).toMatchObject({ trouble });
    }
  }
});

test("troubleOf() is not misled by the address", () => {
  const error = new NetworkError(
    "error sending request for url (https://econnreset.dns-error.example/): Connection refused",
  );
  expect(troubleOf(error)).toBe("refused");
});

test("probe() shows no secret that an error holds", async () => {
  const thrown = await ask(() => Promise.reject(new TypeError("proxy http://user:swordfish@proxy.corp failed"))).catch((
    error,
  ) => error);
  expect(thrown.message + thrown.stack + thrown.cause?.stack).not.toContain("swordfish");
});
