// Keeps an open page current: replaces the parts the unit sends, and says so when it hears nothing any more.
"use strict";
(() => {
  const root = document.documentElement;
  const body = document.body;
  const lost = document.querySelector(".lost");
  const home = root.dataset.page === "chair" ? "/leitung" : "/"; // never a reload: that would post a form again
  const silence = 25000; // ms without a sign of life; the unit sends one every 10 s
  const grace = 5000; // ms after a broken connection
  let timer = 0;
  let broken = false;
  let tone = root.dataset.tone;
  let known = alarms();

  function live(yes) {
    root.dataset.live = yes ? "yes" : "no";
    root.dataset.tone = yes ? tone : "stale";
    if (lost) lost.hidden = yes;
  }

  function alive() {
    clearTimeout(timer);
    timer = setTimeout(live, silence, false);
    broken = false;
    live(true);
  }

  function alarms() {
    return new Set(Array.from(document.querySelectorAll("[data-alarm]"), (e) => e.dataset.alarm));
  }

  // What a person has opened, chosen or focused stays so when a part is replaced.
  function keep(part) {
    const open = Array.from(part.querySelectorAll("details[open][id]"), (d) => d.id);
    const chosen = Array.from(part.querySelectorAll("select[id]"), (s) => [s.id, s.value]);
    const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
    return () => {
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      for (const [id, value] of chosen) {
        const s = document.getElementById(id);
        if (s && Array.from(s.options).some((o) => o.value === value)) s.value = value;
      }
      if (focus) document.getElementById(focus)?.focus();
    };
  }

  function place(name, html) {
    const part = document.querySelector(`[data-part="${name}"]`);
    if (!part || part.innerHTML === html) return;
    const held = part.querySelector("select:focus, input:focus");
    if (held) { // an open list would close under the finger, a number vanish under the thumb
      held.addEventListener("blur", () => place(name, html), { once: true });
      return;
    }
    const restore = keep(part);
    part.innerHTML = html;
    restore();
  }

  function show(message) {
    const m = JSON.parse(message.data);
    if (m.build !== body.dataset.build) return location.replace(home);
    tone = m.tone;
    document.title = m.title;
    for (const [name, html] of Object.entries(m.parts ?? {})) place(name, html);
    alive();
    const now = alarms();
    if (navigator.vibrate && [...now].some((id) => !known.has(id))) navigator.vibrate([140, 90, 140]);
    known = now;
  }

  function listen() {
    const events = new EventSource(body.dataset.events);
    events.addEventListener("view", show);
    events.addEventListener("alive", alive);
    events.onerror = () => {
      if (!broken) { // the first error counts; each vain attempt to come back is one more
        broken = true;
        clearTimeout(timer);
        timer = setTimeout(live, grace, false);
      }
      if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      setTimeout(() => location.replace(home), grace);
    };
  }

  // A second press on the same form while the first is under way would only be refused.
  document.addEventListener("submit", (e) => {
    if (e.target.dataset.sent) return e.preventDefault();
    e.target.dataset.sent = "yes";
  });

  addEventListener("pageshow", (e) => e.persisted && location.replace(home));
  listen();
})();
