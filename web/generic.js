/**
 * The pages of a slice, made from the catalogue and the OpenAPI document alone: a list, a form for a new object, and the object itself.
 *
 * A slice that deserves more has a module, `pages/<slice>.js` here or `web/page.js` in its own folder, whose default export changes
 * parts of these pages. A style sheet beside it is put to use by
 * `document.head.append(h("link", { rel: "stylesheet", href: new URL("page.css", import.meta.url).href }))`.
 *
 * @typedef {Object} Page
 * @property {string[]} [columns] the columns of the list, by field name
 * @property {string[]} [first] the fields that come first on the object's page and in forms
 * @property {string[]} [firstInForms] where forms have an order of their own
 * @property {string[]} [derived] columns and facts that the API does not send; each is drawn by its cell
 * @property {Record<string, (item: any, field: Field) => Node>} [cells] own cells, in the list and on the object's page
 * @property {Record<string, (item: any, field: Field) => Node>} [listCells] own cells in the list alone
 * @property {(item: any) => Node | null} [beside] what stands beside the name of an object in the list
 * @property {Record<string, import("./forms.js").ControlMaker>} [controls] own controls in forms
 * @property {{ primary: string, submit: string, foldLabel: string }} [quick] a create form on top of the list instead of a page of its own
 * @property {(answer: any, ctx: Context) => Node} [created] what stands under the quick form after a create
 * @property {(item: any, ctx: Context) => Node} [aside] what stands at the side of the object's page
 * @property {(item: any, ctx: Context) => Node[]} [tools] more buttons on the object's page
 * @property {(item: any, ctx: Context) => Node} [lead] what stands below the title of the object's page
 * @property {(item: any, ctx: Context) => Node} [above] what stands above the facts of the object's page
 * @property {(ctx: Context, list: { load: (how?: { isQuiet?: boolean }) => Promise<void> }) => Node[]} [listTools] more buttons on the list's page
 * @property {(ctx: Context) => Node} [overview] what stands between the quick form and the list
 * @property {Record<string, { columns?: string[], cells?: Page["cells"] }>} [subLists] by the last part of their path
 * @property {string} [onceWarning] what to say beside a value that is shown only once
 * @property {(ctx: Context) => Promise<HTMLElement> | HTMLElement} [list] a whole list page of its own
 * @property {(ctx: Context, id: string) => Promise<HTMLElement> | HTMLElement} [object] a whole page of one object of its own; the
 *   list makes new ones then
 *
 * @typedef {import("./schema.js").Field} Field
 * @typedef {{ slice: import("./api.js").Slice, catalogue: any, doc: any, ops: import("./schema.js").SliceOperations, page: Page, url: URL, signal: AbortSignal, left: { scroll: number, rows: number } | null, go: (path: string, how?: { isReplaced?: boolean, isQuiet?: boolean }) => void }} Context
 */
import { get, hasScope, onEvents, onReset, repeatablePost, withQuery } from "./api.js";
import {
  codeBlock,
  copyButton,
  curlText,
  emptyState,
  fill,
  firstSentence,
  h,
  humanize,
  icon,
  newId,
  openDialog,
  pageHead,
  plural,
  singular,
  toast,
} from "./dom.js";
import { controlFor, schemaForm } from "./forms.js";
import { menuButton } from "./menu.js";
import {
  bodySchema,
  changesFrom,
  columnsOf,
  describeSlice,
  fieldsOf,
  fillPath,
  leading,
  nameOf,
  parametersOf,
} from "./schema.js";
import { listView, valueElement } from "./table.js";

const derivedField = (name) => ({
  name,
  label: humanize(name),
  help: "",
  kind: "string",
  schema: {},
  isRequired: false,
  isNullable: false,
  options: [],
  isDerived: true,
});

/** What a page needs to know about its slice, in the order that the page asks for. @param {any} ctx @returns {Context} */
export const withOperations = (ctx) => {
  const { derived = [], first = [], firstInForms = first } = ctx.page;
  const ops = describeSlice(ctx.doc, ctx.slice.name);
  const isSent = (name) => ops.itemFields.some((field) => field.name === name);
  const itemFields = [...ops.itemFields, ...derived.filter((name) => !isSent(name)).map(derivedField)];
  return {
    ...ctx,
    ops: {
      ...ops,
      itemFields: leading(itemFields, [...first, ops.idKey]),
      createFields: leading(ops.createFields, firstInForms),
      updateFields: leading(ops.updateFields, firstInForms),
    },
  };
};

