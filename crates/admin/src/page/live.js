"use strict";
// Fetches this page again every two seconds while it is visible and takes over its <main>.
(() => {
  const every = 2000;
  let busy = false;
  const refresh = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [from, to] = [fresh.querySelector("main"), document.querySelector("main")];
      // Tables keep how far they were scrolled, and the focus stays where it was.
      const scrolled = [...to.querySelectorAll(".scroll")].map((e) => [e.scrollLeft, e.scrollTop]);
      const focus = [...to.querySelectorAll(".scroll")].indexOf(document.activeElement);
      to.replaceWith(document.importNode(from, true));
      document.querySelectorAll("main .scroll").forEach((e, i) => {
        [e.scrollLeft, e.scrollTop] = scrolled[i] ?? [0, 0];
        if (i === focus) e.focus({ preventScroll: true });
      });
    } catch {
      document.getElementById("lost").hidden = false;
    }
    busy = false;
  };
  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
