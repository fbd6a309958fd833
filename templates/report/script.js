const at = id => document.getElementById(id);
const map = at("map"), tip = at("tip"), panel = at("chosen"), body = document.querySelector("#layers tbody");
const paths = [...map.querySelectorAll("path.block")], cursors = document.querySelectorAll(".cursor");
const format = n => n.toLocaleString("en-US"), shape = s => s.join(" x ");
const fired = memory.fired.flatMap(([layer, steps]) => Array(steps).fill(layer));
const alive = (block, step, near = 0) => memory.blocks[block].spans.filter(s => s[2] - near <= step && step <= s[3] + near);
const element = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
let step = memory.peak.step, block = -1, chosen = -1;

function layerName(layer) { return layer < 0 ? "" : `layer ${layer}, ${layers[layer].name}`; }
function what(index) {
  const b = memory.blocks[index];
  const writer = b.kind === "input" ? "" : b.layer < 0 ? "" : `, of ${layerName(b.layer)}`;
  return `${b.name} (${labels[b.kind]})${writer}`;
}
function bytes(spans) {
  const low = Math.min(...spans.map(s => s[0])), high = Math.max(...spans.map(s => s[0] + s[1]));
  const region = regions.findLast(r => r.bytes && r.offset <= low);
  return `${format(low - region.offset)} to ${format(high - 1 - region.offset)}${regions.length > 1 ? ` of ${region.name}` : ""}`;
}
function look() {
  for (const c of cursors) { c.hidden = false; c.style.left = `${100 * (step + .5) / (memory.steps + 1)}%`; }
  const now = step >= memory.steps ? "the end" : fired[step] < 0 ? "an input row arrives" : `${layerName(fired[step])} runs`;
  tip.replaceChildren(element("b", `Step ${format(step)} of ${format(memory.steps)}: ${now}`), `, ${format(memory.live[step])} bytes in use. `);
  if (block < 0) return;
  const spans = alive(block, step);
  const rows = spans.length > 1 ? `${spans.length} rows, ` : "", size = spans.reduce((sum, s) => sum + s[1], 0);
  tip.append(`${what(block)}: ${rows}${format(size)} bytes, at ${bytes(spans)}.`);
}
function point(event) {
  const box = map.getBoundingClientRect();
  step = Math.max(0, Math.min(memory.steps, Math.floor((event.clientX - box.left) / box.width * (memory.steps + 1))));
  const offset = (1 - (event.clientY - box.top) / box.height) * arena;
  block = -1;
  for (const pixels of [0, 3]) { // the block itself, else one close by
    const steps = Math.floor(pixels / box.width * memory.steps), bytes = pixels / box.height * arena;
    const hit = s => s[0] - bytes <= offset && offset < s[0] + s[1] + bytes;
    if (block < 0) block = memory.blocks.findLastIndex((b, i) => alive(i, step, steps).some(hit));
  }
  if (block >= 0 && !alive(block, step).length) step = memory.blocks[block].spans.flatMap(s => [s[2], s[3]]).reduce((a, b) => Math.abs(b - step) < Math.abs(a - step) ? b : a);
  look();
}
function choose(layer, scroll) {
  chosen = layer === chosen ? -1 : layer;
  map.classList.toggle("dimmed", chosen >= 0);
  for (const path of paths) path.classList.toggle("on", memory.blocks[path.dataset.block].layer === chosen);
  for (const row of body.rows) {
    const on = Number(row.dataset.layer) === chosen;
    row.classList.toggle("on", on);
    row.toggleAttribute("aria-current", on);
    if (on && scroll) row.scrollIntoView({ block: "nearest", inline: "start" });
  }
  describe();
}
function describe() {
  if (chosen < 0) {
    panel.replaceChildren(element("h3", "No layer chosen"), Object.assign(element("p", "Choose one in the map or in the table."), { className: "soft" }));
    return;
  }
  const l = layers[chosen], list = document.createElement("dl");
  const facts = [["from", l.source], ["op", `${l.op}: ${l.inputs.map(shape).join(" and ")} to ${shape(l.output)}`],
    ["kernel", l.kernel + (l.requantization ? `, requantization ${l.requantization}` : "")],
    ["MACs", l.macs === l.model_macs ? format(l.macs) : `${format(l.macs)} of the model's ${format(l.model_macs)}`],
    ["flash", `${format(l.constant_bytes)} bytes of constants`]];
  for (const b of memory.blocks.filter(b => b.layer === chosen)) {
    const first = Math.min(...b.spans.map(s => s[2])), last = Math.max(...b.spans.map(s => s[3]));
    facts.push([labels[b.kind], `bytes ${bytes(b.spans)}, steps ${format(first)} to ${format(last)}`]);
  }
  for (const [term, text] of facts) list.append(element("dt", term), element("dd", text));
  panel.replaceChildren(element("h3", `Layer ${chosen}: ${l.name}`), list);
}
function move(event) {
  const far = event.shiftKey ? Math.ceil(memory.steps / 20) : 1;
  const here = memory.blocks.map((_, i) => i).filter(i => alive(i, step).length);
  const up = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
  if (event.key === "ArrowRight") step = Math.min(memory.steps, step + far);
  else if (event.key === "ArrowLeft") step = Math.max(0, step - far);
  else if (event.key === "Home") step = 0;
  else if (event.key === "End") step = memory.steps;
  else if (up) block = here[(here.indexOf(block) + up + here.length + (block < 0 && up < 0 ? 1 : 0)) % here.length];
  else if ((event.key === "Enter" || event.key === " ") && block >= 0 && memory.blocks[block].layer >= 0) choose(memory.blocks[block].layer, false);
  else return;
  event.preventDefault();
  if (block >= 0 && !alive(block, step).length) block = -1;
  look();
}
map.addEventListener("pointermove", point);
map.addEventListener("keydown", move);
map.addEventListener("click", event => { point(event); if (block >= 0 && memory.blocks[block].layer >= 0) choose(memory.blocks[block].layer, false); });
document.addEventListener("keydown", event => { if (event.key === "Escape" && chosen >= 0) choose(chosen, false); });
body.addEventListener("click", event => choose(Number(event.target.closest("tr").dataset.layer), false));
body.addEventListener("focusin", event => { for (const row of body.rows) row.tabIndex = row === event.target ? 0 : -1; });
body.addEventListener("keydown", event => {
  const row = event.target.closest("tr");
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(Number(row.dataset.layer), false); }
  const next = event.key === "ArrowDown" ? row.nextElementSibling : event.key === "ArrowUp" ? row.previousElementSibling : null;
  if (next) { event.preventDefault(); next.focus(); }
});
document.querySelector("#layers thead").addEventListener("click", event => {
  const head = event.target.closest("th"), up = head && head.getAttribute("aria-sort") !== "ascending";
  if (!head) return;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => { const c = row.cells[head.cellIndex]; return c.dataset.value === undefined ? c.textContent : Number(c.dataset.value); };
  body.append(...[...body.rows].sort((a, b) => { const x = key(a), y = key(b); return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1); }));
});
at("theme").addEventListener("click", () => {
  const set = document.documentElement.dataset.theme;
  const dark = set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});
function fitLabels() {
  for (const region of document.querySelectorAll(".regions span")) {
    region.classList.remove("small");
    region.classList.toggle("small", region.scrollHeight > region.clientHeight);
  }
  for (const band of document.querySelectorAll(".bands span")) {
    band.classList.remove("small");
    band.classList.toggle("small", band.scrollWidth > band.clientWidth);
  }
}
addEventListener("resize", fitLabels);
fitLabels();
look();
