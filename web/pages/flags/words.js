/**
 * Flags in words: what they are, where they are, whom they give what.
 */
import { withQuery } from "../../api.js";
import { LOCALE, formatNumber, plural } from "../../dom.js";
import { OPERATORS, readTargeting } from "./rows.js";
import { brief, typed } from "./values.js";

export const STATES = { ENABLED: "Enabled", DISABLED: "Disabled" };
export const KINDS = { boolean: "Boolean", string: "Text", number: "Number", object: "Object" };
export const CODE_DEFAULT = "the code’s own default";

/** Where the API has it. @param {{ key: string, set: string }} flag @param {string} [rest] */
export const flagPath = ({ key, set }, rest = "") => withQuery(`/api/flags/${encodeURIComponent(key)}${rest}`, { set });

/** Where its page is. @param {{ key: string, set: string }} flag */
export const flagHref = ({ key, set }) => withQuery(`/app/flags/${encodeURIComponent(key)}`, { set });

/** @param {string} name of a set */
export const setWords = (name) => name || "without a name";

const STALE = {
  not_evaluated: ["Not used", "Nobody has evaluated it for 30 days: it can probably be taken out of the code."],
  one_variant: [
    "Settled",
    "Everybody has got the same for 30 days, and nobody changed it: it can probably be taken out of the code.",
  ],
};
/** @param {string} reason @returns {[short: string, long: string]} */
export const staleWords = (reason) => STALE[reason] ?? ["Stale", "It can probably be taken out of the code."];

const PERCENT = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 1 });

/** The share of each part: what is not above nothing gets nobody. @param {import("./rows.js").Serve & { kind: "split" }} split */
export const shares = ({ parts }) => {
  const weights = parts.map(({ weight }) => Math.max(0, weight === undefined ? 1 : Number(JSON.stringify(weight))));
  const sum = weights.reduce((total, each) => total + each, 0);
  return weights.map((each) => (sum ? each / sum : 0));
};

/** @param {number} share */
export const percent = (share) => PERCENT.format(share).replace("%", " %").replace("  ", " ");

/** `on`, `25 % on, 75 % off`, `the default`. @param {import("./rows.js").Serve} serve */
export const serveWords = (serve) => {
  if (serve.kind === "variant") return serve.name;
  if (serve.kind === "default") return "the default";
  const parts = shares(serve);
  return serve.parts.map(({ variant }, index) => `${percent(parts[index])} ${variant}`).join(", ");
};

const valueWords = ({ takes }, value) => {
  if (takes === "none") return "";
  return takes === "list" ? ` ${value.map(typed).join(", ") || "…"}` : ` ${takes === "text" ? value : typed(value)}`;
};

/** `email ends with @example.org`. @param {import("./rows.js").Condition} condition */
export const conditionWords = (condition) => {
  if ("custom" in condition) return brief(condition.custom);
  const operator = OPERATORS[condition.operator];
  const words = operator.words.replace(/^version /, "");
  return `${condition.attribute || "…"} ${words}${valueWords(operator, condition.value)}`;
};

/** `If email ends with @example.org: on`. @param {import("./rows.js").Row} row */
export const rowWords = ({ match, conditions, serve }) => {
  if (!conditions.length) return `Everybody: ${serveWords(serve)}`;
  return `If ${conditions.map(conditionWords).join(match === "any" ? " or " : " and ")}: ${serveWords(serve)}`;
};

/**
 * What targeting does, in a few words.
 * @param {{ targeting: any, default_variant: string | null }} flag
 */
export const targetingWords = ({ targeting, default_variant: byDefault }) => {
  const found = readTargeting(targeting);
  if (!found) return "a rule of its own";
  const { rows, otherwise } = found;
  if (rows.length) {
    const rest = otherwise.kind === "default" ? "" : `, others: ${serveWords(otherwise)}`;
    return `${plural(rows.length, "rule")}${rest}`;
  }
  if (otherwise.kind === "split") return serveWords(otherwise);
  const given = otherwise.kind === "variant" ? otherwise.name : byDefault;
  return `everybody gets ${given ?? CODE_DEFAULT}`;
};

/** All of it, a line a rule; nothing where rows cannot tell it. @param {any} targeting @returns {string[]} */
export const targetingLines = (targeting) => {
  const found = readTargeting(targeting);
  if (!found) return [];
  const { rows, otherwise } = found;
  return [...rows.map(rowWords), `${rows.length ? "Otherwise" : "Everybody"}: ${serveWords(otherwise)}`];
};

/** @param {number} count */
export const evaluations = (count) => `${formatNumber(count)} ${count === 1 ? "evaluation" : "evaluations"}`;
