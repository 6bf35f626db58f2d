// 127.0.0.0/8 as IPv6 addresses, in the form of the URL standard.
const MAPPED_IPV4 = /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/;

/**
 * Whether a host can be reached only from this machine: `localhost`, 127.0.0.0/8 and `::1`, in any spelling.
 *
 * Names below `localhost`, and `localhost.`, are not included, because a resolver may send a query for them to the network. `0.0.0.0` is not
 * included, because a server with this address listens on all interfaces.
 *
 * @param host Host name or address, as in a URL, a `Host` header or an option, with or without a port, and with or without the brackets of an IPv6
 * address. Source: RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3; URL standard, "Host parsing".
 */
export function isLoopback(host: string): boolean {
  if (!/^[\w.:[\]-]+$/.test(host)) return false;
  const authority = /^[^[\]]*:[^[\]]*:/.test(host) ? `[${host}]` : host;
  if (!URL.canParse(`http://${authority}`)) return false;
  const { hostname } = new URL(`http://${authority}`);
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname) ||
    MAPPED_IPV4.test(hostname);
}
