/**
 * When a job is due: every so often, by a cron expression or by one of systemd; while one types, what that means.
 *
 * @typedef {import("../../forms.js").Fault} Fault
 * @typedef {import("./words.js").Schedule} Schedule
 */
import { get, statusOf, withQuery } from "../../api.js";
import { fill, h, newId, timeElement } from "../../dom.js";
import { NEEDED, segments } from "../../forms.js";

/** So long nobody types on; then the server is asked. */
const PAUSE_MS = 250;
const SHOWN = 5;
const UNITS = [
  ["minutes", 60],
  ["hours", 3_600],
  ["days", 86_400],
];
const KINDS = [
  ["every_seconds", "Interval"],
  ["cron", "Cron"],
  ["on_calendar", "OnCalendar"],
];
const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const BY_DEFAULT = { every_seconds: 86_400 };

/** All zones that the browser knows; others can be typed. */
let zones = null;
const zoneList = () => {
  zones ??= h(
    "datalist",
    { id: newId("zones") },
    ["UTC", ...Intl.supportedValuesOf("timeZone")].map((name) => h("option", { value: name })),
  );
  return zones;
};

/** One input with its label, help and place for a fault. @param {string} label @param {(attributes: any) => HTMLElement & Record<string, any>} make @param {any} [help] */
const line = (label, make, help) => {
  const id = newId("schedule");
  const fault = h("p.fault", { id: `${id}-fault` });
  const element = make({ id, "aria-describedby": [help && `${id}-help`, fault.id].filter(Boolean).join(" ") });
  const input = element.matches("input") ? element : element.querySelector("input");
  const showFault = (text) => {
    fill(fault, text);
    box.classList.toggle("has-fault", Boolean(text));
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  const box = h(
    "div.field",
    null,
    h("label", { for: id }, label),
    element,
    help && h("p.help", { id: `${id}-help` }, help),
    fault,
  );
  return { element: box, input, showFault };
};

const textInput =
  (value, placeholder, more = {}) =>
  (attributes) =>
    h("input", {
      type: "text",
      value: value ?? "",
      placeholder,
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      maxlength: "100",
      class: "mono",
      ...more,
      ...attributes,
    });

// ---- the three kinds ------------------------------------------------------

/** @param {number | undefined} seconds */
const everyEditor = (seconds = BY_DEFAULT.every_seconds) => {
  const [unit, size] = UNITS.findLast(([, each]) => seconds % each === 0) ?? ["seconds", 1];
  const units = unit === "seconds" ? [["seconds", 1], ...UNITS] : UNITS;
  const select = h(
    "select",
    { "aria-label": "Unit", value: unit },
    units.map(([name]) => h("option", { value: name }, name)),
  );
  const count = line(
    "Every",
    (attributes) =>
      h(
        "div.joined",
        null,
        h("input.number", { ...attributes, type: "number", min: "1", step: "any", value: seconds / size }),
        select,
      ),
    "Counted from its last ping; below, from now.",
  );
  const read = () => {
    const { value, validity } = count.input;
    if (validity.badInput || value === "")
      return { error: value === "" && !validity.badInput ? NEEDED : "This is not a number." };
    return { value: { every_seconds: Math.round(Number(value) * units.find(([name]) => name === select.value)[1]) } };
  };
  return { element: count.element, fields: { every_seconds: count }, first: count, read };
};

/** @param {"cron" | "on_calendar"} kind @param {Schedule} given @param {{ label: string, placeholder: string, help: any }} words */
const expressionEditor = (kind, given, { label, placeholder, help }) => {
  const text = line(label, textInput(given[kind], placeholder), help);
  const zone = line("Time zone", textInput(given.timezone ?? OWN_ZONE, "Europe/Vienna", { list: zoneList().id }));
  const read = () => {
    const value = text.input.value.trim();
    if (!value) return { error: NEEDED };
    return { value: { [kind]: value, timezone: zone.input.value.trim() || "UTC" } };
  };
  const element = h("div.schedule-expression", null, text.element, zone.element);
  return { element, fields: { [kind]: text, timezone: zone }, first: text, read };
};

const CRON = {
  label: "Cron expression",
  placeholder: "30 2 * * 1-5",
  help: ["Minute, hour, day of month, month, day of week: ", h("code", null, "30 2 * * 1-5"), " is 02:30 on workdays."],
};
const CALENDAR = {
  label: "OnCalendar expression",
  placeholder: "Mon..Fri 02:30",
  help: ["As in a timer of systemd: ", h("code", null, "Mon..Fri 02:30"), ", ", h("code", null, "*-*-01 06:00"), "."],
};

// ---- preview -------------------------------------------------------------

/** @param {{ in_words: string, times: { at: string, in_words: string }[] }} found */
const previewOf = ({ in_words: words, times }) => {
  const item = ({ at, in_words: said }) => h("li", null, h("span", null, said), timeElement(at));
  const rest = times.slice(SHOWN);
  return [
    h("p", null, h("strong", null, words)),
    times.length
      ? h("ol.due-times", null, times.slice(0, SHOWN).map(item))
      : h("p.muted", null, "It is never due again."),
    rest.length > 0 &&
      h("details.fold", null, h("summary", null, `${rest.length} more`), h("ol.due-times", null, rest.map(item))),
  ];
};

/** Which input a fault of the preview belongs to: `query/cron`. */
const inputOf = (pointer = "") => pointer.split("/")[1] ?? "";

/** @type {import("../../forms.js").ControlMaker} */
export const scheduleControl = (field, initial, attributes) => {
  const given = initial ?? BY_DEFAULT;
  const own = {
    every_seconds: everyEditor(given.every_seconds),
    cron: expressionEditor("cron", given, CRON),
    on_calendar: expressionEditor("on_calendar", given, CALENDAR),
  };
  let kind = KINDS.map(([name]) => name).find((name) => given[name] !== undefined) ?? "every_seconds";
  const place = h("div.schedule-place");
  const preview = h("div.schedule-preview", { role: "status", "aria-label": "The next due times" });
  let asking = new AbortController();
  let timer = null;

  const hush = () => Object.values(own[kind].fields).forEach(({ showFault }) => showFault(""));
  /** @param {{ name: string, text: string }[]} faults @returns the rest, which have no input here */
  const show = (faults) =>
    faults.filter(({ name, text }) => {
      own[kind].fields[name]?.showFault(text);
      return !own[kind].fields[name];
    });
  const ask = async (value, signal) => {
    try {
      const found = await get(withQuery("/api/heartbeats/preview", value), signal);
      if (signal.aborted) return;
      hush();
      fill(preview, previewOf(found));
    } catch (error) {
      // Only a hint: what else is wrong is told when the form is sent.
      if (signal.aborted || statusOf(error) !== 422) return;
      hush();
      fill(preview, h("p.muted", null, "The next due times show here once the schedule is whole."));
      const faults = (error.problem.errors ?? []).map(({ pointer, detail }) => ({
        name: inputOf(pointer),
        text: detail,
      }));
      show(faults).forEach(({ text }) => own[kind].first.showFault(text));
    }
  };
  const look = (pause) => {
    asking.abort();
    asking = new AbortController();
    clearTimeout(timer);
    const { value } = own[kind].read();
    const { signal } = asking;
    if (!value) return fill(preview, h("p.muted", null, "The next due times show here once there is a schedule."));
    timer = setTimeout(() => ask(value, signal), pause);
  };
  const choose = (next) => {
    kind = next;
    fill(place, own[kind].element);
    look(0);
  };
  const kinds = segments({
    label: "Kind of schedule",
    options: /** @type {any} */ (KINDS),
    value: kind,
    onChoose: choose,
  });
  place.addEventListener("input", () => look(PAUSE_MS));
  choose(kind);
  return {
    element: h("div.schedule-editor", { ...attributes, role: "group" }, kinds.element, place, zoneList(), preview),
    focus: ([name] = []) => (own[kind].fields[name] ?? own[kind].first).input.focus(),
    read: () => {
      const { value, error } = own[kind].read();
      return error ? { faults: [{ path: [kind], text: error }] } : { value };
    },
    showFaults: (faults) => {
      hush();
      const left = show(faults.map(({ path: [name], text }) => ({ name: name ?? "", text })));
      return faults.filter(({ path: [name], text }) =>
        left.some((each) => each.name === (name ?? "") && each.text === text),
      );
    },
    isGroup: true,
    isWide: true,
  };
};