/** What one object is called. @param {Context} ctx */
export const thing = ({ slice }) => singular(slice.name);
/** @param {Context} ctx */
export const listPath = ({ slice }) => `/app/${slice.name}`;
const hrefOf = (ctx) => (item) => (ctx.ops.read ? `${listPath(ctx)}/${encodeURIComponent(item[ctx.ops.idKey])}` : null);
/** Whether the API offers it and the key may do it. @param {import("./schema.js").Operation | undefined} operation */
export const canDo = (operation) => Boolean(operation) && hasScope(operation.scope);

// ---- filters -------------------------------------------------------------

const SEARCH = ["search", "q", "query"];
const MANY = 4;

const orderLabel = (option) => {
  const name = String(option).replace(/^-/, "");
  const isDown = String(option).startsWith("-");
  if (/(_at|_on|^at)$/.test(name)) return `${humanize(name)}, ${isDown ? "newest" : "oldest"} first`;
  if (/(count|size|bytes|seconds|total|number)/.test(name))
    return `${humanize(name)}, ${isDown ? "most" : "least"} first`;
  return `${humanize(name)}, ${isDown ? "Z to A" : "A to Z"}`;
};

const filterControl = (field, initial, onchange) => {
  const id = newId(`filter-${field.name}`);
  if (field.name === "order" && field.options.length) {
    const select = h(
      "select",
      { id, value: initial ?? field.schema.default ?? "", onchange },
      field.options.map((option) => h("option", { value: option }, orderLabel(option))),
    );
    return { id, element: select, read: () => (select.value === field.schema.default ? "" : select.value) };
  }
  // A filter is never required: "any" must be a choice.
  const asFilter = { ...field, isRequired: false, isNullable: true, help: "", blank: "Any" };
  const typed =
    field.kind === "integer" || field.kind === "number"
      ? Number(initial)
      : field.kind === "boolean"
        ? initial === "true"
        : initial;
  const control = controlFor(asFilter, initial === undefined ? undefined : typed, { id });
  control.element.addEventListener("change", onchange);
  return { id, element: control.element, read: () => control.read().value };
};

const debounced = (run, ms) => {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
};

