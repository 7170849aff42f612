/**
 * The editor of targeting: rows in the order in which they are tried, or JSON where somebody prefers it, or rows cannot tell it.
 *
 * @typedef {import("../../forms.js").Fault} Fault
 * @typedef {import("./fields.js").Variants} Variants
 * @typedef {import("./rows.js").Condition} Condition
 * @typedef {import("./rows.js").Serve} Serve
 */
import { announce, fill, h, icon, newId, plural } from "../../dom.js";
import { NEEDED, segments, tagsControl } from "../../forms.js";
import { iconButton, tellChange, textInput, variantSelect } from "./fields.js";
import { pointerAt } from "./places.js";
import { OPERATORS, makeTargeting, readTargeting } from "./rows.js";
import { isNumber, isSame, pretty, readJson, readNumber, typeOf, typed, untyped } from "./values.js";
import { percent, shares } from "./words.js";

const MOST_ROWS = 100;
const COMMON_ATTRIBUTES = ["targetingKey", "email", "country", "plan", "version", "locale", "$flagd.timestamp"];

// ---- values of conditions ------------------------------------------------

const textValue = (initial, attributes) => {
  const input = textInput(typeof initial === "string" ? initial : "", { ...attributes, placeholder: "text" });
  return { element: input, read: () => (input.value ? { value: input.value } : { error: NEEDED }) };
};

/** Text, or a number or boolean: `5` is a number, `"5"` is text. */
const anyValue = (initial, attributes) => {
  const input = textInput(initial === null ? "" : typed(initial), { ...attributes, placeholder: "value" });
  const read = () => {
    if (!input.value.trim()) return { error: NEEDED };
    const value = untyped(input.value);
    return value === null ? { error: "For null choose “does not exist”." } : { value };
  };
  return { element: input, read };
};

const numberValue = (initial, attributes) => {
  const text = isNumber(initial) ? JSON.stringify(initial) : "";
  const input = textInput(text, { ...attributes, inputmode: "decimal", placeholder: "number" });
  return { element: input, read: () => (input.value.trim() ? readNumber(input.value) : { error: NEEDED }) };
};

const listValue = (initial, attributes) => {
  const given = Array.isArray(initial) ? initial : initial === null || initial === "" ? [] : [initial];
  const control = tagsControl(/** @type {any} */ ({ label: "Values", example: "a, b" }), given.map(typed), attributes);
  const untouched = [...new Set(given.map(typed))];
  const read = () => {
    const { value } = control.read();
    if (!value.length) return { error: "At least one value is needed; Enter or a comma adds one." };
    return { value: isSame(value, untouched) ? given : value.map(untyped) };
  };
  return { element: control.element, read };
};

const noValue = () => ({ element: h("span"), read: () => ({ value: null }) });

const VALUES = { text: textValue, value: anyValue, number: numberValue, list: listValue, none: noValue };

/** A value of one kind of operator as a start for another. */
const carried = (takes, value) => {
  if (takes === "list") return value;
  const single = Array.isArray(value) ? (value[0] ?? null) : value;
  if (takes === "text") return single === null ? "" : typeof single === "string" ? single : JSON.stringify(single);
  return single;
};

// ---- one condition -------------------------------------------------------

/** A place for what is wrong with a part of a rule. */
const faultPlace = (element, target) => {
  const fault = h("p.fault", { id: newId("fault"), role: "alert" });
  const showFault = (text) => {
    fill(fault, text);
    element.classList.toggle("has-fault", Boolean(text));
    const input = target();
    if (!input) return;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    input.setAttribute("aria-describedby", fault.id);
  };
  element.append(fault);
  element.addEventListener("input", () => showFault(""));
  return showFault;
};

const operatorSelect = (chosen, oninput) =>
  h(
    "select.operator",
    { "aria-label": "Operator", value: chosen, oninput },
    Object.entries(OPERATORS)
      .filter(([name, { isRare }]) => !isRare || name === chosen)
      .map(([value, { words }]) => h("option", { value }, words)),
  );

