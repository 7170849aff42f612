/**
 * The editor of variants: what they all are, and a name and a value for each.
 *
 * @typedef {import("./fields.js").Variants} Variants
 */
import { announce, fill, h, icon } from "../../dom.js";
import { NEEDED, segments } from "../../forms.js";
import { iconButton, tellChange, textInput } from "./fields.js";
import { isSame, pretty, readJson, readNumber, typeOf } from "./values.js";
import { KINDS } from "./words.js";

/** What a new flag of a kind starts with. */
export const FIRST = {
  boolean: { on: true, off: false },
  string: { old: "old", new: "new" },
  number: { low: 1, high: 10 },
  object: { old: {}, new: {} },
};

const area = (value, attributes) =>
  h("textarea.mono", { ...attributes, rows: "2", value: pretty(value), spellcheck: "false" });

/** @type {Record<string, { make: (value: any, attributes: any) => HTMLElement, read: (element: any) => { value?: any, error?: string } }>} */
const VALUES = {
  boolean: {
    make: (value, attributes) =>
      h(
        "select",
        { ...attributes, value: String(value === true) },
        ["true", "false"].map((each) => h("option", { value: each }, each)),
      ),
    read: ({ value }) => ({ value: value === "true" }),
  },
  string: {
    make: (value, attributes) =>
      /\n/.test(value)
        ? h("textarea", { ...attributes, rows: "2", value, spellcheck: "false" })
        : textInput(value, attributes),
    read: ({ value }) => ({ value }),
  },
  number: {
    make: (value, attributes) => textInput(JSON.stringify(value), { ...attributes, inputmode: "decimal" }),
    read: ({ value }) => (value.trim() ? readNumber(value) : { error: NEEDED }),
  },
  object: {
    make: (value, attributes) => area(value, attributes),
    read: ({ value }) => {
      const reading = readJson(value);
      return "value" in reading && typeOf(reading.value) !== "object"
        ? { error: "This must be an object: {…}." }
        : reading;
    },
  },
};

/** The value as one of another kind, as well as it goes. */
const converted = (value, kind, index) => {
  if (typeOf(value) === kind) return value;
  if (kind === "string") return typeof value === "string" ? value : JSON.stringify(value);
  if (kind === "number") return Number.isFinite(Number(value)) && value !== "" ? Number(value) : index;
  return kind === "boolean" ? index === 0 : {};
};

/** @param {Record<string, any>} variants @returns {string} */
const kindOf = (variants) => {
  const [kind = "boolean", ...others] = new Set(Object.values(variants).map(typeOf));
  return !others.length && KINDS[kind] ? kind : "";
};

/**
 * @param {Record<string, any>} initial
 * @param {Variants} names told of every change of a name
 */
