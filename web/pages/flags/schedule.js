/**
 * Changes that happen by themselves: what is planned, a new plan, and what became of those that failed.
 *
 * @typedef {{ id: string, at: string, change: { state?: string, default_variant?: string | null, targeting?: any }, created_by: string, error: string | null }} Planned
 */
import { call, onEvents, repeatablePost } from "../../api.js";
import { LOCALE, announce, curlButton, fill, h, problemNote, relativeTime, toast } from "../../dom.js";
import { controlFor, NEEDED } from "../../forms.js";
import { inputControl, labelled, variantNames, variantSelect } from "./fields.js";
import { targetingEditor } from "./targeting.js";
import { parseExact, pretty } from "./values.js";
import { CODE_DEFAULT, STATES, flagPath, targetingLines } from "./words.js";

const MONTH_MS = 30 * 86_400_000;
const KEEP = "keep";
const CODE = "code";
const UTC = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
const utc = (at) => `${UTC.format(new Date(at))} UTC`;
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isUtc = ["UTC", "Etc/UTC", "GMT"].includes(ZONE);
const LOCAL = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full", timeStyle: "short" });
const local = (at) => LOCAL.format(new Date(at));

/** What the local time is elsewhere, and how far away. */
const besides = (at) =>
  [isUtc ? "UTC" : utc(at), Math.abs(Date.parse(at) - Date.now()) < MONTH_MS && relativeTime(at)]
    .filter(Boolean)
    .join(" · ");

/** @param {Planned["change"]} change */
const changeWords = (change) => {
  const lines = targetingLines(change.targeting ?? null);
  return [
    change.state && h("li", null, change.state === "ENABLED" ? "It is enabled" : "It is disabled"),
    "default_variant" in change &&
      h(
        "li",
        null,
        "The default becomes ",
        change.default_variant === null ? CODE_DEFAULT : h("code", null, change.default_variant),
      ),
    "targeting" in change &&
      (change.targeting === null
        ? h("li", null, "Targeting is taken away")
        : h(
            "li",
            null,
            "Targeting becomes:",
            lines.length
              ? h(
                  "ul",
                  null,
                  lines.map((each) => h("li", null, each)),
                )
              : h("pre.json", null, pretty(change.targeting)),
          )),
  ];
};

