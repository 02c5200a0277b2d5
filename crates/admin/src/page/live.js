"use strict";
// Fetches this page again every two seconds while it is visible and takes over its <main>. Asks what buttons ask for.
(() => {
  const every = 2000;
  const shown = 8000;
  const kept = "main :is(.scroll, button, summary)";
  let busy = false;
  document.documentElement.classList.add("scripted");

  const refresh = async () => {
    // A button that is held down would be gone before it is let go.
    if (busy || document.hidden || document.querySelector("main button:active")) return;
    busy = true;
    try {
      const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(answer.statusText);
      // Only <main> is parsed: the policy of this page forbids the style of the other one, and would say so each time.
      const text = await answer.text();
      const html = text.slice(text.indexOf("<main>"), text.indexOf("</main>"));
      const from = new DOMParser().parseFromString(html, "text/html").querySelector("main");
      const to = document.querySelector("main");
      // Tables keep how far they were scrolled, what was opened stays open, and the focus stays where it was.
      const old = [...document.querySelectorAll(kept)];
      const scrolled = old.map((e) => [e.scrollLeft, e.scrollTop]);
      const focus = old.indexOf(document.activeElement);
      const open = new Set([...to.querySelectorAll("details[open]")].map((e) => e.dataset.key));
      from.querySelectorAll("details").forEach((e) => { e.open = open.has(e.dataset.key); });
      to.replaceWith(document.importNode(from, true));
      document.querySelectorAll(kept).forEach((e, i) => {
        [e.scrollLeft, e.scrollTop] = scrolled[i] ?? [0, 0];
        if (i === focus) e.focus({ preventScroll: true });
      });
    } catch {
      document.getElementById("lost").hidden = false;
    }
    busy = false;
  };

  let clearing;
  const say = (text) => {
    const said = document.getElementById("said");
    [said.textContent, said.hidden] = [text, false];
    clearTimeout(clearing);
    clearing = setTimeout(() => { said.hidden = true; }, shown);
  };

  const restart = async (name) => {
    if (!confirm(`Replace all instances of ${name}, one after the other? Requests go on.`)) return;
    try {
      const answer = await fetch(`/api/services/${encodeURIComponent(name)}/restart`, { method: "POST" });
      const told = await answer.json();
      say(answer.ok ? `The instances of ${name} are replaced, one after the other.` : told.detail);
    } catch (e) {
      say(`The restart of ${name} was not asked for: ${e.message}`);
    }
    refresh();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-restart]");
    if (button) restart(button.dataset.restart);
  });
  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
