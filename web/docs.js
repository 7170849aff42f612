/**
 * The API docs: every operation of every slice from the OpenAPI document, readable without a key.
 */
import { codeBlock, copyButton, curlText, fill, formatNumber, h, newId, pageHead, plural, prose } from "./dom.js";
import { answerSchema, bodySchema, fieldsOf, operationsOf, parametersOf, unwrap } from "./schema.js";

/** How deep examples and types go into objects within objects. */
const DEEPEST = 4;

/** A type in a few words: `string, date-time, or null`. */
const typeText = (doc, given, depth = 0) => {
  const { schema, isNullable } = unwrap(doc, given);
  const end = isNullable ? " or null" : "";
  const values = schema.enum ?? (schema.const !== undefined ? [schema.const] : null);
  if (values) return values.map((value) => JSON.stringify(value)).join(" | ") + end;
  if (schema.type === "array")
    return `list of ${depth < DEEPEST ? typeText(doc, schema.items ?? {}, depth + 1) : "…"}${end}`;
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return branches.map((branch) => typeText(doc, branch, depth + 1)).join(" or ") + end;
  return [schema.type ?? "anything", schema.format].filter(Boolean).join(", ") + end;
};

const LIMITS = [
  ["minLength", "at least", "character"],
  ["maxLength", "at most", "character"],
  ["minimum", "at least", ""],
  ["exclusiveMinimum", "more than", ""],
  ["maximum", "at most", ""],
  ["minItems", "at least", "item"],
  ["maxItems", "at most", "item"],
];

const limitsText = ({ schema }) => {
  const limits = LIMITS.filter(([name]) => Math.abs(schema[name]) < Number.MAX_SAFE_INTEGER).map(
    ([name, words, unit]) => `${words} ${unit ? plural(schema[name], unit) : formatNumber(schema[name])}`,
  );
  const preset =
    schema.default !== undefined && schema.default !== null ? [`default ${JSON.stringify(schema.default)}`] : [];
  return [...limits, ...preset].join(", ");
};

const SAMPLES = {
  "date-time": "2026-01-31T12:00:00Z",
  date: "2026-01-31",
  uri: "https://example.org/",
  email: "ann@example.org",
  uuid: "3fa85f64-5717-4562-b3fc-2c963f66afa6",
};

/** A value that fits a schema: the given example, else one made from its type. */
const sampleOf = (doc, given, depth = 0) => {
  const { schema, isNullable } = unwrap(doc, given);
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.const !== undefined) return schema.const;
  if (isNullable || depth > DEEPEST) return null;
  const branch = (schema.anyOf ?? schema.oneOf ?? schema.allOf)?.[0];
  if (branch) return sampleOf(doc, branch, depth + 1);
  if (schema.type === "array") return [sampleOf(doc, schema.items ?? {}, depth + 1)];
  if (schema.type === "object")
    return Object.fromEntries(
      fieldsOf(doc, schema).map((field) => [
        field.name,
        sampleOf(doc, schema.properties?.[field.name] ?? field.schema, depth + 1),
      ]),
    );
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 0;
  return schema.type === "boolean" ? false : (SAMPLES[schema.format] ?? "…");
};

const bodySample = (doc, operation) => {
  const content = Object.values(operation.requestBody?.content ?? {})[0];
  const given = content?.example ?? Object.values(content?.examples ?? {})[0]?.value;
  if (given !== undefined) return given;
  const schema = bodySchema(operation);
  if (!schema) return undefined;
  const fields = fieldsOf(doc, schema);
  const telling = fields.filter((field) => field.isRequired || field.example !== undefined);
  const shown = telling.length ? telling : fields.slice(0, 1);
  return shown.length
    ? Object.fromEntries(shown.map((field) => [field.name, field.example ?? sampleOf(doc, field.schema)]))
    : sampleOf(doc, schema);
};

