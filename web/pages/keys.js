/**
 * API keys: the scopes are chosen from those that exist, and a new key is shown once.
 *
 * @type {import("../generic.js").Page}
 */
import { getCatalogue } from "../api.js";
import { h } from "../dom.js";
import { choicesControl } from "../forms.js";
import { badge } from "../table.js";

const catalogue = await getCatalogue();
const known = ["admin", ...catalogue.items.flatMap((slice) => slice.scopes)];

/** Scopes that a key has but no slice offers any more must not get lost in editing. */
const scopesControl = (field, initial, attributes) =>
  choicesControl({ ...field, options: [...new Set([...known, ...(initial ?? [])])] }, initial, attributes);

const isExpired = (key) => key.expires_at && Date.parse(key.expires_at) <= Date.now();

const nameCell = (key) =>
  h(
    "span.with-badges",
    null,
    key.name,
    key.is_configured && badge("from the settings"),
    isExpired(key) && badge("expired"),
  );

export default {
  columns: ["name", "scopes", "last_used_at", "expires_at", "created_at"],
  cells: { name: nameCell },
  controls: { scopes: scopesControl },
  onceWarning:
    "The key is shown this once; only a hash of it is kept. Put it where the program that uses it keeps its secrets.",
};
