// What a page does with OpenFeature's own client for browsers: it asks for all flags, again and again or when a stream
// tells it to, and when its context changes. Changes a flag by itself, and tells what it saw as JSON.
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
import { EventSource } from "eventsource";

const [mode, url, key, adminKey] = process.argv.slice(2);
const asked = [];
const opened = [];

globalThis.EventSource = class extends EventSource {
  constructor(...given) {
    super(...given);
    opened.push(new Promise((resolve) => this.addEventListener("open", resolve, { once: true })));
  }
};

const fetchImplementation = async (input, options) => {
  const answer = await fetch(input, options);
  const query = new URL(typeof input === "string" ? input : input.url).search;
  asked.push({ status: answer.status, query });
  return answer;
};

const change = async (variant) => {
  const answer = await fetch(`${url}/api/flags/boolean`, {
    method: "PATCH",
    headers: { Authorization: `Bearer ${adminKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ default_variant: variant }),
  });
  if (answer.status !== 200) throw new Error(`the change was answered with ${answer.status}`);
};

const until = async (isSo) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
};

const provider = new OFREPWebProvider({
  baseUrl: url,
  headers: [["Authorization", `Bearer ${key}`]],
  cacheMode: "disabled",
  changeDetection: mode,
  pollInterval: mode === "polling" ? 50 : 0,
  fetchImplementation,
});
await OpenFeature.setContext({ targetingKey: "anna", plan: "free" });
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
const changed = [];
client.addHandler(ProviderEvents.ConfigurationChanged, (event) => changed.push(event.flagsChanged));

const values = () => ({
  boolean: client.getBooleanDetails("boolean", false).variant,
  string: client.getStringValue("string", "none"),
  float: client.getNumberValue("float", 1),
  object: client.getObjectValue("object", {}),
  paying: client.getBooleanDetails("paying", true).variant,
  disabled: client.getBooleanDetails("disabled", true),
  unknown: client.getBooleanDetails("nope", true),
  noVariant: client.getBooleanDetails("no-variant", true),
});

const atFirst = values();
if (mode === "polling") await until(() => asked.some(({ status }) => status === 304));
if (mode === "sse") await until(() => opened.length > 0);
await Promise.all(opened);

const before = asked.length;
await change("off");
await until(() => changed.length > 0);
const afterChange = values();
const afterChangeAsked = asked.slice(before);

// The same person with another attribute: what was answered before must not be taken for this.
await OpenFeature.setContext({ targetingKey: "anna", plan: "pro" });
const afterContext = values();

console.log(
  JSON.stringify({ atFirst, afterChange, afterContext, changed, afterChangeAsked, asked, streams: opened.length }),
);
await OpenFeature.close();
process.exit(0);
