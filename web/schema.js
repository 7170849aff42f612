/**
 * Reads the OpenAPI document: which operations a slice offers, and which fields its objects have.
 * Pure functions; nothing here touches the page or the network.
 */
import { humanize } from "./dom.js";

/**
 * @typedef {"boolean" | "enum" | "integer" | "number" | "datetime" | "date" | "url" | "email" | "password" | "string" | "text" | "tags" | "choices" | "duration" | "json"} Kind
 * @typedef {{ name: string, label: string, help: string, kind: Kind, schema: any, isRequired: boolean, isNullable: boolean, options: any[], example: any, hasDefault: boolean }} Field
 * @typedef {{ method: string, path: string, summary: string, description: string, scope: string | undefined, operation: any }} Operation
 * @typedef {Object} SliceOperations
 * @property {Operation} [list]
 * @property {Operation} [create]
 * @property {Operation} [read]
 * @property {Operation} [update]
 * @property {Operation} [remove]
 * @property {Operation} [export] the whole list as a file
 * @property {(Operation & { name: string })[]} subLists lists that belong to one object
 * @property {(Operation & { name: string })[]} actions things to do with one object
 * @property {(Operation & { name: string })[]} ownActions things to do with the slice as a whole
 * @property {string} idKey the field that names an object
 * @property {Field[]} itemFields
 * @property {Field[]} createFields
 * @property {Field[]} updateFields
 * @property {Field[]} filters
 * @property {string[]} onceFields fields that only the answer to a create has
 */

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Follows a `$ref`. @param {any} doc @param {any} schema */
export const resolve = (doc, schema) => {
  if (!schema?.$ref) return schema ?? {};
  const target = schema.$ref
    .slice(2)
    .split("/")
    .reduce((node, part) => node?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], doc);
  const { $ref, ...own } = schema;
  return { ...resolve(doc, target), ...own };
};

const isNull = (schema) => schema.type === "null";

/** Takes the `null` out of a nullable schema. @param {any} doc @param {any} given @returns {{ schema: any, isNullable: boolean }} */
export const unwrap = (doc, given) => {
  const schema = resolve(doc, given);
  const branches = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== "null");
    return {
      schema: { ...schema, type: types.length === 1 ? types[0] : types },
      isNullable: types.length < schema.type.length,
    };
  }
  if (!branches) return { schema, isNullable: false };
  const others = branches.filter((branch) => !isNull(branch));
  const { anyOf, oneOf, ...own } = schema;
  const isNullable = others.length < branches.length;
  if (others.length !== 1) return { schema, isNullable };
  const inner = unwrap(doc, others[0]);
  return { schema: { ...inner.schema, ...own }, isNullable: isNullable || inner.isNullable };
};

const LONG_TEXT = /^(text|note|notes|body|content|message|description)$/;

const stringKind = (name, schema) => {
  const byFormat = {
    "date-time": "datetime",
    date: "date",
    uri: "url",
    url: "url",
    email: "email",
    password: "password",
  }[schema.format];
  if (byFormat) return byFormat;
  if (schema.writeOnly && /password|secret|token/.test(name)) return "password";
  return LONG_TEXT.test(name) || schema.maxLength > 500 ? "text" : "string";
};

const optionsOf = (doc, schema) => {
  if (schema.enum) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  const branches = (schema.anyOf ?? schema.oneOf ?? []).map((branch) => resolve(doc, branch));
  return branches.length && branches.every((branch) => branch.enum || branch.const !== undefined)
    ? branches.flatMap((branch) => branch.enum ?? [branch.const])
    : [];
};

/** @returns {Kind} */
const kindOf = (doc, name, schema) => {
  if (optionsOf(doc, schema).length) return "enum";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "integer" || schema.type === "number") return /_seconds$/.test(name) ? "duration" : schema.type;
  if (schema.type === "string") return stringKind(name, schema);
  if (schema.type !== "array") return "json";
  const items = unwrap(doc, schema.items).schema;
  if (optionsOf(doc, items).length) return "choices";
  return items.type === "string" ? "tags" : "json";
};

/** Pydantic makes a title from each name; only a title that says more is worth showing. */
const labelOf = (name, title) => {
  const isMade = !title || title.toLowerCase().replaceAll(" ", "_") === name.toLowerCase();
  const isBetterCase = isMade && title && title.toUpperCase() === title;
  return isMade && !isBetterCase ? humanize(name) : title;
};

/** @param {any} doc @param {string} name @param {any} given @param {boolean} isRequired @returns {Field} */
export const fieldOf = (doc, name, given, isRequired = false) => {
  const { schema, isNullable } = unwrap(doc, given);
  const items = schema.type === "array" ? unwrap(doc, schema.items).schema : null;
  return {
    name,
    label: labelOf(name, schema.title),
    help: schema.description ?? "",
    kind: kindOf(doc, name, schema),
    schema,
    isRequired,
    isNullable,
    options: optionsOf(doc, items ?? schema),
    example: schema.examples?.[0] ?? schema.example,
    hasDefault: schema.default !== undefined,
  };
};

