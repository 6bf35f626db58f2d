/**
 * The Node image of the jobs that we write. It also has a shell, Git, curl and sha256sum.
 * @module
 */

/** A long-term support release: until April 2028. Source: the release schedule of Node.js. */
export const NODE_VERSION = "24.11.0";

/** An exact version, so that jobs do not change on their own. */
export const NODE_IMAGE: string = `node:${NODE_VERSION}-bookworm`;
