"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const stage = by("stage"), details = by("details"), search = by("search"), found = by("found"), keys = by("keys");
  const nodes = new Map(data.nodes.map((node) => [node.id, node]));
  const into = new Map(), out = new Map();
  for (const node of data.nodes) { into.set(node.id, []); out.set(node.id, []); }
  for (const edge of data.edges) { into.get(edge.to).push(edge); out.get(edge.from).push(edge); }

  // text is set as text, never as HTML: it comes from configs
  const make = (tag, classes, ...children) => {
    const element = document.createElement(tag);
    if (classes) element.className = classes;
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const dot = (kind) => { const element = make("span", "dot k-" + kind); element.setAttribute("aria-hidden", "true"); return element; };

  // --- the two drawings: without plain values, and with them ---

  const drawings = ["plain", "full"].map((name) => {
    const sheet = by(name), svg = sheet.querySelector("svg"), box = svg.viewBox.baseVal;
    const drawing = { sheet, svg, width: box.width, height: box.height, view: null, cards: new Map(), edges: [] };
    for (const card of svg.querySelectorAll(".node")) {
      drawing.cards.set(card.dataset.id, card);
      card.setAttribute("tabindex", "-1");
      card.setAttribute("role", "button");
      card.querySelector("title").remove();  // the page says more, and sooner
    }
    for (const path of svg.querySelectorAll(".edge")) drawing.edges.push({ path, from: path.dataset.from, to: path.dataset.to });
    return drawing;
  });
  let shown = drawings[0], picked = null, touched = false;
  const hidden = new Set();

  const place = (id) => {
    const card = shown.cards.get(id);
    if (!card) return null;
    const at = card.transform.baseVal.consolidate().matrix, rect = card.querySelector(".card");
    const width = rect.width.baseVal.value, height = rect.height.baseVal.value;
    return { x: at.e, y: at.f, width, height, cx: at.e + width / 2, cy: at.f + height / 2 };
  };

  // --- pan and zoom ---

  const size = () => ({ width: Math.max(stage.clientWidth, 50), height: Math.max(stage.clientHeight, 50) });
  const apply = () => {
    const { width, height } = size(), view = shown.view;
    shown.svg.setAttribute("viewBox", `${view.x} ${view.y} ${width / view.scale} ${height / view.scale}`);
    let dots = 24 * view.scale;
    while (dots < 16) dots *= 2;
    stage.style.backgroundSize = `${dots}px ${dots}px`;
    stage.style.backgroundPosition = `${-view.x * view.scale}px ${-view.y * view.scale}px`;
  };
  const fit = (all = true) => {
    const { width, height } = size(), foot = Math.min(by("legend").offsetHeight + 20, height / 3);
    const room = height - foot;
    const whole = Math.min((width - 24) / shown.width, (room - 16) / shown.height, 1.3);
    const scale = all ? whole : Math.max(whole, 0.4);  // at first it can be read, even where that is not all
    const wide = shown.width * scale > width;
    shown.view = {
      scale,
      x: wide ? -12 / scale : (shown.width - width / scale) / 2,
      y: shown.height * scale > room ? -8 / scale : (shown.height - room / scale) / 2,
    };
    apply();
  };
  const zoom = (factor, at) => {
    touched = true;
    const { width, height } = size(), view = shown.view;
    const point = at || { x: width / 2, y: height / 2 };
    const scale = Math.min(4, Math.max(0.05, view.scale * factor));
    view.x += point.x / view.scale - point.x / scale;
    view.y += point.y / view.scale - point.y / scale;
    view.scale = scale;
    apply();
  };
  const reveal = (id) => {
    const box = place(id);
    if (!box) return;
    const { width, height } = size(), view = shown.view;
    if (view.scale < 0.55) { view.scale = 0.85; view.x = box.cx - width / view.scale / 2; view.y = box.cy - height / view.scale / 2; }
    const pad = 40 / view.scale;
    const right = view.x + width / view.scale, bottom = view.y + (height - 90) / view.scale;
    if (box.x - pad < view.x) view.x = box.x - pad;
    else if (box.x + box.width + pad > right) view.x += box.x + box.width + pad - right;
    if (box.y - pad < view.y) view.y = box.y - pad;
    else if (box.y + box.height + pad > bottom) view.y += box.y + box.height + pad - bottom;
    apply();
  };

  const pointers = new Map();
  let moved = 0;
  const local = (event) => { const box = stage.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, local(event));
    moved = 0;
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = local(event);
    if (pointers.size === 1) {
      moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      if (moved > 4) {
        if (!stage.hasPointerCapture(event.pointerId)) stage.setPointerCapture(event.pointerId);
        stage.classList.add("moving");
        touched = true;
        shown.view.x -= (now.x - before.x) / shown.view.scale;
        shown.view.y -= (now.y - before.y) / shown.view.scale;
        apply();
      } else { return; }
    } else {
      moved = 10;
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const far = Math.hypot(now.x - other.x, now.y - other.y), was = Math.hypot(before.x - other.x, before.y - other.y);
      if (was > 0) zoom(far / was, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    }
    pointers.set(event.pointerId, now);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => { pointers.delete(event.pointerId); stage.classList.remove("moving"); });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const step = event.deltaMode === 1 ? event.deltaY * 18 : event.deltaY;
    zoom(Math.exp(-step * (event.ctrlKey ? 0.01 : 0.0016)), local(event));
  }, { passive: false });
  by("in").addEventListener("click", () => zoom(1.3));
  by("out").addEventListener("click", () => zoom(1 / 1.3));
  by("fit").addEventListener("click", () => { touched = true; fit(); });
  new ResizeObserver(() => { if (!shown.view) return; if (touched) apply(); else { fit(false); if (picked !== null) reveal(picked); } }).observe(stage);

  // --- what flows into a node, and where it goes ---

  const reach = (id, edges, end) => {
    const reached = new Set([id]), waiting = [id];
    while (waiting.length) {
      for (const edge of edges.get(waiting.pop())) {
        if (!reached.has(edge[end]) && !hidden.has(nodes.get(edge[end]).kind)) { reached.add(edge[end]); waiting.push(edge[end]); }
      }
    }
    return reached;
  };
  const trace = (id) => {
    shown.svg.classList.toggle("traced", id !== null);
    const up = id === null ? new Set() : reach(id, into, "from"), down = id === null ? new Set() : reach(id, out, "to");
    for (const [name, card] of shown.cards) card.classList.toggle("on", up.has(name) || down.has(name));
    for (const { path, from, to } of shown.edges) {
      const before = up.has(from) && up.has(to), after = down.has(from) && down.has(to);
      path.classList.toggle("on", before || after);
      path.classList.toggle("up", before);
      path.classList.toggle("down", after && !before);
    }
  };
  stage.addEventListener("pointerover", (event) => {
    const card = event.target.closest(".node");
    if (card && !pointers.size) trace(card.dataset.id);
  });
  stage.addEventListener("pointerout", (event) => { if (event.target.closest(".node")) trace(picked); });

  // --- picking a node ---

  const pick = (id, { focus = true, show = true } = {}) => {
    if (id !== null && !nodes.has(id)) return;
    if (id !== null && !shown.cards.has(id)) setValues(true);
    if (id !== null && hidden.has(nodes.get(id).kind)) toggle(nodes.get(id).kind);
    if (focus) touched = true;  // what somebody looks at stays where it is
    picked = id;
    for (const drawing of drawings) {
      for (const [name, card] of drawing.cards) {
        card.classList.toggle("picked", name === id);
        card.setAttribute("tabindex", name === id ? "0" : "-1");
      }
    }
    trace(id);
    if (id === null) { closeDetails(); } else {
      if (show) showDetails(nodes.get(id));
      reveal(id);
      if (focus) shown.cards.get(id).focus({ preventScroll: true });
    }
    try { history.replaceState(null, "", id === null ? location.pathname + location.search : "#" + encodeURIComponent(id)); } catch { /* some viewers forbid it */ }
  };
  stage.addEventListener("click", (event) => {
    if (moved > 4) return;
    const card = event.target.closest(".node");
    pick(card ? card.dataset.id : null);
  });

  // --- details ---

  const closeDetails = () => { details.hidden = true; details.replaceChildren(); details.parentElement.classList.remove("open"); };
  const SCALAR = /^(-?\d[\d_]*(\.\d*)?([eE][-+]?\d+)?|true|false|null|~)$/;
  const coloured = (value) => {
    const bare = value.trim().replace(/^['"]|['"]$/g, "");
    const kind = /^[@$%]/.test(bare) ? "sigil" : SCALAR.test(bare) ? "number" : "text";
    return make("span", kind, value);
  };
  const yaml = (text) => {
    const block = make("pre", "config");
    for (const line of text.split("\n")) {
      const parts = /^(\s*(?:- )*)("[^"]*"|'[^']*'|[^\s'"#:-][^:]*?)(:)(\s.*|$)/.exec(line);
      if (parts) {
        const target = parts[2] === "_target_";
        block.append(parts[1], make("span", "key", parts[2]), parts[3], target ? make("span", "target", parts[4]) : coloured(parts[4]));
      } else {
        const item = /^(\s*(?:- )*)(.*)$/.exec(line);
        block.append(item[1], coloured(item[2]));
      }
      block.append("\n");
    }
    return block;
  };
  const link = (id, note) => {
    const node = nodes.get(id);
    const button = make("button", "", dot(node.kind), make("span", "", id), note ? make("small", "", note) : null);
    button.type = "button";
    button.addEventListener("click", () => pick(id));
    button.addEventListener("pointerenter", () => trace(id));
    button.addEventListener("pointerleave", () => trace(picked));
    return make("li", "", button);
  };
  const within = (use, id) => (use === id ? "" : use.startsWith(id + "::") ? use.slice(id.length + 2) : use);
  const noted = (edge, id, known) => {
    const text = edge.uses.map((use) => within(use, id)).filter(Boolean).join(", ");
    return text === known || text === (nodes.get(known) || {}).label ? "" : text;
  };
  const links = (title, edges, end, note) => edges.length === 0 ? [] : [
    make("h3", "", `${title} (${edges.length})`),
    make("ul", "links", ...edges.map((edge) => link(edge[end], note(edge)))),
  ];
  const signature = (node) => {
    const block = make("pre", "signature");
    block.append(make("b", "", node.name), "(");
    node.parameters.forEach((parameter, number) => {
      const set = node.given.includes(parameter.name);
      block.append(number ? ",\n    " : "\n    ", make("span", set ? "set" : "quiet", parameter.text));
    });
    block.append(node.parameters.length ? "\n)" : ")");
    return block;
  };
  const showDetails = (node) => {
    const close = make("button", "close", "×");
    close.type = "button";
    close.title = "Close (Esc)";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => { pick(null); stage.focus(); });
    const cut = node.id.length - node.label.length;
    const parts = [close, make("h2", "", make("i", "", node.id.slice(0, cut)), node.label)];
    parts.push(make("div", "badges", make("span", "badge", dot(node.kind), data.kinds[node.kind]),
      node.form === "component" || node.form === node.kind ? null : make("span", "badge", node.form), node.disabled ? make("span", "badge", "disabled") : null));
    if (node.path) parts.push(make("p", "path", node.path));
    if (node.doc) parts.push(make("p", "", node.doc));
    if (data.docs[node.path]) parts.push(make("details", "", make("summary", "", "Documentation"), make("pre", "docs", data.docs[node.path])));
    if (node.aliases.length) parts.push(make("p", "", "Also called " + node.aliases.join(", ")));
    if (node.items.length && node.form !== "step") parts.push(make("h3", "", "Made of"), make("ul", "items", ...node.items.map((item) => make("li", "", item))));
    if (node.config) parts.push(make("h3", "", "Config"), yaml(node.config));
    if (node.origin) {
      const copy = make("button", "copy", "copy");
      copy.type = "button";
      copy.addEventListener("click", () => {
        if (navigator.clipboard) navigator.clipboard.writeText(node.origin).then(() => { copy.textContent = "copied"; }, () => {});
      });
      parts.push(make("h3", "", "Written in"), make("div", "origin", make("span", "", node.origin), navigator.clipboard ? copy : null));
    }
    parts.push(...links("Refers to", into.get(node.id), "from", (edge) => edge.uses.length ? noted(edge, node.id, edge.from) : "a part of it"));
    parts.push(...links("Used by", out.get(node.id), "to", (edge) => edge.uses.length ? noted(edge, edge.to, "") : "it is a part of that"));
    if (node.parameters) parts.push(make("h3", "", "Signature"), signature(node));
    if (node.file) parts.push(make("p", "path", node.file));
    details.replaceChildren(...parts);
    details.scrollTop = 0;
    details.hidden = false;
    details.parentElement.classList.add("open");
  };

  // --- kinds, values ---

  const legend = by("legend"), counts = new Map();
  for (const node of data.nodes) counts.set(node.kind, (counts.get(node.kind) || 0) + 1);
  const chips = new Map();
  const toggle = (kind) => {
    if (kind === "value") return setValues(shown === drawings[0]);
    if (!hidden.delete(kind)) hidden.add(kind);
    chips.get(kind).setAttribute("aria-pressed", String(!hidden.has(kind)));
    for (const { cards, edges } of drawings) {
      for (const [id, card] of cards) card.classList.toggle("hid", hidden.has(nodes.get(id).kind));
      for (const { path, from, to } of edges) path.classList.toggle("hid", hidden.has(nodes.get(from).kind) || hidden.has(nodes.get(to).kind));
    }
    if (picked !== null && hidden.has(nodes.get(picked).kind)) pick(null);
  };
  const setValues = (on) => {
    const next = drawings[on ? 1 : 0];
    by("values").checked = on;
    if (chips.has("value")) chips.get("value").setAttribute("aria-pressed", String(on));
    if (next === shown) return;
    const before = shown;
    shown = next;
    before.sheet.hidden = true;
    next.sheet.hidden = false;
    if (!next.view) fit(false); else apply();
    if (picked !== null && !shown.cards.has(picked)) pick(null); else trace(picked);
  };
  for (const kind of Object.keys(data.kinds)) {
    if (!counts.has(kind)) continue;
    const chip = make("button", "", dot(kind), make("span", "", data.kinds[kind]), make("span", "", String(counts.get(kind))));
    chip.type = "button";
    chip.dataset.kind = kind;
    chip.setAttribute("aria-pressed", String(kind !== "value"));
    chip.addEventListener("click", () => toggle(kind));
    chips.set(kind, chip);
    legend.append(chip);
  }
  if (!counts.has("value")) by("values").parentElement.hidden = true;
  by("values").addEventListener("change", (event) => setValues(event.target.checked));

  // --- search ---

  let choice = -1;
  const texts = data.nodes.map((node) => [node, [node.id, ...node.aliases].join(" ").toLowerCase(), [node.caption, node.path, node.items.join(" ")].join(" ").toLowerCase(), node.doc.toLowerCase()]);
  const marked = (text, word) => {
    const at = text.toLowerCase().indexOf(word);
    return at < 0 ? [text] : [text.slice(0, at), make("mark", "", text.slice(at, at + word.length)), text.slice(at + word.length)];
  };
  const look = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) { closeSearch(); return; }
    const rated = [];
    for (const [node, ...fields] of texts) {
      let rate = 0;
      for (const word of words) {
        const field = fields.findIndex((text) => text.includes(word));
        if (field < 0) { rate = -1; break; }
        rate += [4, 2, 1][field] + (field === 0 && node.label.toLowerCase().startsWith(word) ? 3 : 0);
      }
      if (rate > 0) rated.push([rate, node]);
    }
    rated.sort((a, b) => b[0] - a[0]);
    const rows = rated.slice(0, 30).map(([, node], number) => {
      const row = make("li", "", dot(node.kind), make("b", "", ...marked(node.id, words[0])), make("small", "", ...marked(node.doc && !node.caption.toLowerCase().includes(words[0]) && node.doc.toLowerCase().includes(words[0]) ? node.doc : node.caption, words[0])));
      row.setAttribute("role", "option");
      row.id = "found-" + number;
      row.dataset.id = node.id;
      row.addEventListener("pointerdown", (event) => event.preventDefault());
      row.addEventListener("click", () => take(node.id));
      return row;
    });
    found.replaceChildren(...(rows.length ? rows : [make("li", "none", "nothing found")]));
    found.hidden = false;
    search.setAttribute("aria-expanded", "true");
    select(rows.length ? 0 : -1);
  };
  const select = (number) => {
    choice = number;
    [...found.children].forEach((row, at) => row.setAttribute("aria-selected", String(at === number)));
    if (number >= 0) {
      found.children[number].scrollIntoView({ block: "nearest" });
      search.setAttribute("aria-activedescendant", "found-" + number);
      trace(shown.cards.has(found.children[number].dataset.id) ? found.children[number].dataset.id : picked);
    } else { search.removeAttribute("aria-activedescendant"); }
  };
  const closeSearch = () => { found.hidden = true; search.setAttribute("aria-expanded", "false"); choice = -1; trace(picked); };
  const take = (id) => { search.value = ""; closeSearch(); pick(id); };
  search.addEventListener("input", look);
  search.addEventListener("focus", look);
  search.addEventListener("blur", closeSearch);
  search.addEventListener("keydown", (event) => {
    const rows = found.hidden ? 0 : found.querySelectorAll("[role=option]").length;
    if (event.key === "ArrowDown" && rows) { select((choice + 1) % rows); event.preventDefault(); }
    else if (event.key === "ArrowUp" && rows) { select((choice + rows - 1) % rows); event.preventDefault(); }
    else if (event.key === "Enter" && choice >= 0) { take(found.children[choice].dataset.id); event.preventDefault(); }
    else if (event.key === "Escape") { search.value = ""; closeSearch(); search.blur(); stage.focus(); }
    event.stopPropagation();
  });

  // --- keys ---

  const visible = (id) => shown.cards.has(id) && !hidden.has(nodes.get(id).kind);
  const nearest = (ids, from) => {
    let best = null, least = Infinity;
    for (const id of ids) {
      if (!visible(id)) continue;
      const box = place(id), far = Math.abs(box.cy - from.cy) + Math.abs(box.cx - from.cx) * 0.2;
      if (far < least) { best = id; least = far; }
    }
    return best;
  };
  const step = (key) => {
    const from = place(picked);
    if (key === "ArrowLeft") return nearest(into.get(picked).map((edge) => edge.from), from);
    if (key === "ArrowRight") return nearest(out.get(picked).map((edge) => edge.to), from);
    const down = key === "ArrowDown";
    let best = null, least = Infinity;
    for (const id of shown.cards.keys()) {
      if (id === picked || !visible(id)) continue;
      const box = place(id), over = (box.cy - from.cy) * (down ? 1 : -1), aside = Math.abs(box.cx - from.cx);
      if (over > 1 && aside < from.width && over + aside * 2 < least) { best = id; least = over + aside * 2; }
    }
    return best;
  };
  const showKeys = (on) => { keys.hidden = !on; by("help").setAttribute("aria-expanded", String(on)); };
  by("help").addEventListener("click", () => showKeys(keys.hidden));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key;
    if (key === "/") { search.focus(); search.select(); }
    else if (key === "Escape") { if (!keys.hidden) showKeys(false); else pick(null); stage.focus(); }
    else if (key === "+" || key === "=") zoom(1.2);
    else if (key === "-" || key === "_") zoom(1 / 1.2);
    else if (key === "0") { touched = true; fit(); }
    else if (key === "?") showKeys(keys.hidden);
    else if (key === "v" && counts.has("value")) setValues(shown === drawings[0]);
    else if ((key === "Enter" || key === " ") && event.target.closest && event.target.closest(".node")) showDetails(nodes.get(event.target.closest(".node").dataset.id));
    else if (key.startsWith("Arrow") && !details.contains(event.target)) {
      if (picked === null) {
        const ends = data.nodes.filter((node) => visible(node.id));
        const start = ends.find((node) => node.id === "run") || ends.find((node) => node.form === "step") || ends[0];
        if (start) pick(start.id, { show: false });
      } else {
        const next = step(key);
        if (next !== null) pick(next, { show: !details.hidden });
      }
    } else { return; }
    event.preventDefault();
  });

  // --- start ---

  fit(false);
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (nodes.has(wanted)) pick(wanted, { focus: false });
  window.addEventListener("hashchange", () => { const id = decodeURIComponent(location.hash.slice(1)); if (nodes.has(id) && id !== picked) pick(id); });
})();
