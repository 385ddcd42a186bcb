// Explanations of numbers: any element with data-tip shows it on hover, focus and touch. Owns the one bubble.

const GAP = 8;

export function installTips(bubble) {
  let owner = null;

  const show = (target) => {
    owner = target;
    bubble.textContent = target.dataset.tip;
    bubble.hidden = false;
    const at = target.getBoundingClientRect();
    const size = bubble.getBoundingClientRect();
    const left = Math.min(Math.max(GAP, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - GAP);
    const above = at.top - size.height - GAP;
    bubble.style.left = `${Math.max(GAP, left)}px`;
    bubble.style.top = `${above > GAP ? above : at.bottom + GAP}px`;
  };
  const hide = () => {
    owner = null;
    bubble.hidden = true;
  };
  const over = (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (target && target !== owner) show(target);
    else if (!target && owner) hide();
  };

  document.addEventListener("pointerover", over);
  document.addEventListener("focusin", over);
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerdown", over);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}
