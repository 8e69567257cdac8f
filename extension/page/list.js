// Lists whose entries come and go while somebody is in them.

const CONTROLS = "button, input, a";

/**
 * Fills a list anew. The focus stays on the control that has it; where its entry
 * is gone it goes to the one that takes its place, and to `fallback` from the last.
 */
export function fillList(list, items, fallback) {
  const focused = document.activeElement;
  const left = focused.closest("li");
  const hadFocus = list.contains(focused);
  const place = [...list.children].indexOf(left);
  list.replaceChildren(...items);
  if (!hadFocus) return;
  const same = items.find(({ dataset }) => dataset.id === left.dataset.id);
  const entry = same ?? items[Math.min(place, items.length - 1)];
  const nth = same ? [...left.querySelectorAll(CONTROLS)].indexOf(focused) : 0;
  (entry?.querySelectorAll(CONTROLS)[nth] ?? entry?.querySelector(CONTROLS) ?? fallback).focus();
}
