/**
 * A form from fields: labels, help and examples, an input that fits each kind, and every fault of a 422 at its field.
 *
 * A control is what a field is edited with. `read()` gives `{ value }`, `{ error }` for text that cannot be a value,
 * `{ faults }` for what is wrong deeper inside, or `{}` when nothing was given. `isSent` with a value sends it even when it
 * looks like what is there: a password that is not shown can be taken away only so.
 *
 * A control of many parts shows faults at them: it gets those that lie deeper than its field (`#/rules/0/url` comes as the
 * path `["0", "url"]`) in `showFaults`, and gives back those that it has no place for.
 */
import { codeSpans, curlButton, fill, formatNumber, h, humanize, icon, newId, problemNote } from "./dom.js";

/**
 * @typedef {import("./schema.js").Field} Field
 * @typedef {{ path: string[], text: string }} Fault
 * @typedef {{ value?: any, error?: string, faults?: Fault[], isSent?: boolean }} Reading
 * @typedef {Object} Control
 * @property {HTMLElement} element
 * @property {(path?: string[]) => void} focus the path of a fault, when there is one to go to
 * @property {() => Reading} read
 * @property {(faults: Fault[]) => Fault[]} [showFaults] an empty list takes away what is shown
 * @property {boolean} [isGroup] several inputs under one label
 * @property {boolean} [isWide] takes a whole row where fields stand side by side
 * @typedef {(field: Field, initial: any, attributes: Record<string, any>, object?: any) => Control} ControlMaker the object
 *   is the one that is edited, if there is one
 */

const EMPTY = {};
/** What is said where something must be given. */
export const NEEDED = "This is needed.";
const pad = (number) => String(number).padStart(2, "0");

