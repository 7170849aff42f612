/**
 * Status pages: which checks everybody may see the state of, under which address. Made and changed in dialogs.
 *
 * @typedef {import("../../generic.js").Context} Context
 */
import { call, hasScope, repeatablePost } from "../../api.js";
import { confirmDialog, copyButton, curlText, emptyState, h, icon, openDialog, pageHead, toast } from "../../dom.js";
import { schemaForm } from "../../forms.js";
import { listPath } from "../../generic.js";
import { bodySchema, fieldsOf, leading } from "../../schema.js";
import { listView, urlElement } from "../../table.js";

const PATH = "/api/heartbeats/pages";
const pathOf = (page) => `${PATH}/${encodeURIComponent(page.name)}`;

const ORDER = ["name", "title", "description", "tags", "is_listed", "has_history"];
const WORDS = {
  name: { label: "Name in its address" },
  is_listed: { label: "Named on the page of all status pages", help: "Otherwise only who knows its name finds it." },
  has_history: { label: "Shows the uptime of the last 90 days, and downtimes", help: "" },
};
/** A change may clear everything by `null`; only the title can be without a value. */
const withWords = (field) => ({
  ...field,
  ...WORDS[field.name],
  isNullable: field.isNullable && field.name === "title",
});
const column = (name, label, kind = "string") => /** @type {any} */ ({ name, label, kind, schema: {} });
const COLUMNS = [
  column("title", "Title"),
  column("url", "Address", "url"),
  column("tags", "Checks tagged", "tags"),
  column("is_listed", "Listed", "boolean"),
  column("has_history", "History", "boolean"),
  column("actions", "Actions"),
];

/** What a form of a method has. @param {Context} ctx @param {string} path @param {string} method */
const formFields = ({ doc }, path, method) =>
  leading(fieldsOf(doc, bodySchema(doc.paths[path]?.[method]) ?? {}), ORDER).map(withWords);

/** @param {any} options those of a form, what sends it, and what comes after */
const openForm = ({ title, onDone, send, ...options }) => {
  const onSubmit = async (body) => {
    await send(body);
    close();
    onDone();
  };
  const close = openDialog({
    title,
    isWide: true,
    content: schemaForm({ label: title, onSubmit, onCancel: () => close(), ...options }),
  });
};

const openNew = (ctx, onDone) =>
  openForm({
    title: "New status page",
    fields: formFields(ctx, PATH, "post"),
    submit: "Create status page",
    send: repeatablePost(PATH),
    curl: (body) => ({ method: "POST", path: PATH, body }),
    onDone,
  });

const openEdit = async (ctx, page, onDone) => {
  const path = pathOf(page);
  try {
    const { data, etag } = await call("GET", path, { signal: ctx.signal });
    const headers = etag ? { "If-Match": etag } : {};
    openForm({
      title: `Edit ${data.title || data.name}`,
      fields: formFields(ctx, `${PATH}/{name}`, "patch"),
      initial: data,
      submit: "Save",
      send: (body) => Object.keys(body).length && call("PATCH", path, { body, headers }),
      curl: (body) => ({
        method: "PATCH",
        path,
        body,
        headers: { "Content-Type": "application/merge-patch+json", ...headers },
      }),
      onDone,
    });
  } catch (error) {
    toast(`${error.problem?.title ?? "It failed"}: ${error.message}`, "error");
  }
};

const remove = async (page, onDone) => {
  const isDone = await confirmDialog({
    title: `Delete ${page.title || page.name}?`,
    text: "Its address is answered with 404 from then on; the checks stay. This cannot be undone.",
    action: "Delete status page",
    run: () => call("DELETE", pathOf(page)),
  });
  if (!isDone) return;
  toast("Status page deleted");
  onDone();
};

const rowButtons = (ctx, page, onDone) =>
  h(
    "span.actions.row-actions",
    null,
    h(
      "button.quiet",
      {
        type: "button",
        "aria-haspopup": "dialog",
        "aria-label": `Edit ${page.title || page.name}`,
        onclick: () => openEdit(ctx, page, onDone),
      },
      "Edit",
    ),
    h(
      "button.quiet",
      {
        type: "button",
        "aria-haspopup": "dialog",
        "aria-label": `Delete ${page.title || page.name}`,
        onclick: () => remove(page, onDone),
      },
      "Delete",
    ),
  );

/** @param {Context} ctx */
export const statusPages = (ctx) => {
  const canWrite = hasScope(ctx.doc.paths[PATH].post?.["x-required-scope"]);
  const done = () => list.load({ isQuiet: true });
  const newButton = (isMain) =>
    canWrite &&
    h(
      "button.primary",
      {
        type: "button",
        "aria-haspopup": "dialog",
        "aria-keyshortcuts": isMain ? "n" : null,
        dataset: isMain ? { new: "" } : {},
        onclick: () => openNew(ctx, done),
      },
      icon("plus"),
      "New status page",
    );
  const list = listView({
    path: PATH,
    label: "Status pages",
    one: "status page",
    columns: canWrite ? COLUMNS : COLUMNS.slice(0, -1),
    cells: {
      title: (page) => h("span", null, page.title || page.name),
      url: (page) => h("span.with-copy", null, urlElement(page.url), copyButton(page.url, `Copy ${page.url}`)),
      tags: (page) =>
        h("span.tags", null, page.tags?.length ? page.tags.map((tag) => h("span.tag", null, tag)) : "all"),
      actions: (page) => rowButtons(ctx, page, done),
    },
    keyOf: (page) => page.name,
    empty: () =>
      emptyState({
        title: "No status pages yet",
        text: "A status page shows everybody the state of the checks that have its tags.",
        action: newButton(false),
        curl: curlText({ method: "POST", path: PATH, body: { name: "jobs", title: "Our jobs", tags: ["prod"] } }),
      }),
    signal: ctx.signal,
  });
  list.load();
  return h(
    "div.page.heartbeats",
    null,
    pageHead({
      title: "Status pages",
      back: { href: listPath(ctx), text: ctx.slice.title },
      text: "What everybody may see of the state of your jobs, chosen by tags.",
      actions: newButton(true),
    }),
    list.element,
  );
};
