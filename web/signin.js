/**
 * The form that signs in with a key.
 */
import { signIn } from "./api.js";
import { fill, h, logo, problemNote } from "./dom.js";

/**
 * @param {{ reason?: string, onDone: () => Promise<void> }} options reason: why one must sign in again
 * @returns {HTMLElement}
 */
export const signInView = ({ reason, onDone }) => {
  const input = h("input.mono", {
    id: "key",
    name: "key",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    placeholder: "slice_…",
    "aria-describedby": "key-help key-fault",
    autofocus: true,
  });
  const fault = h("div", { id: "key-fault", role: "alert" });
  const button = h("button.primary", { type: "submit" }, "Sign in");
  const onsubmit = async (event) => {
    event.preventDefault();
    const key = input.value.trim();
    if (!key) return fill(fault, h("p.fault", null, "Paste a key first."));
    button.disabled = true;
    try {
      await signIn(key);
      await onDone();
    } catch (error) {
      button.disabled = false;
      fill(
        fault,
        error.problem?.status === 401
          ? h("p.fault", null, "This key is not known, or it has expired.")
          : problemNote(error),
      );
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  };
  queueMicrotask(() => input.focus());
  return h(
    "div.sign-in",
    null,
    h(
      "form.card",
      { onsubmit, novalidate: true, "aria-label": "Sign in" },
      logo(),
      h("h1", { tabindex: "-1" }, "Sign in"),
      h("p.muted", null, reason ?? "Short links, keys and more for your team, on your own server."),
      h(
        "div.field",
        null,
        h("label", { for: "key" }, "API key"),
        input,
        h(
          "p.help",
          { id: "key-help" },
          "The first start printed one. A colleague with the admin key can make you another.",
        ),
        fault,
      ),
      h("div.actions", null, button, h("a.button.quiet", { href: "/docs" }, "Read the API docs")),
    ),
  );
};