/** The local time as `datetime-local` wants it. @param {string} at */
const toLocalInput = (at) => {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}${date.getSeconds() ? `:${pad(date.getSeconds())}` : ""}`;
};

const exampleText = (example) => (["string", "number"].includes(typeof example) ? String(example) : null);

/** @type {ControlMaker} */
const inputControl = (field, initial, attributes) => {
  const type = { url: "url", email: "email", password: "password", date: "date" }[field.kind] ?? "text";
  const input = h("input", {
    ...attributes,
    type,
    value: initial ?? "",
    maxlength: field.schema.maxLength,
    placeholder: exampleText(field.example),
    autocomplete: type === "password" ? "new-password" : "off",
    spellcheck: type === "text" ? null : "false",
    autocapitalize: type === "url" || field.name === "slug" ? "none" : null,
  });
  return {
    element: input,
    focus: () => input.focus(),
    read: () => (input.value.trim() === "" ? EMPTY : { value: input.value.trim() }),
  };
};

/** @type {ControlMaker} */
const textControl = (field, initial, attributes) => {
  const area = h("textarea", {
    ...attributes,
    rows: "3",
    value: initial ?? "",
    maxlength: field.schema.maxLength,
    placeholder: exampleText(field.example),
  });
  return { element: area, focus: () => area.focus(), read: () => (area.value === "" ? EMPTY : { value: area.value }) };
};

/** @type {ControlMaker} */
const numberControl = (field, initial, attributes) => {
  const { minimum, maximum, exclusiveMinimum } = field.schema;
  const input = h("input.number", {
    ...attributes,
    type: "number",
    value: initial ?? "",
    step: field.kind === "integer" ? "1" : "any",
    min: [minimum, exclusiveMinimum].find(isTelling),
    max: isTelling(maximum) ? maximum : null,
    placeholder: exampleText(field.example),
    inputmode: field.kind === "integer" ? "numeric" : "decimal",
  });
  const read = () => {
    if (input.validity.badInput) return { error: "This is not a number." };
    return input.value === "" ? EMPTY : { value: Number(input.value) };
  };
  return { element: input, focus: () => input.focus(), read };
};

const DURATIONS = [
  ["seconds", 1],
  ["minutes", 60],
  ["hours", 3600],
  ["days", 86400],
];

/** @type {ControlMaker} */
const durationControl = (field, initial, attributes) => {
  const [unit, size] = DURATIONS.findLast(([, size]) => initial && initial % size === 0) ?? DURATIONS[0];
  const input = h("input.number", {
    ...attributes,
    type: "number",
    step: "any",
    min: "0",
    value: initial === undefined || initial === null ? "" : initial / size,
  });
  const units = h(
    "select",
    { "aria-label": `Unit of ${field.label}`, value: unit },
    DURATIONS.map(([name]) => h("option", { value: name }, name)),
  );
  const read = () => {
    if (input.validity.badInput) return { error: "This is not a number." };
    if (input.value === "") return EMPTY;
    return { value: Math.round(Number(input.value) * DURATIONS.find(([name]) => name === units.value)[1]) };
  };
  return { element: h("div.joined", null, input, units), focus: () => input.focus(), read };
};

/** @type {ControlMaker} */
const timeControl = (field, initial, attributes) => {
  const given = initial ? toLocalInput(initial) : "";
  const input = h("input", { ...attributes, type: "datetime-local", value: given });
  const read = () => {
    if (input.validity.badInput) return { error: "This date is not complete." };
    // An untouched time keeps its fractions of a second, which the input cannot show.
    if (input.value === given) return given ? { value: initial } : EMPTY;
    return input.value === "" ? EMPTY : { value: new Date(input.value).toISOString().replace(".000Z", "Z") };
  };
  return { element: input, focus: () => input.focus(), read };
};

/** @type {ControlMaker} */
const selectControl = (field, initial, attributes) => {
  const isYesNo = field.kind === "boolean";
  const options = isYesNo ? [true, false] : field.options;
  const label = (option) =>
    field.words?.[option] ??
    (isYesNo ? (option ? "Yes" : "No") : typeof option === "string" ? humanize(option) : String(option));
  const canBeEmpty = field.isNullable || (initial === undefined && !field.hasDefault);
  const select = h(
    "select",
    { ...attributes, value: initial === undefined || initial === null ? "" : String(initial) },
    canBeEmpty && h("option", { value: "" }, field.blank ?? (field.isRequired ? "Choose…" : "–")),
    options.map((option) => h("option", { value: String(option) }, label(option))),
  );
  const read = () =>
    select.value === "" ? EMPTY : { value: options.find((option) => String(option) === select.value) };
  return { element: select, focus: () => select.focus(), read };
};

/** @type {ControlMaker} */
const checkControl = (field, initial, attributes) => {
  const input = h("input", { ...attributes, type: "checkbox", checked: Boolean(initial) });
  return { element: input, focus: () => input.focus(), read: () => ({ value: input.checked }) };
};

/**
 * One out of a few, all of them seen at once.
 * @param {{ label: string, options: [value: string, words: string][], value: string, onChoose: (value: string) => void, attributes?: Record<string, any> }} options
 */
export const segments = ({ label, options, value, onChoose, attributes = {} }) => {
  const name = newId("segment");
  const inputs = options.map(([each]) =>
    h("input", { type: "radio", name, value: each, checked: each === value, onchange: () => onChoose(each) }),
  );
  const element = h(
    "div.segments",
    { role: "radiogroup", "aria-label": label, ...attributes },
    options.map(([, words], index) => h("label", null, inputs[index], h("span", null, words))),
  );
  const read = () => inputs.find((input) => input.checked)?.value;
  const focus = () => (inputs.find((input) => input.checked) ?? inputs[0]).focus();
  return { element, read, focus };
};

/** Several out of a few; also used by pages that know the choices. @type {ControlMaker} */
export const choicesControl = (field, initial, attributes) => {
  const boxes = field.options.map((option) =>
    h("input", {
      type: "checkbox",
      name: field.name,
      value: String(option),
      checked: (initial ?? []).includes(option),
    }),
  );
  const element = h(
    "div.choices",
    { ...attributes, role: "group" },
    boxes.map((box, index) => h("label.choice", null, box, h("span", null, String(field.options[index])))),
  );
  const read = () => ({ value: field.options.filter((_, index) => boxes[index].checked) });
  return { element, focus: () => boxes[0]?.focus(), read, isGroup: true };
};

/** Short words: Enter or a comma adds one, Backspace takes the last away. @type {ControlMaker} */
export const tagsControl = (field, initial, attributes) => {
  let tags = [...(initial ?? [])];
  const input = h("input", {
    ...attributes,
    type: "text",
    autocomplete: "off",
    autocapitalize: "none",
    enterkeyhint: "done",
  });
  const chips = h("span.chips");
  const set = (next) => {
    tags = next;
    input.placeholder = tags.length ? "" : [field.example].flat().filter(Boolean).join(", ");
    fill(
      chips,
      tags.map((tag) =>
        h(
          "span.chip",
          null,
          tag,
          h(
            "button",
            {
              type: "button",
              "aria-label": `Remove ${tag}`,
              onclick: () => {
                set(tags.filter((each) => each !== tag));
                input.focus();
                changed();
              },
            },
            icon("close"),
          ),
        ),
      ),
    );
  };
  const changed = () => element.dispatchEvent(new Event("change", { bubbles: true }));
  const parsed = () =>
    input.value
      .split(/[,\n]/)
      .map((tag) => tag.trim())
      .filter(Boolean);
  const take = () => {
    const added = parsed();
    input.value = "";
    if (added.length) set([...new Set([...tags, ...added])]);
    return added.length > 0;
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && input.value.trim()) {
      event.preventDefault();
      if (take()) changed();
    }
    if (event.key === "Backspace" && !input.value && tags.length) {
      set(tags.slice(0, -1));
      changed();
    }
  });
  input.addEventListener("input", () => /[,\n]/.test(input.value) && take() && changed());
  input.addEventListener("blur", () => take());
  const element = h("div.tag-input", { onclick: (event) => event.target === element && input.focus() }, chips, input);
  set(tags);
  return { element, focus: () => input.focus(), read: () => ({ value: [...new Set([...tags, ...parsed()])] }) };
};

/** @type {ControlMaker} */
const jsonControl = (field, initial, attributes) => {
  const text = initial === undefined || initial === null ? "" : JSON.stringify(initial, null, 2);
  const area = h("textarea.mono", {
    ...attributes,
    rows: "4",
    value: text,
    spellcheck: "false",
    placeholder: field.example === undefined ? null : JSON.stringify(field.example, null, 2),
  });
  const read = () => {
    if (area.value.trim() === "") return EMPTY;
    try {
      return { value: JSON.parse(area.value) };
    } catch (error) {
      return { error: `This is not JSON: ${error.message}` };
    }
  };
  return { element: area, focus: () => area.focus(), read };
};

/** @type {Record<string, ControlMaker>} */
const MAKERS = {
  text: textControl,
  integer: numberControl,
  number: numberControl,
  duration: durationControl,
  datetime: timeControl,
  enum: selectControl,
  choices: choicesControl,
  tags: tagsControl,
  json: jsonControl,
};

/** The control that fits a field. @type {ControlMaker} */
export const controlFor = (field, initial, attributes) => {
  if (field.kind === "boolean") return (field.isNullable ? selectControl : checkControl)(field, initial, attributes);
  return (MAKERS[field.kind] ?? inputControl)(field, initial, attributes);
};

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Bounds that only keep numbers storable tell people nothing. @param {number | undefined} bound */
const isTelling = (bound) => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;

/** The schema speaks of `null`; in a form that is an empty field. */
const inForms = (help) => help.replace(/`?\bnull\b`?/g, "empty");

const hintOf = ({ kind, help, schema }, isOwnControl) => {
  const { minimum, maximum } = schema;
  const range =
    isTelling(minimum) && isTelling(maximum)
      ? `${formatNumber(minimum)} to ${formatNumber(maximum)}.`
      : minimum > 1
        ? `At least ${formatNumber(minimum)}.`
        : "";
  const zone = kind === "datetime" ? `Your time (${ZONE}).` : "";
  const keys = kind === "tags" && !isOwnControl ? "Enter or a comma adds one." : "";
  return [inForms(help), kind === "duration" ? "" : range, zone, keys].filter(Boolean).join(" ");
};

/** One field with its label, control, help and place for a fault. */
const fieldRow = (field, initial, makeControl, object) => {
  const id = newId(field.name);
  const hint = hintOf(field, makeControl !== controlFor);
  const describedBy = [hint && `${id}-help`, `${id}-fault`].filter(Boolean).join(" ");
  const control = makeControl(
    field,
    initial,
    {
      id,
      name: field.name,
      "aria-describedby": describedBy,
      "aria-required": field.isRequired ? "true" : null,
    },
    object,
  );
  const target = control.element.id === id ? control.element : control.element.querySelector(`#${id}`);
  const isCheck = target?.type === "checkbox";
  const words = [field.label, field.isRequired && h("span.required", { "aria-hidden": "true" }, " *")];
  const label = control.isGroup ? h("span.label", { id: `${id}-label` }, words) : h("label", { for: id }, words);
  if (control.isGroup) {
    target.setAttribute("aria-labelledby", `${id}-label`);
    target.removeAttribute("name");
    target.removeAttribute("aria-required");
  }
  const fault = h("p.fault", { id: `${id}-fault` });
  const showFault = (text) => {
    fill(fault, text);
    element.classList.toggle("has-fault", Boolean(text));
    if (text) target?.setAttribute("aria-invalid", "true");
    else target?.removeAttribute("aria-invalid");
  };
  /** @param {Fault[]} faults */
  const showFaults = (faults) => {
    const isDeep = ({ path }) => path.length > 0;
    const left = control.showFaults?.(faults.filter(isDeep)) ?? faults.filter(isDeep);
    showFault([...faults.filter((each) => !isDeep(each)), ...left].map(({ text }) => text).join(" "));
  };
  const element = h(
    `div.field${isCheck ? ".check" : ""}${control.isWide ? ".wide" : ""}`,
    { dataset: { field: field.name, kind: field.kind } },
    isCheck ? h("div.check-line", null, control.element, label) : [label, control.element],
    hint && h("p.help", { id: `${id}-help` }, codeSpans(hint)),
    fault,
  );
  element.addEventListener("input", () => showFault(""));
  return { field, element, focus: control.focus, read: control.read, showFaults };
};

