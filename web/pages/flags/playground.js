/**
 * The playground: a context, what each flag gives for it, and why.
 *
 * @typedef {{ key: string, value: any, variant: string | null, reason: string, error_code: string | null, told: string, why: import("./why.js").Why | null }} Result
 *   told: the reason in words
 */
import { call, withQuery } from "../../api.js";
import { announce, curlButton, emptyState, fill, h, humanize, pageHead, plural, problemNote } from "../../dom.js";
import { segments } from "../../forms.js";
import { pairsEditor, typing } from "./pairs.js";
import { isSame, parseExact, pretty, readJson, typeOf } from "./values.js";
import { flagHref, setWords } from "./words.js";
import { whyTree } from "./why.js";

const PATH = "/api/flags/evaluate";
const KEPT = "slice.flags.context";
const FIRST = { targetingKey: "user-1", email: "ada@example.org", country: "DE" };
const ATTRIBUTES = ["email", "country", "plan", "version", "locale"];

/** The last context that somebody tried in this browser. */
const keptContext = () => {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? FIRST;
  } catch {
    return FIRST;
  }
};

// ---- the context ---------------------------------------------------------

const contextEditor = () => {
  let mode = "rows";
  let context = keptContext();
  let inner = null;
  const place = h("div", null);
  const fault = h("p.fault", { role: "alert" });
  const open = () => {
    if (mode === "rows")
      inner = pairsEditor(context, { one: "attribute", fixed: "targetingKey", suggestions: ATTRIBUTES });
    else {
      const area = h("textarea.mono", {
        "aria-label": "Context as JSON",
        value: pretty(context),
        rows: "8",
        spellcheck: "false",
      });
      const read = () => {
        const { value, error } = readJson(area.value);
        const text = error ?? (typeOf(value) === "object" ? "" : "A context is an object: {…}.");
        fill(fault, text);
        return text ? { hasFault: true } : { value };
      };
      area.addEventListener("input", read);
      inner = { element: area, read, focusFault: () => area.focus() };
    }
    fill(place, inner.element);
    fill(fault);
  };
  const modes = segments({
    label: "Show the context as",
    options: [
      ["rows", "Rows"],
      ["json", "JSON"],
    ],
    value: mode,
    onChoose: (next) => {
      const { value, hasFault } = inner.read();
      if (hasFault) {
        modes.element.querySelectorAll("input").forEach((input) => {
          input.checked = input.value === mode;
        });
        return inner.focusFault();
      }
      context = value;
      mode = next;
      open();
    },
  });
  open();
  const element = h(
    "div.context",
    null,
    h("div.section-head", null, h("h2", null, "Context"), modes.element),
    place,
    fault,
    h("p.help", null, "What a program tells about who asks. ", typing()),
  );
  const read = () => {
    const reading = inner.read();
    if (reading.hasFault) inner.focusFault();
    else localStorage.setItem(KEPT, JSON.stringify(reading.value));
    return reading;
  };
  return { element, read };
};

// ---- results -------------------------------------------------------------

/** @param {Result} result */
const valueWords = (result) => {
  if (result.error_code) return h("span.badge.bad", null, humanize(result.error_code.toLowerCase()));
  if (result.value === null) return h("span.muted", null, "the code’s own default");
  const text = typeOf(result.value) === "string" ? `“${result.value}”` : JSON.stringify(result.value);
  return h("code.result-value", null, text);
};

/** @param {Result} result @param {{ set: string, isAlone: boolean, isChanged: boolean }} options */
const resultCard = (result, { set, isAlone, isChanged }) => {
  const answer = h(
    "div.result-line",
    null,
    !isAlone && h("a.result-key", { href: flagHref({ key: result.key, set }) }, result.key),
    valueWords(result),
    result.variant && h("span.tag", null, result.variant),
    h("span.muted", null, result.told),
  );
  const why = result.why && whyTree(result.why);
  return h(
    `li.result${isChanged ? ".flash" : ""}`,
    null,
    answer,
    why && (isAlone ? why : h("details.fold", null, h("summary", null, "Why"), why)),
  );
};

/**
 * @param {{ set: string, keys?: string[], signal: AbortSignal }} options keys: those to look at; without them all of the set
 */
const playground = ({ set, keys, signal }) => {
  const path = withQuery(PATH, { set });
  const isAlone = keys?.length === 1;
  const context = contextEditor();
  const results = h("div.results", { role: "status" });
  const button = h("button.primary", { type: "submit" }, "Evaluate");
  const body = (value) => ({ context: value, ...(keys && { keys }) });
  /** @type {Map<string, Result>} */
  let before = new Map();

  /** @param {Result[]} found */
  const show = (found) => {
    const isChanged = (each) => before.has(each.key) && !isSame(before.get(each.key).value, each.value);
    fill(
      results,
      found.length
        ? h(
            "ul.result-list",
            null,
            found.map((each) => resultCard(each, { set, isAlone, isChanged: isChanged(each) })),
          )
        : emptyState({ title: "There is no flag in this set" }),
    );
    before = new Map(found.map((each) => [each.key, each]));
    announce(
      isAlone ? `${found[0]?.key}: ${JSON.stringify(found[0]?.value)}` : `${plural(found.length, "flag")} evaluated`,
    );
  };
  const run = async () => {
    const { value, hasFault } = context.read();
    if (hasFault) return;
    button.disabled = true;
    try {
      const { data } = await call("POST", path, { body: body(value), signal, parse: parseExact });
      show(data.flags);
    } catch (error) {
      if (!signal.aborted) fill(results, problemNote(error));
    } finally {
      button.disabled = false;
    }
  };
  const onsubmit = (event) => {
    event.preventDefault();
    run();
  };
  const form = h(
    "form.card.playground-form",
    { novalidate: true, "aria-label": "Context", onsubmit },
    context.element,
    h(
      "div.actions",
      null,
      button,
      curlButton(() => ({ method: "POST", path, body: body(context.read().value ?? {}) })),
    ),
  );
  run();
  return h("div.playground", null, form, results);
};

/** On the page of one flag. @param {import("./flag.js").ViewOptions} options */
export const flagPlayground = ({ flag, ctx }) => playground({ set: flag.set, keys: [flag.key], signal: ctx.signal });

/** All flags of a set. @param {import("../../generic.js").Context} ctx @param {{ set: string, home: string }} options */
export const playgroundPage = (ctx, { set, home }) =>
  h(
    "div.page.flags",
    null,
    pageHead({
      title: "Playground",
      back: { href: home, text: ctx.slice.title },
      text: `What each flag gives for a context, and why${set ? `. Set: ${setWords(set)}` : ""}.`,
    }),
    playground({ set, signal: ctx.signal }),
  );
