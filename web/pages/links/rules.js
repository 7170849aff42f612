/**
 * The editor of redirect rules: rows in the order in which they are tried, each with its conditions and its target.
 *
 * @typedef {import("../../forms.js").Fault} Fault
 * @typedef {import("./words.js").Rule} Rule
 */
import { announce, fill, h, icon, newId, plural } from "../../dom.js";
import { NEEDED, controlFor } from "../../forms.js";
import { menuButton } from "../../menu.js";
import { CONDITIONS, DEVICES, givenConditions, languageName, ruleWords } from "./words.js";

const MOST_RULES = 20;

const COMMON_LANGUAGES =
  "ar bg bn ca cs da de de-AT de-CH el en en-GB en-US es es-MX et fa fi fr fr-CA he hi hr hu id it ja ko lt lv ms nb nl pl pt pt-BR ro ru sk sl sr sv th tr uk ur vi zh zh-Hans zh-Hant".split(
    " ",
  );

/**
 * One part of a rule: a labelled control with a place for its fault.
 * @param {string} label @param {(attributes: Record<string, any>) => import("../../forms.js").Control} make
 * @param {{ onRemove?: () => void }} [options]
 */
const part = (label, make, { onRemove } = {}) => {
  const id = newId("rule-part");
  const fault = h("p.fault", { id: `${id}-fault` });
  const control = make({ id, "aria-describedby": fault.id });
  const target = control.element.id === id ? control.element : control.element.querySelector(`#${id}`);
  const showFault = (text) => {
    fill(fault, text);
    element.classList.toggle("has-fault", Boolean(text));
    if (text) target.setAttribute("aria-invalid", "true");
    else target.removeAttribute("aria-invalid");
  };
  const remove =
    onRemove &&
    h(
      "button.icon-button.quiet",
      { type: "button", "aria-label": `Remove: ${label}`, title: "Remove", onclick: onRemove },
      icon("close"),
    );
  const element = h(
    "div.rule-part",
    null,
    control.isGroup ? h("span.label", { id: `${id}-label` }, label) : h("label", { for: id }, label),
    control.element,
    remove,
    fault,
  );
  if (control.isGroup) target.setAttribute("aria-labelledby", `${id}-label`);
  element.addEventListener("input", () => showFault(""));
  return { element, showFault, focus: control.focus, read: control.read };
};

// ---- conditions ----------------------------------------------------------

const deviceControl = (initial, attributes) => {
  const select = h(
    "select",
    { ...attributes, value: initial ?? "android" },
    Object.entries(DEVICES).map(([value, [name]]) => h("option", { value }, name)),
  );
  return { element: select, focus: () => select.focus(), read: () => ({ value: select.value }) };
};

const languageControl = (initial, attributes) => {
  const id = newId("languages");
  const input = h("input", {
    ...attributes,
    type: "text",
    value: initial ?? "",
    list: id,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    placeholder: "de",
  });
  const list = h(
    "datalist",
    { id },
    COMMON_LANGUAGES.map((code) => h("option", { value: code, label: `${languageName(code)} (${code})` })),
  );
  const read = () => (input.value.trim() ? { value: input.value.trim() } : { error: NEEDED });
  return { element: h("div", null, input, list), focus: () => input.focus(), read };
};

/** Names and values of the visitor's query; all of them must be there. */
const queryControl = (initial, attributes) => {
  const text = (label, value, placeholder) =>
    h("input.mono", {
      type: "text",
      "aria-label": label,
      value,
      placeholder,
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
    });
  const pairs = h("div.pairs");
  const changed = () => element.dispatchEvent(new Event("input", { bubbles: true }));
  const addPair = (name = "", value = "") => {
    const remove = () => {
      const next = line.nextElementSibling ?? line.previousElementSibling;
      line.remove();
      if (!pairs.children.length) addPair();
      (next ?? pairs.firstChild).querySelector("input").focus();
      changed();
    };
    const line = h(
      "div.pair",
      null,
      text("Name", name, "utm_source"),
      h("span", { "aria-hidden": "true" }, "="),
      text("Value", value, "flyer"),
      h(
        "button.icon-button.quiet",
        { type: "button", "aria-label": "Remove this pair", title: "Remove this pair", onclick: remove },
        icon("close"),
      ),
    );
    pairs.append(line);
    return line;
  };
  const given = Object.entries(initial ?? {});
  if (given.length) given.forEach(([name, value]) => addPair(name, value));
  else addPair();
  const add = h(
    "button.quiet",
    { type: "button", onclick: () => addPair().querySelector("input").focus() },
    icon("plus"),
    "Another value",
  );
  const element = h("div.query", { ...attributes, role: "group" }, pairs, add);
  const read = () => {
    const read = [...pairs.children].map((line) => [...line.querySelectorAll("input")].map((input) => input.value));
    const named = read.map(([name, value]) => [name.trim(), value]).filter(([name, value]) => name || value);
    if (!named.length || named.some(([name]) => !name)) return { error: "Each value needs a name." };
    if (new Set(named.map(([name]) => name)).size < named.length) return { error: "Each name can stand here once." };
    return { value: Object.fromEntries(named) };
  };
  return { element, focus: () => pairs.querySelector("input").focus(), read, isGroup: true };
};