const knownCondition = (initial, attributesId) => {
  let operator = initial.operator;
  const attribute = textInput(initial.attribute, {
    "aria-label": "Attribute",
    class: "attribute mono",
    list: attributesId,
    placeholder: "attribute",
  });
  const box = h("div.condition-value");
  let control = null;
  const make = (value) => {
    const { takes } = OPERATORS[operator];
    control = VALUES[takes](carried(takes, value), { id: newId("value"), "aria-label": "Value" });
    fill(box, control.element);
    box.hidden = takes === "none";
  };
  const oninput = () => {
    const { value } = control.read();
    operator = select.value;
    make(value ?? initial.value);
  };
  const select = operatorSelect(operator, oninput);
  make(initial.value);
  const read = () => {
    const name = attribute.value.trim();
    const { value, error } = control.read();
    if (!name) return { error: "Which attribute of the context?" };
    return error ? { error } : { condition: { ...initial, attribute: name, operator, value } };
  };
  const isRelated = () => (attribute.value.trim() ? (box.querySelector("input, select") ?? select) : attribute);
  return { parts: [attribute, select, box], read, target: isRelated, focus: () => attribute.focus() };
};

const customCondition = (initial) => {
  const area = h("textarea.mono", {
    "aria-label": "Condition as JSON",
    rows: "1",
    value: JSON.stringify(initial.custom),
    spellcheck: "false",
  });
  const read = () => {
    const { value, error } = readJson(area.value);
    return error ? { error } : { condition: { custom: value } };
  };
  return { parts: [h("div.condition-json", null, area)], read, target: () => area, focus: () => area.focus() };
};

/** @param {Condition} initial @param {{ attributesId: string, onRemove: (row: any) => void }} options */
const conditionRow = (initial, { attributesId, onRemove }) => {
  const inner = "custom" in initial ? customCondition(initial) : knownCondition(initial, attributesId);
  const remove = iconButton("Remove", "Remove this condition", () => onRemove(row), icon("close"));
  const element = h("div.condition", { role: "group", "aria-label": "Condition" }, inner.parts, remove);
  const showFault = faultPlace(element, inner.target);
  const focusFault = () => inner.target().focus();
  const row = { element, read: inner.read, focus: inner.focus, showFault, focusFault };
  return row;
};

// ---- what is served ------------------------------------------------------

const SPLIT = "split";
const BY_DEFAULT = "default";

