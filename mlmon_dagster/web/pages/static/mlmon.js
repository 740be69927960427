"use strict";
// Changes go through the API, as any program's do; what is recorded meanwhile is shown as it happens.

const csrf = document.querySelector('meta[name="csrf"]').content;

async function call(method, url, body) {
  const headers = {"X-CSRF-Token": csrf};
  if (method !== "GET") headers["Idempotency-Key"] = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(url, {method, headers, body: body === undefined ? undefined : JSON.stringify(body)});
  const text = await answer.text();
  const document_ = text ? JSON.parse(text) : {};
  return {ok: answer.ok, status: answer.status, document: document_};
}

function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.multiple || "list" in field.dataset) {
      body[field.name] = [...field.selectedOptions].map(option => option.value);
    } else if ("number" in field.dataset) {
      body[field.name] = Number(field.value);
    } else if (field.value !== "") {
      body[field.name] = field.value;
    }
  }
  return body;
}

function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  said.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.hidden = true; }, 8000);
}

function sayOnNextPage(text) {
  try { sessionStorage.setItem("said", text); } catch { /* the page is shown all the same */ }
}

function confirmed() {
  const dialog = document.getElementById("confirm"), problem = dialog.querySelector(".problem");
  const password = dialog.querySelector("input[type=password]");
  return new Promise(resolve => {
    const form = dialog.querySelector("form");
    form.onsubmit = async event => {
      event.preventDefault();
      const answer = await call("POST", "/api/session/confirm", {password: password.value});
      password.value = "";
      if (answer.ok) { dialog.close(); resolve(true); } else { problem.textContent = answer.document.detail; problem.hidden = false; }
    };
    dialog.querySelector("[data-close]").onclick = () => dialog.close();
    dialog.onclose = () => resolve(false);
    problem.hidden = true;
    dialog.showModal();
  });
}

async function act(element, form) {
  const [method, url] = element.dataset.call.split(" ");
  const problem = (form || element.closest("form") || document).querySelector(".problem");
  const button = form ? form.querySelector("button") : element;
  const body = form && (method === "POST" || method === "PUT") ? bodyOf(form) : undefined;
  button.disabled = true;
  if (problem) problem.hidden = true;
  try {
    let answer = await call(method, url, body);
    if (answer.document.code === "CONFIRM_FIRST" && await confirmed()) answer = await call(method, url, body);
    if (answer.status === 401 && !url.startsWith("/api/session")) { location.href = `/login?next=${encodeURIComponent(location.pathname)}`; return; }
    if (!answer.ok) {
      const text = [answer.document.detail, answer.document.hint].filter(Boolean).join(" – ");
      if (problem) { problem.textContent = text; problem.hidden = false; } else say(text);
      return;
    }
    done(element, answer.document);
  } catch {
    say("The server did not answer. Nothing is known to have changed; try again.");
  } finally {
    button.disabled = false;
  }
}

function done(element, document_) {
  const shown = element.dataset.shown && document.getElementById(element.dataset.shown);
  if (shown) {
    shown.textContent = document_.token ? `Shown once: ${document_.token}`
      : document_.valid ? `Intact: ${document_.entries} entries, the last one ${document_.hash}` : document_.message;
    return;
  }
  if (document_.receipt) sayOnNextPage(`Recorded as entry ${document_.receipt.seq} of the audit log.`);
  if (element.dataset.then === undefined) { location.reload(); return; }
  location.href = element.dataset.then.replace("{id}", encodeURIComponent(document_.id || ""));
}

document.addEventListener("submit", event => {
  const form = event.target;
  if (form.dataset.call) { event.preventDefault(); act(form, form); return; }
  for (const field of form.querySelectorAll("[data-drop-empty]")) field.disabled = field.value === "";
});
document.addEventListener("click", event => {
  const button = event.target.closest("button[data-call]");
  if (button) act(button, null);
});

async function refresh() {
  const main = document.getElementById("main");
  const busy = main.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  const typed = [...main.querySelectorAll("input:not([type=hidden])")].some(field => field.value !== field.defaultValue);
  if (busy || typed || document.hidden) return;
  const answer = await fetch(location.href, {headers: {Accept: "text/html"}});
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  main.replaceChildren(...page.getElementById("main").childNodes);
}

function listen() {
  const dot = document.getElementById("live");
  if (!dot) return;
  const events = new EventSource("/api/events");
  const told = on => {
    dot.classList.toggle("on", on);
    dot.title = on ? "live: the page follows what is recorded" : "not connected";
    dot.setAttribute("aria-label", `live updates: ${on ? "connected" : "not connected"}`);
  };
  events.onopen = () => told(true);
  events.onerror = () => told(false);
  if (!document.querySelector("main[data-live]")) return;
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; refresh(); }, 1000);
  };
  const actions = document.querySelector("meta[name=actions]").content.split(" ");
  for (const action of [...actions, "gap"]) events.addEventListener(action, later);
}

try {
  const said = sessionStorage.getItem("said");
  if (said) { sessionStorage.removeItem("said"); say(said); }
} catch { /* the page is shown all the same */ }
listen();
