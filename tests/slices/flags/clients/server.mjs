// Evaluates flags with OpenFeature's own client for servers; tells what it was given as JSON.
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const [url, key] = process.argv.slice(2);

const provider = new OFREPProvider({ baseUrl: url, headers: [["Authorization", `Bearer ${key}`]] });
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
const told = ({ value, reason, variant, errorCode, flagMetadata }) => ({ value, reason, variant, errorCode, flagMetadata });

console.log(
  JSON.stringify({
    boolean: told(await client.getBooleanDetails("boolean", false)),
    string: told(await client.getStringDetails("string", "none")),
    float: told(await client.getNumberDetails("float", 1)),
    object: told(await client.getObjectDetails("object", {})),
    anna: told(await client.getBooleanDetails("targeted", false, { targetingKey: "anna" })),
    bert: told(await client.getBooleanDetails("targeted", true, { targetingKey: "bert" })),
    nobody: told(await client.getBooleanDetails("targeted", true)),
    unknown: told(await client.getBooleanDetails("nope", true)),
    noVariant: told(await client.getBooleanDetails("no-variant", true)),
    wrongType: told(await client.getStringDetails("boolean", "none")),
    disabled: told(await client.getBooleanDetails("disabled", true)),
    codeDefault: told(await client.getBooleanDetails("code-default", true)),
  }),
);
await OpenFeature.close();