/** @param {Extract<Serve, { kind: "split" }>} initial @param {Variants} variants @param {string} attributesId */
const splitEditor = (initial, variants, attributesId) => {
  let parts = [];
  const list = h("div.split-parts");
  const sum = h("p.help", { role: "status" });
  const weightOf = (part) =>
    part.isWithout && !part.input.value.trim() ? undefined : readNumber(part.input.value).value;
  const current = () => parts.map((part) => ({ variant: part.select.value.slice(1), weight: weightOf(part) }));
  const show = () => {
    const split = current();
    const found = shares({
      kind: "split",
      by: null,
      parts: split.map((part) => ({ ...part, weight: part.weight ?? 0 })),
    });
    const weights = split.map(({ weight }) => Number(JSON.stringify(weight ?? 0)));
    const total = weights.reduce((all, each) => all + each, 0);
    parts.forEach((part, at) => {
      fill(part.share, total === 100 ? "%" : `= ${percent(found[at])}`);
    });
    fill(sum, total === 100 ? "" : `The weights add up to ${total}; shares are counted from that.`);
  };
  const add = ({ variant, weight }) => {
    const part = /** @type {any} */ ({ isWithout: weight === undefined });
    part.select = variantSelect(variants, `=${variant}`, { attributes: { "aria-label": "Variant" } });
    part.input = textInput(weight === undefined ? "" : JSON.stringify(weight), {
      "aria-label": "Weight",
      inputmode: "numeric",
      class: "weight number",
      placeholder: part.isWithout ? "1" : "0",
      oninput: show,
    });
    part.share = h("span.muted.number");
    const remove = () => {
      parts = parts.filter((each) => each !== part);
      part.element.remove();
      show();
      tellChange(element);
      (parts[0]?.input ?? addButton).focus();
    };
    part.element = h(
      "div.split-part",
      null,
      part.input,
      part.share,
      part.select,
      iconButton("Remove", "Remove this part", remove, icon("close")),
    );
    parts = [...parts, part];
    list.append(part.element);
  };
  const addButton = h(
    "button.quiet",
    {
      type: "button",
      onclick: () => {
        const used = parts.map(({ select }) => select.value.slice(1));
        const free = variants.names().find((name) => !used.includes(name)) ?? variants.names()[0];
        add({ variant: free, weight: 0 });
        show();
        tellChange(element);
        parts.at(-1).input.focus();
      },
    },
    icon("plus"),
    "Add a part",
  );
  const byId = newId("by");
  const by = textInput(initial.by?.attribute ?? "", {
    id: byId,
    class: "mono",
    list: attributesId,
    placeholder: "targetingKey",
    "aria-describedby": `${byId}-help`,
  });
  const element = h(
    "div.split",
    null,
    list,
    addButton,
    sum,
    h(
      "div.bucket",
      null,
      h("label", { for: byId }, "Same share for the same"),
      by,
      h(
        "p.help",
        { id: `${byId}-help` },
        "Who has the same value of this attribute gets the same variant. Empty: the targeting key.",
      ),
    ),
  );
  initial.parts.forEach(add);
  show();
  const readBucket = () => {
    const attribute = by.value.trim();
    if (!attribute) return null;
    if (attribute === initial.by?.attribute) return initial.by;
    // Salted with the flag's key, so that not the same people come first in every flag.
    return initial.by ? { ...initial.by, attribute } : { attribute, isSalted: true };
  };
  const read = () => {
    if (!parts.length) return { error: "Add at least one part." };
    const isFaulty = parts.some(
      (part) => !(part.isWithout && !part.input.value.trim()) && readNumber(part.input.value).error,
    );
    if (isFaulty) return { error: "Each weight must be a number." };
    const split = current();
    if (split.some(({ weight }) => weight !== undefined && !Number.isInteger(Number(JSON.stringify(weight)))))
      return { error: "Weights are whole numbers: 125 to 875 stands for 12.5 %." };
    return { serve: { kind: "split", by: readBucket(), parts: split } };
  };
  return { element, read, focus: () => (parts[0]?.input ?? addButton).focus() };
};

const evenSplit = (names) => {
  const each = Math.floor(100 / names.length);
  return names.map((variant, at) => ({ variant, weight: at ? each : 100 - each * (names.length - 1) }));
};

/** @param {Serve} initial @param {{ label: string, variants: Variants, attributesId: string }} options */
const serveEditor = (initial, { label, variants, attributesId }) => {
  const id = newId("serve");
  const chosen = { variant: () => `=${initial.name}`, split: () => SPLIT, default: () => BY_DEFAULT }[initial.kind]();
  const place = h("div.split-place");
  let split = null;
  const openSplit = (from) => {
    split = splitEditor(from, variants, attributesId);
    fill(place, split.element);
  };
  const select = variantSelect(variants, chosen, {
    others: [
      [SPLIT, "a percentage split"],
      [BY_DEFAULT, "the default"],
    ],
    attributes: {
      id,
      // Before anybody else hears of it and reads what is there.
      oninput: () => {
        if (select.value === SPLIT) openSplit({ kind: "split", by: null, parts: evenSplit(variants.names()) });
        else {
          split = null;
          fill(place);
        }
      },
    },
  });
  if (initial.kind === "split") openSplit(initial);
  const element = h("div.serve", null, h("div.serve-line", null, h("label", { for: id }, label), select), place);
  const showFault = faultPlace(element, () => select);
  const read = () => {
    if (select.value === SPLIT) return split.read();
    if (select.value !== BY_DEFAULT) return { serve: { kind: "variant", name: select.value.slice(1) } };
    return { serve: initial.kind === "default" ? initial : { kind: "default" } };
  };
  return { element, read, showFault, focus: () => select.focus() };
};