/** The fields of an object schema. @param {any} doc @param {any} given @returns {Field[]} */
export const fieldsOf = (doc, given) => {
  const { schema } = unwrap(doc, given);
  const parts = [schema, ...(schema.allOf ?? []).map((part) => resolve(doc, part))];
  const required = parts.flatMap((part) => part.required ?? []);
  return parts
    .flatMap((part) => Object.entries(part.properties ?? {}))
    .map(([name, property]) => fieldOf(doc, name, property, required.includes(name)));
};

/** The schema of the JSON body of a request. @param {any} operation */
export const bodySchema = (operation) => {
  const content = operation?.requestBody?.content ?? {};
  return (content["application/json"] ?? content["application/merge-patch+json"])?.schema ?? null;
};

/** The schema of the first good answer. @param {any} operation */
export const answerSchema = (operation) => {
  const [, response] = Object.entries(operation?.responses ?? {}).find(([status]) => status.startsWith("2")) ?? [];
  return response?.content?.["application/json"]?.schema ?? null;
};

const itemSchema = (doc, operation) => {
  const { schema } = unwrap(doc, answerSchema(operation));
  return schema.properties?.items && "next" in schema.properties
    ? (resolve(doc, schema.properties.items).items ?? {})
    : null;
};

/** Every operation of the document, in its order. @param {any} doc @returns {(Operation & { tag: string })[]} */
export const operationsOf = (doc) =>
  Object.entries(doc.paths ?? {}).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]).map((method) => {
      const operation = {
        ...methods[method],
        parameters: [...(methods.parameters ?? []), ...(methods[method].parameters ?? [])].map((each) =>
          resolve(doc, each),
        ),
      };
      return {
        method: method.toUpperCase(),
        path,
        tag: operation.tags?.[0] ?? "platform",
        summary: operation.summary ?? `${method.toUpperCase()} ${path}`,
        description: operation.description ?? "",
        scope: operation["x-required-scope"],
        operation,
      };
    }),
  );

/** The fields of the parameters that lie in `place`. @param {any} doc @param {any} operation @param {"query" | "path" | "header"} place */
export const parametersOf = (doc, operation, place) =>
  (operation?.parameters ?? [])
    .filter((parameter) => parameter.in === place)
    .map((parameter) => {
      const field = fieldOf(doc, parameter.name, parameter.schema ?? {}, Boolean(parameter.required));
      const [given] = Object.values(parameter.examples ?? {});
      return {
        ...field,
        help: parameter.description ?? field.help,
        example: parameter.example ?? given?.value ?? field.example,
      };
    });

const named = (fields, name) => fields.find((field) => field.name === name);

/**
 * What a field means is often written down once, where it is created. And a change may allow `null` everywhere;
 * only what an object can be without may be cleared.
 */
const explainedBy = (createFields, itemFields) => (field) => {
  const made = named(createFields, field.name);
  const kept = named(itemFields, field.name);
  return {
    ...field,
    help: field.help || (made?.help ?? kept?.help ?? ""),
    example: field.example ?? made?.example,
    isNullable: field.isNullable && (kept?.isNullable ?? true),
  };
};

const lastPart = (path) => path.split("/").at(-1);
const PAGING = ["limit", "after"];

/**
 * What a slice offers, found by the shape of its paths.
 * @param {any} doc
 * @param {string} name
 * @returns {SliceOperations}
 */
export const describeSlice = (doc, name) => {
  const base = `/api/${name}`;
  const all = operationsOf(doc).filter(({ path }) => path === base || path.startsWith(`${base}/`));
  const at = (method, test) => all.find((each) => each.method === method && test(each.path.slice(base.length)));
  const isOne = (rest) => /^\/\{[^/]+\}$/.test(rest);
  const below = (test) =>
    all.filter((each) => test(each.path.slice(base.length))).map((each) => ({ ...each, name: lastPart(each.path) }));
  const isBelowOne = (rest) => /^\/\{[^/]+\}\/[^/{}]+$/.test(rest);
  const takesJson = ({ operation }) => !operation.requestBody || bodySchema(operation);

  const list = at("GET", (rest) => rest === "");
  const create = at("POST", (rest) => rest === "");
  const read = at("GET", isOne);
  const update = at("PATCH", isOne);
  const createFields = fieldsOf(doc, bodySchema(create?.operation) ?? {}).filter((field) => !field.schema.readOnly);
  const itemFields = fieldsOf(doc, itemSchema(doc, list?.operation) ?? answerSchema(read?.operation) ?? {});
  const known = new Set(itemFields.map((field) => field.name));
  const idKey = (read ?? update ?? at("DELETE", isOne))?.path.match(/\{([^}]+)\}/)?.[1] ?? "id";

  return {
    list,
    create,
    read,
    update,
    remove: at("DELETE", isOne),
    export: at("GET", (rest) => rest === "/export"),
    subLists: below(isBelowOne).filter((each) => each.method === "GET" && itemSchema(doc, each.operation)),
    actions: below(isBelowOne).filter((each) => each.method === "POST" && takesJson(each)),
    ownActions: below((rest) => /^\/[^/{}]+$/.test(rest)).filter((each) => each.method === "POST" && takesJson(each)),
    idKey: known.has(idKey) || !itemFields.length ? idKey : "id",
    itemFields,
    createFields,
    updateFields: fieldsOf(doc, bodySchema(update?.operation) ?? {})
      .filter((field) => !field.schema.readOnly)
      .map(explainedBy(createFields, itemFields)),
    filters: parametersOf(doc, list?.operation, "query").filter((field) => !PAGING.includes(field.name)),
    onceFields: fieldsOf(doc, answerSchema(create?.operation) ?? {})
      .map((field) => field.name)
      .filter((each) => known.size && !known.has(each)),
  };
};

