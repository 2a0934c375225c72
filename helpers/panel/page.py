"""What the browser does beside the widgets: layout, size of the picture, names for screen readers, keys.

One HTML widget brings a style sheet and a short script, which its `load` event starts. The script tells the
kernel how large the picture is shown, at which pixel density and in which theme; gives every control a name
and a value with its unit; shows numbers of unfocused boxes with six digits; turns arrow keys into steps; and
saves or copies what the kernel hands over. Where scripts are not allowed the widgets work without it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

COARSE = 20  # stops of a slider that one arrow key passes; with shift one
STYLE_SHEET = """
.guess-panel { container-type: inline-size; width: 100%; color: var(--jp-content-font-color1, #212121); }
.guess-panel .bench { display: grid; grid-template-columns: minmax(452px, 2fr) minmax(0, 3fr);
  gap: 0 12px; align-items: start; max-width: 1760px; --bench-wide: 1; }
@container (max-width: 939px) {
  .guess-panel .bench { grid-template-columns: minmax(0, 1fr); --bench-wide: 0; }
  .guess-panel .picture-column { order: -1; }
}
.guess-panel .bench > *, .guess-panel .bench > * > * { min-width: 0; max-width: 100%; }
.guess-panel img.picture { display: block; max-width: 100%; }
.guess-panel .parameter { flex-flow: row wrap; width: 100%; }
.guess-panel .parameter > * { margin: 0 2px; height: 26px; }
.guess-panel .parameter .widget-hslider { flex: 1 1 404px; width: auto; min-width: min(404px, 96%); }
.guess-panel .parameter input[type="text"] { height: 24px; }
.guess-panel .row-name { cursor: default; font-weight: 600; }
.guess-panel .verdict { font-variant-numeric: tabular-nums; }
.guess-panel .stale .verdict { color: var(--stale, #6a6a6a); font-style: italic; }
.guess-panel .unused { visibility: hidden; }
.guess-panel .rows-column > .widget-html .widget-html-content { line-height: 1.35; overflow-wrap: anywhere; }
.guess-panel :focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 2px; }
.guess-panel .jupyter-button { color: var(--jp-ui-font-color1, #212121); }
.guess-panel .aloud { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.guess-panel .gone { display: none; font-weight: 600; padding: 4px 0; }
.guess-panel:is(.jupyter-widgets-disconnected, [data-gone]) .gone { display: block; }
.guess-panel:is(.jupyter-widgets-disconnected, [data-gone]) .bench { opacity: 0.45; pointer-events: none; }
body[data-jp-theme-light="false"] .guess-panel, body.vscode-dark .guess-panel { --stale: #a8a8a8; }
"""
SCRIPT = r"""
(mark => {
  const root = mark.closest('.guess-panel'), settings = SETTINGS;
  if (!root || root.isDressed) return;
  root.isDressed = true;
  const ended = new AbortController(), while_shown = {signal: ended.signal};
  const me = Math.random().toString(36).slice(2), find = place => root.querySelector(place);
  const part = (kind, name) => find('.' + CSS.escape(kind + '-' + name));
  const set = (element, name, text) => {
    if (element && element.getAttribute(name) !== text) element.setAttribute(name, text);
  };
  const send = (name, text) => {
    const input = find('.' + name + ' input');
    if (!input) return false;
    input.value = text;
    input.dispatchEvent(new Event('change', {bubbles: true}));
    return true;
  };

  // How large the picture is shown, at which density, in which theme.
  let sent = '', waiting = 0;
  const isDark = () => document.body.dataset.jpThemeLight === 'false'
    || document.body.classList.contains('vscode-dark');
  const measure = () => {
    const column = find('.picture-column'), bench = find('.bench');
    if (!column || !bench || !column.clientWidth) return;
    const wide = getComputedStyle(bench).getPropertyValue('--bench-wide').trim() !== '0';
    const width = Math.floor(column.clientWidth), tall = window.innerHeight;
    const wanted = wide ? Math.min(0.64 * width, 0.66 * tall, 680) : Math.min(0.5 * width, 0.36 * tall);
    const height = Math.round(Math.max(wanted, wide ? 320 : 220));
    const text = [width, height, window.devicePixelRatio || 1, isDark() ? 'dark' : 'light'].join(' ');
    if (text !== sent && send('page-size', text)) sent = text;
  };
  const measureSoon = () => { clearTimeout(waiting); waiting = setTimeout(measure, 100); };

  // A box shows six digits; all of them while it is edited.
  const native = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');
  const six = text => {
    const number = Number(text);
    if (text.trim() === '' || !Number.isFinite(number)) return text;
    const size = Math.abs(number);
    if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(Number(number.toPrecision(6)));
    return number.toExponential(5).replace(/\.?0+e/, 'e');
  };
  const shorten = input => {
    if (input.isShort) return;
    input.isShort = true;
    let full = native.get.call(input), edited = document.activeElement === input;
    const show = () => native.set.call(input, edited ? full : six(full));
    Object.defineProperty(input, 'value', {configurable: true,
      get: () => edited ? native.get.call(input) : full, set: text => { full = text; show(); }});
    input.addEventListener('focus', () => { edited = true; show(); input.select(); });
    input.addEventListener('blur', () => { full = native.get.call(input); edited = false; show(); });
    show();
  };

  // Names, roles and values in words.
  const spoken = row => six(part('box', row.name)?.querySelector('input')?.value ?? '')
    + (row.unit ? ' ' + row.unit : '');
  const dress = () => {
    set(root, 'role', 'group');
    set(root, 'aria-label', settings.title);
    for (const row of settings.rows) {
      const box = part('box', row.name)?.querySelector('input');
      const handle = part('rate', row.name)?.querySelector('.noUi-handle');
      if (box) shorten(box);
      set(box, 'aria-label', 'value of ' + row.label + (row.unit ? ', ' + row.unit : ''));
      set(handle, 'aria-label', row.label);
      set(handle, 'aria-valuetext', spoken(row));
      for (const [kind, word] of Object.entries(settings.marks))
        set(part(kind, row.name)?.querySelector('input'), 'aria-label', word + ' ' + row.label);
    }
    for (const [place, name] of settings.names) set(find(place), 'aria-label', name);
    root.querySelectorAll('.widget-toggle-buttons').forEach(group => {
      set(group, 'role', 'group');
      group.querySelectorAll('button').forEach(
        button => set(button, 'aria-pressed', String(button.classList.contains('mod-active'))));
    });
    for (const place of ['.status .widget-html-content', '.gone']) set(find(place), 'role', 'status');
    deliver();
    sayAloud();
  };
  let aloud = 0;
  const words = () => {
    const quality = find('.rmse .widget-html-content')?.innerText.trim() ?? '';
    const rows = settings.rows.filter(row => part('on', row.name)?.querySelector('input')?.checked);
    return quality + '; ' + rows.map(row => row.label + ' = ' + spoken(row)).join(', ');
  };
  const sayAloud = () => {
    const picture = find('img.picture'), text = words();
    set(picture, 'alt', settings.picture + ' ' + text);
    const region = find('.aloud .widget-html-content');
    set(region, 'role', 'status');
    clearTimeout(aloud);
    if (region && region.textContent !== text)
      aloud = setTimeout(() => { region.textContent = words(); }, 700);
  };
  let planned = false;
  const dressSoon = () => {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => { planned = false; dress(); });
  };

  // What the kernel hands over: a file to save, a table to copy; once for each press of a button.
  let asked = 0;
  const deliver = () => {
    const parcel = find('.delivery [data-parcel]');
    if (!parcel || !asked || performance.now() - asked > 20000) return;
    if (parcel.dataset.parcel === root.lastParcel) return;
    root.lastParcel = parcel.dataset.parcel;
    asked = 0;
    if (parcel.tagName === 'A') { parcel.click(); return; }
    const copied = () => { parcel.hidden = true; };
    const byHand = () => { parcel.hidden = false; parcel.focus(); parcel.select(); };
    if (navigator.clipboard) navigator.clipboard.writeText(parcel.value).then(copied, byHand);
    else byHand();
  };

  // Keys and clicks.
  const nudges = {}, acts = [];
  let ping = '';
  const ask = () => send('page-ask', JSON.stringify({view: me, nudges, acts: acts.slice(-20), ping}));
  const steps = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10};
  const rowOf = element => settings.rows.find(row => part('row', row.name)?.contains(element));
  const keys = event => {
    if (!root.contains(event.target)) return;
    const combined = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    const undoes = combined && !event.altKey && (key === 'z' || key === 'y');
    root.toggleAttribute('data-lm-suppress-shortcuts', !combined || undoes);
    const isText = event.target.matches('input[type=text], input:not([type]), textarea, select');
    if (undoes && !isText) {
      find(key === 'y' || event.shiftKey ? '.btn-redo' : '.btn-undo')?.click();
      event.preventDefault();
      return;
    }
    const row = event.target.classList.contains('noUi-handle') ? rowOf(event.target) : undefined;
    if (!row || combined || event.altKey) return;
    if (steps[event.key]) {
      const stops = steps[event.key] * (event.shiftKey ? 1 : settings.coarse);
      nudges[row.name] = (nudges[row.name] ?? 0) + stops;
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      acts.push([acts.length + 1, 'reset', row.name]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
    ask();
  };
  window.addEventListener('keydown', keys, {capture: true, ...while_shown});
  root.addEventListener('keydown', event => {
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  }, while_shown);
  root.addEventListener('dblclick', event => {
    const name = event.target.closest('.row-name'), row = name && rowOf(name);
    if (row) { acts.push([acts.length + 1, 'reset', row.name]); ask(); }
  }, while_shown);
  root.addEventListener('click', event => {
    if (event.target.closest('.delivers')) asked = performance.now();
  }, {capture: true, ...while_shown});

  // Jupyter tells widgets of a kernel's restart, not that it was shut down; the notebook's own sign shows
  // that. The panel is used again once its own kernel answers; another one, started since, cannot.
  let ticks = 0;
  const lookAtKernel = () => {
    const sign = root.closest('.jp-NotebookPanel')?.querySelector('[data-status]')?.dataset.status;
    if (!sign) return;
    const isThere = sign === 'idle' || sign === 'busy';
    ticks = isThere ? 0 : ticks + 1;
    if (ticks >= 2) root.dataset.gone = Date.now();
    else if (isThere && root.dataset.gone) {
      const [view, time] = (find('.page-pong .widget-html-content')?.textContent ?? '').trim().split(' ');
      if (view === me && Number(time) > Number(root.dataset.gone)) delete root.dataset.gone;
      else { ping = me + ' ' + Date.now(); ask(); }
    }
  };

  const themes = new MutationObserver(measureSoon);
  const changes = new MutationObserver(dressSoon);
  const frames = new ResizeObserver(measureSoon);
  // A change of density has no event that all browsers send. A panel may leave the page for a while when it
  // is scrolled away; one that stays away is given up. Should it come back after all, its style sheet loads
  // again, and this script begins anew.
  let away = 0;
  const watch = setInterval(() => {
    if (root.isConnected) { away = 0; measure(); lookAtKernel(); return; }
    away += 1;
    if (away < 600) return;
    clearInterval(watch);
    ended.abort();
    themes.disconnect();
    changes.disconnect();
    frames.disconnect();
    root.isDressed = false;
  }, 1000);
  window.addEventListener('resize', measureSoon, while_shown);
  themes.observe(document.body, {attributes: true, attributeFilter: ['data-jp-theme-light', 'class']});
  changes.observe(root, {subtree: true, childList: true, attributes: true,
    attributeFilter: ['aria-valuetext', 'class', 'disabled']});
  frames.observe(root);
  dress();
  measureSoon();
})(this)
"""


def page_code(
    title: str,
    rows: Sequence[tuple[str, str, str]],
    *,
    names: Sequence[tuple[str, str]] = (),
    picture: str = "",
) -> str:
    """Return HTML with the style sheet and the script for a panel.

    Parameters
    ----------
    title : str
        Name of the whole panel.
    rows : sequence of (name, label, unit)
    names : sequence of (selector, name)
        Of the other controls.
    picture : str
        First words of the picture's alternative text.

    Examples
    --------
    >>> page_code("mine", [("k1", "k1", "1/ns")])[:14]
    '<style onload='
    """
    settings: dict[str, Any] = {
        "title": title,
        "rows": [{"name": name, "label": label, "unit": unit} for name, label, unit in rows],
        "names": list(names),
        "marks": {"on": "use", "free": "free"},
        "picture": picture,
        "coarse": COARSE,
    }
    script = SCRIPT.replace("SETTINGS", json.dumps(settings, ensure_ascii=True), 1).strip()
    lines = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("//"))
    return f'<style onload="{html.escape(lines)}">{STYLE_SHEET}</style>'