// ---- one row -------------------------------------------------------------

const NEW_CONDITION = { attribute: "", operator: "==", value: "" };

/** @param {import("./rows.js").Row} initial @param {any} options */
const targetingRow = (initial, { variants, attributesId, move, remove }) => {
  let conditions = [];
  const list = h("div.conditions");
  const everybody = h("p.muted", null, "Everybody, since there is no condition.");
  const matchSegments = segments({
    label: "How many of the conditions",
    options: [
      ["all", "All of them"],
      ["any", "Any of them"],
    ],
    value: initial.match,
    onChoose: () => tellChange(element),
  });
  const show = () => {
    matchSegments.element.hidden = conditions.length < 2;
    everybody.hidden = conditions.length > 0;
  };
  const add = (condition) => {
    const row = conditionRow(condition, {
      attributesId,
      onRemove: (gone) => {
        const at = conditions.indexOf(gone);
        conditions = conditions.filter((each) => each !== gone);
        gone.element.remove();
        show();
        tellChange(element);
        announce("Condition removed");
        (conditions[at] ?? conditions[at - 1] ?? { focus: () => addButton.focus() }).focus();
      },
    });
    conditions = [...conditions, row];
    list.append(row.element);
    show();
    return row;
  };
  const addButton = h(
    "button.quiet",
    {
      type: "button",
      onclick: () => {
        add(NEW_CONDITION).focus();
        tellChange(element);
      },
    },
    icon("plus"),
    "Add a condition",
  );
  const serve = serveEditor(initial.serve, { label: "Serve", variants, attributesId });
  const title = h("span.rule-title");
  const tool = (name, label, onclick) => iconButton(label, label, onclick, icon(name));
  const up = tool("up", "Move up", () => move(row, -1));
  const down = tool("down", "Move down", () => move(row, 1));
  const away = tool("close", "Remove", () => remove(row));
  const element = h(
    "div.rule",
    { role: "group" },
    h("div.rule-head", null, title, h("div.rule-tools", null, up, down, away)),
    matchSegments.element,
    list,
    everybody,
    addButton,
    serve.element,
  );
  const setPlace = (index, count) => {
    fill(title, index ? "Else if" : "If");
    element.setAttribute("aria-label", `Rule ${index + 1} of ${count}`);
    up.disabled = index === 0;
    down.disabled = index === count - 1;
    [up, down, away].forEach((button) => button.setAttribute("aria-label", `${button.title} rule ${index + 1}`));
  };
  initial.conditions.forEach(add);
  show();

  const read = () => {
    const readings = conditions.map((condition) => condition.read());
    const served = serve.read();
    const faults = [
      ...readings.map(({ error }, at) => error && { place: conditions[at], text: error }),
      served.error && { place: serve, text: served.error },
    ].filter(Boolean);
    if (faults.length) return { faults };
    const match = matchSegments.read() ?? initial.match;
    return {
      row: { ...initial, match, conditions: readings.map(({ condition }) => condition), serve: served.serve },
    };
  };
  /** The place of a fault that the server found at `["0", …]` of the condition, or in what is served. */
  const placeOf = (isServed, path) => {
    if (isServed) return serve;
    const isListed = ["and", "or"].includes(path[0]);
    return (isListed ? conditions[Number(path[1])] : conditions[0]) ?? serve;
  };
  const row = {
    element,
    read,
    setPlace,
    placeOf,
    places: () => [...conditions, serve],
    focus: () => (conditions[0]?.focus ?? serve.focus)(),
    tools: { up, down },
  };
  return row;
};

// ---- rows ----------------------------------------------------------------

