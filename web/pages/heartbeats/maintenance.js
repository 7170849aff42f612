/**
 * Times that come again in which nobody is alerted: when each begins, in which zone, and how long it lasts.
 *
 * @typedef {import("../../forms.js").Fault} Fault
 */
import { fill, h, icon, newId } from "../../dom.js";
import { NEEDED, controlFor } from "../../forms.js";

const MOST = 20;
const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const FIRST = { cron: "", timezone: OWN_ZONE, duration_seconds: 3_600 };
const LENGTH = /** @type {any} */ ({ name: "duration", label: "length", kind: "duration", schema: {} });

const part = (label, make) => {
  const id = newId("window");
  const fault = h("p.fault", { id: `${id}-fault` });
  const element = make({ id, "aria-describedby": fault.id });
  const box = h("div.field", null, h("label", { for: id }, label), element, fault);
  const showFault = (text) => {
    fill(fault, text);
    box.classList.toggle("has-fault", Boolean(text));
  };
  box.addEventListener("input", () => showFault(""));
  return { element: box, showFault, focus: () => box.querySelector("input").focus() };
};

const textInput = (value, placeholder, attributes) =>
  h("input", {
    type: "text",
    class: "mono",
    value,
    placeholder,
    autocomplete: "off",
    spellcheck: "false",
    maxlength: "100",
    ...attributes,
  });

/** @param {{ cron: string, timezone?: string, duration_seconds: number }} given @param {() => void} onRemove */
const windowRow = (given, onRemove) => {
  let cron = null;
  let zone = null;
  let length = null;
  const parts = {
    cron: part("Begins (cron)", (attributes) => (cron = textInput(given.cron, "0 3 * * 0", attributes))),
    timezone: part(
      "Time zone",
      (attributes) => (zone = textInput(given.timezone ?? "UTC", "Europe/Vienna", attributes)),
    ),
    duration_seconds: part(
      "Lasts",
      (attributes) => (length = controlFor(LENGTH, given.duration_seconds, attributes)).element,
    ),
  };
  const remove = h(
    "button.icon-button.quiet",
    { type: "button", "aria-label": "Remove this window", title: "Remove", onclick: onRemove },
    icon("close"),
  );
  const element = h(
    "div.window",
    { role: "group", "aria-label": "Maintenance window" },
    Object.values(parts).map((each) => each.element),
    remove,
  );
  const read = () => ({
    cron: cron.value.trim(),
    timezone: zone.value.trim() || "UTC",
    duration_seconds: length.read().value ?? null,
  });
  return { element, parts, read };
};

/** @type {import("../../forms.js").ControlMaker} */
export const maintenanceControl = (field, initial, attributes) => {
  let rows = [];
  const list = h("div.windows");
  const add = h(
    "button",
    { type: "button", onclick: () => put(FIRST).parts.cron.focus() },
    icon("plus"),
    "Add a window",
  );
  const show = () => {
    fill(
      list,
      rows.map((row) => row.element),
    );
    add.hidden = rows.length >= MOST;
  };
  const put = (given) => {
    const row = windowRow(given, () => {
      rows = rows.filter((each) => each !== row);
      show();
      add.focus();
    });
    rows = [...rows, row];
    show();
    return row;
  };
  (initial ?? []).forEach(put);
  show();
  const missing = (row, index) =>
    Object.entries(row.read())
      .filter(([, value]) => value === "" || value === null)
      .map(([name]) => ({ path: [String(index), name], text: NEEDED }));
  return {
    element: h("div.maintenance", { ...attributes, role: "group" }, list, add),
    focus: ([index, name] = []) => (rows[Number(index)]?.parts[name] ?? add).focus(),
    read: () => {
      const faults = rows.flatMap(missing);
      return faults.length ? { faults } : { value: rows.map((row) => row.read()) };
    },
    /** @param {Fault[]} faults */
    showFaults: (faults) => {
      rows.forEach((row) => Object.values(row.parts).forEach(({ showFault }) => showFault("")));
      return faults.filter(({ path: [index, name], text }) => {
        const place = rows[Number(index)]?.parts[name];
        place?.showFault(text);
        return !place;
      });
    },
    isGroup: true,
    isWide: true,
  };
};