const timeControl = (initial, attributes) => {
  const control = controlFor({ kind: "datetime" }, initial, attributes);
  const read = () => {
    const reading = control.read();
    return reading.value || reading.error ? reading : { error: NEEDED };
  };
  return { ...control, read };
};

const MAKERS = {
  device: deviceControl,
  language: languageControl,
  query: queryControl,
  after: timeControl,
  before: timeControl,
};

// ---- one rule ------------------------------------------------------------

const urlPart = (initial) =>
  part("Leads to", (attributes) => {
    const field = { kind: "url", name: "url", schema: {}, example: "https://example.org/de" };
    const control = controlFor(field, initial, { ...attributes, "aria-required": "true" });
    return { ...control, read: () => (control.read().value ? control.read() : { error: NEEDED }) };
  });

/**
 * @param {Rule} initial
 * @param {{ move: (row: any, step: number) => void, remove: (row: any) => void }} list
 */
const ruleRow = (initial, list) => {
  /** @type {Map<string, ReturnType<typeof part>>} */
  const conditions = new Map();
  const title = h("span.rule-title");
  const sentence = h("p.rule-sentence", { "aria-live": "off" });
  const box = h("div.rule-parts");
  const missing = h("p.fault");
  const url = urlPart(initial.url);

  const read = () => {
    const readings = [...conditions].map(([name, each]) => [name, each.read()]);
    const target = url.read();
    const faults = [
      ...(readings.length ? [] : [{ path: ["when"], text: "Add a condition, or remove this rule." }]),
      ...readings.filter(([, { error }]) => error).map(([name, { error }]) => ({ path: ["when", name], text: error })),
      ...(target.error ? [{ path: ["url"], text: target.error }] : []),
    ];
    const when = Object.fromEntries(readings.map(([name, { value }]) => [name, value]));
    return { rule: { when, url: target.value }, faults };
  };
  const showSentence = () => {
    const { rule } = read();
    const isTelling = rule.url || givenConditions(rule.when).length > 0;
    fill(sentence, isTelling ? ruleWords(rule) : "Add a condition, and say where it leads.");
  };

  const addCondition = (name, value) => {
    const condition = part(CONDITIONS[name], (attributes) => MAKERS[name](value, attributes), {
      onRemove: () => {
        conditions.delete(name);
        condition.element.remove();
        showMenu();
        showSentence();
        menu.button.focus();
      },
    });
    conditions.set(name, condition);
    // They stand in the order in which they are told.
    const after = Object.keys(CONDITIONS).slice(Object.keys(CONDITIONS).indexOf(name) + 1);
    const next = after.map((each) => conditions.get(each)?.element).find(Boolean);
    box.insertBefore(condition.element, next ?? null);
    fill(missing);
    element.classList.remove("has-fault");
    showMenu();
    return condition;
  };
  const free = () => Object.entries(CONDITIONS).filter(([name]) => !conditions.has(name));
  const choose = (name) => {
    addCondition(name).focus();
    showSentence();
  };
  const menu = menuButton({
    face: [icon("plus"), "Add a condition"],
    items: () => free().map(([name, text]) => ({ text, onChoose: () => choose(name) })),
    look: ".quiet",
  });
  const showMenu = () => {
    menu.element.hidden = !free().length;
  };

  const tool = (name, label, onclick) =>
    h("button.icon-button.quiet", { type: "button", "aria-label": label, title: label, onclick }, icon(name));
  const up = tool("up", "Move up", () => list.move(row, -1));
  const down = tool("down", "Move down", () => list.move(row, 1));
  const remove = tool("close", "Remove", () => list.remove(row));
  const element = h(
    "div.rule",
    { role: "group" },
    h("div.rule-head", null, title, h("div.rule-tools", null, up, down, remove)),
    sentence,
    box,
    missing,
    menu.element,
    url.element,
  );
  element.addEventListener("input", showSentence);
  element.addEventListener("change", showSentence);
  givenConditions(initial.when).forEach(([name, value]) => addCondition(name, value));
  showSentence();

  const own = {
    showFault: (text) => {
      fill(missing, text);
      element.classList.toggle("has-fault", Boolean(text));
    },
    focus: () => (menu.element.hidden ? url : menu.button).focus(),
  };
  /** The place of a fault; the rule as a whole for what lies nowhere else. @param {string[]} path */
  const placeOf = ([first, second]) => (first === "url" ? url : (first === "when" && conditions.get(second)) || own);
  const setPlace = (index, count) => {
    fill(title, `Rule ${index + 1}`);
    element.setAttribute("aria-label", `Rule ${index + 1} of ${count}`);
    [up, down, remove].forEach((button) => button.setAttribute("aria-label", `${button.title} rule ${index + 1}`));
    up.disabled = index === 0;
    down.disabled = index === count - 1;
  };
  const places = () => [url, ...conditions.values(), own];
  const row = {
    element,
    read,
    placeOf,
    places,
    setPlace,
    up,
    down,
    focus: () => (conditions.size ? [...conditions.values()][0] : menu.button).focus(),
  };
  return row;
};