/** The search field and the filters of a list; what they hold stands in the address. @param {Context} ctx @param {() => void} onChange */
export const filterBar = (ctx, onChange) => {
  const { filters } = ctx.ops;
  const given = (field) => {
    const values = ctx.url.searchParams.getAll(field.name);
    if (!values.length) return undefined;
    return field.kind === "tags" || field.kind === "choices" ? values : values[0];
  };
  const changed = () => onChange();
  const search = filters.find((field) => SEARCH.includes(field.name));
  const others = filters.filter((field) => field !== search);
  const input =
    search &&
    h("input", {
      type: "search",
      id: newId("search"),
      value: given(search) ?? "",
      placeholder: `Search ${ctx.slice.title.toLowerCase()}`,
      "aria-label": `Search ${ctx.slice.title.toLowerCase()}`,
      "aria-keyshortcuts": "/",
      autocomplete: "off",
      dataset: { search: "" },
      oninput: debounced(changed, 200),
      onkeydown: (event) => event.key === "Enter" && changed(),
    });
  const controls = others.map((field) => ({ field, ...filterControl(field, given(field), changed) }));
  const boxes = controls.map(({ field, id, element }) =>
    h("div.filter", null, h("label", { for: id }, field.label), element),
  );
  const isAnyUsed = others.some((field) => given(field) !== undefined);
  // On narrow screens the filters wait behind a button.
  const toggle = h(
    "button.filter-toggle",
    {
      type: "button",
      "aria-expanded": String(isAnyUsed),
      onclick: () => {
        const isOpen = element.classList.toggle("is-open");
        toggle.setAttribute("aria-expanded", String(isOpen));
      },
    },
    "Filters",
  );
  const element = h(
    `search.filters${isAnyUsed ? ".is-open" : ""}`,
    { "aria-label": "Search and filters" },
    input && h("div.search-box", null, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/")),
    boxes.length > 0 && toggle,
    boxes.slice(0, MANY),
    boxes.length > MANY &&
      h(
        "details.fold",
        { open: isAnyUsed },
        h("summary", null, "More filters"),
        h("div.filters", null, boxes.slice(MANY)),
      ),
  );
  const read = () =>
    Object.fromEntries(
      [
        ...(search ? [[search.name, input.value.trim()]] : []),
        ...controls.map(({ field, read }) => [field.name, read() ?? ""]),
      ].filter(([, value]) => value !== "" && !(Array.isArray(value) && !value.length)),
    );
  return { element: filters.length ? element : null, read };
};

// ---- list ----------------------------------------------------------------

/** More new objects than this at once are offered, not put in one by one. */
const MOST_INSERTS = 5;

/** What of an event belongs to the object. @param {Context} ctx @param {any} item */
export const knownPart = (ctx, item) => {
  const known = new Set(ctx.ops.itemFields.map((field) => field.name));
  return Object.fromEntries(Object.entries(item).filter(([name]) => known.has(name)));
};

const isWhole = (ctx, item) => ctx.ops.itemFields.every((field) => !field.isRequired || item[field.name] !== undefined);

/** An event may carry less than the API shows; then the API is asked. */
const wholeItem = async (ctx, change) =>
  isWhole(ctx, change.item) || !ctx.ops.read ? change.item : get(fillPath(ctx.ops.read.path, change.id), ctx.signal);

/** Brings a list in step with what happens on the server. */
const followList = (ctx, list) => {
  const insert = async (change) => {
    if (list.has(change.id)) return;
    const item = await wholeItem(ctx, change).catch(() => null);
    if (item && !list.has(change.id)) list.insert(item);
  };
  onEvents((events) => {
    const changes = changesFrom(
      events.filter((event) => event.slice === ctx.slice.name),
      ctx.ops.idKey,
    );
    const isInsert = ({ kind, id }) => kind === "insert" && !list.has(id);
    const inserts = changes.filter(isInsert);
    changes.filter(({ kind }) => kind === "remove").forEach(({ id }) => list.remove(id));
    changes
      .filter((change) => change.item && !isInsert(change))
      .forEach(({ id, item }) => list.merge(id, knownPart(ctx, item)));
    if (!inserts.length) return;
    // With a filter or an order of one's own nobody can tell from here where the new one belongs.
    if (list.isFiltered() || inserts.length > MOST_INSERTS) return list.offerNews(inserts.length);
    inserts.forEach(insert);
  }, ctx.signal);
  onReset(() => list.load({ isQuiet: true }), ctx.signal);
};

const exampleBody = (fields) =>
  Object.fromEntries(
    fields
      .filter((field) => field.isRequired)
      .map((field) => [field.name, field.example ?? field.options[0] ?? (field.kind === "tags" ? [] : "…")]),
  );

/** What stands in the address besides the filters. @param {Context} ctx */
export const otherQuery = ({ ops }) => {
  const names = new Set(ops.filters.map((field) => field.name));
  const { searchParams } = new URL(location.href);
  return Object.fromEntries(
    [...searchParams.keys()].filter((name) => !names.has(name)).map((name) => [name, searchParams.getAll(name)]),
  );
};

/** Tags in a list lead to what else has them, where the list can be filtered by them. @param {Context} ctx @param {{ read: () => any }} bar */
export const tagCells = (ctx, bar) => {
  const filterOf = (field) => ctx.ops.filters.find(({ name }) => [field.name, singular(field.name)].includes(name));
  const link = (filter) => (tag) => {
    const onclick = (event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      const given = bar.read();
      const tags = filter.kind === "tags" ? [...new Set([given[filter.name] ?? [], tag].flat())] : tag;
      ctx.go(withQuery(listPath(ctx), { ...otherQuery(ctx), ...given, [filter.name]: tags }));
    };
    return h(
      "a.tag",
      { href: withQuery(listPath(ctx), { [filter.name]: tag }), title: `Show all with “${tag}”`, onclick },
      tag,
    );
  };
  const isTagged = (field) => field.kind === "tags" && filterOf(field);
  const cell = (field) => (item) => {
    const tags = item[field.name] ?? [];
    return tags.length ? h("span.tags", null, tags.map(link(filterOf(field)))) : valueElement(field, tags);
  };
  return Object.fromEntries(ctx.ops.itemFields.filter(isTagged).map((field) => [field.name, cell(field)]));
};

/** The whole list as a file; where there are several formats, one chooses. @param {Context} ctx */
const exportButton = (ctx) => {
  const { slice, ops } = ctx;
  if (!canDo(ops.export)) return null;
  const format = parametersOf(ctx.doc, ops.export.operation, "query").find(({ name }) => name === "format");
  const files = (format?.options ?? ["csv"]).map((each) => ({
    text: String(each).toUpperCase(),
    href: withQuery(ops.export.path, { format: each }),
    download: `${slice.name}.${each}`,
  }));
  if (files.length > 1) return menuButton({ face: "Export", items: () => files }).element;
  return h("a.button", { href: files[0].href, download: files[0].download }, "Export");
};

/** @param {Context} ctx @returns {HTMLElement} */
export const listPage = (ctx) => {
  const { slice, ops, page, signal } = ctx;
  const isCreatable = canDo(ops.create);
  const newHref = `${listPath(ctx)}/new`;
  const bar = filterBar(ctx, () => {
    ctx.go(withQuery(listPath(ctx), { ...otherQuery(ctx), ...bar.read() }), { isReplaced: true, isQuiet: true });
    list.load({ isQuiet: true });
  });
  const newButton = (isMain) =>
    h(
      `a.button.primary`,
      { href: newHref, "aria-keyshortcuts": isMain ? "n" : null, dataset: isMain ? { new: "" } : {} },
      icon("plus"),
      `New ${thing(ctx)}`,
    );
  const empty = () =>
    emptyState({
      title: `No ${slice.title.toLowerCase()} yet`,
      text:
        page.quick && isCreatable ? "Make the first one above, or from a terminal:" : firstSentence(slice.description),
      action: isCreatable && !page.quick && newButton(false),
      curl: ops.create && curlText({ method: "POST", path: slice.api_url, body: exampleBody(ops.createFields) }),
    });
  const list = listView({
    path: slice.api_url,
    query: bar.read,
    label: slice.title,
    one: thing(ctx),
    columns: columnsOf(ops.itemFields, ops.idKey, page.columns),
    cells: { ...tagCells(ctx, bar), ...page.cells, ...page.listCells },
    keyOf: (item) => String(item[ops.idKey]),
    hrefOf: hrefOf(ctx),
    beside: page.beside,
    empty,
    onClearFilters: () => ctx.go(listPath(ctx)),
    signal,
  });
  followList(ctx, list);
  list.load({ rows: ctx.left?.rows }).then(() => ctx.left && !signal.aborted && scrollTo(0, ctx.left.scroll));
  const ownActions = ops.ownActions.filter(canDo).map((action) => actionButton(ctx, action, action.path));
  const actions = [
    page.listTools?.(ctx, list),
    exportButton(ctx),
    ownActions,
    isCreatable && !page.quick && newButton(true),
  ];
  return h(
    "div.page",
    null,
    pageHead({ title: slice.title, text: firstSentence(slice.description), actions }),
    page.quick && isCreatable && quickCreate(ctx, list),
    page.overview?.(ctx),
    bar.element,
    list.element,
  );
};

// ---- create --------------------------------------------------------------

/** Values that only this answer has, such as a new key. */
const onceNote = (ctx, answer) => {
  const shown = ctx.ops.onceFields.filter((name) => answer[name] !== undefined && answer[name] !== null);
  if (!shown.length) return null;
  return h(
    "div.once",
    null,
    h(
      "p",
      null,
      h("strong", null, "Copy it now. "),
      ctx.page.onceWarning ?? "It is shown this once and cannot be seen again.",
    ),
    shown.map((name) => {
      const id = newId("once");
      return h(
        "div.field",
        null,
        h("label", { for: id }, humanize(name)),
        h(
          "div.joined",
          null,
          h("input.mono", {
            id,
            readonly: true,
            value: String(answer[name]),
            onfocus: (event) => event.currentTarget.select(),
          }),
          copyButton(String(answer[name]), `Copy ${humanize(name).toLowerCase()}`, "Copy"),
        ),
      );
    }),
  );
};

const createRequest = (ctx) => (body) => ({ method: "POST", path: ctx.slice.api_url, body });

const quickCreate = (ctx, list) => {
  const { quick, controls, created } = ctx.page;
  const post = repeatablePost(ctx.slice.api_url);
  const result = h("div.created", { role: "status" });
  const onSubmit = async (body) => {
    const { data } = await post(body);
    fill(result, created?.(data, ctx), onceNote(ctx, data));
    if (!list.isFiltered()) list.insert(data);
    else list.load({ isQuiet: true });
  };
  const form = schemaForm({
    fields: ctx.ops.createFields,
    controls,
    label: `New ${thing(ctx)}`,
    onSubmit,
    curl: createRequest(ctx),
    isResetAfter: true,
    ...quick,
  });
  return h("section.card.quick-create", { "aria-label": `New ${thing(ctx)}`, dataset: { new: "" } }, form, result);
};

/** @param {Context} ctx @returns {HTMLElement} */
export const newPage = (ctx) => {
  const { ops, slice, page } = ctx;
  const head = pageHead({ title: `New ${thing(ctx)}`, back: { href: listPath(ctx), text: slice.title } });
  if (!canDo(ops.create)) {
    const text = ops.create ? `Your key lacks the scope ${ops.create.scope}.` : "This tool has nothing to create.";
    return h("div.page", null, head, emptyState({ title: "Not possible", text }));
  }
  const post = repeatablePost(slice.api_url);
  const onSubmit = async (body) => {
    const { data } = await post(body);
    toast(`${humanize(thing(ctx))} created`);
    const href = hrefOf(ctx)(data) ?? listPath(ctx);
    const once = onceNote(ctx, data);
    if (!once) return ctx.go(href);
    const done = h("a.button.primary", { href: listPath(ctx) }, "I have copied it");
    fill(
      stage,
      h("section.card", { role: "status" }, h("h2", null, nameOf(data, ops.idKey)), once, h("div.actions", null, done)),
    );
    stage.querySelector("input")?.focus();
  };
  const optional = ops.createFields.filter((field) => !field.isRequired);
  // An address such as `/app/links/new?slug=guide` fills in what it knows.
  const isText = ({ kind }) => ["string", "text", "url", "email"].includes(kind);
  const given = Object.fromEntries(
    ops.createFields.filter(isText).map(({ name }) => [name, ctx.url.searchParams.get(name) ?? undefined]),
  );
  const form = schemaForm({
    fields: ops.createFields,
    given,
    controls: page.controls,
    submit: `Create ${thing(ctx)}`,
    label: `New ${thing(ctx)}`,
    foldLabel: optional.length > 6 ? `${plural(optional.length, "more field")}, all optional` : undefined,
    onSubmit,
    onCancel: () => ctx.go(listPath(ctx)),
    curl: createRequest(ctx),
  });
  const stage = h("div", null, h("section.card", null, form));
  queueMicrotask(() => stage.querySelector("input, select, textarea")?.focus());
  return h("div.page.narrow", null, head, stage);
};

// ---- actions --------------------------------------------------------------

/** What an action answered, where it answered something worth showing. */
const showAnswer = (action, answer) => {
  if (answer.data === "" || answer.data === null) return toast(`${action.summary}: done`);
  openDialog({
    title: action.summary,
    isWide: true,
    content: codeBlock(
      typeof answer.data === "string" ? answer.data : JSON.stringify(answer.data, null, 2),
      "Copy answer",
    ),
  });
};

/**
 * A button for a POST sub-path; with a form when the action takes a body.
 * @param {Context} ctx
 * @param {import("./schema.js").Operation & { name: string }} action
 * @param {string} path
 * @param {(answer: any) => void} [onDone] gets the answer when it is the object itself, else null
 */
export const actionButton = (ctx, action, path, onDone = () => {}) => {
  const post = repeatablePost(path);
  const fields = fieldsOf(ctx.doc, bodySchema(action.operation) ?? {});
  // Beside a list of "pings" a button "Pings" would say nothing.
  const isListName = ctx.ops.subLists.some((list) => list.name === action.name);
  const label = isListName ? action.summary : humanize(action.name);
  const finish = (answer) => {
    const isObject = answer.data?.[ctx.ops.idKey] !== undefined;
    if (isObject) toast(`${action.summary}: done`);
    else showAnswer(action, answer);
    onDone(isObject ? answer : null);
  };
  const runAtOnce = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      finish(await post());
    } catch (error) {
      toast(`${error.problem?.title ?? "It failed"}: ${error.message}`, "error");
    } finally {
      button.disabled = false;
    }
  };
  const askFirst = () => {
    const onSubmit = async (body) => {
      const answer = await post(body);
      close();
      finish(answer);
    };
    const form = schemaForm({
      fields,
      submit: label,
      label: action.summary,
      onSubmit,
      onCancel: () => close(),
      curl: (body) => ({ method: "POST", path, body }),
    });
    const close = openDialog({
      title: action.summary,
      content: [action.description && h("p.muted", null, firstSentence(action.description)), form],
    });
  };
  return h("button", { type: "button", title: action.summary, onclick: fields.length ? askFirst : runAtOnce }, label);
};
