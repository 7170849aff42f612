/**
 * A new flag, in a dialog: its key, what it can be, and where it goes.
 */
import { call, repeatablePost, statusOf, withQuery } from "../../api.js";
import { curlButton, fill, h, icon, newId, openDialog, problemNote, toast } from "../../dom.js";
import { NEEDED, tagsControl } from "../../forms.js";
import { inputControl, labelled, textInput, variantNames, variantSelect } from "./fields.js";
import { FIRST, variantsEditor } from "./variants.js";
import { flagHref, flagPath } from "./words.js";

/** So long nobody types on; then the server is asked. */
const PAUSE_MS = 250;
const MOST_LETTERS = 128;
const RESERVED = ["document", "evaluate", "sets"];

/** What is wrong with a key, as far as it can be told from here. @param {string} key @returns {string | null} */
const faultOf = (key) => {
  const [odd] = key.match(/[^A-Za-z0-9._:-]/u) ?? [];
  if (odd) return `${odd === " " ? "A space" : `“${odd}”`} cannot stand in a key: letters, digits, . _ : and - can.`;
  if (key.length > MOST_LETTERS) return `A key has at most ${MOST_LETTERS} characters.`;
  return RESERVED.includes(key) ? `“${key}” is reserved.` : null;
};

/** @returns {Promise<{ isGood: boolean, text: string } | null>} null: nobody knows */
const ask = async (key, set, signal) => {
  try {
    await call("GET", flagPath({ key, set }), { signal });
    return { isGood: false, text: `“${key}” is taken.` };
  } catch (error) {
    return statusOf(error) === 404 ? { isGood: true, text: `“${key}” is free.` } : null;
  }
};

/** Says below the field, while one types, whether the key can be had. @param {() => string} setOf */
const keyControl = (setOf) => (attributes) => {
  const said = h("p.availability", { id: newId("availability"), "aria-live": "polite" });
  const input = textInput("", {
    ...attributes,
    "aria-describedby": `${attributes["aria-describedby"]} ${said.id}`,
    "aria-required": "true",
    placeholder: "new-checkout",
    class: "mono",
    autofocus: true,
  });
  let asking = new AbortController();
  let timer = null;
  const say = (answer) => {
    said.classList.toggle("is-good", Boolean(answer?.isGood));
    fill(said, answer && [icon(answer.isGood ? "check" : "close"), h("span", null, answer.text)]);
  };
  const check = () => {
    asking.abort();
    asking = new AbortController();
    clearTimeout(timer);
    const key = input.value.trim();
    const { signal } = asking;
    const fault = faultOf(key);
    if (!key || fault) return say(fault && { isGood: false, text: fault });
    timer = setTimeout(async () => {
      const answer = await ask(key, setOf(), signal);
      if (!signal.aborted) say(answer);
    }, PAUSE_MS);
  };
  input.addEventListener("input", check);
  const read = () => {
    const key = input.value.trim();
    return key ? { value: key, error: faultOf(key) ?? undefined } : { error: NEEDED };
  };
  return { element: h("div.checked-input", null, input, said), focus: () => input.focus(), read, check };
};

/** @param {string[]} names of sets that are there */
const setControl = (set, names) => (attributes) => {
  const id = newId("sets");
  const input = textInput(set, { ...attributes, list: id, placeholder: "(no name)" });
  const list = h(
    "datalist",
    { id },
    names.filter(Boolean).map((name) => h("option", { value: name })),
  );
  return {
    element: h("div", null, input, list),
    focus: () => input.focus(),
    read: () => ({ value: input.value.trim() }),
    input,
  };
};

