/**
 * Targeting as rows: from JsonLogic and back, and nothing is lost on the way. What rows cannot tell is left as JSON, a
 * single condition within its row, or the rule as a whole.
 *
 * @typedef {{ attribute: string, operator: string, value: any, isListed?: boolean, isBracketed?: boolean }} Known
 *   isListed: `{"var": ["email"]}`; isBracketed: `{"!": [..]}`
 * @typedef {Known | { custom: any }} Condition
 * @typedef {{ attribute: string, isListed?: boolean, isSalted?: boolean } | null} Bucket null: the targeting key
 * @typedef {{ kind: "default", isLeftOut?: boolean } | { kind: "variant", name: string } | { kind: "split", by: Bucket, parts: { variant: string, weight?: any }[] }} Serve
 * @typedef {{ match: "all" | "any", isWrapped?: boolean, conditions: Condition[], serve: Serve }} Row no conditions: everybody
 * @typedef {{ rows: Row[], otherwise: Serve }} Targeting
 */
import { isNumber, isSame, typeOf } from "./values.js";

const isObject = (value) => typeOf(value) === "object";

/** `{"op": args}` → `["op", args]`; anything else gives nothing. */
const operation = (value) => {
  const entries = isObject(value) ? Object.entries(value) : [];
  return entries.length === 1 ? entries[0] : [null, null];
};

const isScalar = (value) => ["boolean", "string", "number"].includes(typeOf(value));

// ---- conditions ----------------------------------------------------------

const VERSIONS = {
  "=": "is",
  "!=": "is not",
  ">=": "≥",
  ">": ">",
  "<=": "≤",
  "<": "<",
  "^": "has major",
  "~": "has minor",
};

/**
 * What a condition may say. `takes`: the kind of value; `make`: JsonLogic from the attribute and the value; `isRare`: offered
 * only where it is used.
 * @type {Record<string, { words: string, takes: "value" | "text" | "number" | "list" | "none", make: (attribute: any, value: any) => any, isRare?: boolean }>}
 */
export const OPERATORS = {
  "==": { words: "is", takes: "value", make: (of, value) => ({ "==": [of, value] }) },
  "!=": { words: "is not", takes: "value", make: (of, value) => ({ "!=": [of, value] }) },
  "===": { words: "is exactly", takes: "value", make: (of, value) => ({ "===": [of, value] }), isRare: true },
  "!==": { words: "is not exactly", takes: "value", make: (of, value) => ({ "!==": [of, value] }), isRare: true },
  one_of: { words: "is one of", takes: "list", make: (of, value) => ({ in: [of, value] }) },
  contains: { words: "contains", takes: "text", make: (of, value) => ({ in: [value, of] }) },
  starts_with: { words: "starts with", takes: "text", make: (of, value) => ({ starts_with: [of, value] }) },
  ends_with: { words: "ends with", takes: "text", make: (of, value) => ({ ends_with: [of, value] }) },
  ">": { words: "is greater than", takes: "number", make: (of, value) => ({ ">": [of, value] }) },
  ">=": { words: "is at least", takes: "number", make: (of, value) => ({ ">=": [of, value] }) },
  "<": { words: "is less than", takes: "number", make: (of, value) => ({ "<": [of, value] }) },
  "<=": { words: "is at most", takes: "number", make: (of, value) => ({ "<=": [of, value] }) },
  exists: { words: "exists", takes: "none", make: (of) => ({ "!=": [of, null] }) },
  missing: { words: "does not exist", takes: "none", make: (of) => ({ "==": [of, null] }) },
  ...Object.fromEntries(
    Object.entries(VERSIONS).map(([sign, words]) => [
      `version ${sign}`,
      { words: `version ${words}`, takes: "text", make: (of, value) => ({ sem_ver: [of, sign, value] }) },
    ]),
  ),
};

const OPPOSITES = {
  one_of: "is none of",
  contains: "does not contain",
  starts_with: "does not start with",
  ends_with: "does not end with",
};
Object.entries(OPPOSITES).forEach(([name, words]) => {
  const { takes, make } = OPERATORS[name];
  OPERATORS[`not ${name}`] = { words, takes, make: (of, value) => ({ "!": make(of, value) }) };
});

const readVariable = (value) => {
  const [name, args] = operation(value);
  if (name !== "var") return null;
  const [attribute] = [args].flat();
  const isListed = Array.isArray(args);
  if (typeof attribute !== "string" || !attribute || (isListed && args.length !== 1)) return null;
  return { attribute, ...(isListed && { isListed }) };
};

/** @param {{ attribute: string, isListed?: boolean }} of */
const makeVariable = ({ attribute, isListed }) => ({ var: isListed ? [attribute] : attribute });

/** Operator and value of a JsonLogic condition that looks like one of those above. */
const readOperator = (name, args) => {
  if (!Array.isArray(args)) return null;
  const [first, second, third] = args;
  const of = readVariable(first);
  if (name === "in" && typeof first === "string")
    return { ...readVariable(second), operator: "contains", value: first };
  if (!of) return null;
  if (name === "in" && Array.isArray(second) && second.every(isScalar))
    return { ...of, operator: "one_of", value: second };
  if (name === "sem_ver" && typeof third === "string") return { ...of, operator: `version ${second}`, value: third };
  if (second === null && name === "!=") return { ...of, operator: "exists", value: null };
  if (second === null && name === "==") return { ...of, operator: "missing", value: null };
  const { takes } = OPERATORS[name] ?? {};
  const isFit = { value: isScalar, text: (value) => typeof value === "string", number: isNumber }[takes]?.(second);
  return isFit ? { ...of, operator: name, value: second } : null;
};