/** @param {import("./rows.js").Targeting} initial @param {Variants} variants */
const rowsEditor = (initial, variants) => {
  let rows = [];
  const attributesId = newId("attributes");
  const used = initial.rows.flatMap(({ conditions }) =>
    conditions.map((each) => ("attribute" in each ? each.attribute : "")),
  );
  const attributes = h(
    "datalist",
    { id: attributesId },
    [...new Set([...used, ...COMMON_ATTRIBUTES])].filter(Boolean).map((value) => h("option", { value })),
  );
  const list = h("div.rules");
  const renumber = () => {
    rows.forEach((row, at) => row.setPlace(at, rows.length));
    const [text] = otherwise.element.querySelectorAll("label");
    fill(text, rows.length ? "Otherwise serve" : "Serve everybody");
    add.disabled = rows.length >= MOST_ROWS;
  };
  const move = (row, step) => {
    const at = rows.indexOf(row);
    const to = at + step;
    if (!rows[to]) return;
    rows = rows.with(at, rows[to]).with(to, row);
    if (step < 0) rows[to + 1].element.before(row.element);
    else rows[at].element.after(row.element);
    renumber();
    tellChange(element);
    announce(`Now rule ${to + 1} of ${rows.length}`);
    const [first, second] = step < 0 ? [row.tools.up, row.tools.down] : [row.tools.down, row.tools.up];
    (first.disabled ? second : first).focus();
  };
  const remove = (row) => {
    const at = rows.indexOf(row);
    rows = rows.filter((each) => each !== row);
    row.element.remove();
    renumber();
    tellChange(element);
    announce(`Rule removed, ${plural(rows.length, "rule")} left`);
    (rows[at] ?? rows[at - 1] ?? { focus: () => add.focus() }).focus();
  };
  const addRow = (row) => {
    const made = targetingRow(row, { variants, attributesId, move, remove });
    rows = [...rows, made];
    list.append(made.element);
    return made;
  };
  const add = h(
    "button",
    {
      type: "button",
      onclick: () => {
        const name = variants.names()[0] ?? "";
        const made = addRow({ match: "all", conditions: [NEW_CONDITION], serve: { kind: "variant", name } });
        renumber();
        tellChange(element);
        made.focus();
      },
    },
    icon("plus"),
    "Add a rule",
  );
  const otherwise = serveEditor(initial.otherwise, { label: "Otherwise serve", variants, attributesId });
  const element = h("div.rules-editor", null, attributes, list, add, h("div.rule.otherwise", null, otherwise.element));
  initial.rows.forEach(addRow);
  renumber();

  const showFault = (faults) => {
    [...rows.flatMap((row) => row.places()), otherwise].forEach((place) => place.showFault(""));
    faults.forEach(({ place, text }) => place.showFault(text));
  };
  const read = ({ isQuiet = false } = {}) => {
    const readings = rows.map((row) => row.read());
    const last = otherwise.read();
    const faults = [
      ...readings.flatMap((reading) => reading.faults ?? []),
      ...(last.error ? [{ place: otherwise, text: last.error }] : []),
    ];
    if (!isQuiet) showFault(faults);
    if (faults.length) return { hasFault: true };
    return { value: makeTargeting({ rows: readings.map(({ row }) => row), otherwise: last.serve }) };
  };
  const placeOf = (/** @type {string[]} */ [name, index, ...rest]) => {
    const at = Number(index);
    const row = name === "if" ? rows[Math.floor(at / 2)] : null;
    return row ? row.placeOf(at % 2 === 1, rest) : otherwise;
  };
  /** @param {Fault[]} faults */
  const showFaults = (faults) => {
    const byPlace = Map.groupBy(faults, ({ path }) => placeOf(path));
    showFault([...byPlace].map(([place, each]) => ({ place, text: each.map(({ text }) => text).join(" ") })));
  };
  const focusFault = () =>
    element.querySelector(".has-fault [aria-invalid], .has-fault :is(input, textarea, select)")?.focus();
  return { element, read, showFaults, focusFault, focus: () => (rows[0]?.focus ?? (() => add.focus()))() };
};

// ---- JSON ----------------------------------------------------------------

