// Keeps a page up to date: the server says which rooms changed, the page is fetched again, and the parts that
// differ are exchanged. Without this script the pages work by reloading.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  if (!main || !window.EventSource) return;
  const live = document.getElementById("live");
  const frozen = document.getElementById("frozen");
  const announce = document.getElementById("announce");
  let last = main.dataset.announce;
  let timer = 0;
  let wanted = false;

  const show = (on) => {
    live.hidden = !on;
    frozen.hidden = on;
  };

  // A part that a person is using is left alone until the focus has gone elsewhere.
  const busy = (part) => {
    const a = document.activeElement;
    return part.contains(a) && a.matches("input, select, textarea, button, summary");
  };

  // Parts that are new stand behind the part that they follow on the fresh page; those that are gone go.
  const grow = (fresh) => {
    let before = null;
    for (const next of fresh.querySelectorAll("[data-part]")) {
      const here = document.getElementById(next.id);
      if (here) {
        before = here;
      } else if (before) {
        const part = document.adoptNode(next.cloneNode(true));
        part.dataset.was = next.outerHTML;
        before.after(part);
        before = part;
      }
    }
    for (const part of document.querySelectorAll("[data-part]")) {
      if (!fresh.getElementById(part.id) && !busy(part)) part.remove();
    }
  };

  const exchange = (fresh) => {
    let held = false;
    grow(fresh); // first: exchanged parts move out of the fresh page
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = fresh.getElementById(part.id);
      if (!next || next.outerHTML === part.dataset.was) continue;
      if (busy(part)) {
        held = true;
        continue;
      }
      const was = next.outerHTML;
      const open = new Set([...part.querySelectorAll("details[open]")].map((d) => d.id));
      for (const d of next.querySelectorAll("details")) if (open.has(d.id)) d.open = true;
      part.replaceWith(document.adoptNode(next));
      next.dataset.was = was;
    }
    const now = fresh.querySelector("main");
    if (now && now.dataset.announce !== last) {
      last = now.dataset.announce;
      announce.textContent = last;
    }
    return held;
  };

  const refresh = async () => {
    timer = 0;
    wanted = false;
    try {
      const url = new URL(location.href);
      url.searchParams.delete("done");
      const r = await fetch(url, { headers: { "X-Refresh": "1" } });
      if (r.redirected && new URL(r.url).pathname === "/login") {
        location.assign("/login");
        return;
      }
      if (!r.ok) throw new Error(String(r.status));
      if (exchange(new DOMParser().parseFromString(await r.text(), "text/html"))) later(3000);
      poll();
      show(true);
    } catch {
      show(false);
      later(5000);
    }
  };

  const later = (ms) => {
    if (timer) return;
    if (document.hidden) {
      wanted = true;
      return;
    }
    timer = setTimeout(refresh, ms);
  };

  // A part that says so is asked for again until it no longer does.
  const poll = () => {
    if (document.querySelector("[data-poll]")) later(1000);
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && wanted) later(0);
  });

  poll();
  const source = new EventSource("/events");
  source.addEventListener("hello", () => show(true));
  source.addEventListener("rooms", () => later(300));
  source.addEventListener("signed-out", () => location.assign("/login"));
  source.addEventListener("error", () => {
    show(false);
    later(5000);
  });
  window.addEventListener("pagehide", () => source.close());
})();
