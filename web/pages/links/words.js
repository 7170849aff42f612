/**
 * Redirect rules in words.
 *
 * @typedef {{ device?: string, language?: string, query?: Record<string, string>, after?: string, before?: string }} When
 * @typedef {{ when: When, url: string }} Rule
 */
import { LOCALE, h } from "../../dom.js";
import { urlElement } from "../../table.js";

/** What the conditions of a rule are called, in the order in which they are told. */
export const CONDITIONS = { device: "Device", language: "Language", query: "Query", after: "After", before: "Before" };

/** @type {Record<string, [name: string, sentence: string]>} */
export const DEVICES = {
  android: ["Android", "on Android"],
  ios: ["iPhone or iPad", "on an iPhone or iPad"],
  mobile: ["Phone or tablet", "on a phone or tablet"],
  desktop: ["Computer", "on a computer"],
  bot: ["Bot", "for bots"],
};

const LANGUAGES = new Intl.DisplayNames([LOCALE], { type: "language" });
/** @param {string} code @returns {string} */
export const languageName = (code) => {
  try {
    return LANGUAGES.of(code);
  } catch {
    return code;
  }
};

const MOMENT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const moment = (at) => (Number.isNaN(Date.parse(at)) ? at : MOMENT.format(new Date(at)));

const pair = ([name, value]) => [h("code", null, name), " is ", h("code", null, value || "empty")];

const PARTS = {
  device: (device) => DEVICES[device]?.[1] ?? `on ${device}`,
  language: (language) => `in ${languageName(language)}`,
  query: (query) => ["when ", Object.entries(query).map((each, index) => [index ? " and " : "", pair(each)])],
  after: (at) => `from ${moment(at)} on`,
  before: (at) => `until ${moment(at)}`,
};

const isGiven = (value) =>
  value !== null && value !== undefined && (typeof value !== "object" || Object.keys(value).length > 0);

/** The conditions that a rule names. @param {When} when @returns {[name: string, value: any][]} */
export const givenConditions = (when) =>
  Object.keys(CONDITIONS)
    .filter((name) => isGiven(when?.[name]))
    .map((name) => [name, when[name]]);

/**
 * `On Android, in German: to https://…`
 * @param {Rule} rule
 * @returns {import("../../dom.js").Child[]}
 */
export const ruleWords = ({ when, url }) => {
  const told = givenConditions(when).map(([name, value], index) => {
    const [first, ...others] = [PARTS[name](value)].flat();
    return index ? [", ", first, others] : [first.charAt(0).toUpperCase() + first.slice(1), others];
  });
  return [told.length ? told : "Always", ": to ", url ? urlElement(url) : "…"];
};

/** All rules of a link, and what happens when none of them fits. @param {{ rules: Rule[], url: string }} link */
export const rulesElement = (link) =>
  h(
    "div.rule-words",
    null,
    h(
      "ol",
      null,
      link.rules.map((rule) => h("li", null, ruleWords(rule))),
    ),
    h("p.muted", null, "Everybody else goes to the URL above."),
  );