/** @param {import("./flag.js").ViewOptions} options */
export const scheduleView = async ({ flag, ctx, canWrite, onChanged }) => {
  const path = flagPath(flag, "/schedule");
  const failure = h("div", { role: "alert" });
  const list = h("ul.plans");

  // -- what is planned
  const callOff = async (planned, button) => {
    button.disabled = true;
    fill(failure);
    try {
      await call("DELETE", flagPath(flag, `/schedule/${encodeURIComponent(planned.id)}`));
      toast(planned.error ? "Taken off the list" : "Called off");
      await load();
      form.querySelector("input, h2")?.focus();
    } catch (error) {
      button.disabled = false;
      fill(failure, problemNote(error));
    }
  };
  /** @param {Planned} planned */
  const entry = (planned) =>
    h(
      `li.card.plan${planned.error ? ".has-failed" : ""}`,
      null,
      h(
        "div.plan-head",
        null,
        h("strong", null, local(planned.at)),
        h("span.muted", null, `${besides(planned.at)} · by `, h("code", null, planned.created_by)),
        canWrite &&
          h(
            "button",
            {
              type: "button",
              "aria-label": `${planned.error ? "Take off the list" : "Call off"}: ${local(planned.at)}`,
              onclick: (event) => callOff(planned, event.currentTarget),
            },
            planned.error ? "Take off the list" : "Call off",
          ),
      ),
      planned.error &&
        h("div.note.error", null, h("strong", null, "It did not happen"), h("span", null, planned.error)),
      h("ul.plan-changes", null, changeWords(planned.change)),
    );
  const load = async () => {
    const { data } = await call("GET", path, { signal: ctx.signal, parse: parseExact });
    fill(list, data.items.length ? data.items.map(entry) : h("li.muted.quiet-empty", null, "Nothing is planned."));
  };

  // -- a new plan
  const names = variantNames(Object.keys(flag.variants));
  const time = labelled(
    "When",
    (attributes) => controlFor(/** @type {any} */ ({ kind: "datetime", schema: {} }), null, attributes),
    { help: `Your time (${ZONE}).` },
  );
  const input = time.element.querySelector("input");
  const told = h("p.help.utc", { role: "status" });
  const tellUtc = () => {
    const { value } = time.read();
    fill(told, value && `That is ${isUtc ? local(value) : utc(value)} (${relativeTime(value)}).`);
  };
  input.addEventListener("input", tellUtc);
  const select = (label, options, onchange) =>
    labelled(label, (attributes) =>
      inputControl(
        h(
          "select",
          { ...attributes, onchange },
          options.map(([value, words]) => h("option", { value }, words)),
        ),
      ),
    );
  const state = select("State", [[KEEP, "as it is then"], ...Object.entries(STATES)]);
  const defaultSelect = variantSelect(names, KEEP, {
    others: [
      [CODE, "The code’s own default"],
      [KEEP, "as it is then"],
    ],
  });
  const byDefault = labelled("Default variant", (attributes) => {
    Object.entries(attributes).forEach(([name, value]) => defaultSelect.setAttribute(name, value));
    return inputControl(defaultSelect);
  });
  const rulePlace = h("div.plan-rule");
  let editor = null;
  const rule = select(
    "Targeting",
    [
      [KEEP, "as it is then"],
      ["none", "none"],
      ["own", "these rules:"],
    ],
    () => {
      editor = rule.element.querySelector("select").value === "own" ? targetingEditor(flag.targeting, names) : null;
      fill(rulePlace, editor?.element);
    },
  );
  const valueOf = (field) => field.element.querySelector("select").value;
  const read = (how) => {
    const given = editor?.read(how);
    const change = {
      ...(valueOf(state) !== KEEP && { state: valueOf(state) }),
      ...(valueOf(byDefault) !== KEEP && {
        default_variant: valueOf(byDefault) === CODE ? null : valueOf(byDefault).slice(1),
      }),
      ...(valueOf(rule) !== KEEP && { targeting: given?.value ?? null }),
    };
    const { value: at, error } = time.read();
    return { body: { at, change }, isFaulty: Boolean(given?.hasFault), error: error ?? (at ? undefined : NEEDED) };
  };
  const summary = h("div.form-summary", { role: "alert" });
  const button = h("button.primary", { type: "submit" }, "Plan this change");
  const post = repeatablePost(path);
  const showProblem = (error) => {
    const faults = (error.problem?.errors ?? []).map(({ pointer, detail }) => ({
      path: pointer.replace(/^#\//, "").split("/"),
      text: detail,
    }));
    const atTime = faults.filter(({ path: [first] }) => first === "at");
    time.showFault(atTime.map(({ text }) => text).join(" "));
    const ofRule = faults.filter(({ path: [, name] }) => name === "targeting");
    if (editor && ofRule.length) editor.showFaults(ofRule.map(({ path: way, text }) => ({ path: way.slice(2), text })));
    const ofDefault = faults.filter(({ path: [, name] }) => name === "default_variant");
    byDefault.showFault(ofDefault.map(({ text }) => text).join(" "));
    const isTold =
      faults.length > 0 && atTime.length + ofRule.length * Number(Boolean(editor)) + ofDefault.length === faults.length;
    if (!isTold) fill(summary, problemNote(error));
    if (atTime.length) time.focus();
  };
  const onsubmit = async (event) => {
    event.preventDefault();
    fill(summary);
    const { body, isFaulty, error } = read();
    time.showFault(error ?? "");
    if (error) return time.focus();
    if (isFaulty) return editor.focusFault();
    if (!Object.keys(body.change).length) return fill(summary, h("p.note.error", null, "Choose what is to change."));
    button.disabled = true;
    try {
      await post(body);
      announce("Planned");
      toast("Planned");
      fill(told);
      input.value = "";
      await load();
    } catch (problem) {
      showProblem(problem);
    } finally {
      button.disabled = false;
    }
  };
  const form = h(
    "form.card.form.plan-form",
    { novalidate: true, "aria-label": "Plan a change", onsubmit },
    h("h2", { tabindex: "-1" }, "Plan a change"),
    summary,
    h("div.plan-time", null, time.element, told),
    h("div.plan-fields", null, state.element, byDefault.element, rule.element),
    rulePlace,
    h(
      "div.actions",
      null,
      button,
      curlButton(() => ({ method: "POST", path, body: read({ isQuiet: true }).body })),
    ),
  );
  const isMine = (event) => event.slice === ctx.slice.name && event.subject === flag.key;
  onEvents((events) => events.some(isMine) && list.isConnected && load().catch(() => {}), ctx.signal);
  await load();
  return h("div.schedule-view", null, failure, list, canWrite && form);
};
