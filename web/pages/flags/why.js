/**
 * Why somebody gets what they get: the rule as it was gone through, with what each part of it came to.
 *
 * @typedef {{ operator: string, text: string, outcome: string, result: any, failure: string, is_deciding: boolean, children: Why[], omitted: number }} Why
 */
import { h, icon, plural } from "../../dom.js";

const MARKS = { true: ["check", "met"], false: ["close", "not met"] };

/** @param {Why} why */
const mark = ({ result, failure }) => {
  const [drawing, words] = failure ? ["close", "failed"] : (MARKS[String(result)] ?? ["arrow", ""]);
  const look = failure || result === false ? "no" : result === true ? "yes" : "plain";
  return h(`span.why-mark.${look}`, null, icon(drawing), words && h("span.visually-hidden", null, `${words}: `));
};

/** What only holds others together is told by what it came to: they say the rest. */
const SHORT = { if: "", "?:": "", and: "all of these", or: "any of these" };

/** @param {Why} why */
const textOf = (why) => (why.children.length ? (SHORT[why.operator] ?? why.text) : why.text);

/** @param {Why} why @param {boolean} isOnPath whether all around it decided, too */
const line = (why, isOnPath) => {
  const isDeciding = isOnPath && why.is_deciding;
  const text = textOf(why);
  const isSaid = typeof why.result === "boolean" && !why.failure;
  return h(
    `li${isDeciding ? ".is-deciding" : ""}`,
    null,
    h(
      "div.why-line",
      null,
      mark(why),
      text && (text === why.text ? h("code", null, text) : h("span", { title: why.text }, text)),
      !isSaid && h("span.why-outcome", null, why.outcome),
      isDeciding && h("span.visually-hidden", null, "(this decided)"),
    ),
    (why.children.length > 0 || why.omitted > 0) &&
      h(
        "ul",
        null,
        why.children.map((each) => line(each, isDeciding)),
        why.omitted > 0 && h("li.muted", null, `and ${plural(why.omitted, "part")} more`),
      ),
  );
};

/** @param {Why} why */
export const whyTree = (why) => h("ul.why", { "aria-label": "Why" }, line(why, true));