export const variantsEditor = (initial, names) => {
  // What an import has mixed is edited as JSON, value by value.
  let kind = kindOf(initial);
  /** @type {{ name: string, nameInput: any, valueBox: HTMLElement, value: any, fault: HTMLElement, remove: HTMLElement, element: HTMLElement }[]} */
  let rows = [];
  const list = h("div.variants", { role: "list" });

  const tell = (renamed) =>
    names.set(
      rows.map(({ name }) => name),
      renamed,
    );
  const readValue = (row) => (kind ? VALUES[kind].read(row.value) : readJson(row.value.value));
  const makeValue = (row, value) => {
    const attributes = { "aria-label": `Value of ${row.name || "the variant"}` };
    row.element?.classList.toggle("is-short", kind === "boolean");
    row.value = kind ? VALUES[kind].make(value, attributes) : area(value, attributes);
    fill(row.valueBox, row.value);
  };

  const addRow = (name, value) => {
    const row = /** @type {any} */ ({ name });
    const rename = () => {
      const from = row.name;
      row.name = row.nameInput.value.trim();
      row.value.setAttribute("aria-label", `Value of ${row.name || "the variant"}`);
      tell([from, row.name]);
    };
    const remove = () => {
      const at = rows.indexOf(row);
      rows = rows.filter((each) => each !== row);
      row.element.remove();
      showRemovable();
      tell();
      tellChange(element);
      announce(`Variant ${row.name} removed`);
      (rows[at] ?? rows.at(-1)).nameInput.focus();
    };
    row.nameInput = textInput(name, { "aria-label": "Name of the variant", oninput: rename, placeholder: "name" });
    row.valueBox = h("div.value-box");
    row.fault = h("p.fault", { role: "alert" });
    row.remove = iconButton("Remove", `Remove the variant ${name}`, remove, icon("close"));
    row.element = h("div.variant", { role: "listitem" }, row.nameInput, row.valueBox, row.remove, row.fault);
    row.element.addEventListener("input", () => showFault(row, ""));
    makeValue(row, value);
    rows = [...rows, row];
    list.append(row.element);
    showRemovable();
    return row;
  };
  const showRemovable = () =>
    rows.forEach((row) => {
      row.remove.disabled = rows.length === 1;
    });
  const showFault = (row, text) => {
    fill(row.fault, text);
    row.element.classList.toggle("has-fault", Boolean(text));
  };

  const freeName = () => {
    const taken = names.names();
    return Array.from({ length: 1001 }, (_, index) => `variant-${index + 1}`).find((name) => !taken.includes(name));
  };
  const add = () => {
    const row = addRow(freeName(), kind ? converted("", kind, rows.length) : null);
    tell();
    tellChange(element);
    row.nameInput.select();
    row.nameInput.focus();
  };

  const setKind = (next) => {
    const values = rows.map((row) => readValue(row).value);
    const untouched = kind && isSame(Object.fromEntries(rows.map((row, at) => [row.name, values[at]])), FIRST[kind]);
    kind = next;
    if (untouched) {
      rows = [];
      fill(list);
      Object.entries(FIRST[kind]).forEach(([name, value]) => addRow(name, value));
      tell();
    } else rows.forEach((row, at) => makeValue(row, converted(values[at] ?? "", kind, at)));
    tellChange(element);
  };
  const kinds = segments({
    label: "Type of the values",
    options: Object.entries(KINDS),
    value: kind,
    onChoose: setKind,
  });

  const general = h("p.fault", { role: "alert" });
  const element = h(
    "div.variants-editor",
    null,
    kinds.element,
    list,
    general,
    h("button.quiet", { type: "button", onclick: add }, icon("plus"), "Add a variant"),
  );
  Object.entries(initial).forEach(([name, value]) => addRow(name, value));
  tell();

  /** @returns {{ value?: Record<string, any>, hasFault?: boolean }} */
  const read = ({ isQuiet = false } = {}) => {
    const readings = rows.map((row, at) => {
      const isTwice = rows.findIndex(({ name }) => name === row.name) < at;
      const error = !row.name ? "A variant needs a name." : isTwice ? "Each name can stand here once." : undefined;
      return { name: row.name, ...readValue(row), ...(error && { error }) };
    });
    if (!isQuiet) rows.forEach((row, at) => showFault(row, readings[at].error));
    if (readings.some(({ error }) => error)) return { hasFault: true };
    return { value: Object.fromEntries(readings.map(({ name, value }) => [name, value])) };
  };
  const focusFault = () => list.querySelector(".has-fault :is(input, textarea, select)")?.focus();
  /** @param {{ path: string[], text: string }[]} faults */
  const showFaults = (faults) => {
    const homeless = faults.filter(({ path, text }) => {
      const row = rows.find(({ name }) => name === path[0]);
      if (row) showFault(row, text);
      return !row;
    });
    fill(general, homeless.map(({ text }) => text).join(" "));
  };
  element.addEventListener("input", () => fill(general));
  return { element, read, showFaults, focusFault, kind: () => kind };
};