const fieldTable = (title, fields, typeOf, isAsked = true) => {
  if (!fields.length) return null;
  const id = newId("fields");
  return h(
    "div.doc-part",
    null,
    h("h3", { id }, title),
    h(
      "dl.params",
      { "aria-labelledby": id },
      fields.map((field) =>
        h(
          "div",
          null,
          h(
            "dt",
            null,
            h("code", null, field.name),
            isAsked && field.isRequired && h("span.required-word", null, "required"),
          ),
          h(
            "dd",
            null,
            h("span.type", null, typeOf(field)),
            limitsText(field) && h("span.limits", null, limitsText(field)),
            prose(field.help),
          ),
        ),
      ),
    ),
  );
};

const schemaTable = (doc, title, given, isAsked) => {
  const { schema } = unwrap(doc, given ?? {});
  const raw = (field) => schema.properties?.[field.name] ?? field.schema;
  return fieldTable(title, fieldsOf(doc, schema), (field) => typeText(doc, raw(field)), isAsked);
};

const itemsOf = (doc, given) => {
  const { schema } = unwrap(doc, given ?? {});
  return schema.properties?.items && "next" in schema.properties
    ? { title: "Each of the items", schema: schema.properties.items.items }
    : { title: "Answer", schema: given };
};

const responseList = (operation) =>
  h(
    "div.doc-part",
    null,
    h("h3", null, "Responses"),
    h(
      "ul.responses",
      null,
      Object.entries(operation.responses ?? {}).map(([status, { description }]) =>
        h("li", null, h(`code.status.s${status[0]}`, null, status), " ", description),
      ),
    ),
  );

const scopeText = (scope) => {
  if (scope === undefined) return "No key needed.";
  return scope === "" ? "Any key will do." : ["Needs the scope ", h("code", null, scope), "."];
};

/** The answer to a good request, as it was written down or as its schema has it. */
const answerSample = (doc, operation) => {
  const [, response] = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith("2")) ?? [];
  return response?.content?.["application/json"]?.example ?? sampleOf(doc, answerSchema(operation));
};

/** A docstring often begins with what stands in the heading already. */
const withoutSummary = (description, summary) => {
  const [first, ...rest] = description.trim().split(/\n\s*\n/);
  return first.replace(/\.$/, "") === summary.replace(/\.$/, "") ? rest.join("\n\n") : description;
};

const details = (doc, { method, path, summary, description, scope, operation }) => {
  const parameters = ["path", "query", "header"].map((place) =>
    fieldTable(
      { path: "In the path", query: "Query", header: "Headers" }[place],
      parametersOf(doc, operation, place),
      (field) => typeText(doc, field.schema) + (field.isNullable ? " or null" : ""),
    ),
  );
  const body = bodySchema(operation);
  const answer = answerSchema(operation);
  const example = bodySample(doc, operation);
  const shown = itemsOf(doc, answer);
  const request = { method, path, body: example, isPublic: scope === undefined };
  return [
    prose(withoutSummary(description, summary)),
    h("p.muted", null, scopeText(scope)),
    codeBlock(curlText(request), "Copy curl command"),
    parameters,
    body && schemaTable(doc, "Body", body, true),
    answer && schemaTable(doc, shown.title, shown.schema, false),
    answer &&
      h(
        "div.doc-part",
        null,
        h("h3", null, "Example of an answer"),
        codeBlock(JSON.stringify(answerSample(doc, operation), null, 2), "Copy example answer"),
      ),
    responseList(operation),
  ];
};

const operationBlock = (doc, each) => {
  const id = each.operation.operationId ?? `${each.method}-${each.path}`;
  const body = h("div.operation-body");
  const element = h(
    "details.operation",
    { id, dataset: { text: `${each.method} ${each.path} ${each.summary}`.toLowerCase() } },
    h(
      "summary",
      null,
      h(`span.method.${each.method.toLowerCase()}`, null, each.method),
      h("code.path", null, each.path),
      h("span.summary", null, each.summary),
    ),
    body,
  );
  // Hundreds of operations stay quick when each is drawn only once it is opened.
  element.addEventListener("toggle", () => element.open && !body.firstChild && fill(body, details(doc, each)));
  return element;
};

