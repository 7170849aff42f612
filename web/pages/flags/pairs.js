/**
 * Names and values in rows: the metadata of a flag, the context of an evaluation.
 */
import { announce, fill, h, icon, newId } from "../../dom.js";
import { iconButton, tellChange, textInput } from "./fields.js";
import { typeOf, typed, untyped } from "./values.js";

/** How values are told apart when they are typed. */
export const typing = () => [
  "A number, ",
  h("code", null, "true"),
  " or ",
  h("code", null, "false"),
  " is taken as such; in quotes it is text.",
];

/**
 * @param {Record<string, any>} initial
 * @param {{ one: string, fixed?: string, isFlat?: boolean, suggestions?: string[] }} options one: what a row is called; fixed: a
 *   name that always has a row; flat: neither objects nor lists
 */
export const pairsEditor = (initial, { one, fixed, isFlat = false, suggestions = [] }) => {
  const listId = newId("names");
  let rows = [];
  const list = h("div.pairs");
  const add = (name, value, isFixed = false) => {
    const row = /** @type {any} */ ({});
    row.name = textInput(name, {
      "aria-label": `Name of the ${one}`,
      class: "mono",
      placeholder: "name",
      list: suggestions.length ? listId : null,
      readonly: isFixed,
    });
    const text = isFixed && typeof value === "string" ? value : typed(value);
    row.value = textInput(value === undefined ? "" : text, {
      "aria-label": `Value of ${name || `the ${one}`}`,
      placeholder: "value",
    });
    row.name.addEventListener("input", () =>
      row.value.setAttribute("aria-label", `Value of ${row.name.value || `the ${one}`}`),
    );
    const remove = () => {
      rows = rows.filter((each) => each !== row);
      row.element.remove();
      tellChange(element);
      announce("Removed");
      (rows.at(-1)?.value ?? addButton).focus();
    };
    row.fault = h("p.fault", { role: "alert" });
    row.element = h(
      "div.named-value",
      null,
      row.name,
      row.value,
      isFixed ? h("span") : iconButton("Remove", `Remove the ${one} ${name}`, remove, icon("close")),
      row.fault,
    );
    row.element.addEventListener("input", () => fill(row.fault));
    rows = [...rows, row];
    list.append(row.element);
    return row;
  };
  const onclick = () => {
    add("", undefined).name.focus();
    tellChange(element);
  };
  const addButton = h(
    "button.quiet",
    { type: "button", onclick },
    icon("plus"),
    `Add ${/^[aeiou]/.test(one) ? "an" : "a"} ${one}`,
  );
  const names = suggestions.map((value) => h("option", { value }));
  const element = h(
    "div.pairs-editor",
    null,
    suggestions.length > 0 && h("datalist", { id: listId }, names),
    list,
    addButton,
  );
  const show = (values) => {
    rows = [];
    fill(list);
    if (fixed) add(fixed, values[fixed], true);
    Object.entries(values)
      .filter(([name]) => name !== fixed)
      .forEach(([name, value]) => add(name, value));
  };
  show(initial);

  const readRow = (row, at) => {
    const name = row.name.value.trim();
    const text = row.value.value;
    if (!name && !text.trim()) return null;
    if (!name) return { error: "It needs a name." };
    if (rows.findIndex((each) => each.name.value.trim() === name) < at)
      return { error: "Each name can stand here once." };
    if (name === fixed) return text ? { name, value: text } : null;
    const value = /^\s*[[{]/.test(text) && !isFlat ? jsonOr(text) : untyped(text);
    return isFlat && !["string", "number", "boolean"].includes(typeOf(value))
      ? { error: "Text, a number, true or false." }
      : { name, value };
  };
  const read = ({ isQuiet = false } = {}) => {
    const readings = rows.map(readRow);
    if (!isQuiet) rows.forEach((row, at) => fill(row.fault, readings[at]?.error));
    if (readings.some((each) => each?.error)) return { hasFault: true };
    return { value: Object.fromEntries(readings.filter(Boolean).map(({ name, value }) => [name, value])) };
  };
  /** @param {{ path: string[], text: string }[]} faults @returns what has no place here */
  const showFaults = (faults) =>
    faults.filter(({ path: [name], text }) => {
      const row = rows.find((each) => each.name.value.trim() === name);
      if (row) fill(row.fault, text);
      return !row;
    });
  const focusFault = () => rows.find(({ fault }) => fault.textContent)?.value.focus();
  return { element, read, show, showFaults, focusFault };
};

const jsonOr = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
