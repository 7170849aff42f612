/**
 * Small parts of the forms of flags: a control with its label, help and place for a fault; a choice among variants.
 */
import { fill, h, newId } from "../../dom.js";

/**
 * @template {import("../../forms.js").Control} C
 * @param {string} label
 * @param {(attributes: Record<string, any>) => C} make
 * @param {{ help?: import("../../dom.js").Child, isHidden?: boolean, name?: string }} [options] hidden: the label is for screen readers
 */
export const labelled = (label, make, { help, isHidden = false, name = "" } = {}) => {
  const id = newId("flag-field");
  const fault = h("p.fault", { id: `${id}-fault` });
  const control = make({ id, "aria-describedby": [help && `${id}-help`, fault.id].filter(Boolean).join(" ") });
  const target = control.element.id === id ? control.element : control.element.querySelector(`#${id}`);
  const classes = isHidden ? ".visually-hidden" : "";
  const showFault = (text) => {
    fill(fault, text);
    element.classList.toggle("has-fault", Boolean(text));
    if (text) target?.setAttribute("aria-invalid", "true");
    else target?.removeAttribute("aria-invalid");
  };
  const element = h(
    "div.field",
    { dataset: { field: name } },
    control.isGroup
      ? h(`span.label${classes}`, { id: `${id}-label` }, label)
      : h(`label${classes}`, { for: id }, label),
    control.element,
    help && h("p.help", { id: `${id}-help` }, help),
    fault,
  );
  if (control.isGroup) target?.setAttribute("aria-labelledby", `${id}-label`);
  element.addEventListener("input", () => showFault(""));
  return { ...control, element, showFault };
};

/** A plain line of text. @param {string} value @param {Record<string, any>} attributes */
export const textInput = (value, attributes) =>
  h("input", {
    type: "text",
    value,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    ...attributes,
  });

/** @param {HTMLElement & Record<string, any>} element */
export const inputControl = (element) => ({
  element,
  focus: () => element.focus(),
  read: () => ({ value: element.value }),
});

/** @param {HTMLElement} element tells others that something of it has changed */
export const tellChange = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));

/** A small button with an icon. */
export const iconButton = (name, label, onclick, drawing) =>
  h("button.icon-button.quiet", { type: "button", "aria-label": label, title: name, onclick }, drawing);

/**
 * The names that variants have now, told to everything that lets one choose among them.
 * @param {string[]} initial
 */
export const variantNames = (initial) => {
  let names = initial;
  /** @type {Set<(renamed?: [from: string, to: string]) => void>} */
  const listeners = new Set();
  return {
    names: () => names,
    /** @param {string[]} next @param {[from: string, to: string]} [renamed] */
    set: (next, renamed) => {
      names = next;
      listeners.forEach((listener) => listener(renamed));
    },
    /** @param {(renamed?: [from: string, to: string]) => void} listener */
    follow: (listener) => listeners.add(listener),
  };
};

/** @typedef {ReturnType<typeof variantNames>} Variants */

/**
 * A choice among variants that goes along when one is renamed. What else can be chosen comes last.
 * @param {Variants} variants
 * @param {string} value a variant as `=name`, or the name of something else
 * @param {{ others?: [value: string, words: string][], attributes?: Record<string, any> }} [options]
 */
export const variantSelect = (variants, value, { others = [], attributes = {} } = {}) => {
  const select = h("select", attributes);
  const show = (chosen) => {
    const names = variants.names();
    const isGone = chosen.startsWith("=") && !names.includes(chosen.slice(1));
    fill(
      select,
      isGone && h("option", { value: chosen }, `${chosen.slice(1)} (no such variant)`),
      names.map((name) => h("option", { value: `=${name}` }, name || "(no name yet)")),
      others.map(([other, words]) => h("option", { value: other }, words)),
    );
    select.value = chosen;
  };
  show(value);
  variants.follow((renamed) => show(renamed && select.value === `=${renamed[0]}` ? `=${renamed[1]}` : select.value));
  return select;
};
