// The login: one token, and back to where one wanted to go.

import { h } from "../dom.js";
import { logIn } from "../session.js";

export const title = "Log in";

export function open(root, parameters, app) {
  const token = h("input", {
    id: "token",
    type: "password",
    name: "token",
    required: "",
    maxlength: "500",
    autocomplete: "current-password",
    "aria-describedby": "login-help login-error",
  });
  const error = h("p", { id: "login-error", class: "login-error", role: "alert" });
  const button = h("button", { type: "submit" }, "Log in");
  const form = h(
    "form",
    { class: "card login" },
    h("h1", {}, title),
    h("p", { id: "login-help" }, "This page shows people. Whoever runs Mien here gives out the token for it."),
    h("label", { for: "token" }, "Token"),
    token,
    error,
    button,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      await logIn(token.value);
      app.loggedIn();
    } catch (failure) {
      error.textContent = failure.message;
      token.select();
    } finally {
      button.disabled = false;
    }
  });
  root.append(form);
  token.focus();
  return () => {};
}
