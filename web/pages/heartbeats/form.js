/**
 * The forms that make a check and change one: what is needed first, and the rest behind a fold.
 *
 * @typedef {import("../../generic.js").Context} Context
 */
import { repeatablePost } from "../../api.js";
import { emptyState, h, pageHead, toast } from "../../dom.js";
import { controlFor, schemaForm } from "../../forms.js";
import { canDo, listPath } from "../../generic.js";
import { editForm } from "../../object.js";
import { maintenanceControl } from "./maintenance.js";
import { scheduleControl } from "./schedule.js";
import { checkHref, checkPath } from "./words.js";

const FIRST = ["name", "schedule", "grace_seconds", "tags", "description", "slug"];
const ADVANCED = [
  "max_run_seconds",
  "failures_before_alert",
  "methods",
  "is_manual_resume",
  "filter_http_body",
  "success_kw",
  "failure_kw",
  "start_kw",
  "filter_default_fail",
  "maintenance",
];
const LOOK = { foldLabel: "Advanced: run time, failures, filters, maintenance", unfolded: FIRST };

/** What a field is called here, and what is said of it where its own help says it for programs. */
const WORDS = {
  schedule: { help: "" },
  grace_seconds: { label: "Grace", help: "How much later than due it may be heard of before it is down." },
  max_run_seconds: {
    label: "Longest run",
    help: "How long a run may take between its start and its end; without it, as long as the grace.",
  },
  failures_before_alert: { label: "Failures before an alert" },
  methods: {
    label: "Only pings by POST count",
    help: "Others, such as those of link previews, are logged as ignored.",
    kind: "boolean",
  },
  is_manual_resume: { label: "Stays paused until somebody resumes it", help: "Otherwise a ping ends the pause." },
  filter_http_body: {
    label: "Look for keywords in the body of pings",
    help: "They decide what a ping means, whatever its URL says.",
  },
  success_kw: { label: "Keywords of success", help: "With commas between them." },
  failure_kw: { label: "Keywords of failure", help: "They are looked for first." },
  start_kw: { label: "Keywords of a start", help: "" },
  filter_default_fail: { label: "Without any keyword it is a failure", help: "Otherwise such a ping is ignored." },
  maintenance: { label: "Maintenance windows", help: "Times that come again in which nobody is alerted." },
};

/** A choice of two, of which one is the rule. @type {import("../../forms.js").ControlMaker} */
const methodsControl = (field, initial, attributes) => {
  const input = h("input", { ...attributes, type: "checkbox", checked: initial === "POST" });
  return { element: input, focus: () => input.focus(), read: () => ({ value: input.checked ? "POST" : "" }) };
};

/** A run takes minutes rather than seconds. @type {import("../../forms.js").ControlMaker} */
const runControl = (field, initial, attributes) => {
  const control = controlFor(field, initial, attributes);
  if (!initial) control.element.querySelector("select").value = "minutes";
  return control;
};

const CONTROLS = {
  max_run_seconds: runControl,
  schedule: scheduleControl,
  maintenance: maintenanceControl,
  methods: methodsControl,
};

/** @param {import("../../schema.js").Field[]} fields */
const ordered = (fields) =>
  [...FIRST, ...ADVANCED]
    .map((name) => fields.find((field) => field.name === name))
    .filter(Boolean)
    .map((field) => ({ ...field, ...WORDS[field.name] }));

/** @param {Context} ctx */
export const createPage = (ctx) => {
  const { ops, slice } = ctx;
  const head = pageHead({ title: "New heartbeat", back: { href: listPath(ctx), text: slice.title } });
  if (!canDo(ops.create))
    return h(
      "div.page",
      null,
      head,
      emptyState({ title: "Not possible", text: `Your key lacks the scope ${ops.create.scope}.` }),
    );
  const post = repeatablePost(slice.api_url);
  const onSubmit = async (body) => {
    const { data } = await post(body);
    toast("Heartbeat created");
    ctx.go(checkHref(data.id));
  };
  const form = schemaForm({
    fields: ordered(ops.createFields),
    controls: CONTROLS,
    submit: "Create heartbeat",
    label: "New heartbeat",
    ...LOOK,
    onSubmit,
    onCancel: () => ctx.go(listPath(ctx)),
    curl: (body) => ({ method: "POST", path: slice.api_url, body }),
  });
  queueMicrotask(() => form.querySelector("input")?.focus());
  return h("div.page.narrow.heartbeats", null, head, h("section.card", null, form));
};

/** @param {Context} ctx @param {{ etag: string | null, data: any }} loaded @param {{ onSaved: (saved: any) => void, onCancel: () => void }} how */
export const changeForm = (ctx, loaded, how) => {
  const own = {
    ...ctx,
    ops: { ...ctx.ops, updateFields: ordered(ctx.ops.updateFields) },
    page: { ...ctx.page, controls: CONTROLS },
  };
  return editForm(own, checkPath(loaded.data.id), loaded, { ...how, look: LOOK });
};
