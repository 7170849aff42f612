/**
 * JSON values as people type them, and numbers that keep the form in which they were written: `1.0` stays `1.0`, since
 * programs tell it from `1`.
 */

/** What some browsers know of and others do not yet. @type {any} */
const EXACT = JSON;

/** Keeps the text of a number that would be written in another way; browsers that cannot do so keep the number alone. */
const keepForm = (_, value, context) =>
  typeof value === "number" && EXACT.rawJSON && context?.source !== undefined && String(value) !== context.source
    ? EXACT.rawJSON(context.source)
    : value;

/** @param {string} text @returns {any} */
export const parseExact = (text) => JSON.parse(text, keepForm);

const isRaw = (value) => Boolean(EXACT.isRawJSON?.(value));

/** @param {any} value */
export const isNumber = (value) => typeof value === "number" || isRaw(value);

/** @param {any} value @returns {"null" | "boolean" | "string" | "number" | "array" | "object"} */
export const typeOf = (value) => {
  if (value === null || value === undefined) return "null";
  if (isNumber(value)) return "number";
  if (Array.isArray(value)) return "array";
  return /** @type {any} */ (typeof value);
};

/** @param {any} a @param {any} b */
export const isSame = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Whether the text alone would be taken for something else than text. */
const isAmbiguous = (text) => NUMBER.test(text) || /^(true|false|null|".*")$/s.test(text) || text !== text.trim();

/** A value as it is typed: text as it is, in quotes where it would be taken for a number, a boolean or null. @param {any} value */
export const typed = (value) =>
  typeof value === "string" && !isAmbiguous(value) ? value : (JSON.stringify(value) ?? "");

/** What was typed: a number, a boolean, null, text in quotes, or else the text itself. @param {string} text @returns {any} */
export const untyped = (text) => {
  const trimmed = text.trim();
  if (!isAmbiguous(trimmed)) return trimmed;
  try {
    return parseExact(trimmed);
  } catch {
    return trimmed;
  }
};

/** @param {string} text @returns {{ value?: any, error?: string }} a number as it was written */
export const readNumber = (text) =>
  NUMBER.test(text.trim()) ? { value: parseExact(text.trim()) } : { error: "This is not a number." };

/** @param {string} text @returns {{ value?: any, error?: string }} */
export const readJson = (text) => {
  try {
    return { value: parseExact(text) };
  } catch (error) {
    return { error: `This is not JSON: ${error.message}` };
  }
};

const WIDTH = 76;

/** JSON on one line where that is short, else a line for each part. @param {any} value @returns {string} */
export const pretty = (value, indent = "") => {
  const type = typeOf(value);
  if (type !== "object" && type !== "array") return JSON.stringify(value);
  const isList = type === "array";
  const [open, close] = isList ? "[]" : "{}";
  const parts = (inner) =>
    Object.entries(value).map(([name, each]) => `${isList ? "" : `${JSON.stringify(name)}: `}${pretty(each, inner)}`);
  const padding = isList ? "" : " ";
  const flat = parts("");
  const line = flat.length ? `${open}${padding}${flat.join(", ")}${padding}${close}` : open + close;
  if (!line.includes("\n") && line.length + indent.length <= WIDTH) return line;
  const inner = `${indent}  `;
  return `${open}\n${parts(inner)
    .map((part) => inner + part)
    .join(",\n")}\n${indent}${close}`;
};

/** JSON on one line where it is short. @param {any} value */
export const brief = (value) => (typeof value === "string" ? value : JSON.stringify(value));
