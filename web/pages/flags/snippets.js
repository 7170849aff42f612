/**
 * What to write into a program so that it asks for a flag.
 */
import { codeBlock, curlText, h } from "../../dom.js";

const METHODS = {
  boolean: ["get_boolean_value", "getBooleanValue", "False", "false"],
  string: ["get_string_value", "getStringValue", '"…"', '"…"'],
  number: ["get_float_value", "getNumberValue", "0.0", "0"],
  object: ["get_object_value", "getObjectValue", "{}", "{}"],
};

const selector = (set) => (set ? { "Flagd-Selector": `flagSetId=${set}` } : {});

const python = ({ key, kind, set }) => {
  const [method, , byDefault] = METHODS[kind] ?? METHODS.boolean;
  const chosen = set ? `, ${JSON.stringify("Flagd-Selector")}: ${JSON.stringify(`flagSetId=${set}`)}` : "";
  return `# pip install openfeature-sdk openfeature-provider-ofrep
import os
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

def headers():
    return {"Authorization": f"Bearer {os.environ['SLICE_KEY']}"${chosen}}

api.set_provider(OFREPProvider("${location.origin}", headers_factory=headers))
context = EvaluationContext(targeting_key="user-1", attributes={"email": "ada@example.org"})
value = api.get_client().${method}(${JSON.stringify(key)}, ${byDefault}, context)`;
};

const headersOf = (set, secret) =>
  `[${[`["Authorization", ${secret}]`, ...Object.entries(selector(set)).map(([name, value]) => `["${name}", ${JSON.stringify(value)}]`)].join(", ")}]`;

const server = ({ key, kind, set }) => {
  const [, method, , byDefault] = METHODS[kind] ?? METHODS.boolean;
  return `// npm install @openfeature/server-sdk @openfeature/ofrep-provider
import { OpenFeature } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";

await OpenFeature.setProviderAndWait(
  new OFREPProvider({
    baseUrl: ${JSON.stringify(location.origin)},
    headers: ${headersOf(set, "`Bearer ${process.env.SLICE_KEY}`")},
  }),
);
const context = { targetingKey: "user-1", email: "ada@example.org" };
const value = await OpenFeature.getClient().${method}(${JSON.stringify(key)}, ${byDefault}, context);`;
};

const web = ({ key, kind, set }) => {
  const [, method, , byDefault] = METHODS[kind] ?? METHODS.boolean;
  return `// npm install @openfeature/web-sdk @openfeature/ofrep-web-provider
import { OpenFeature } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";

await OpenFeature.setContext({ targetingKey: "user-1", email: "ada@example.org" });
await OpenFeature.setProviderAndWait(
  new OFREPWebProvider({
    baseUrl: ${JSON.stringify(location.origin)},
    headers: ${headersOf(set, '"Bearer " + key')}, // a key that may evaluate flags, and nothing else
  }),
);
const value = OpenFeature.getClient().${method}(${JSON.stringify(key)}, ${byDefault});`;
};

const block = (title, text, words) =>
  h(
    "section.card.snippet",
    { "aria-label": title },
    h("h2", null, title),
    words && h("p.muted", null, words),
    codeBlock(text, `Copy: ${title}`),
  );

/** @param {import("./flag.js").ViewOptions} options */
export const snippetsView = ({ flag }) =>
  h(
    "div.snippets",
    null,
    h(
      "p.muted",
      null,
      "Programs ask over OFREP, which every OpenFeature SDK speaks. They need a key with the scope ",
      h("code", null, "flags:evaluate"),
      ", unless this server lets everybody evaluate.",
    ),
    block(
      "curl",
      curlText({
        method: "POST",
        path: `/ofrep/v1/evaluate/flags/${encodeURIComponent(flag.key)}`,
        body: { context: { targetingKey: "user-1", email: "ada@example.org" } },
        headers: selector(flag.set),
      }),
    ),
    block("Python", python(flag)),
    block("JavaScript on a server", server(flag)),
    block("JavaScript in a page", web(flag), "The values come once, and again when a flag changes."),
  );