// ---- all of them ---------------------------------------------------------

/** A rule as the editor would give it back, to tell whether it was touched. @param {Rule} rule */
const plain = ({ when, url }) => JSON.stringify({ when: Object.fromEntries(givenConditions(when)), url });

/** @param {Rule[] | undefined} initial @returns {import("../../forms.js").Control} */
export const rulesEditor = (initial) => {
  let rows = [];
  const list = h("div.rules");
  const renumber = () => {
    rows.forEach((row, index) => row.setPlace(index, rows.length));
    add.hidden = rows.length >= MOST_RULES;
  };
  const changed = () => element.dispatchEvent(new Event("input", { bubbles: true }));

  const move = (row, step) => {
    const from = rows.indexOf(row);
    const to = from + step;
    if (to < 0 || to >= rows.length) return;
    rows = rows.with(from, rows[to]).with(to, row);
    list.insertBefore(row.element, step > 0 ? rows[to - 1].element.nextSibling : rows[to + 1].element);
    renumber();
    changed();
    announce(`Now rule ${to + 1} of ${rows.length}`);
    // A button that leads no further gives the focus to its neighbour.
    const button = step < 0 ? row.up : row.down;
    (button.disabled ? (step < 0 ? row.down : row.up) : button).focus();
  };
  const remove = (row) => {
    const at = rows.indexOf(row);
    rows = rows.filter((each) => each !== row);
    row.element.remove();
    renumber();
    changed();
    announce(`Rule removed, ${plural(rows.length, "rule")} left`);
    (rows[at] ?? rows[at - 1])?.element.querySelector(".rule-tools button:not(:disabled)").focus();
    if (!rows.length) add.focus();
  };
  const addRow = (rule) => {
    const row = ruleRow(rule, { move, remove });
    rows = [...rows, row];
    list.append(row.element);
    renumber();
    return row;
  };
  const add = h(
    "button",
    {
      type: "button",
      onclick: () => {
        addRow({ when: {}, url: "" }).focus();
        changed();
      },
    },
    icon("plus"),
    "Add a rule",
  );
  const element = h("div.rules-editor", null, list, add);
  (initial ?? []).forEach(addRow);
  renumber();

  const read = () => {
    const readings = rows.map((row) => row.read());
    const faults = readings.flatMap(({ faults }, index) =>
      faults.map(({ path, text }) => ({ path: [String(index), ...path], text })),
    );
    if (faults.length) return { faults };
    const rules = readings.map(({ rule }) => rule);
    const isUntouched =
      initial && rules.length === initial.length && rules.every((rule, at) => plain(rule) === plain(initial[at]));
    return { value: isUntouched ? initial : rules };
  };

  /** @param {Fault[]} faults */
  const showFaults = (faults) => {
    rows.flatMap((row) => row.places()).forEach((place) => place.showFault(""));
    const byPlace = Map.groupBy(
      faults.filter(({ path: [index] }) => rows[index]),
      ({ path: [index, ...rest] }) => rows[index].placeOf(rest),
    );
    byPlace.forEach((each, place) => place.showFault(each.map(({ text }) => text).join(" ")));
    return faults.filter(({ path: [index] }) => !rows[index]);
  };
  const focus = ([index, ...rest] = []) => (rows[index] ? rows[index].placeOf(rest) : (rows[0] ?? add)).focus();
  return { element, read, showFaults, focus };
};