const GENERAL = [
  [
    "Key",
    ["Send it as ", h("code", null, "Authorization: Bearer <key>"), " or ", h("code", null, "X-API-Key: <key>"), "."],
  ],
  [
    "Lists",
    [
      "answer ",
      h("code", null, '{"items": […], "next": "…"}'),
      ". Ask for the next page with ",
      h("code", null, "?after=<next>"),
      "; ",
      h("code", null, "limit"),
      " is 1 to 200.",
    ],
  ],
  [
    "Changes",
    [
      h("code", null, "PATCH"),
      " takes a JSON merge patch: what is absent stays, ",
      h("code", null, "null"),
      " clears. With ",
      h("code", null, "If-Match: <ETag>"),
      " it is refused when somebody was quicker.",
    ],
  ],
  [
    "Repeats",
    [
      "A ",
      h("code", null, "POST"),
      " with an ",
      h("code", null, "Idempotency-Key"),
      " can be sent again without doing things twice.",
    ],
  ],
  [
    "Errors",
    [
      "are ",
      h("code", null, "application/problem+json"),
      " with ",
      h("code", null, "title, detail, request_id"),
      " and, for wrong values, ",
      h("code", null, "errors"),
      ".",
    ],
  ],
];

const sectionsOf = (doc, catalogue) => {
  const operations = operationsOf(doc);
  const known = catalogue.items.map(({ name }) => name);
  const tags = [...known, ...new Set(operations.map(({ tag }) => tag).filter((tag) => !known.includes(tag)))];
  return tags
    .map((tag) => ({
      tag,
      title: catalogue.items.find(({ name }) => name === tag)?.title ?? tag.charAt(0).toUpperCase() + tag.slice(1),
      description:
        catalogue.items.find(({ name }) => name === tag)?.description ??
        doc.tags?.find(({ name }) => name === tag)?.description ??
        "",
      operations: operations.filter((each) => each.tag === tag),
    }))
    .filter((section) => section.operations.length);
};

const openTarget = (element) => {
  const target = location.hash && element.querySelector(`#${CSS.escape(decodeURIComponent(location.hash.slice(1)))}`);
  if (!target) return;
  if (target.matches("details")) target.open = true;
  target.scrollIntoView();
};

/** @param {{ doc: any, catalogue: any, signal: AbortSignal }} ctx @returns {HTMLElement} */
export const docsPage = ({ doc, catalogue, signal }) => {
  const sections = sectionsOf(doc, catalogue);
  const blocks = sections.map(({ tag, title, description, operations }) =>
    h(
      "section.doc-section",
      { id: tag, "aria-labelledby": `${tag}-title` },
      h("h2", { id: `${tag}-title` }, h("a.anchor", { href: `#${tag}` }, title)),
      prose(description),
      operations.map((each) => operationBlock(doc, each)),
    ),
  );

  const count = h("p.muted", { role: "status" });
  const search = h("input", {
    type: "search",
    placeholder: "Search operations",
    "aria-label": "Search operations",
    dataset: { search: "" },
    autocomplete: "off",
  });
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    blocks.forEach((block) => {
      const operations = [...block.querySelectorAll(".operation")];
      operations.forEach((each) => {
        each.hidden = !words.every((word) => each.dataset.text.includes(word));
      });
      block.hidden = operations.every((each) => each.hidden);
    });
    const left = blocks.flatMap((block) => [...block.querySelectorAll(".operation:not([hidden])")]).length;
    fill(count, words.length ? `${left} found` : "");
  });

  const element = h(
    "div.page.docs",
    null,
    pageHead({
      title: "API docs",
      text: `${catalogue.name} ${catalogue.version}`,
      actions: [
        h("a.button.quiet", { href: "/openapi.json" }, "openapi.json"),
        copyButton(`${location.origin}/openapi.json`, "Copy the address of openapi.json"),
      ],
    }),
    h(
      "dl.general.card",
      null,
      GENERAL.map(([title, text]) => h("div", null, h("dt", null, title), h("dd", null, text))),
    ),
    h(
      "nav.contents",
      { "aria-label": "Tools" },
      h(
        "ul",
        null,
        sections.map(({ tag, title }) => h("li", null, h("a", { href: `#${tag}` }, title))),
      ),
    ),
    h("div.filters", null, h("div.search-box", null, search), count),
    blocks,
  );
  addEventListener("hashchange", () => openTarget(element), { signal });
  requestAnimationFrame(() => openTarget(element));
  return element;
};