const readNegation = (args) => {
  const isBracketed = Array.isArray(args) && args.length === 1;
  const found = readOperator(...operation(isBracketed ? args[0] : args));
  return found && { ...found, operator: `not ${found.operator}`, ...(isBracketed && { isBracketed }) };
};

/** @param {any} json @returns {Condition} */
export const readCondition = (json) => {
  const [name, args] = operation(json);
  const found = name === "!" ? readNegation(args) : readOperator(name, args);
  const isKnown = found?.attribute && OPERATORS[found.operator] && isSame(makeCondition(found), json);
  return isKnown ? found : { custom: json };
};

/** @param {Condition} condition @returns {any} */
export const makeCondition = (condition) => {
  if ("custom" in condition) return condition.custom;
  const made = OPERATORS[condition.operator].make(makeVariable(condition), condition.value);
  return condition.isBracketed && "!" in made ? { "!": [made["!"]] } : made;
};

// ---- what is served ------------------------------------------------------

const FLAG_KEY = { var: "$flagd.flagKey" };

/** @param {any} json @returns {Bucket | undefined} */
const readBucket = (json) => {
  const plain = readVariable(json);
  if (plain) return plain;
  const [name, args] = operation(json);
  const isSalted = name === "cat" && Array.isArray(args) && args.length === 2 && isSame(args[0], FLAG_KEY);
  const of = isSalted && readVariable(args[1]);
  return of ? { ...of, isSalted } : undefined;
};

const makeBucket = (by) => (by.isSalted ? { cat: [FLAG_KEY, makeVariable(by)] } : makeVariable(by));

/** @param {any} args @returns {Serve | null} */
const readSplit = (args) => {
  if (!Array.isArray(args) || !args.length) return null;
  const hasBucket = !Array.isArray(args[0]);
  const by = hasBucket ? readBucket(args[0]) : null;
  const parts = hasBucket ? args.slice(1) : args;
  const isPart = (part) =>
    Array.isArray(part) &&
    typeof part[0] === "string" &&
    (part.length === 1 || (part.length === 2 && isNumber(part[1])));
  if (by === undefined || !parts.length || !parts.every(isPart)) return null;
  return { kind: "split", by, parts: parts.map(([variant, weight]) => ({ variant, weight })) };
};

/** @param {any} json @returns {Serve | null} */
const readServe = (json) => {
  if (json === null) return { kind: "default" };
  if (typeof json === "string") return { kind: "variant", name: json };
  const [name, args] = operation(json);
  return name === "fractional" ? readSplit(args) : null;
};

/** @param {Serve} serve @returns {any} */
const makeServe = (serve) => {
  if (serve.kind === "default") return null;
  if (serve.kind === "variant") return serve.name;
  const parts = serve.parts.map(({ variant, weight }) => (weight === undefined ? [variant] : [variant, weight]));
  return { fractional: serve.by ? [makeBucket(serve.by), ...parts] : parts };
};

// ---- the whole -----------------------------------------------------------

/** @returns {Omit<Row, "serve">} */
const readWhen = (json) => {
  if (json === true) return { match: "all", conditions: [] };
  const [name, args] = operation(json);
  const match = { and: "all", or: "any" }[name];
  if (!match || !Array.isArray(args) || !args.length) return { match: "all", conditions: [readCondition(json)] };
  return { match, conditions: args.map(readCondition), isWrapped: true };
};

/** @param {Row} row */
const makeWhen = ({ match, conditions, isWrapped }) => {
  const made = conditions.map(makeCondition);
  if (!made.length) return true;
  return made.length === 1 && !isWrapped ? made[0] : { [match === "any" ? "or" : "and"]: made };
};

/** @type {Targeting} */
const NOBODY = { rows: [], otherwise: { kind: "default", isLeftOut: true } };

/** @returns {any} as a `Targeting`, with null where something is none */
const readWhole = (rule) => {
  const [name, args] = operation(rule);
  if (name === "fractional") return { rows: [], otherwise: readServe(rule) };
  if (name !== "if" || !Array.isArray(args) || args.length < 2) return null;
  if (args.length === 2 && args[0] === true) return { rows: [], otherwise: readServe(args[1]) };
  const isOdd = args.length % 2 === 1;
  const rows = Array.from({ length: Math.floor(args.length / 2) }, (_, index) => ({
    ...readWhen(args[2 * index]),
    serve: readServe(args[2 * index + 1]),
  }));
  return { rows, otherwise: isOdd ? readServe(args.at(-1)) : NOBODY.otherwise };
};

/**
 * @param {any} rule JsonLogic, or null
 * @returns {Targeting | null} null where rows cannot tell it
 */
export const readTargeting = (rule) => {
  if (rule === null || rule === undefined || isSame(rule, {})) return NOBODY;
  const found = readWhole(rule);
  if (!found?.otherwise || found.rows.some(({ serve }) => !serve)) return null;
  return isSame(makeTargeting(found), rule) ? found : null;
};

/** @param {Targeting} targeting @returns {any} */
export const makeTargeting = ({ rows, otherwise }) => {
  const last = makeServe(otherwise);
  if (rows.length) {
    const steps = rows.flatMap((row) => [makeWhen(row), makeServe(row.serve)]);
    return { if: otherwise.kind === "default" && otherwise.isLeftOut ? steps : [...steps, last] };
  }
  if (otherwise.kind === "default") return null;
  return otherwise.kind === "split" ? last : { if: [true, last] };
};