/** @param {{ ctx: import("../../generic.js").Context, set: string, sets: { name: string }[] }} options */
export const openCreate = ({ ctx, set, sets }) => {
  const where = labelled(
    "Flag set",
    setControl(
      set,
      sets.map(({ name }) => name),
    ),
    {
      help: "Flags of one set are evaluated together. A new name makes a new set.",
    },
  );
  const key = labelled(
    "Key",
    keyControl(() => where.read().value),
    { help: "Its name in programs; it stays as it is." },
  );
  where.input.addEventListener("input", () => key.check());
  const description = labelled("Description", (attributes) => {
    const element = h("textarea", { ...attributes, rows: "2", maxlength: "2000", placeholder: "What it is for" });
    return inputControl(element);
  });
  const tags = labelled("Tags", (attributes) =>
    tagsControl(/** @type {any} */ ({ label: "Tags", example: "checkout" }), [], attributes),
  );
  const names = variantNames(Object.keys(FIRST.boolean));
  const byDefault = variantSelect(names, "=off", { others: [["code", "The code’s own default"]] });
  // Its first variants come with another type: then the last of them is the default.
  names.follow(() => {
    if (byDefault.value.startsWith("=") && !names.names().includes(byDefault.value.slice(1)))
      byDefault.value = `=${names.names().at(-1)}`;
  });
  const variants = variantsEditor(FIRST.boolean, names);
  const defaultField = labelled("Default variant", (attributes) => {
    Object.entries(attributes).forEach(([name, value]) => byDefault.setAttribute(name, value));
    return inputControl(byDefault);
  });

  const failure = h("div.form-summary", { role: "alert" });
  const button = h("button.primary", { type: "submit" }, "Create flag");
  const path = () => withQuery("/api/flags", { set: where.read().value });
  const body = (read) => ({
    key: key.read().value ?? "",
    variants: read ?? FIRST.boolean,
    ...(byDefault.value.startsWith("=") && { default_variant: byDefault.value.slice(1) }),
    ...(description.element.querySelector("textarea").value && {
      description: description.element.querySelector("textarea").value,
    }),
    ...(tags.read().value.length && { tags: tags.read().value }),
  });

  const showProblem = (error) => {
    const faults = (error.problem?.errors ?? []).map(({ pointer, detail }) => ({
      path: pointer.split("/").slice(1),
      text: detail,
    }));
    const places = { key, description, tags, default_variant: defaultField };
    const homeless = faults.filter(({ path: [name], text }) => {
      places[name]?.showFault(text);
      return !places[name] && name !== "variants";
    });
    variants.showFaults(
      faults.filter(({ path: [name] }) => name === "variants").map(({ path, text }) => ({ path: path.slice(1), text })),
    );
    if (homeless.length || !faults.length) fill(failure, problemNote(error));
  };
  let post = repeatablePost(path());
  let posted = path();
  const onsubmit = async (event) => {
    event.preventDefault();
    fill(failure);
    const { error } = key.read();
    key.showFault(error ?? "");
    const { value, hasFault } = variants.read();
    if (error) return key.focus();
    if (hasFault) return variants.focusFault();
    if (posted !== path()) {
      posted = path();
      post = repeatablePost(posted);
    }
    button.disabled = true;
    try {
      const { data } = await post(body(value));
      close();
      toast("Flag created");
      ctx.go(flagHref(data));
    } catch (problem) {
      showProblem(problem);
      button.disabled = false;
    }
  };
  const form = h(
    "form.form",
    { novalidate: true, "aria-label": "New flag", onsubmit },
    failure,
    key.element,
    h("div.field", null, h("span.label", null, "Variants"), variants.element),
    defaultField.element,
    h(
      "details.fold",
      null,
      h("summary", null, "Description, tags, set"),
      h("div.fields", null, description.element, tags.element, where.element),
    ),
    h(
      "div.actions",
      null,
      button,
      h("button", { type: "button", onclick: () => close() }, "Cancel"),
      curlButton(() => ({ method: "POST", path: path(), body: body(variants.read({ isQuiet: true }).value) })),
    ),
  );
  const close = openDialog({
    title: set ? `New flag in the set ${set}` : "New flag",
    isWide: true,
    content: form,
  });
};
