/**
 * All that people decide about a flag, in one form that saves what was changed, and nothing else.
 */
import { call, statusOf } from "../../api.js";
import { announce, curlButton, fill, h, humanize, problemNote, toast } from "../../dom.js";
import { tagsControl } from "../../forms.js";
import { inputControl, labelled, variantNames, variantSelect } from "./fields.js";
import { pairsEditor, typing } from "./pairs.js";
import { targetingEditor } from "./targeting.js";
import { isSame, parseExact } from "./values.js";
import { variantsEditor } from "./variants.js";
import { flagPath } from "./words.js";

const FIELDS = ["variants", "default_variant", "targeting", "description", "tags", "metadata"];
const CODE = "code";

const textOf = (value) => value.replace(/\r\n/g, "\n");

/** `#/targeting/if/0` → `["targeting", "if", "0"]`. */
const partsOf = (pointer) =>
  pointer
    .replace(/^#?\//, "")
    .split("/")
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));

const section = (title, text, content) =>
  h(
    "section.card.flag-section",
    { "aria-label": title },
    h("h2", null, title),
    text && h("p.muted", null, text),
    content,
  );

/**
 * @param {{ data: any, etag: string }} loaded
 * @param {{ isReadOnly: boolean, onSaved: (answer: any) => void, onReload: () => void, onDirty: (isDirty: boolean) => void }} options
 */