const isSame = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** A time written in two ways is still the same time. */
const isUnchanged = (field, a, b) =>
  isSame(a, b) || (field.kind === "datetime" && a && b && Date.parse(a) === Date.parse(b));

const blankOf = (field) => {
  if (field.isNullable) return null;
  if (field.kind === "tags" || field.kind === "choices") return [];
  return ["string", "text", "url"].includes(field.kind) ? "" : undefined;
};

const initialOf = (field, initial, given) =>
  initial?.[field.name] ?? (initial ? undefined : (given?.[field.name] ?? field.schema.default));

/** The body of a create: what was given and is not the default anyway. */
const createEntry = ({ field, value }) => {
  const isDefault = field.hasDefault && isSame(value, field.schema.default);
  const isBlank = value === undefined || (Array.isArray(value) && !value.length);
  if (isBlank && !field.isRequired) return [];
  if (isDefault && !field.isRequired) return [];
  return value === undefined ? [] : [[field.name, value]];
};

/** The body of a merge patch: what differs; `null` clears. */
const patchEntry =
  (initial) =>
  ({ field, value, isSent }) => {
    if (isSent) return [[field.name, value]];
    const next = value === undefined ? blankOf(field) : value;
    if (next === undefined || isUnchanged(field, next, initial[field.name])) return [];
    const isBlankAlready = initial[field.name] === undefined && (next === null || next === "" || next === false);
    return isBlankAlready ? [] : [[field.name, next]];
  };