/** @param {any} initial */
const jsonEditor = (initial) => {
  const fault = h("div.json-faults", { role: "alert", id: newId("faults") });
  const area = h("textarea.mono.rule-json", {
    "aria-label": "Targeting as JSON",
    "aria-describedby": fault.id,
    value: initial === null ? "" : typeof initial === "string" ? initial : pretty(initial),
    spellcheck: "false",
    rows: "8",
    placeholder: '{\n  "if": [{ "ends_with": [{ "var": "email" }, "@example.org"] }, "on", null]\n}',
  });
  const mark = (texts) => {
    area.toggleAttribute("aria-invalid", false);
    if (texts.length) area.setAttribute("aria-invalid", "true");
    fill(fault, texts);
  };
  const check = () => {
    const { value, error } = readText();
    mark(error ? [h("p.fault", null, error)] : []);
    return { value, error };
  };
  const readText = () => {
    if (!area.value.trim()) return { value: null };
    const { value, error } = readJson(area.value);
    if (error) return { error };
    return value !== null && typeOf(value) !== "object"
      ? { error: 'A rule is an object, such as {"if": […]}.' }
      : { value };
  };
  area.addEventListener("input", check);
  const goTo = ({ start, end }) => {
    area.focus();
    area.setSelectionRange(start, end);
    const lines = area.value.slice(0, start).split("\n").length;
    area.scrollTop = (lines - 3) * (area.scrollHeight / area.value.split("\n").length);
  };
  /** @param {Fault[]} faults */
  const showFaults = (faults) => {
    const told = faults.map(({ path, text }) => {
      const place = pointerAt(area.value, path);
      if (!place) return h("p.fault", null, text);
      const line = area.value.slice(0, place.start).split("\n").length;
      const jump = h("button.quiet", { type: "button", onclick: () => goTo(place) }, `Line ${line}`);
      return h("p.fault", null, jump, text);
    });
    mark(told);
    const [first] = faults.map(({ path }) => pointerAt(area.value, path)).filter(Boolean);
    if (first) goTo(first);
  };
  const read = ({ isQuiet = false } = {}) => {
    const { value, error } = isQuiet ? readText() : check();
    return error ? { hasFault: true, error } : { value };
  };
  const element = h("div.json-editor", null, area, fault);
  return { element, read, showFaults, focusFault: () => area.focus(), focus: () => area.focus() };
};

// ---- the whole -----------------------------------------------------------

/**
 * @param {any} initial the rule, or null
 * @param {Variants} variants
 */
export const targetingEditor = (initial, variants) => {
  const place = h("div.targeting-place");
  const note = h("p.help", { role: "status" });
  let inner = null;
  let mode = readTargeting(initial) ? "rows" : "json";
  const open = (rule) => {
    const found = readTargeting(rule);
    inner = mode === "rows" ? rowsEditor(found, variants) : jsonEditor(rule);
    fill(place, inner.element);
  };
  const backTo = (kept) => {
    modes.element.querySelectorAll("input").forEach((input) => {
      input.checked = input.value === kept;
    });
  };
  const change = (next) => {
    fill(note);
    const { value, hasFault } = inner.read();
    if (hasFault) {
      fill(note, "Mend this first; then the other view can show it.");
      backTo(mode);
      return inner.focusFault();
    }
    if (next === "rows" && !readTargeting(value)) {
      fill(note, "Rows cannot tell this rule: it stays as JSON.");
      return backTo("json");
    }
    mode = next;
    open(value);
  };
  const modes = segments({
    label: "Show targeting as",
    options: [
      ["rows", "Rows"],
      ["json", "JSON"],
    ],
    value: mode,
    onChoose: change,
  });
  open(initial);
  if (mode === "json") fill(note, "Rows cannot tell this rule, so it is shown as JSON.");
  const element = h("div.targeting-editor", null, h("div.targeting-head", null, modes.element, note), place);
  return {
    element,
    /** @param {{ isQuiet?: boolean }} [how] quiet: nothing is marked */
    read: (how) => inner.read(how),
    /** @param {Fault[]} faults */
    showFaults: (faults) => inner.showFaults(faults),
    focusFault: () => inner.focusFault(),
    focus: () => inner.focus(),
  };
};
