// Draws the charts of the page: each [data-chart] names the <script type="application/json"> with Bokeh's item.
"use strict";
(() => {
  const figures = [];

  // Bokeh knows no CSS variables: its texts and lines take the colours of the page, whichever theme it has.
  const adoptColours = (figure) => {
    const text = getComputedStyle(document.body).color;
    for (const axis of [...figure.below, ...figure.left]) {
      axis.setv({
        axis_label_text_color: text,
        axis_label_text_font_style: "normal",
        axis_line_color: text,
        major_label_text_color: text,
        major_tick_line_color: text,
        minor_tick_line_color: null,
      });
    }
    for (const part of [...figure.center, ...figure.above]) {
      if (part.type === "Grid") part.setv({ grid_line_color: text, grid_line_alpha: 0.15 });
      if (part.type === "Legend") part.setv({ label_text_color: text, background_fill_color: null, border_line_color: null });
    }
  };

  const draw = async (canvas) => {
    const item = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    for (const { model } of await Bokeh.embed.embed_item(item, canvas)) {
      if (model.type !== "Figure") continue; // Bokeh's own notifications
      figures.push(model);
      adoptColours(model);
    }
  };

  const drawn = [...document.querySelectorAll("[data-chart]")].map(draw);
  Promise.all(drawn).then(() => {
    const again = () => figures.forEach(adoptColours);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  });
})();