/** The fields of the items of a sub-list. @param {any} doc @param {Operation} operation */
export const listFields = (doc, { operation }) => fieldsOf(doc, itemSchema(doc, operation) ?? {});

/** A path with its parameters filled in. @param {string} path @param {Record<string, string> | string} values one value stands for all */
export const fillPath = (path, values) =>
  path.replace(/\{([^}]+)\}/g, (_, name) => encodeURIComponent(typeof values === "string" ? values : values[name]));

/** The fields with the given names first, the others after them as they are. @param {Field[]} fields @param {string[]} names */
export const leading = (fields, names) => [
  ...[...new Set(names)].map((name) => named(fields, name)).filter(Boolean),
  ...fields.filter((field) => !names.includes(field.name)),
];

const TELLING = ["name", "title", "slug", "subject", "url", "state", "status", "type", "kind"];
const DULL = /(^|_)(note|notes|text|body|content|description|data|payload|updated_at|created_by)$/;

const rank = (field, idKey) => {
  if (TELLING.includes(field.name)) return TELLING.indexOf(field.name);
  // What is made up by people or slices names the object; an `id` made by the service tells them nothing.
  if (field.name === idKey) return idKey === "id" ? 30 : -1;
  if (field.kind === "enum") return 10;
  if (field.kind === "boolean") return 14;
  if (["integer", "number", "duration"].includes(field.kind)) return 15;
  if (field.name === "created_at" || field.name === "at") return 40;
  if (field.kind === "datetime") return 20;
  if (field.kind === "tags" || field.kind === "choices") return 22;
  return 25;
};

const MOST_COLUMNS = 6;

/**
 * The columns of a table: the most telling fields first, long texts and raw data left out.
 * @param {Field[]} fields
 * @param {string} idKey
 * @param {string[]} [chosen] names that a page asks for
 * @returns {Field[]}
 */
export const columnsOf = (fields, idKey, chosen) => {
  if (chosen) return chosen.map((name) => named(fields, name)).filter(Boolean);
  const shown = fields.filter((field) => field.kind !== "json" && field.kind !== "text" && !DULL.test(field.name));
  const hasName = shown.some((field) => ["name", "title", "slug"].includes(field.name));
  const useful = shown.filter((field) => field.name !== idKey || !hasName || ["slug", "name"].includes(idKey));
  const first = [...useful].sort((a, b) => rank(a, idKey) - rank(b, idKey)).slice(0, MOST_COLUMNS);
  const last = shown.find((field) => field.name === "created_at" || field.name === "at");
  if (!last || first.includes(last)) return first;
  return [...first.slice(0, MOST_COLUMNS - 1), last];
};

/** What names an object to people. @param {any} item @param {string} idKey */
export const nameOf = (item, idKey) => String(item.name || item.title || item[idKey] || "");

/**
 * What an event of the activity stream means for a list of objects.
 * @param {{ type: string, subject: string, data: any }} event
 * @param {string} idKey
 * @returns {{ kind: "insert" | "merge" | "remove", id: string, item: any } | null}
 */
export const changeFrom = ({ type, subject, data }, idKey) => {
  const inner = Object.values(data ?? {}).find(
    (value) => value && typeof value === "object" && value[idKey] !== undefined,
  );
  const item = inner ?? (data?.[idKey] !== undefined ? data : null);
  const id = item?.[idKey] ?? subject;
  if (id === undefined || id === null) return null;
  if (type.endsWith(".deleted")) return { kind: "remove", id: String(id), item: null };
  if (!item) return null;
  return { kind: type.endsWith(".created") ? "insert" : "merge", id: String(id), item };
};

/**
 * What a batch of events comes to, one change an object: of many visits of a link only the last count matters.
 * @param {{ type: string, subject: string, data: any }[]} events oldest first
 * @param {string} idKey
 */
export const changesFrom = (events, idKey) => {
  const byId = new Map();
  events.forEach((event) => {
    const change = changeFrom(event, idKey);
    if (!change) return;
    const before = byId.get(change.id);
    const isAddition = change.kind === "merge" && before?.item;
    byId.set(change.id, isAddition ? { ...before, item: { ...before.item, ...change.item } } : change);
  });
  return [...byId.values()];
};
