/**
 * Fields of a link that say more than a plain input: the slug tells whether it is free, the password can be kept.
 *
 * @typedef {import("../../forms.js").ControlMaker} ControlMaker
 */
import { call, statusOf } from "../../api.js";
import { fill, h, icon, newId } from "../../dom.js";
import { NEEDED, controlFor, segments } from "../../forms.js";

/** So long nobody types on; then the server is asked. */
const PAUSE_MS = 250;

// ---- slug ----------------------------------------------------------------

/** `is taken` → `“guide” is taken.` */
const sentence = (slug, detail) => `“${slug}” ${detail}`.replace(/[^.!?]$/, "$&.");

const ask = async (path, slug, signal) => {
  const { data } = await call("GET", `${path}/${encodeURIComponent(slug)}/availability`, { signal });
  const { is_available: isGood, detail } = data;
  return { isGood, text: sentence(data.slug, isGood ? "is available" : (detail ?? "is not available")) };
};

/** What cannot even stand in a path, such as a slash, is not found. */
const refusal = (slug, error) =>
  [400, 404, 422].includes(statusOf(error)) ? { isGood: false, text: sentence(slug, "cannot be a slug") } : null;

/**
 * Says below the field, while one types, whether the slug can be had. It never keeps anybody from trying.
 * @param {string} path of the slice
 * @returns {ControlMaker}
 */
export const slugControl = (path) => (field, initial, attributes) => {
  const said = h("p.availability", { id: newId("availability"), "aria-live": "polite" });
  const control = controlFor(field, initial, {
    ...attributes,
    "aria-describedby": `${attributes["aria-describedby"]} ${said.id}`,
  });
  const input = control.element;
  let asking = new AbortController();
  let timer = null;

  const say = (answer) => {
    said.classList.toggle("is-good", Boolean(answer?.isGood));
    fill(said, answer && [icon(answer.isGood ? "check" : "close"), h("span", null, answer.text)]);
  };
  const check = async () => {
    const slug = input.value.trim();
    const { signal } = asking;
    try {
      say(await ask(path, slug, signal));
    } catch (error) {
      // Only a hint: when it cannot be had, sending the form tells.
      if (!signal.aborted) say(refusal(slug, error));
    }
  };
  const changed = () => {
    asking.abort();
    asking = new AbortController();
    clearTimeout(timer);
    if (!input.value.trim()) return say(null);
    timer = setTimeout(check, PAUSE_MS);
  };
  input.addEventListener("input", changed);
  if (input.value) changed();
  return { ...control, element: h("div.checked-input", null, input, said) };
};

// ---- password ------------------------------------------------------------

const passwordInput = (field, attributes) => {
  const control = controlFor({ ...field, kind: "password", example: null }, null, attributes);
  const input = control.element;
  const show = h(
    "button",
    {
      type: "button",
      "aria-pressed": "false",
      "aria-label": "Show the password",
      onclick: () => {
        const isShown = input.type === "text";
        input.type = isShown ? "password" : "text";
        show.setAttribute("aria-pressed", String(!isShown));
        fill(show, isShown ? "Show" : "Hide");
        input.focus();
      },
    },
    "Show",
  );
  return { ...control, element: h("div.joined", null, input, show), input };
};

/** Spaces count in a password. */
const readPassword = ({ value }) => (value === "" ? {} : { value });

/**
 * A password is never shown again: with one there, it is kept unless one says otherwise.
 * @type {ControlMaker}
 */
export const passwordControl = (field, _, attributes, link) => {
  if (!link?.has_password) {
    const plain = passwordInput(field, attributes);
    return { ...plain, read: () => readPassword(plain.input) };
  }
  const fresh = passwordInput(field, {
    id: newId("password"),
    "aria-label": "New password",
    "aria-describedby": attributes["aria-describedby"],
  });
  const choice = segments({
    label: field.label,
    options: [
      ["keep", "Keep"],
      ["set", "Set new"],
      ["remove", "Remove"],
    ],
    value: "keep",
    onChoose: (value) => {
      fresh.element.hidden = value !== "set";
      if (value === "set") fresh.focus();
    },
    attributes,
  });
  fresh.element.hidden = true;
  const read = () => {
    if (choice.read() === "keep") return {};
    if (choice.read() === "remove") return { value: null, isSent: true };
    const reading = readPassword(fresh.input);
    return reading.value === undefined ? { error: NEEDED } : { ...reading, isSent: true };
  };
  const focus = () => (fresh.element.hidden ? choice : fresh).focus();
  return { element: h("div.password", null, choice.element, fresh.element), focus, read, isGroup: true };
};
