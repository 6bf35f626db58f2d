/**
 * The Node.js image of the generated jobs. It also has a shell, Git, curl and sha256sum.
 * @module
 */

/** This long-term support release is supported until April 2028. Source: the release schedule of Node.js. */
export const NODE_VERSION = "24.11.0";

/** The version is exact, so that existing jobs do not change. */
export const NODE_IMAGE: string = `node:${NODE_VERSION}-bookworm`;
