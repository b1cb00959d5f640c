// Every page works without this file. It adds shortcuts, and the dialog before a session ends.
const body = document.body;
const byId = (id) => document.getElementById(id);

function inField(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

const actions = {
  "/": () => byId("q") ?? byId("identifier"),
  j: () => byId("neste-dokument"),
  k: () => byId("forrige-dokument"),
  n: () => byId("neste-treff"),
  p: () => byId("forrige-treff"),
  "+": () => byId("storre"),
  "-": () => byId("mindre"),
  Escape: () => byId("tilbake"),
};

document.addEventListener("keydown", (event) => {
  if (body.dataset.shortcuts !== "on" || event.ctrlKey || event.altKey || event.metaKey) return;
  if (inField(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    location.href = body.dataset.help;
    return;
  }
  const element = actions[event.key]?.();
  if (!element || element.offsetParent === null) return;
  event.preventDefault();
  if (element instanceof HTMLInputElement) element.select(), element.focus();
  else element.click();
});

// The dialog one minute before the session ends, and an empty screen when it has: clinicians share computers.
const idle = Number(body.dataset.idle) * 1000;
const dialog = byId("utloper");
if (idle && dialog) {
  const channel = new BroadcastChannel("journalarkiv");
  let last = Date.now();
  const used = () => { last = Date.now(); if (dialog.open) dialog.close(); };
  channel.onmessage = used;
  channel.postMessage("used");
  byId("fortsett").addEventListener("click", async () => {
    const answer = await fetch(body.dataset.stay, { headers: { Accept: "application/json" } });
    if (answer.ok) { used(); channel.postMessage("used"); } else location.href = body.dataset.expired;
  });
  setInterval(() => {
    const left = last + idle - Date.now();
    if (left <= 0) location.replace(body.dataset.expired);
    else if (left <= 60000 && !dialog.open) dialog.showModal();
  }, 1000);
}

document.querySelector('[aria-current="page"]')?.closest(".pane-list li")?.scrollIntoView({ block: "nearest" });