/**
 * @param {Object} options
 * @param {Field[]} options.fields
 * @param {any} [options.initial] the object to edit; without it the form creates
 * @param {Record<string, any>} [options.given] what a form that creates starts with
 * @param {string} options.submit the word on the button
 * @param {(body: any) => Promise<unknown>} options.onSubmit throws a problem to show it
 * @param {() => void} [options.onCancel]
 * @param {Record<string, ControlMaker>} [options.controls] own controls by field name
 * @param {string} [options.primary] the one field that stands large, with the button beside it
 * @param {string} [options.foldLabel] folds the fields that are not needed behind these words
 * @param {string[]} [options.unfolded] fields that stay open all the same
 * @param {(body: any) => Parameters<typeof import("./dom.js").curlText>[0]} [options.curl]
 * @param {string} options.label what the form is, for screen readers
 * @param {boolean} [options.isResetAfter] empties the form once it was sent
 * @returns {HTMLFormElement}
 */
export const schemaForm = (options) => {
  const {
    fields,
    initial,
    given,
    submit,
    onSubmit,
    onCancel,
    controls = {},
    primary,
    foldLabel,
    unfolded = [],
    curl,
    label,
    isResetAfter,
  } = options;
  const rows = fields.map((field) =>
    fieldRow(field, initialOf(field, initial, given), controls[field.name] ?? controlFor, initial),
  );
  const summary = h("div.form-summary", { role: "alert" });
  const button = h("button.primary", { type: "submit" }, submit);
  const isFolded = ({ field }) => ![primary, ...unfolded].includes(field.name) && (primary ? true : !field.isRequired);
  const folded = foldLabel ? rows.filter(isFolded) : [];
  const open = rows.filter((row) => !folded.includes(row));
  const isGiven = ({ field }) => given?.[field.name] !== undefined;
  const fold =
    folded.length > 0 &&
    h(
      "details.fold",
      { open: folded.some(isGiven) },
      h("summary", null, foldLabel),
      h(
        "div.fields",
        null,
        folded.map((row) => row.element),
      ),
    );

  const readAll = () => rows.map((row) => ({ field: row.field, row, ...row.read() }));
  const toBody = (readings) => Object.fromEntries(readings.flatMap(initial ? patchEntry(initial) : createEntry));

  const showFaults = (faults) => {
    const byRow = faults.map((fault) => ({ ...fault, row: rows.find((row) => row.field.name === fault.name) }));
    rows.forEach((row) => row.showFaults(byRow.filter((fault) => fault.row === row)));
    const [first] = byRow.filter((fault) => fault.row);
    if (fold && byRow.some((fault) => folded.includes(fault.row))) fold.open = true;
    first?.row.focus(first.path);
    return byRow.filter((fault) => !fault.row).map((fault) => fault.text);
  };

  const showProblem = (error) => {
    const faults = (error.problem?.errors ?? []).map(({ pointer, detail }) => {
      const [name, ...path] = decodePointer(pointer);
      return { name, path, text: detail };
    });
    const homeless = showFaults(faults);
    const hasAllPlaces = faults.length > 0 && !homeless.length;
    // A single fault is told where the focus is now.
    if (hasAllPlaces && faults.length === 1) return;
    fill(
      summary,
      hasAllPlaces
        ? h("p.note.error", null, `${faults.length} values need another look.`)
        : [
            problemNote(error),
            homeless.length > 0 &&
              h(
                "ul",
                null,
                homeless.map((text) => h("li", null, text)),
              ),
          ],
    );
  };

  const setBusy = (isBusy) => {
    button.disabled = isBusy;
    form.toggleAttribute("data-busy", isBusy);
  };

  const onsubmit = async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    fill(summary);
    const readings = readAll();
    const found = readings.flatMap(({ field, value, error, faults = [] }) => {
      const isMissing =
        field.isRequired &&
        !error &&
        (value === undefined || (Array.isArray(value) && !value.length && field.schema.minItems > 0));
      const own = error || isMissing ? [{ path: [], text: error ?? NEEDED }] : [];
      return [...own, ...faults].map((fault) => ({ ...fault, name: field.name }));
    });
    showFaults(found);
    if (found.length) return;
    setBusy(true);
    try {
      await onSubmit(toBody(readings));
      if (isResetAfter) form.replaceWith(schemaForm(options));
    } catch (error) {
      showProblem(error);
    } finally {
      setBusy(false);
    }
  };

  const tools = h(
    "div.actions",
    null,
    !primary && button,
    onCancel && h("button", { type: "button", onclick: onCancel }, "Cancel"),
    curl && curlButton(() => curl(toBody(readAll()))),
  );
  const main = primary
    ? h(
        "div.primary-line",
        null,
        open.map((row) => row.element),
        button,
      )
    : open.length > 0 &&
      h(
        "div.fields",
        null,
        open.map((row) => row.element),
      );
  const form = h(
    `form.form${primary ? ".quick" : ""}`,
    { novalidate: true, "aria-label": label, onsubmit },
    summary,
    main,
    primary ? h("div.fold-line", null, fold, tools) : [fold, tools],
  );
  // Once every fault is being mended the summary has nothing left to say.
  form.addEventListener("input", () => !form.querySelector(".has-fault") && fill(summary));
  return form;
};

/** The field that a fault lies in, and the way to it from there. @returns {string[]} */
const decodePointer = (pointer = "") => {
  const parts = pointer.startsWith("#/") ? pointer.slice(2).split("/") : [pointer.split("/").at(-1)];
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
};
