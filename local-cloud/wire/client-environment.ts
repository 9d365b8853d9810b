/** Turns off the SDK's warning about the host's Node.js, which would be in the output of functions and commands. */
export const QUIET_SDK = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };

/** `NO_PROXY` with loopback in it: a proxy must not come between a client and the gateway. */
export function noProxy(): Record<string, string> {
  const present = process.env.NO_PROXY ?? process.env.no_proxy;
  const value = [present, '127.0.0.1', 'localhost']
    .filter((part) => part !== undefined && part !== '')
    .join(',');
  return { NO_PROXY: value, no_proxy: value };
}