export const flagEditor = (loaded, { isReadOnly, onSaved, onReload, onDirty }) => {
  const { data: flag } = loaded;
  const path = flagPath(flag);
  let base = loaded;

  const names = variantNames(Object.keys(flag.variants));
  const byDefault = variantSelect(names, flag.default_variant === null ? CODE : `=${flag.default_variant}`, {
    others: [[CODE, "The code’s own default"]],
  });
  const variants = variantsEditor(flag.variants, names);
  const targeting = targetingEditor(flag.targeting, names);
  const defaultField = labelled(
    "Default variant",
    (attributes) => {
      Object.entries(attributes).forEach(([name, value]) => byDefault.setAttribute(name, value));
      return inputControl(byDefault);
    },
    { help: "Where targeting decides nothing." },
  );
  const area = h("textarea", { rows: "2", maxlength: "2000", value: flag.description, placeholder: "What it is for" });
  const description = labelled("Description", (attributes) => {
    Object.entries(attributes).forEach(([name, value]) => area.setAttribute(name, value));
    return inputControl(area);
  });
  const tags = labelled("Tags", (attributes) =>
    tagsControl(/** @type {any} */ ({ label: "Tags", example: "checkout, 2026" }), flag.tags, attributes),
  );
  const metadata = pairsEditor(flag.metadata, { one: "value", isFlat: true });
  const metadataFault = h("p.fault", { role: "alert" });

  /** The changed fields; those that cannot be read are told in `faulty`. */
  const changes = ({ isQuiet = true } = {}) => {
    const how = { isQuiet };
    const readings = {
      variants: variants.read(how),
      default_variant: { value: byDefault.value === CODE ? null : byDefault.value.slice(1) },
      targeting: targeting.read(how),
      description: { value: isSame(textOf(area.value), textOf(flag.description)) ? flag.description : area.value },
      tags: tags.read(),
      metadata: metadata.read(how),
    };
    const faulty = FIELDS.filter((name) => readings[name].hasFault);
    const isChanged = (name) => !readings[name].hasFault && !isSame(readings[name].value, flag[name]);
    return { faulty, body: Object.fromEntries(FIELDS.filter(isChanged).map((name) => [name, readings[name].value])) };
  };

  const summary = h("div.form-summary", { role: "alert" });
  const state = h("span.save-words");
  const save = h("button.primary", { type: "submit" }, "Save");
  const discard = h("button", { type: "button", onclick: () => onReload() }, "Discard");
  const bar = h(
    "div.save-bar",
    { hidden: true },
    state,
    curlButton(() => ({
      method: "PATCH",
      path,
      body: changes().body,
      headers: { "Content-Type": "application/merge-patch+json", ...(base.etag && { "If-Match": base.etag }) },
    })),
    discard,
    save,
  );
  let isDirty = false;
  const look = () => {
    const { faulty, body } = changes();
    const changed = [...Object.keys(body), ...faulty];
    const next = changed.length > 0;
    bar.hidden = !next;
    fill(state, next && `Not saved yet: ${changed.map((name) => humanize(name).toLowerCase()).join(", ")}`);
    if (next !== isDirty) onDirty(next);
    isDirty = next;
  };

  const changedIn = (newest) => FIELDS.filter((name) => !isSame(newest.data[name], flag[name]));
  /** The version of somebody else that the summary tells of. */
  let told = null;
  const tell = (...content) => {
    told = null;
    fill(summary, ...content);
  };

  const showConflict = (newest, { isFocused }) => {
    const changed = changedIn(newest);
    const onTop = () => {
      base = newest;
      tell();
      form.requestSubmit();
    };
    tell(
      h(
        "div.note.warn",
        null,
        h("strong", null, "Somebody else changed this flag while you were editing"),
        h(
          "span",
          null,
          changed.length > 0 &&
            `Changed meanwhile: ${changed.map((name) => humanize(name).toLowerCase()).join(", ")}. `,
          "Nothing of yours is saved yet.",
        ),
        h(
          "div.actions",
          null,
          h("button", { type: "button", onclick: () => onReload() }, "Reload, and drop mine"),
          h("button", { type: "button", onclick: onTop }, "Save mine on top"),
        ),
      ),
    );
    told = newest.etag;
    if (isFocused) summary.querySelector("button").focus();
  };

  const showProblem = (error) => {
    const faults = (error.problem?.errors ?? []).map(({ pointer, detail }) => {
      const [name, ...path] = partsOf(pointer);
      return { name, path, text: detail };
    });
    const of = (name) => faults.filter((fault) => fault.name === name);
    variants.showFaults(of("variants"));
    if (of("targeting").length) targeting.showFaults(of("targeting"));
    const places = { default_variant: defaultField, description, tags };
    Object.entries(places).forEach(([name, place]) =>
      place.showFault(
        of(name)
          .map(({ text }) => text)
          .join(" "),
      ),
    );
    const left = metadata.showFaults(of("metadata"));
    fill(metadataFault, left.map(({ text }) => text).join(" "));
    const homeless = faults.filter(({ name }) => !FIELDS.includes(name));
    const isTold = faults.length > 0 && !homeless.length;
    tell(
      isTold ? h("p.note.error", null, "It is not saved: look at what is marked below.") : problemNote(error),
    );
    if (!isTold) return summary.scrollIntoView({ block: "nearest" });
    if (of("targeting").length) return targeting.focusFault();
    form.querySelector("[aria-invalid], .has-fault :is(input, textarea, select)")?.focus();
  };

  const onsubmit = async (event) => {
    event.preventDefault();
    if (save.disabled) return;
    tell();
    const { faulty, body } = changes({ isQuiet: false });
    if (faulty.length) return { variants, targeting, metadata }[faulty[0]].focusFault();
    if (!Object.keys(body).length) return;
    save.disabled = true;
    try {
      const headers = base.etag ? { "If-Match": base.etag } : {};
      const answer = await call("PATCH", path, { body, headers, parse: parseExact });
      toast("Saved");
      onDirty(false);
      onSaved(answer);
    } catch (error) {
      if (statusOf(error) !== 412) return showProblem(error);
      const newest = await call("GET", path, { parse: parseExact }).catch(() => null);
      if (newest) showConflict(newest, { isFocused: true });
      else showProblem(error);
    } finally {
      save.disabled = false;
    }
  };

  const form = h(
    "form.flag-editor",
    { novalidate: true, "aria-label": "Settings of the flag", onsubmit, oninput: look, onchange: look },
    summary,
    h(
      "fieldset",
      { disabled: isReadOnly },
      h("legend.visually-hidden", null, "Settings of the flag"),
      section("Variants", "What it can be.", [variants.element, defaultField.element]),
      section("Targeting", "Who gets which variant: the first rule that fits decides.", targeting.element),
      section("About", null, [
        description.element,
        tags.element,
        h(
          "div.field",
          { role: "group", "aria-label": "Metadata" },
          h("span.label", null, "Metadata"),
          metadata.element,
          metadataFault,
          h("p.help", null, "Goes out with every evaluation. ", typing()),
        ),
      ]),
    ),
    bar,
  );
  form.addEventListener("keydown", (event) => {
    // Enter in a field of a rule is no wish to save.
    if (event.key === "Enter" && /** @type {Element} */ (event.target).matches("input")) event.preventDefault();
    if (event.key === "s" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  /** Takes note of another version: where only the state is different, nobody needs to hear of it. */
  const rebase = (newest) => {
    if (save.disabled) return;
    if (!changedIn(newest).length) {
      base = newest;
      if (told) tell();
      return;
    }
    if (newest.etag === told) return;
    announce("Somebody else changed this flag");
    showConflict(newest, { isFocused: summary.contains(document.activeElement) });
  };
  return { element: form, isDirty: () => isDirty, rebase };
};
