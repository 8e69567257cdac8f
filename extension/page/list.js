// Lists that keep the focus when their entries change.

const CONTROLS = "button, input, a";

/**
 * Replaces the entries of a list. The focus stays on its control. If that entry is gone, the
 * focus moves to the entry at the same position, or to `fallback` in an empty list.
 */
export function fillList(list, items, fallback) {
  const focused = document.activeElement;
  const left = focused.closest("li");
  const hadFocus = list.contains(focused);
  const index = [...list.children].indexOf(left);
  list.replaceChildren(...items);
  if (!hadFocus) return;
  const same = items.find(({ dataset }) => dataset.id === left.dataset.id);
  const entry = same ?? items[Math.min(index, items.length - 1)];
  const nth = same ? [...left.querySelectorAll(CONTROLS)].indexOf(focused) : 0;
  (entry?.querySelectorAll(CONTROLS)[nth] ?? entry?.querySelector(CONTROLS) ?? fallback).focus();
}
